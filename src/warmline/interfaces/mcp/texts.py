"""What a model reads: results as text, the answer first, short enough that no client cuts it.

What others said stands in blocks of a fence; its preamble comes last, since the answer comes first. Views are JSON
objects here, as in `fencing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from warmline.interfaces.fencing import fenced_message, fenced_passage, place
from warmline.security.fence import Fence, Trust, What

MAX_BYTES = 9_500
"""Of one result: below 10 KB, where the first client would cut it."""

LEAST_BYTES = 500
"""Of a text, however much stands around it; and what its marks take up."""

Json = Mapping[str, Any]


def question_text(question: Json, first_character: int = 0) -> str:
    """Say how a question stands, an AnswerView: the answer from a character on, all places, and its ticket."""
    ticket = f"ticket: {question['id']}"
    if question["outcome"] is None:
        return f"No answer yet: the question is {question['state']}, and goes on. Call get_answer later. {ticket}"
    fence = Fence()
    places = _places(question["citations"])
    room = MAX_BYTES - sum(len(each.encode()) + 1 for each in (*places, ticket, fence.preamble())) - LEAST_BYTES
    rest = question["text"][first_character:]
    shown = _begun(rest, max(room, LEAST_BYTES))
    attributes = {"speaker": question["author"], "kind": "answer", "outcome": question["outcome"]}
    if question["in_place_of"]:
        attributes["in_place_of"] = question["in_place_of"]
    block = fence.block(What.MESSAGE, shown, trust=Trust(question["trust"]), **attributes)
    more = []
    if len(shown) < len(rest):
        more = [f"There is more of it: call get_answer with first_character {first_character + len(shown)}."]
    return "\n".join((block, *more, *places, ticket, fence.preamble()))


def batch_text(batch: Json) -> str:
    """Show what was handed over, a BatchView, and how to go on."""
    if not batch["messages"]:
        return "No message came."
    fence = Fence()
    room = (MAX_BYTES - len(fence.preamble()) - LEAST_BYTES) // len(batch["messages"])
    blocks = [_short(fence, each, room) for each in batch["messages"]]
    token = f"batch: {batch['token']} (give it to `reply`, and as `done` to receive_messages when you have finished)"
    return "\n".join((*blocks, token, fence.preamble()))


def passages_text(passages: Sequence[Json]) -> str:
    """Show PassageViews, best first, as far as there is room."""
    fence = Fence()
    room = MAX_BYTES - len(fence.preamble()) - LEAST_BYTES
    shown: list[str] = []
    for each in passages:
        block = fenced_passage(fence, {**each, "text": _begun(each["text"], room)})
        room -= len(block.encode())
        if room < LEAST_BYTES and shown:
            break
        shown.append(block)
    return "\n".join((*shown, fence.preamble()))


def receipts_text(found: Json) -> str:
    """Say what became of a message, a ReceiptsView, a line for each recipient."""
    lines = [f"- {each['mailbox']}: {each['receipt']}{_when(each)}" for each in found["receipts"]]
    return "\n".join((f"message {found['id']}:", *lines))


def participants_text(participants: Sequence[Json], own: str) -> str:
    """List PresentViews, and fence what they say about themselves."""
    fence = Fence()
    lines = [
        f"- {each['name']}{' (you)' if each['name'] == own else ''}{', a person' if each['person'] else ''}:"
        f" {'waits for messages now' if each['waiting'] else _seen(each)}"
        for each in participants
    ]
    said = [each for each in participants if each["status"]]
    blocks = [
        fence.block(What.MESSAGE, each["status"], trust=Trust.UNKNOWN, speaker=each["name"], kind="status")
        for each in said
    ]
    return "\n".join((*lines, *blocks, *([fence.preamble()] if said else [])))


def _places(citations: Sequence[Json]) -> list[str]:
    """List what was verified, then what was not, each as `path:first-last`."""
    verified = [f"- {place(each)}" for each in citations if each["status"] == "verified"]
    others = [f"- {place(each)} ({each['status']})" for each in citations if each["status"] != "verified"]
    lines = ["sources, checked against the files:", *verified] if verified else []
    return lines + (["cited, but not as it stands there:", *others] if others else [])


def _short(fence: Fence, message: Json, room: int) -> str:
    body = _begun(message["body"], max(room - LEAST_BYTES, LEAST_BYTES))
    block = fenced_message(fence, {**message, "body": body})
    cut = f"(cut: the resource message://{message['id']} has the whole)" if len(body) < len(message["body"]) else ""
    return f"{block}\n{cut}" if cut else block


def _begun(text: str, max_bytes: int) -> str:
    """Return as much of the text's beginning as its UTF-8 has room."""
    return text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")


def _when(receipt: Json) -> str:
    at = receipt["ended_at"] or receipt["handed_at"]
    who = f" by {receipt['handed_to']}" if receipt["handed_to"] else ""
    return f"{who}, {at}" if at else who


def _seen(participant: Json) -> str:
    return f"seen {participant['seen_at']}" if participant["seen_at"] else "not seen yet"
