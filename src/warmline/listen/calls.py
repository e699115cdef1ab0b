"""One request of a client: what is asked for, what came for it so far, and what its end means to who asked. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from os import urandom
from time import time_ns

from warmline.errors import DisconnectedError, InvalidInputError, PendingError, WarmlineError
from warmline.listen.fields import are_seconds
from warmline.listen.lifeline import LONGEST_NAP
from warmline.listen.messages import (
    Cancelled,
    Collect,
    Id,
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
from warmline.listen.problems import error_of


def new_id() -> str:
    """Return an id that nobody else chose: 48 bits of milliseconds, then 80 random ones, as a ULID has.

    What was asked at one time so stands together in the store's index, whose pages each commit writes.
    """
    return f"{time_ns() // 1_000_000:012x}{urandom(10).hex()}"


def query(
    question: str,
    name: Id | None,
    heard: tuple[bool, bool],
    *,
    wait: float | None,
    deadline: float | None,
    agent: str | None,
    context_file: str | None,
) -> Query:
    """Return a question, with an id in any case. heard: is its text, is its progress to be told of?

    Raises InvalidInputError.
    """
    stream, progress = heard
    named = new_id() if name is None else name
    wait, deadline = _checked_seconds(wait), _checked_seconds(deadline)
    return Query(question, named, None, agent, context_file, wait, deadline, progress, stream)


def collect(ticket: str, heard: tuple[bool, bool], wait: float | None) -> Collect:
    """Return what asks for an answer once more. Raises InvalidInputError."""
    stream, progress = heard
    return Collect(ticket, new_id(), None, _checked_seconds(wait), progress, stream)


def _checked_seconds(seconds: float | None) -> float | None:
    if seconds is not None and not are_seconds(seconds):
        raise InvalidInputError("wait and deadline are numbers of seconds, 0 or more")
    return seconds


class Call:
    """One request that is under way. What came for it is taken one by one, the reply that ends it last.

    connection is what its line was said on last, None before. wake is called when there is something to take or to do.
    wait_ends is None where the instance's own default counts.
    """

    __slots__ = ("_heard", "_news", "_state", "connection", "line", "request", "ticket", "wait_ends", "wake")

    def __init__(self, request: Request, line: bytes, wait_ends: float | None) -> None:
        self.request = request
        self.line = line
        self.wait_ends = wait_ends
        self.connection: object | None = None
        self.ticket: str | None = getattr(request, "ticket", None)
        self.wake: Callable[[], object] | None = None
        self._news: deque[Reply | DisconnectedError] = deque()
        self._heard = (0, 0)
        self._state: str | None = None

    def add(self, news: Reply | DisconnectedError) -> None:
        """Keep what came, but for what was already told before a connection was lost."""
        if isinstance(news, Text):
            news = self._unheard(news)
            if not news.text:
                return
        elif isinstance(news, Progress):
            self.ticket = news.ticket
            if news.state == self._state:
                return
            self._state = news.state
        self._news.append(news)
        if self.wake is not None:
            self.wake()

    def take(self) -> Reply | None:
        """Return what came next, None if nothing did. Raises DisconnectedError when nothing will come."""
        if not self._news:
            return None
        news = self._news.popleft()
        if isinstance(news, DisconnectedError):
            raise news
        return news

    def left(self, now: float, grace: float) -> float:
        """Return for how long to wait on, at most LONGEST_NAP.

        Raises what ends a wait when it has ended, and grace seconds more in which the instance says so itself.
        """
        if self.wait_ends is None:
            return LONGEST_NAP
        left = self.wait_ends + grace - now
        if left > 0:
            return min(left, LONGEST_NAP)
        if self.ticket is not None:
            raise pending(self.ticket)
        raise DisconnectedError(
            f"the instance did not say in time that it has the question: ask again with the id {self.request.id!r}, "
            "and it is answered once"
        )

    def _unheard(self, text: Text) -> Text:
        delivery, upto = self._heard
        told = max(0, upto - text.offset) if text.delivery == delivery else 0
        self._heard = (text.delivery, max(text.offset + len(text.text), upto if told else 0))
        return text._replace(offset=text.offset + told, text=text.text[told:]) if told else text


def pending(ticket: str) -> PendingError:
    """Return what says that a question has no answer yet."""
    return PendingError(f"there is no answer yet: collect it later by its ticket, {ticket}", ticket)


def response_of(reply: Reply) -> Response:
    """Return the answer. Raises what the instance said instead, PendingError when it gave a ticket."""
    if isinstance(reply, Response):
        return reply
    if isinstance(reply, Ticket):
        raise pending(reply.ticket)
    raise _otherwise(reply)


def pong_of(reply: Reply) -> Pong:
    """Return the sign of life. Raises what the instance said instead."""
    if isinstance(reply, Pong):
        return reply
    raise _otherwise(reply)


def cancelled_of(reply: Reply) -> Cancelled:
    """Return that the question was cancelled. Raises what the instance said instead."""
    if isinstance(reply, Cancelled):
        return reply
    raise _otherwise(reply)


def _otherwise(reply: Reply) -> WarmlineError:
    if isinstance(reply, Problem):
        return error_of(reply)
    return DisconnectedError("what answers there says what no Warmline instance would")
