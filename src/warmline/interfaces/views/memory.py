"""The memory as the outside sees it: passages, roots, and how an indexing run goes."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, Field

from warmline.interfaces.views.problems import ProblemView
from warmline.interfaces.views.questions import Places
from warmline.memory.catalog import Root
from warmline.memory.report import IndexReport, Progress
from warmline.model import Passage
from warmline.security.redaction import Redacted


class PassageView(BaseModel):
    """Lines that may answer."""

    path: str
    first_line: int
    last_line: int
    text: str
    score: float
    absolute_path: str | None
    redacted: bool = Field(description="the file holds a secret there, which is masked here")


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


class SecretFileView(BaseModel):
    """A file that holds what looks like secrets: the index holds them, too; what is shown of it is masked."""

    path: str = Field(description="`<root name>/<relative path>`")
    kinds: list[str]
    count: int


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
    secret_files: list[SecretFileView]
    secret_file_count: int = Field(description="of which the list shows the first")


class IndexingView(BaseModel):
    """One line of an indexing run's answer: exactly one of these."""

    progress: ProgressView | None = None
    report: ReportView | None = None
    problem: ProblemView | None = None


def passage_view(passage: Passage, places: Places, shown: Redacted) -> PassageView:
    """Show a passage by its text with secrets masked."""
    return PassageView(
        path=passage.path,
        first_line=passage.first_line,
        last_line=passage.last_line,
        text=shown.text,
        score=passage.score,
        absolute_path=places.absolute(passage.path),
        redacted=bool(shown.kinds),
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
