"""Model -> JSON, and error -> HTTP status: what the outside sees, in one place for every interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from warmline import errors
from warmline.memory.catalog import Root
from warmline.memory.report import IndexReport, Progress
from warmline.model import ENDED, Answer, Citation, Delivery, Outcome, Passage, Question, State


class CitationView(BaseModel):
    """Lines of a file that hold the quoted words."""

    path: str = Field(description="`<root name>/<relative path>`")
    first_line: int = Field(description="from 1, included")
    last_line: int = Field(description="included")
    quote: str
    status: Literal["verified", "moved", "changed", "unsupported"]
    absolute_path: str | None = Field(description="where the file lies on the daemon's machine; null when it is gone")


class ReceiptView(BaseModel):
    """What became of the question so far."""

    accepted_at: datetime
    deadline_at: datetime | None
    position: int = Field(description="within its mailbox, from 1")
    deliveries: int = Field(description="hand-overs to a worker so far")
    failures: int
    lapses: int
    holder: str | None = Field(description="the worker that holds it now")
    last_error: str | None
    ended_at: datetime | None


class AnswerView(BaseModel):
    """A question as it stands, with its answer once there is one."""

    id: str
    state: State
    outcome: Outcome | None = Field(description="null while there is no answer yet")
    text: str | None
    citations: list[CitationView]
    author: str | None
    timings_ms: dict[str, float]
    question: str
    receipt: ReceiptView


class QuestionsView(BaseModel):
    """A list of questions, newest first."""

    questions: list[AnswerView]


class CountView(BaseModel):
    """How many questions match."""

    count: int


class PassageView(BaseModel):
    """Lines that may answer."""

    path: str
    first_line: int
    last_line: int
    text: str
    score: float
    absolute_path: str | None


class SearchView(BaseModel):
    """What a memory found, best first."""

    passages: list[PassageView]
    confidence: float = Field(description="from 0 to 1: how far these look like an answer at all")
    ms: float = Field(description="the search's own time")


class RootView(BaseModel):
    """A folder or file in the memory."""

    name: str
    path: str
    files: int
    lines: int
    size_bytes: int


class RootsView(BaseModel):
    """All of the memory's roots."""

    roots: list[RootView]


class RemovedView(BaseModel):
    """A root that was taken out."""

    name: str
    files: int


class ProgressView(BaseModel):
    """How far an indexing run is."""

    root: str
    files_done: int
    files_total: int = Field(description="as far as they are known by now")
    bytes_done: int


class SkippedView(BaseModel):
    """A file that was not taken in, and why."""

    path: str
    reason: str


class ReportView(BaseModel):
    """What an indexing run did; counts are files, lines and bytes those of the files it indexed."""

    roots: list[str]
    indexed: int
    unchanged: int
    removed: int
    skipped: list[SkippedView]
    skipped_count: int = Field(description="of which the list shows the first")
    lines: int
    size_bytes: int
    seconds: float


class StatusView(BaseModel):
    """The daemon and its line."""

    pid: int
    version: str
    started_at: datetime
    home: str
    address: str | None = Field(description="the TCP address it listens on, if any")
    questions: dict[State, int] = Field(description="how many deliveries stand in each state")
    waiting: int = Field(description="callers that wait for an answer now")
    roots: int
    files: int
    lines: int
    rss_bytes: int


class HealthView(BaseModel):
    """That it lives."""

    status: Literal["ok"] = "ok"
    version: str


class ProblemView(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str


class IndexingView(BaseModel):
    """One line of an indexing run's answer: exactly one of these."""

    progress: ProgressView | None = None
    report: ReportView | None = None
    problem: ProblemView | None = None


class Places:
    """Turns shown paths into absolute ones; anything that is no path any more becomes null."""

    def __init__(self, resolve: Callable[[str], Path]) -> None:
        self._resolve = resolve

    def absolute(self, path: str) -> str | None:
        """Return the absolute path of a shown one."""
        try:
            return str(self._resolve(path))
        except errors.WarmlineError:
            return None


STATUS: tuple[tuple[type[errors.WarmlineError], HTTPStatus], ...] = (
    (errors.BodyTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (errors.InvalidInputError, HTTPStatus.BAD_REQUEST),
    (errors.UnauthorizedError, HTTPStatus.UNAUTHORIZED),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.StoreFullError, HTTPStatus.INSUFFICIENT_STORAGE),
    (errors.StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first entry that matches counts."""


def problem(error: errors.WarmlineError) -> ProblemView:
    """Turn an error into its problem document; its type is a URN that ends in the error's class name."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return ProblemView(
        type=f"urn:warmline:{type(error).__name__}", title=status.phrase, status=status.value, detail=str(error)
    )


def answer_view(question: Question, places: Places) -> AnswerView:
    """Show a question. One that ended without an answer has failed, and its text is the reason."""
    answer = question.answer or _stand_in(question.delivery)
    return AnswerView(
        id=question.message.id,
        state=question.delivery.state,
        outcome=answer.outcome if answer else None,
        text=answer.text if answer else None,
        citations=[_citation_view(citation, places) for citation in answer.citations] if answer else [],
        author=answer.author if answer else None,
        timings_ms=dict(answer.timings_ms) if answer else {},
        question=question.message.body,
        receipt=_receipt_view(question),
    )


def passage_view(passage: Passage, places: Places) -> PassageView:
    """Show a passage."""
    return PassageView(
        path=passage.path,
        first_line=passage.first_line,
        last_line=passage.last_line,
        text=passage.text,
        score=passage.score,
        absolute_path=places.absolute(passage.path),
    )


def root_view(root: Root) -> RootView:
    """Show a root."""
    return RootView(name=root.name, path=str(root.path), files=root.files, lines=root.lines, size_bytes=root.size_bytes)


def progress_view(progress: Progress) -> ProgressView:
    """Show how far an indexing run is."""
    return ProgressView(**asdict(progress))


def report_view(report: IndexReport) -> ReportView:
    """Show what an indexing run did."""
    return ReportView(**asdict(report))


def _stand_in(delivery: Delivery) -> Answer | None:
    if delivery.state not in ENDED:
        return None
    reason = {
        State.EXPIRED: "nobody answered before the deadline",
        State.CANCELLED: "it was cancelled",
    }.get(delivery.state, "it was given up after too many failures")
    return Answer(Outcome.FAILED, f"{reason}: {delivery.last_error}" if delivery.last_error else reason, "warmline")


def _citation_view(citation: Citation, places: Places) -> CitationView:
    return CitationView(
        path=citation.path,
        first_line=citation.first_line,
        last_line=citation.last_line,
        quote=citation.quote,
        status=citation.status.value,
        absolute_path=places.absolute(citation.path),
    )


def _receipt_view(question: Question) -> ReceiptView:
    delivery = question.delivery
    return ReceiptView(
        accepted_at=question.message.sent_at,
        deadline_at=delivery.deadline_at,
        position=delivery.position,
        deliveries=delivery.deliveries,
        failures=delivery.failures,
        lapses=delivery.lapses,
        holder=delivery.holder,
        last_error=delivery.last_error,
        ended_at=delivery.ended_at,
    )
