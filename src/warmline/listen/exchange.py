"""The client's state without I/O: which requests are under way, and the bytes between it and the instance.

Every request has an id, by which its replies find it. A question's id also names it for good, so that what was asked on
a connection that ended is asked again on the next one, and answered once. Nothing in here reads a clock or knows a
socket; who uses it from several threads holds a lock.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmline.errors import BodyTooLargeError, ConflictError, DaemonError, DisconnectedError, InvalidInputError
from warmline.listen.addresses import Address
from warmline.listen.calls import Call
from warmline.listen.client_protocol import encode_request, read_reply
from warmline.listen.fields import MAX_ID_CHARACTERS
from warmline.listen.framing import LineReader
from warmline.listen.messages import Collect, Id, Problem, Query, Reply, Request

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


class Exchange:
    """The calls of one client, by their ids, and what of them was said on the connection that there is now."""

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
