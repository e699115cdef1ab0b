"""The lines on the client's side: requests written, replies read. No I/O. docs/listen.md shows them.

By the standard library alone: a client's program should not wait while more is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from warmline.errors import DaemonError
from warmline.listen.fields import (
    Said,
    WrongLineError,
    by_type,
    count_in,
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
        return by_type(said, _REPLIES, "a reply's type")(said), id_in(said)
    except ValueError as wrong:
        raise DaemonError("what answers there does not speak as a persistent instance does") from wrong


_TYPES: Mapping[type[Request], str] = {Query: "query", Collect: "query", Cancel: "cancel", Ping: "ping"}


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
