"""Questions with their answers, as the outside sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from warmline import errors
from warmline.bridge.hearings import Said
from warmline.model import ENDED, Answer, Citation, Delivery, Outcome, Question, State
from warmline.protocols import Accepted
from warmline.security.fence import Trust
from warmline.security.trust import is_withheld, trust_in_answer


class CitationView(BaseModel):
    """Lines of a file that hold the quoted words."""

    path: str = Field(description="`<root name>/<relative path>`")
    first_line: int = Field(description="from 1, included")
    last_line: int = Field(description="included")
    quote: str
    status: Literal["verified", "moved", "changed", "unsupported"]
    absolute_path: str | None = Field(description="where the file lies on the daemon's machine; null when it is gone")
    redacted: bool = Field(description="it was checked as the file has it, and is shown with a secret in it masked")


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


class SaidView(BaseModel):
    """More of an answer while it is written, as it will be kept: what looks like a secret is masked."""

    delivery: int = Field(description="the hand-over to a worker; another number than before: the answer begins anew")
    offset: int = Field(description="characters (code points) that came before it under this number")
    text: str


InPlaceOf = Annotated[
    str | None, Field(description="why the author answered in the place of who should have, in one line; else null")
]


class AnswerView(BaseModel):
    """A question as it stands, with its answer once there is one."""

    id: str
    state: State
    outcome: Outcome | None = Field(description="null while there is no answer yet")
    text: str | None
    citations: list[CitationView]
    author: str | None
    in_place_of: InPlaceOf
    trust: Trust | None = Field(description="how far its author is trusted; unknown: it says what the memory holds")
    timings_ms: dict[str, float]
    question: str
    intact: bool = Field(description="whether question and answer are what was written; else they are withheld")
    receipt: ReceiptView


Redacted = Annotated[
    list[str], Field(description="the kinds of secrets that were masked in what was said, before it was stored")
]


class AskedView(AnswerView):
    """The receipt of a question: it as it stands, and what was masked in it."""

    redacted: Redacted


class QuestionsView(BaseModel):
    """A list of questions, newest first."""

    questions: list[AnswerView]


class CountView(BaseModel):
    """How many match."""

    count: int


class Places:
    """Turns shown paths into absolute ones; anything that is no path any more becomes null."""

    def __init__(self, resolve: Callable[[str], Path] | None) -> None:
        self._resolve = resolve

    def absolute(self, path: str) -> str | None:
        """Return the absolute path of a shown one."""
        if self._resolve is None:
            return None
        try:
            return str(self._resolve(path))
        except errors.WarmlineError:
            return None


NOWHERE = Places(None)
"""For who shows no absolute path: to look for one costs more than the rest of a view."""


def answer_view(question: Question, places: Places) -> AnswerView:
    """Show a question. One that ended without an answer has failed, and its text is the reason."""
    answer = question.answer or _stand_in(question.delivery)
    return AnswerView(
        id=question.message.id,
        state=question.delivery.state,
        outcome=answer.outcome if answer else None,
        text=answer.text if answer else None,
        citations=[citation_view(citation, places) for citation in answer.citations] if answer else [],
        author=answer.author if answer else None,
        in_place_of=answer.in_place_of if answer else None,
        trust=trust_in_answer(answer) if answer else None,
        timings_ms=dict(answer.timings_ms) if answer else {},
        question=question.message.body,
        intact=is_intact(question),
        receipt=_receipt_view(question),
    )


def said_view(said: Said) -> SaidView:
    """Show what more was said."""
    return SaidView(delivery=said.delivery, offset=said.offset, text=said.text)


def asked_view(accepted: Accepted, places: Places) -> AskedView:
    """Show a question that was just put on the line."""
    return AskedView(**dict(answer_view(accepted.question, places)), redacted=list(accepted.redacted))


def is_intact(question: Question) -> bool:
    """Tell whether question and answer are what was written."""
    return question.message.is_intact and (question.answer is None or not is_withheld(question.answer))


def _stand_in(delivery: Delivery) -> Answer | None:
    if delivery.state not in ENDED:
        return None
    return Answer(Outcome.FAILED, reason_without_answer(delivery), "warmline")


def reason_without_answer(delivery: Delivery) -> str:
    """Say why a question that has ended has no answer."""
    reason = {
        State.EXPIRED: "nobody answered before the deadline",
        State.CANCELLED: "it was cancelled",
    }.get(delivery.state, "it was given up after too many failures")
    return f"{reason}: {delivery.last_error}" if delivery.last_error else reason


def citation_view(citation: Citation, places: Places) -> CitationView:
    """Show a checked citation."""
    return CitationView(
        path=citation.path,
        first_line=citation.first_line,
        last_line=citation.last_line,
        quote=citation.quote,
        status=citation.status.value,
        absolute_path=places.absolute(citation.path),
        redacted=citation.redacted,
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
