"""What a model reads: results as text, the answer first, short enough that no client cuts it.

What others said stands in blocks of a fence; its preamble comes last, since the answer comes first. Views are JSON
objects here, as in `fencing`. A fence may write a text several times as long: what is measured is the block.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from warmline.interfaces.fencing import fenced_message, place
from warmline.model import Passage
from warmline.security.fence import Fence, Trust, What, quoted
from warmline.security.memory_blocks import lines_block

MAX_BYTES = 9_900
"""Of one result: below 10 KB, and so below the 12,000 characters at which the first client cuts."""

LINE_BYTES = 300
"""Kept for the lines that say how to go on."""

MAX_FILES = 5
ABOUT_BYTES = 1_000
"""For what else a message of the old bridge tells: its action, and its first files."""

PLACES_BYTES = 6_000
"""For the places that an answer cites: fifty of usual length."""

Json = Mapping[str, Any]


def masked_text(kinds: Sequence[str]) -> str:
    """Tell a sender which kinds of secrets were masked in what it said; nothing where none were."""
    return f"What looked like a secret was masked ({', '.join(kinds)})." if kinds else ""


def question_text(question: Json, first_character: int = 0, masked: str = "") -> str:
    """Say how a question stands, an AnswerView: the answer from a character on, the places, its ticket, `masked`."""
    ticket = "\n".join(filter(None, (f"ticket: {question['id']}", masked)))
    if question["outcome"] is None:
        return f"No answer yet: the question is {question['state']}, and goes on. Call get_answer later. {ticket}"
    fence = Fence()
    attributes = {"speaker": question["author"], "kind": "answer", "outcome": question["outcome"]}
    if question["in_place_of"]:
        attributes["in_place_of"] = begun(question["in_place_of"], LINE_BYTES)

    def block(text: str) -> str:
        return fence.block(What.MESSAGE, text, trust=Trust(question["trust"]), **attributes)

    after = (*_places(question["citations"]), ticket, fence.preamble())
    return _part(block, question["text"], first_character, after, "get_answer")


def message_text(message: Json, first_character: int = 0) -> str:
    """Show a message, a PostView, from a character on."""
    fence = Fence()

    def block(text: str) -> str:
        return fenced_message(fence, {**message, "body": text, "answer": None})

    return _part(block, message["body"], first_character, (fence.preamble(),), "read_message")


def batch_text(batch: Json) -> str:
    """Show what was handed over, a BatchView, and how to go on. Short messages leave their room to long ones."""
    if not batch["messages"]:
        return "No message came."
    fence = Fence()
    token = f"batch: {batch['token']} (give it to `reply`, and as `done` to receive_messages when you have finished)"
    room = MAX_BYTES - _size((token, fence.preamble()))
    blocks: dict[str, str] = {}
    waiting = sorted(batch["messages"], key=lambda each: len(each["body"]))
    for number, each in enumerate(waiting):
        blocks[each["id"]] = _short(fence, each, room // (len(waiting) - number))
        room -= _size((blocks[each["id"]],))
    return "\n".join((*(blocks[each["id"]] for each in batch["messages"]), token, fence.preamble()))


def legacy_messages_text(found: Mapping[str, Any]) -> str:
    """Show what is new for a session of the old bridge, as its JSON; `message` is a block, for a model reads it."""
    fence = Fence()
    shown = {"conversation_id": found["conversation_id"], "preamble": fence.preamble(), "messages": []}
    room = MAX_BYTES - LINE_BYTES - len(json.dumps(shown))
    waiting = sorted(found["messages"], key=lambda each: len(each["message"]))
    for number, each in enumerate(waiting):
        told = _told(fence, each, room // (len(waiting) - number))
        room -= len(json.dumps(told, ensure_ascii=False).encode())
        shown["messages"].append(told)
    shown["messages"].sort(key=lambda each: each["id"])
    return json.dumps(shown, ensure_ascii=False)


def _told(fence: Fence, message: Json, room: int) -> dict[str, Any]:
    """Return a message of the old bridge, as much of its text as there is room, and what it weighs if not all."""

    def told(text: str) -> dict[str, Any]:
        is_cut = (
            {"cut": f"of {len(message['message'])} characters: ask for the rest"} if text != message["message"] else {}
        )
        return {
            **message,
            "metadata": _about(message["metadata"]),
            "message": fenced_message(fence, {**message, "message": text}),
            **is_cut,
        }

    fitting = _fitting(lambda text: json.dumps(told(text), ensure_ascii=False), message["message"], room)
    return told(fitting)


def _about(metadata: Json) -> dict[str, Any]:
    """Return what the old bridge's clients sent along, as far as there is room. Another's may hold anything."""
    files = metadata.get("files_involved")
    said = [str(each) for each in (metadata.get("action_type", ""), *(files if isinstance(files, list) else ()))]
    shown, room = [], ABOUT_BYTES
    for each in said[: 1 + MAX_FILES]:
        text = begun("".join(c if c.isprintable() else " " for c in each[:LINE_BYTES]), LINE_BYTES)
        room -= len(json.dumps(text, ensure_ascii=False).encode())
        shown.append(text if room >= 0 else "")
    return {"action_type": shown[0], "files_involved": [each for each in shown[1:] if each]}


def passages_text(passages: Sequence[Passage]) -> str:
    """Show passages, best first, as far as there is room; the first in part, if need be."""
    fence = Fence()
    room = MAX_BYTES - _size((fence.preamble(),))
    shown: list[str] = []
    for each in passages:

        def block(text: str, each: Passage = each) -> str:
            return lines_block(fence, each.path, each.first_line, each.last_line, text)

        fitting = block(each.text if shown else _fitting(block, each.text, room))
        room -= _size((fitting,))
        if room < 0:
            shown = shown or ["The nearest lines stand in a file whose name is too long to be shown."]
            break
        shown.append(fitting)
    return "\n".join((*shown, fence.preamble()))


def receipts_text(found: Json) -> str:
    """Say what became of a message, a ReceiptsView, a line for each recipient."""
    lines = [f"- {quoted(each['mailbox'])}: {each['receipt']}{_when(each)}" for each in found["receipts"]]
    return "\n".join((f"message {found['id']}:", *_as_fit(lines, MAX_BYTES - LINE_BYTES)))


def participants_text(participants: Sequence[Json], own: str) -> str:
    """List PresentViews, and fence what they say about themselves, as far as there is room."""
    fence = Fence()
    lines = [
        f"- {quoted(each['name'])}{' (you)' if each['name'] == own else ''}{', a person' if each['person'] else ''}:"
        f" {'waits for messages now' if each['waiting'] else _seen(each)}"
        for each in participants
    ]
    shown = _as_fit(lines, MAX_BYTES // 2)
    said = [
        fence.block(What.MESSAGE, each["status"], trust=Trust.UNKNOWN, speaker=each["name"], kind="status")
        for each in participants
        if each["status"]
    ]
    blocks = _as_fit(said, MAX_BYTES - LINE_BYTES - _size((*shown, fence.preamble())))
    return "\n".join((*shown, *blocks, *([fence.preamble()] if blocks else [])))


def begun(text: str, max_bytes: int) -> str:
    """Return as much of the text's beginning as its UTF-8 has room."""
    return text.encode("utf-8", "replace")[: max(max_bytes, 0)].decode("utf-8", "ignore")


