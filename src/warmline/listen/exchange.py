"""The client's state without I/O: which requests are under way, what came for them, and what it means to who asked.

Every request has an id, by which its replies find it. A question's id also names it for good, so that what was asked on
a connection that ended is asked again on the next one, and answered once. Nothing in here reads a clock or knows a
socket; who uses it from several threads holds a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from os import urandom

from warmline.errors import (
    BodyTooLargeError,
    ConflictError,
    DaemonError,
    DisconnectedError,
    InvalidInputError,
    PendingError,
    WarmlineError,
)
from warmline.listen.addresses import Address
from warmline.listen.framing import LineReader
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
from warmline.listen.protocol import MAX_ID_CHARACTERS, MAX_SECONDS, encode_request, read_reply

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""An answer of 1 MiB may need six times as much in JSON's escapes, and its citations may quote all of it again."""

MOST_UNDER_WAY, MOST_BYTES_UNDER_WAY = 1000, 5 * 1024 * 1024
"""Requests of one client, but one may always be: less than what an instance takes in from one connection before it
reads on, so that it always reads a ping."""

LARGE_LINE_BYTES = 1024 * 1024
"""Below, no instance refuses a line for its length."""

CLOSED = "this client was closed"


def lost_for_good(address: Address, why: str) -> str:
    """Return what those are told who wait for an instance that is lost."""
    return f"the instance at {address} cannot be reached: {why}; what it accepted is safe"


def new_id() -> str:
    """Return an id that nobody else chose: 128 random bits, as many as a UUID has."""
    return urandom(16).hex()


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
    if seconds is not None and not 0 <= seconds <= MAX_SECONDS:
        raise InvalidInputError(f"wait and deadline are in seconds, from 0 to {MAX_SECONDS}")
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


class Exchange:
    """The calls of one client, and the bytes between it and the instance."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        self._calls: dict[Id, Call] = {}
        self._reader = LineReader(MAX_REPLY_BYTES)
        self._connection: object | None = None
        self._said = self._said_bytes = 0

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def begin(self, request: Request, line: bytes, now: float) -> Call:
        """Add a request and its line.

        Raises InvalidInputError for its id, ConflictError when one with the same id is under way.
        """
        name = _checked_id(request.id)
        if name in self._calls:
            raise ConflictError("this client is waiting for a request with the same id: choose another, such as a UUID")
        wait = request.wait if isinstance(request, Query | Collect) else None
        call = Call(request, line, None if wait is None else now + wait)
        self._calls[name] = call
        return call

    def forget(self, call: Call) -> None:
        """End a call; what still comes for it is dropped. Twice is fine."""
        if call.request.id is not None and self._calls.get(call.request.id) is call:
            del self._calls[call.request.id]
            self._take_back(call)

    def can_say(self, call: Call, connection: object) -> bool:
        """Tell whether its line is still to be said on this connection, and whether there is room for it."""
        if call.connection is connection:
            return False
        if not self._said:
            return True
        return self._said < MOST_UNDER_WAY and self._said_bytes + len(call.line) <= MOST_BYTES_UNDER_WAY

    def say(self, call: Call, connection: object, now: float) -> bytes:
        """Return the line to say, with what is left of the wait; it counts as said on this connection."""
        request = call.request
        if call.connection is not None and call.wait_ends is not None and isinstance(request, Query | Collect):
            call.line = self.encode(request._replace(wait=max(0.0, call.wait_ends - now)))
        call.connection = self._connection = connection
        self._said += 1
        self._said_bytes += len(call.line)
        return call.line

    @property
    def has_unsaid(self) -> bool:
        """Whether some lines are still to be said on this connection."""
        return len(self._calls) > self._said

    def _take_back(self, call: Call) -> None:
        if call.connection is not None and call.connection is self._connection:
            self._said -= 1
            self._said_bytes -= len(call.line)

    def encode(self, request: Request) -> bytes:
        """Return a request as a line, with the client's token. Raises InvalidInputError."""
        for said in request:
            if isinstance(said, str) and not said.isascii():
                _check_text(said)
        line = encode_request(request if self._token is None else request._replace(token=self._token))
        return line if len(line) <= LARGE_LINE_BYTES else _checked_line(line)

    def receive(self, data: bytes) -> bool:
        """Take in what came; tell whether it held a line that was understood.

        Raises DisconnectedError when it is nothing that an instance says.
        """
        understood = False
        for line in self._reader.feed(data):
            try:
                reply, name = read_reply(line)
            except DaemonError as error:
                raise DisconnectedError(str(error)) from None
            self._hear(reply, name)
            understood = True
        if self._reader.is_too_long:
            raise DisconnectedError(f"what it said takes more than {MAX_REPLY_BYTES} bytes as a line")
        return understood

    def renew(self) -> None:
        """Begin anew: the connection ended, and what it left half said is of no use."""
        self._reader = LineReader(MAX_REPLY_BYTES)
        self._connection = None
        self._said = self._said_bytes = 0

    def fail(self, why: str) -> None:
        """End all calls: no reply will come."""
        for call in list(self):
            self._end(call, DisconnectedError(why))

    def _hear(self, reply: Reply, name: Id | None) -> None:
        if name is not None:
            call = self._calls.get(name)
            if call is not None:
                call.add(reply)
        elif isinstance(reply, Problem):
            # Of a line, or a connection, that the instance can make nothing of: to go on would only repeat it.
            for call in list(self):
                self._end(call, reply)

    def _end(self, call: Call, news: Problem | DisconnectedError) -> None:
        self.forget(call)
        call.add(news)


def _checked_id(name: Id | None) -> Id:
    """Return an id that every instance can repeat. Raises InvalidInputError."""
    if isinstance(name, str) and len(name) <= MAX_ID_CHARACTERS:
        return name
    if isinstance(name, int) and not isinstance(name, bool) and name.bit_length() < 64:
        return name
    raise InvalidInputError(f"an id is text of at most {MAX_ID_CHARACTERS} characters, or a whole number of 64 bits")


def _check_text(said: str) -> None:
    """Raises InvalidInputError: a half character would silently become another."""
    try:
        said.encode()
    except UnicodeEncodeError:
        raise InvalidInputError("this text holds half a character (a surrogate without its other half)") from None


def _checked_line(line: bytes) -> bytes:
    """Return a large line. Raises BodyTooLargeError if no instance would read it."""
    from warmline.settings.listen import ListenSettings  # noqa: PLC0415 - settings cost every start, and few need this

    limit = ListenSettings().max_line_bytes
    if len(line) > limit:
        raise BodyTooLargeError(f"this takes {len(line)} bytes as a line, of which an instance reads {limit} at most")
    return line
