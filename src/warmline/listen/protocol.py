"""The lines of the protocol on the instance's side: requests read, replies written. No I/O. docs/listen.md shows them.

A line is one JSON object in UTF-8. What a reader does not know in it is ignored, so that either side may be newer. All
connections of an instance share one thread, and a line may have megabytes: they are read and written by pydantic's
JSON, which takes a fifth of the standard library's time. The client's side is client_protocol.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from warmline.listen.fields import (
    NO_OBJECT,
    Said,
    WrongLineError,
    by_type,
    flag_in,
    id_in,
    needed_in,
    read_object,
    seconds_in,
    text_in,
    write_object,
)
from warmline.listen.messages import (
    Cancel,
    Cancelled,
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


class Unreadable(NamedTuple):
    """A line that is no request. is_object: it is JSON, and an object, so whoever wrote it may speak this protocol."""

    problem: Problem
    id: Id | None
    is_object: bool


def read_request(line: bytes) -> Request | Unreadable:
    """Read what a client says."""
    try:
        said = _object(line)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=False)
    try:
        named = id_in(said)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), None, is_object=True)
    try:
        return by_type(said, _REQUESTS, "query, cancel or ping")(said, named)
    except WrongLineError as wrong:
        return Unreadable(_invalid(str(wrong)), named, is_object=True)


def encode_reply(reply: Reply, named: Id | None = None) -> bytes:
    """Write a reply to the request that has this id, with its newline."""
    said = _SAYING[type(reply)](reply)
    if named is not None:
        said["id"] = named
    return _line(said)


def _object(line: bytes) -> Said:
    """Read a line. Raises WrongLineError when it is no object."""
    try:
        said = from_json(line, cache_strings="keys")  # of values, tokens too would be kept for good
    except ValueError:
        return read_object(line)  # which knows what is wrong with it, and takes half characters, that fields tell of
    if not isinstance(said, dict):
        raise WrongLineError(NO_OBJECT)
    return said


def _line(said: Said) -> bytes:
    """Write a line, with its newline."""
    try:
        return to_json(said) + b"\n"
    except ValueError:
        return write_object(said)  # which has another character in the place of half a one


def _invalid(text: str) -> Problem:
    return Problem("invalid_input", text)


def _query(said: Said, named: Id | None) -> Request:
    if said.get("ticket") is not None:
        if said.get("question") is not None:
            raise WrongLineError("a query has a `question` or a `ticket`, not both")
        return Collect(needed_in(said, "ticket"), named, **_told(said, _OF_COLLECT))
    return Query(needed_in(said, "question"), named, **_told(said, _OF_QUERY))


def _cancel(said: Said, named: Id | None) -> Request:
    return Cancel(needed_in(said, "ticket"), named, **_told(said, _OF_ALL))


def _ping(said: Said, named: Id | None) -> Request:
    return Ping(named, **_told(said, _OF_PING))


def _told(said: Said, fields: Mapping[str, _Reader]) -> dict[str, Any]:
    """Read those of these fields that are there."""
    return {name: read(said, name) for name, read in fields.items() if said.get(name) is not None}


_Reader = Callable[[Said, str], Any]

_OF_ALL: Mapping[str, _Reader] = {"token": text_in}
_OF_PING: Mapping[str, _Reader] = {**_OF_ALL, "data": text_in}
_OF_COLLECT: Mapping[str, _Reader] = {**_OF_ALL, "wait": seconds_in, "progress": flag_in, "stream": flag_in}
_OF_QUERY: Mapping[str, _Reader] = {**_OF_COLLECT, "agent": text_in, "context_file": text_in, "deadline": seconds_in}
_REQUESTS: Mapping[str, Callable[[Said, Id | None], Request]] = {"query": _query, "cancel": _cancel, "ping": _ping}


def _say_response(reply: Response) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "response",
        "answer": reply.text,
        "sources": reply.sources,
        "ticket": reply.ticket,
        "outcome": str(reply.outcome),  # an enum takes the encoder longer than all the rest
        "author": reply.author,
        "citations": [each._asdict() | {"status": str(each.status)} for each in reply.citations],
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
