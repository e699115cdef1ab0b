"""One connection of a client: uvicorn's protocol, with bounds on what a peer may send, leave unread, or put off.

What uvicorn's parser lets through without bound (a head of any length, any number of pipelined requests, a peer
that falls silent or reads nothing) ends here, before any handler and without a line in the log.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from warmline.interfaces.views.problems import ProblemView
from warmline.settings import DoorSettings

LEAST_SHARE_READ = 0.1

MALFORMED = (HTTPStatus.BAD_REQUEST, "that is no HTTP/1.1 request that can be understood")


class Host(Protocol):
    """What a connection wants of the entrance that it came by."""

    limits: DoorSettings

    def left(self, connection: Connection) -> None:
        """Note that the connection has ended."""

    def welcome(self, connection: Connection) -> None:
        """Note that the connection is no stranger's."""


class Phase(Enum):
    """What is read next."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    NOTHING = auto()
    """It was refused: whatever still comes is dropped."""


class _RefusedError(Exception):
    """Ends the parser's work on what a peer sent."""


class Connection(HttpToolsProtocol):
    """A peer over one connection, which handlers find as `request.state.connection`.

    `is_overdue` says when its host should end it; `abort` ends it at once. What the peer said already is read first.
    """

    def __init__(self, config: Config, state: ServerState, host: Host, said: bytes = b"") -> None:
        super().__init__(config, state, {"connection": self})
        self.host = host
        self._said = said
        self.is_known = False
        self.abandon: Callable[[], object] | None = None
        """Ends it while it is not made: in its handshake."""

        self._limits = host.limits
        self.timeout_keep_alive = math.ceil(host.limits.head_patience.total_seconds())
        self._is_made = False
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._phase = Phase.HEAD
        self._since = self.loop.time()
        self._received = 0
        self._refusal = MALFORMED
        self._unread: tuple[float, int] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is worked on or on its way."""
        return self._phase is Phase.IDLE and not self._unanswered

    def welcome(self) -> None:
        """Note that a credential was shown: this is no stranger, and makes room for none."""
        if not self.is_known:
            self.is_known = True
            self.timeout_keep_alive = math.ceil(self._limits.idle_patience.total_seconds())
            self.host.welcome(self)

    def abort(self) -> None:
        """End the connection at once, whatever was still to be sent."""
        if self._is_made:
            self.transport.abort()
        elif self.abandon is not None:
            self.abandon()

    def is_overdue(self, now: float) -> bool:
        """Tell whether the peer has used up the patience with it. To be asked again and again."""
        return self._is_made and (self._is_left_unread(now) or self._keeps_waiting(now - self._since))

    def _keeps_waiting(self, waited: float) -> bool:
        """Tell whether the peer sends too slowly what it began, after so many seconds."""
        limits = self._limits
        if self._phase is Phase.NOTHING:
            return waited > limits.last_words.total_seconds()
        if self._phase is Phase.IDLE or self.flow.read_paused:
            return False  # idle ones have a timer of uvicorn's; paused ones wait for us
        if self._phase is Phase.HEAD:
            return waited > limits.head_patience.total_seconds()
        is_slow = not self.is_known or self._received < waited * limits.body_bytes_per_second
        return is_slow and waited > limits.body_grace.total_seconds()

    def _is_left_unread(self, now: float) -> bool:
        """Tell whether the peer took in too little of what waits for it, since it last took in enough."""
        waiting = self.transport.get_write_buffer_size()
        if waiting == 0 or not (self.flow.write_paused or self.transport.is_closing()):
            self._unread = None
            return False
        since, was_waiting = self._unread or (now, waiting)
        if waiting <= was_waiting * (1 - LEAST_SHARE_READ):
            since, was_waiting = now, waiting
        self._unread = since, was_waiting
        return now - since > self._limits.read_patience.total_seconds()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin."""
        super().connection_made(transport)
        self._is_made = True
        self._expect(Phase.HEAD)
        if self._said:
            self.data_received(self._said)
            self._said = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and let go of what holds it: thousands that end at once wait for no collector."""
        self.host.left(self)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        for cycle in self._unanswered:  # uvicorn tells the last one only
            cycle.disconnected = True
            cycle.message_event.set()
        self._unanswered.clear()
        self.pipeline.clear()
        self.app_state = {}
        self.abandon = None
        del self.scope, self.cycle

    def data_received(self, data: bytes) -> None:
        """Read on, within bounds."""
        self._received += len(data)
        if self._is_discarding and self._received > self._limits.discarded_bytes:
            self.transport.abort()
        if self._phase is Phase.NOTHING or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._phase is Phase.IDLE:
            self._expect(Phase.HEAD, len(data))
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(*self._refusal)
        else:
            if self._phase is Phase.HEAD and self._received > self._limits.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too long")
            if self.is_idle:  # answered before all of the body had come: uvicorn's timer began then, and was taken off
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    @property
    def _is_discarding(self) -> bool:
        """Whether what comes is of no use to anybody: a peer that hears a refusal first sends its body to the end."""
        return self._phase is Phase.NOTHING or (self._phase is Phase.BODY and not self._unanswered)

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= self._limits.pipelined:
            self._fail(HTTPStatus.BAD_REQUEST, "too many requests were sent ahead on one connection")
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head. What comes behind a body in chunks is none: the request is let in by its head."""
        if self._phase is not Phase.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the whole head, and let the request in."""
        self._check_head()
        self._expect(Phase.BODY)
        super().on_headers_complete()
        self._unanswered.append(self.cycle)

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self._expect(Phase.IDLE)

    def on_response_complete(self) -> None:
        """Go on reading; time starts anew for a peer that could not send before."""
        self._unanswered.popleft()
        if self.flow.read_paused:
            self._expect(self._phase)
        super().on_response_complete()

    def _check_head(self) -> None:
        limits, size = self._limits, len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self.parser.should_upgrade():
            self._fail(HTTPStatus.BAD_REQUEST, "nothing but HTTP/1.1 is spoken here: ask without Upgrade or CONNECT")
        if not self.url.startswith(b"/") or b"#" in self.url:
            self._fail(HTTPStatus.BAD_REQUEST, "the request's target is a path that begins with a slash")
        if len(self.url) > limits.request_line_bytes:
            self._fail(HTTPStatus.REQUEST_URI_TOO_LONG, "the URL is too long")
        if len(self.headers) > limits.headers or size > limits.head_bytes:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too long")

    def _expect(self, phase: Phase, received: int = 0) -> None:
        self._phase, self._received, self._since = phase, received, self.loop.time()

    def _fail(self, status: HTTPStatus, detail: str) -> None:
        """Refuse, from within the parser."""
        self._refusal = status, detail
        raise _RefusedError

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Say why, unless an answer is just being written, and read nothing more."""
        self._expect(Phase.NOTHING)
        if self._unanswered:
            self.transport.close()  # in the middle of an answer, a refusal would be read as a part of it
            return
        self.transport.write(_refusal(status, detail))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    view = ProblemView(type="about:blank", title=status.phrase, status=status, detail=detail)
    body = view.model_dump_json().encode()
    head = b"content-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return STATUS_LINE[status] + head + body
