"""The lines of the protocol, to values and back, for both sides. No I/O. docs/listen.md shows them.

A line is one JSON object in UTF-8. What a reader does not know in it is ignored, so that either side may be newer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from warmline.errors import DaemonError
from warmline.listen.fields import (
    Said,
    WrongLineError,
    count_in,
    flag_in,
    id_in,
    list_in,
    needed_in,
    read_object,
    seconds_in,
    text_in,
    texts_in,
    write_object,
)
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

F = TypeVar("F")


class Unreadable(NamedTuple):
    """A line that is no request. is_object: it is JSON, and an object, so whoever wrote it may speak this protocol."""

    problem: Problem
    id: Id | None
    is_object: bool


def read_request(line: bytes) -> Request | Unreadable:
    """Read what a client says."""
    try:
        said = read_object(line)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=False)
    try:
        named = id_in(said)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=True)
    try:
        return _reading(said, _REQUESTS, "query, cancel or ping")(said, named)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), named, is_object=True)


def encode_reply(reply: Reply, named: Id | None = None) -> bytes:
    """Write a reply to the request that has this id, with its newline."""
    said = _SAYING[type(reply)](reply)
    if named is not None:
        said["id"] = named
    return write_object(said)


def encode_request(request: Request) -> bytes:
    """Write a request, with its newline. What is not set is left out."""
    said = zip(request._fields, request, strict=True)
    told = {name: value for name, value in said if value is not None and value is not False}
    return write_object({"type": _TYPES[type(request)], **told})


def read_reply(line: bytes) -> tuple[Reply, Id | None]:
    """Read what an instance says, and which request's id it is for.

    Raises DaemonError when that is no reply: no instance is at the other end, or a very different version of it.
    """
    try:
        said = read_object(line)
        return _reading(said, _REPLIES, "a reply's type")(said), id_in(said)
    except ValueError as wrong:
        raise DaemonError("what answers there does not speak as a persistent instance does") from wrong


def _invalid(text: str) -> Problem:
    return Problem("invalid_input", text)


def _reading(said: Said, of_type: Mapping[str, F], known: str) -> F:
    kind = said.get("type")
    reading = of_type.get(kind) if isinstance(kind, str) else None
    if reading is None:
        raise WrongLineError(f"`type` must be {known}")
    return reading


def _query(said: Said, named: Id | None) -> Request:
    if said.get("ticket") is not None:
        if said.get("question") is not None:
            raise WrongLineError("a query has a `question` or a `ticket`, not both")
        return Collect(
            needed_in(said, "ticket"),
            named,
            text_in(said, "token"),
            seconds_in(said, "wait"),
            flag_in(said, "progress"),
            flag_in(said, "stream"),
        )
    return Query(
        needed_in(said, "question"),
        named,
        text_in(said, "token"),
        text_in(said, "agent"),
        text_in(said, "context_file"),
        seconds_in(said, "wait"),
        seconds_in(said, "deadline"),
        flag_in(said, "progress"),
        flag_in(said, "stream"),
    )


def _cancel(said: Said, named: Id | None) -> Request:
    return Cancel(needed_in(said, "ticket"), named, text_in(said, "token"))


def _ping(said: Said, named: Id | None) -> Request:
    return Ping(named, text_in(said, "token"), text_in(said, "data"))


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
        needed_in(said, "answer"),
        needed_in(said, "ticket"),
        Outcome(needed_in(said, "outcome")),
        needed_in(said, "author"),
        texts_in(said, "sources"),
        tuple(_hear_citation(each) for each in list_in(said, "citations")),
        text_in(said, "in_place_of"),
        texts_in(said, "redacted"),
    )


def _hear_citation(said: object) -> Cited:
    if not isinstance(said, dict):
        raise WrongLineError("a citation is an object")
    lines = count_in(said, "first_line"), count_in(said, "last_line")
    return Cited(needed_in(said, "path"), *lines, needed_in(said, "quote"), CitationStatus(needed_in(said, "status")))


def _hear_problem(said: Said) -> Problem:
    retry_after = seconds_in(said, "retry_after")
    return Problem(needed_in(said, "code"), needed_in(said, "error"), text_in(said, "ticket"), retry_after)


_REPLIES: Mapping[str, Callable[[Said], Reply]] = {
    "response": _hear_response,
    "ticket": lambda said: Ticket(needed_in(said, "ticket"), State(needed_in(said, "state"))),
    "progress": lambda said: Progress(needed_in(said, "ticket"), State(needed_in(said, "state"))),
    "text": lambda said: Text(
        needed_in(said, "ticket"), count_in(said, "delivery"), count_in(said, "offset"), needed_in(said, "text")
    ),
    "cancelled": lambda said: Cancelled(needed_in(said, "ticket")),
    "pong": lambda said: Pong(text_in(said, "data")),
    "error": _hear_problem,
}
