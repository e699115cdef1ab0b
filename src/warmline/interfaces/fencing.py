"""From views to blocks of a prompt: the one place that says what a model reads of a message, an answer, a passage.

A view is a JSON object here, so that the daemon and its clients share this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from warmline import places
from warmline.security.fence import Fence, Trust, What
from warmline.security.memory_blocks import lines_block

SHOWN_RECIPIENTS = 5


def fenced_message(fence: Fence, said: Mapping[str, Any]) -> str:
    """Return a message as a block, and what an answer cites: HandedView, PostView, or one of the old bridge's form."""
    is_question = said["kind"] == "question"
    answer = (said.get("answer") if said["kind"] == "answer" else None) or {}
    attributes = {
        "speaker": said["sender"],
        "to": said.get("mailbox") or _recipients([each["mailbox"] for each in said.get("receipts", ())]),
        "kind": "" if is_question else said["kind"],
        "about": said.get("in_reply_to"),
        "in_place_of": answer.get("in_place_of"),
        "receipt": ", ".join(sorted({each["receipt"] for each in said.get("receipts", ())})),
        "deliveries": said["deliveries"] if said.get("deliveries", 1) > 1 else None,
        "erased": said.get("erased_at"),
        "sent": said.get("sent_at") or said.get("timestamp"),
        "id": said["id"],
    }
    what = What.QUESTION if is_question else What.MESSAGE
    text = said["body"] if "body" in said else said["message"]
    block = fence.block(what, text, trust=Trust(said["trust"]), **_present(attributes))
    return _with_quotes(fence, block, answer)


def fenced_answer(fence: Fence, answer: Mapping[str, Any]) -> str:
    """Return an answer that is there, with the quotes that it cites: AnswerView."""
    attributes = {"speaker": answer["author"], "kind": "answer", "outcome": answer["outcome"], "about": answer["id"]}
    attributes["in_place_of"] = answer.get("in_place_of")
    said = fence.block(What.MESSAGE, answer["text"], trust=Trust(answer["trust"]), **_present(attributes))
    return _with_quotes(fence, said, answer)


def fenced_passage(fence: Fence, passage: Mapping[str, Any]) -> str:
    """Return lines of the memory as a block: PassageView."""
    return lines_block(fence, passage["path"], passage["first_line"], passage["last_line"], passage["text"])


def place(found: Mapping[str, Any]) -> str:
    """Write `path:first-last`, or `path:line` for one line."""
    return places.place(found["path"], found["first_line"], found["last_line"])


def _recipients(mailboxes: Sequence[str]) -> str:
    more = len(mailboxes) - SHOWN_RECIPIENTS
    return ", ".join(mailboxes[:SHOWN_RECIPIENTS]) + (f" and {more} more" if more > 0 else "")


def _present(attributes: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items() if value not in {None, ""}}


def _with_quotes(fence: Fence, block: str, answer: Mapping[str, Any]) -> str:
    """Add what an answer cites, and what the check found, as memory."""
    quotes = (
        fence.block(What.MEMORY, each["quote"], trust=Trust.UNKNOWN, path=place(each), status=each["status"])
        for each in answer.get("citations", ())
    )
    return "\n".join((block, *quotes))
