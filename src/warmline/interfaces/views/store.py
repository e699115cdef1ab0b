"""What the upkeep of the store looks like from outside."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, Field

from warmline.interfaces.views.problems import ProblemView
from warmline.operations.legacy.taking import ImportReport


class ImportProgressView(BaseModel):
    """How far an import is."""

    messages_done: int
    messages_total: int


class ImportReportView(BaseModel):
    """What an old database holds, and how much of it was new to this line."""

    conversations: int
    new_conversations: int
    credentials: int
    valid_credentials: int = Field(description="that have not expired")
    messages: int
    unread: int = Field(description="of these, delivered to their recipients")
    new_messages: int
    statuses: int
    audit_rows: int
    new_audit_rows: int
    redacted: int = Field(description="conversations, messages and audit rows in which secrets were masked")
    oddities: dict[str, int] = Field(description="what had to be mended or left out, and how often")


class ImportingView(BaseModel):
    """One line of an import's answer: exactly one of these."""

    progress: ImportProgressView | None = None
    report: ImportReportView | None = None
    problem: ProblemView | None = None


class ArchivedView(BaseModel):
    """What was moved into the archive."""

    messages: int = Field(description="answers counted with the rest")


class RotatedView(BaseModel):
    """The key under which the line seals from now on."""

    key: int = Field(description="its number; all before it are kept")
    file: str = Field(description="where the keys lie on the daemon's machine: without them nothing can be verified")


def import_report_view(report: ImportReport) -> ImportReportView:
    """Show what an import did."""
    return ImportReportView(**asdict(report))
