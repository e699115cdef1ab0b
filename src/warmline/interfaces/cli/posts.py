"""Showing what became of messages, and where cited words stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warmline.interfaces.cli.answers import found, span
from warmline.interfaces.cli.columns import in_columns
from warmline.interfaces.cli.output import BOLD, DIM, hint, local_time, one_line, paint

SHOWN_RECIPIENTS = 5


def show_progress(post: dict[str, Any]) -> None:
    """Print one line about what became of a message that was printed before."""
    receipts = post["receipts"]
    became = ", ".join(f"{each['mailbox']} {each['receipt']}" for each in receipts[:SHOWN_RECIPIENTS])
    print(paint(f"  {post['id']}: {one_line(became)}", DIM))


def show_citations(citations: Sequence[dict[str, Any]]) -> None:
    """Print where the quoted words stand, and what the check found."""
    for citation in citations:
        print(f"  {paint(span(citation), BOLD)}  {found(citation)}")
    if any(citation["status"] == "unsupported" for citation in citations):
        hint("unsupported: the file holds no such words, or is new to the memory (then: `warmline memory refresh`)")


def show_receipts(receipts: Sequence[dict[str, Any]]) -> None:
    """Print a row for each recipient: what became of the message there, when, and why."""
    rows = [(each["mailbox"], each["receipt"], _when(each), _details(each)) for each in receipts]
    print("\n".join(in_columns(rows)))


def _when(receipt: dict[str, Any]) -> str:
    at = receipt["ended_at"] or receipt["handed_at"]
    return local_time(at) if at else "-"


def _details(receipt: dict[str, Any]) -> str:
    said = []
    if receipt["handed_to"]:
        said.append(f"handed to {receipt['handed_to']} {local_time(receipt['handed_at'])}")
    if receipt["deliveries"] > 1:
        said.append(f"{receipt['deliveries']} times")
    if receipt["lease_lapses_at"]:
        said.append(f"held until {local_time(receipt['lease_lapses_at'])}")
    if receipt["last_error"]:
        said.append(receipt["last_error"])
    return ", ".join(said)