def _part(block: Callable[[str], str], text: str, first_character: int, after: Sequence[str], tool: str) -> str:
    """Show a text from a character on, as far as there is room beside what comes after it, and how to go on."""
    rest = text[first_character:]
    shown = _fitting(block, rest, MAX_BYTES - LINE_BYTES - _size(after))
    more = []
    if len(shown) < len(rest):
        more = [f"There is more of it: call {tool} with first_character {first_character + len(shown)}."]
    return "\n".join((block(shown), *more, *after))


def _fitting(block: Callable[[str], str], text: str, room: int) -> str:
    """Return as much of the text's beginning as its block has room: all, or about all that can be."""
    text = begun(text, room)
    if _size((block(text),)) <= room:
        return text
    fits, fits_not = 0, len(text)
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        if _size((block(text[:middle]),)) <= room:
            fits = middle
        else:
            fits_not = middle
    return text[:fits]


def _short(fence: Fence, message: Json, room: int) -> str:
    def block(text: str) -> str:
        return fenced_message(fence, {**message, "body": text})

    whole = block(begun(message["body"], room))
    if len(begun(message["body"], room)) == len(message["body"]) and _size((whole,)) <= room:
        return whole
    cut = f"(cut: call read_message with message_id {message['id']} for the whole)"
    if _size((block(""), cut)) > room:
        return cut
    return f"{block(_fitting(block, message['body'], room - _size((cut,))))}\n{cut}"


def _places(citations: Sequence[Json]) -> list[str]:
    """List what was verified, then what was not, each as `path:first-last`, as far as there is room."""
    verified = [f"- {_place(each)}" for each in citations if each["status"] == "verified"]
    others = [f"- {_place(each)} ({each['status']})" for each in citations if each["status"] != "verified"]
    lines = ["sources, checked against the files:", *verified] if verified else []
    return _as_fit(lines + (["cited, but not as it stands there:", *others] if others else []), PLACES_BYTES)


def _place(citation: Json) -> str:
    """Write a place. A file's name may hold anything: one that could begin a line or a mark is quoted."""
    where = place(citation)
    return where if where.isprintable() and "<" not in where else quoted(where)


def _as_fit(lines: Iterable[str], room: int) -> list[str]:
    """Return the first lines, or blocks, for which there is room, and say how many are left out."""
    lines = list(lines)
    for count, line in enumerate(lines):
        room -= _size((line,))
        if room < 0:
            return [*lines[:count], f"and {len(lines) - count} more, for which there is no room here"]
    return lines


def _size(lines: Iterable[str]) -> int:
    """Count the bytes of lines with their ends."""
    return sum(len(each.encode("utf-8", "replace")) + 1 for each in lines)


def _when(receipt: Json) -> str:
    at = receipt["ended_at"] or receipt["handed_at"]
    who = f" by {quoted(receipt['handed_to'])}" if receipt["handed_to"] else ""
    return f"{who}, {at}" if at else who


def _seen(participant: Json) -> str:
    return f"seen {participant['seen_at']}" if participant["seen_at"] else "not seen yet"
