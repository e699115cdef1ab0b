"""Showing messages: who said what to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warmline.interfaces.cli.answers import span
from warmline.interfaces.cli.columns import in_columns
from warmline.interfaces.cli.output import BOLD, DIM, GREEN, YELLOW, harmless, local_time, one_line, paint

SHOWN_RECIPIENTS = 5


def show_post(post: dict[str, Any]) -> None:
    """Print a message: a line about it, what was said, and its answer once there is one."""
    receipts = post["receipts"]
    to = ", ".join(each["mailbox"] for each in receipts[:SHOWN_RECIPIENTS])
    more = f" and {len(receipts) - SHOWN_RECIPIENTS} more" if len(receipts) > SHOWN_RECIPIENTS else ""
    became = sorted({each["receipt"] for each in receipts})
    words = [post["kind"], *([f"for {post['in_reply_to']}"] if post["in_reply_to"] else ()), *became]
    show_head(post, f"{post['sender']} -> {to}{more}" if to else post["sender"], words)
    show_body(post)


def show_progress(post: dict[str, Any]) -> None:
    """Print one line about what became of a message that was printed before."""
    receipts = post["receipts"]
    became = ", ".join(f"{each['mailbox']} {each['receipt']}" for each in receipts[:SHOWN_RECIPIENTS])
    print(paint(f"  {post['id']}: {one_line(became)}", DIM))


def show_head(message: dict[str, Any], who: str, words: Sequence[str]) -> None:
    """Print a line about a message: when, who, what became of it, its id."""
    when = paint(local_time(message["sent_at"]), DIM)
    print(f"{when}  {paint(one_line(who), BOLD)}  {one_line(', '.join(words))}  {paint(message['id'], DIM)}")


def show_body(message: dict[str, Any]) -> None:
    """Print what was said, set in, with control characters escaped; and the citations of an answer."""
    if message["erased_at"]:
        print(paint(f"  erased at {local_time(message['erased_at'])}", DIM))
        return
    if not message["intact"]:
        print(paint("  not what was sent: something else wrote into the store", YELLOW))
    print("\n".join(f"  {line}" for line in harmless(message["body"]).rstrip("\n").split("\n")))
    if message["kind"] == "answer":
        show_citations((message.get("answer") or {}).get("citations", ()))


def show_citations(citations: Sequence[dict[str, Any]]) -> None:
    """Print where the quoted words stand, and what the check found."""
    for citation in citations:
        style = GREEN if citation["status"] in {"verified", "moved"} else YELLOW
        print(f"  {paint(span(citation), BOLD)}  {paint(citation['status'], style)}")


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
