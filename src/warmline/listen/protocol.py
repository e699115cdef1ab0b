"""The lines of the protocol, to values and back, for both sides. No I/O. docs/listen.md shows them.

A line is one JSON object in UTF-8. What a reader does not know in it is ignored, so that either side may be newer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from warmline.errors import DaemonError
from warmline.listen.messages import (
    Cancel,
    Cancelled,
    Cited,
    Collect,
    Id,
    Ping,
    Pong,
    Problem,
    Progress,
    Query,
    Reply,
    Request,
    Response,
    Text,
    Ticket,
)
from warmline.words import CitationStatus, Outcome, State

MAX_ID_CHARACTERS = 200
"""Of an id that is text; it is repeated in every reply. One that is a number has at most 64 bits."""

MAX_SECONDS = 366 * 24 * 3600
"""Of a wait or a deadline: a year."""

NO_OBJECT = 'a line is one JSON object, such as {"type": "query", "question": "..."}'

Said = Mapping[str, Any]
"""What stands in a line."""

F = TypeVar("F")

_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class Unreadable(NamedTuple):
    """A line that is no request. is_object: it is JSON, and an object, so whoever wrote it may speak this protocol."""

    problem: Problem
    id: Id | None
    is_object: bool


class _WrongError(ValueError):
    """Says what is wrong with a line."""


def read_request(line: bytes) -> Request | Unreadable:
    """Read what a client says."""
    try:
        said = _object(line)
    except ValueError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=False)
    try:
        named = _id(said)
    except _WrongError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=True)
    try:
        return _reading(said, _REQUESTS, "query, cancel or ping")(said, named)
    except _WrongError as wrong:
        return Unreadable(_invalid(str(wrong)), named, is_object=True)


def encode_reply(reply: Reply, named: Id | None = None) -> bytes:
    """Write a reply to the request that has this id, with its newline."""
    said = _SAYING[type(reply)](reply)
    if named is not None:
        said["id"] = named
    return _line(said)


def encode_request(request: Request) -> bytes:
    """Write a request, with its newline. What is not set is left out."""
    said = zip(request._fields, request, strict=True)
    told = {name: value for name, value in said if value is not None and value is not False}
    return _line({"type": _TYPES[type(request)], **told})


def read_reply(line: bytes) -> tuple[Reply, Id | None]:
    """Read what an instance says, and which request's id it is for.

    Raises DaemonError when that is no reply: no instance is at the other end, or a very different version of it.
    """
    try:
        said = _object(line)
        return _reading(said, _REPLIES, "a reply's type")(said), _id(said)
    except ValueError as wrong:
        raise DaemonError("what answers there does not speak as a persistent instance does") from wrong


def _object(line: bytes) -> Said:
    """Raises ValueError, whose text says what is wrong."""
    try:
        said = json.loads(line.decode())
    except UnicodeDecodeError:
        raise _WrongError("a line is text in UTF-8") from None
    except (ValueError, RecursionError):
        raise _WrongError(NO_OBJECT) from None
    if not isinstance(said, dict):
        raise _WrongError(NO_OBJECT)
    return said


def _line(said: Said) -> bytes:
    return (_encode_json(said) + "\n").encode("utf-8", "replace")


def _invalid(text: str) -> Problem:
    return Problem("invalid_input", text)


def _reading(said: Said, of_type: Mapping[str, F], known: str) -> F:
    kind = said.get("type")
    reading = of_type.get(kind) if isinstance(kind, str) else None
    if reading is None:
        raise _WrongError(f"`type` must be {known}")
    return reading


def _id(said: Said) -> Id | None:
    named = said.get("id")
    match named:
        case None:
            return None
        case str() if len(named) <= MAX_ID_CHARACTERS:
            return _whole(named, "id")
        case int() if not isinstance(named, bool) and named.bit_length() < 64:
            return named
    raise _WrongError(f"`id` must be text of at most {MAX_ID_CHARACTERS} characters, or a whole number of 64 bits")


def _text(said: Said, name: str) -> str | None:
    text = said.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise _WrongError(f"`{name}` must be text")
    return _whole(text, name)


def _whole(text: str, name: str) -> str:
    """JSON can name halves of characters, which nobody can write down."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _WrongError(f"`{name}` holds half a character (a surrogate without its other half)") from None
    return text


def _needed(said: Said, name: str) -> str:
    text = _text(said, name)
    if text is None:
        raise _WrongError(f"`{name}` is missing")
    return text


def _seconds(said: Said, name: str) -> float | None:
    seconds = said.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_SECONDS:
        raise _WrongError(f"`{name}` must be a number of seconds from 0 to {MAX_SECONDS}")
    return float(seconds)


