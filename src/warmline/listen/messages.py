"""What is said on a connection, as values: a client's requests, and the replies. docs/listen.md has the lines."""

from __future__ import annotations

from typing import NamedTuple

from warmline.words import CitationStatus, Outcome, State

Id = str | int
"""What a client calls a request by; it comes back with every reply to it."""


class Query(NamedTuple):
    """A question to answer. Its id, if it has one, names it for good: asked again, it gives the same answer.

    context_file is a file of the memory from which alone it is to be answered. wait and deadline are in seconds:
    the client's patience, and the question's life; None is the instance's default.
    """

    question: str
    id: Id | None = None
    token: str | None = None
    agent: str | None = None
    context_file: str | None = None
    wait: float | None = None
    deadline: float | None = None
    progress: bool = False
    stream: bool = False


class Collect(NamedTuple):
    """Ask for the answer to a question that was asked before, by its ticket."""

    ticket: str
    id: Id | None = None
    token: str | None = None
    wait: float | None = None
    progress: bool = False
    stream: bool = False


class Cancel(NamedTuple):
    """End a question that nobody has answered yet."""

    ticket: str
    id: Id | None = None
    token: str | None = None


class Ping(NamedTuple):
    """Ask for a sign of life, which brings data back as it is."""

    id: Id | None = None
    token: str | None = None
    data: str | None = None


Asked = Query | Collect | Cancel
"""What a desk answers. A ping is answered by the session: it asks whether that lives, and who may speak there."""

Request = Asked | Ping


class Cited(NamedTuple):
    """A citation as it is told: the checked lines of a file, from 1, both included, and what the check found."""

    path: str
    first_line: int
    last_line: int
    quote: str
    status: CitationStatus


class Response(NamedTuple):
    """The answer. sources are the places that were verified, `path:first-last`; citations are all that were checked.

    outcome is never FAILED: that is a Problem. in_place_of says why the author answered in the place of who should
    have; redacted names the kinds of secrets that were masked in the question.
    """

    text: str
    ticket: str
    outcome: Outcome
    author: str
    sources: tuple[str, ...] = ()
    citations: tuple[Cited, ...] = ()
    in_place_of: str | None = None
    redacted: tuple[str, ...] = ()


class Ticket(NamedTuple):
    """There is no answer yet, and the client's patience has ended: the ticket collects it later."""

    ticket: str
    state: State


class Progress(NamedTuple):
    """How a question stands now; the first one is its receipt: it is durable."""

    ticket: str
    state: State


class Text(NamedTuple):
    """More of an answer while it is written. Another delivery than before: it begins anew."""

    ticket: str
    delivery: int
    offset: int
    text: str


class Cancelled(NamedTuple):
    """The question was cancelled."""

    ticket: str


class Pong(NamedTuple):
    """The instance lives."""

    data: str | None = None


class Problem(NamedTuple):
    """An error, which is never an answer. code is the error's class in errors.py, in words: `unknown_message`.

    retry_after is in seconds, where trying again helps.
    """

    code: str
    error: str
    ticket: str | None = None
    retry_after: float | None = None


Reply = Response | Ticket | Progress | Text | Cancelled | Pong | Problem

INTERIM = (Progress, Text)
"""Replies after which others to the same request follow."""