def _flag(said: Said, name: str) -> bool:
    flag = said.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise _WrongError(f"`{name}` must be true or false")
    return bool(flag)


def _query(said: Said, named: Id | None) -> Request:
    if said.get("ticket") is not None:
        if said.get("question") is not None:
            raise _WrongError("a query has a `question` or a `ticket`, not both")
        return Collect(
            _needed(said, "ticket"),
            named,
            _text(said, "token"),
            _seconds(said, "wait"),
            _flag(said, "progress"),
            _flag(said, "stream"),
        )
    return Query(
        _needed(said, "question"),
        named,
        _text(said, "token"),
        _text(said, "agent"),
        _text(said, "context_file"),
        _seconds(said, "wait"),
        _seconds(said, "deadline"),
        _flag(said, "progress"),
        _flag(said, "stream"),
    )


def _cancel(said: Said, named: Id | None) -> Request:
    return Cancel(_needed(said, "ticket"), named, _text(said, "token"))


def _ping(said: Said, named: Id | None) -> Request:
    return Ping(named, _text(said, "token"), _text(said, "data"))


_REQUESTS: Mapping[str, Callable[[Said, Id | None], Request]] = {"query": _query, "cancel": _cancel, "ping": _ping}

_TYPES: Mapping[type[Request], str] = {Query: "query", Collect: "query", Cancel: "cancel", Ping: "ping"}


def _say_response(reply: Response) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "response",
        "answer": reply.text,
        "sources": reply.sources,
        "ticket": reply.ticket,
        "outcome": reply.outcome,
        "author": reply.author,
        "citations": [each._asdict() for each in reply.citations],
    }
    if reply.in_place_of is not None:
        said["in_place_of"] = reply.in_place_of
    if reply.redacted:
        said["redacted"] = reply.redacted
    return said


def _say_pong(reply: Pong) -> dict[str, Any]:
    return {"type": "pong"} if reply.data is None else {"type": "pong", "data": reply.data}


def _say_problem(reply: Problem) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "error", "code": reply.code, "error": reply.error}
    if reply.ticket is not None:
        said["ticket"] = reply.ticket
    if reply.retry_after is not None:
        said["retry_after"] = reply.retry_after
    return said


_SAYING: Mapping[type[Reply], Callable[[Any], dict[str, Any]]] = {
    Response: _say_response,
    Ticket: lambda reply: {"type": "ticket", "ticket": reply.ticket, "state": reply.state},
    Progress: lambda reply: {"type": "progress", "ticket": reply.ticket, "state": reply.state},
    Text: lambda reply: {"type": "text", **reply._asdict()},
    Cancelled: lambda reply: {"type": "cancelled", "ticket": reply.ticket},
    Pong: _say_pong,
    Problem: _say_problem,
}


def _hear_response(said: Said) -> Response:
    return Response(
        _needed(said, "answer"),
        _needed(said, "ticket"),
        Outcome(_needed(said, "outcome")),
        _needed(said, "author"),
        _texts(said, "sources"),
        tuple(_hear_citation(each) for each in _list(said, "citations")),
        _text(said, "in_place_of"),
        _texts(said, "redacted"),
    )


def _hear_citation(said: object) -> Cited:
    if not isinstance(said, dict):
        raise _WrongError("a citation is an object")
    lines = _count(said, "first_line"), _count(said, "last_line")
    return Cited(_needed(said, "path"), *lines, _needed(said, "quote"), CitationStatus(_needed(said, "status")))


def _hear_problem(said: Said) -> Problem:
    retry_after = _seconds(said, "retry_after")
    return Problem(_needed(said, "code"), _needed(said, "error"), _text(said, "ticket"), retry_after)


def _list(said: Said, name: str) -> list[Any]:
    found = said.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _WrongError(f"`{name}` must be a list")
    return found


def _texts(said: Said, name: str) -> tuple[str, ...]:
    found = tuple(_list(said, name))
    if not all(isinstance(each, str) for each in found):
        raise _WrongError(f"`{name}` must hold text")
    return found


def _count(said: Said, name: str) -> int:
    count = said.get(name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise _WrongError(f"`{name}` must be a whole number")
    return count


_REPLIES: Mapping[str, Callable[[Said], Reply]] = {
    "response": _hear_response,
    "ticket": lambda said: Ticket(_needed(said, "ticket"), State(_needed(said, "state"))),
    "progress": lambda said: Progress(_needed(said, "ticket"), State(_needed(said, "state"))),
    "text": lambda said: Text(
        _needed(said, "ticket"), _count(said, "delivery"), _count(said, "offset"), _needed(said, "text")
    ),
    "cancelled": lambda said: Cancelled(_needed(said, "ticket")),
    "pong": lambda said: Pong(_text(said, "data")),
    "error": _hear_problem,
}
