"""One connection on the instance's side: lines in, replies out, within all bounds of ListenSettings.

A request that has an id is begun at once; those without are answered in order, the next begun when the one before it
has its answer. A reply is one write, in the pass of the event loop in which the desk has it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from functools import partial
from typing import NamedTuple

from warmline.errors import WarmlineError
from warmline.listen.crowd import Room
from warmline.listen.framing import LineReader
from warmline.listen.messages import Id, Pong, Problem, Reply, Request
from warmline.listen.patience import Unread, has_left
from warmline.listen.problems import INTERNAL, problem_of
from warmline.listen.protocol import Unreadable, encode_reply, read_request
from warmline.listen.speaker import Admitted, Speaker

logger = logging.getLogger(__name__)

TOO_LONG = Problem("body_too_large", "the line is too long: a question this long is a file, and belongs in the memory")
TOO_SLOW = Problem("invalid_input", "the line comes too slowly: connect anew, and write it at once")
NO_ROOM = Problem("too_many_requests", "too many connections are open: try again in a moment", retry_after=1.0)
TOO_MANY = Problem("too_many_requests", "too many requests are in flight: try again in a moment", retry_after=1.0)


class _Todo(NamedTuple):
    """What there is to do about a line: hand a request to the desk, or say something. size is in bytes."""

    named: Id | None
    what: Admitted | Pong | Problem
    size: int


class Session(asyncio.Protocol):
    """What is said on one connection, whatever transport carries it."""

    _transport: asyncio.Transport

    def __init__(self, room: Room) -> None:
        self._room = room
        self._crowd = room.crowd
        self._limits = room.crowd.settings
        self._loop = asyncio.get_running_loop()
        self._reader = LineReader(self._limits.max_line_bytes)
        self._lines: deque[bytes] = deque()
        self._later: deque[_Todo] = deque()
        self._work: dict[asyncio.Task[None], int] = {}
        self._untaken: set[asyncio.Task[None]] = set()  # of these, and of those that were given up: not to be cancelled
        self._bytes = 0  # of requests that are worked on, or wait for their turn
        self._is_in_turn = False
        self._has_begun = False
        self._is_paused = False
        self._is_clogged = False
        self._is_at_end = False
        self._is_ending = False
        self._has_parted = False
        self._is_known = False
        self._speaker = Speaker(self._crowd.desk, needs_token=room.needs_token)
        self._since = self._loop.time()
        self._sent = 0
        self._unread = Unread(self._limits.read_patience)

    @property
    def held(self) -> int:
        """Bytes of a line without an end."""
        return self._reader.held

    @property
    def quiet_since(self) -> float:
        """When it was last spoken on; infinity while there is anything to do for it."""
        unsent = self._transport.get_write_buffer_size()
        return math.inf if self._work or self._reader.held or unsent or self._is_paused else self._since

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as listeners have it
        """Begin."""
        self._transport = transport
        transport.set_write_buffer_limits(self._limits.unsent_bytes)
        if not self._room.enter(self):
            self._is_ending = True
            self._say(None, NO_ROOM)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._is_ending:
            return
        before = self._reader.held
        if not (self._has_begun or before or data.lstrip()[:1] in b"{"):
            self.abort()
            return
        lines = self._reader.feed(data)
        if lines or not before:
            self._since = self._loop.time()
        self._lines += lines
        if self._reader.held != before:
            self._crowd.hold(self._reader.held - before)
        self._advance()

    def eof_received(self) -> bool:
        """Take the last line, which may have no newline, and answer what is in flight."""
        self._is_at_end = True
        if not self._is_ending:
            self._crowd.hold(-self._reader.held)
            if rest := self._reader.rest():
                self._lines.append(rest)
        self._advance()
        return True

    def pause_writing(self) -> None:
        """Read nothing more of a peer that reads too little."""
        self._is_clogged = True
        self._pace()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_clogged = False
        self._begin_later()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for its answers. Its questions go on."""
        self._read_no_more()
        self._give_up()
        self._room.left(self)

    # What the crowd asks

    def is_overdue(self, now: float) -> bool:
        """Tell whether the peer has used up the patience with it. To be asked again and again."""
        limits, waited = self._limits, now - self._since
        if self._unread.is_left(now, self._sent, self._transport.get_write_buffer_size()):
            return True
        if self._is_at_end and has_left(self._transport):
            return True
        if self._is_paused:
            return False
        if held := self._reader.held:
            is_slow = held < waited * limits.line_bytes_per_second
            patience = limits.line_patience if self._has_begun else limits.first_line_patience
            return waited > patience.total_seconds() and (is_slow or not self._has_begun)
        if self._work:
            return False
        is_awaited = self._is_ending or not self._has_begun
        return waited > (limits.first_line_patience if is_awaited else limits.idle_patience).total_seconds()

    def lose_patience(self) -> None:
        """End the connection of a peer that is overdue; who is in the middle of a line hears why."""
        if self._reader.held:
            self.end(TOO_SLOW)
        else:
            self.abort()

    def abort(self) -> None:
        """End the connection at once, whatever was still to be sent."""
        self._read_no_more()
        self._transport.abort()

    def end(self, problem: Problem | None) -> None:
        """Read no more: say why, answer what is in flight, and close.

        What still comes is dropped, since a peer that writes into a closed connection might not read why.
        """
        if self._is_ending:
            return
        self._read_no_more()
        self._since = self._loop.time()
        if problem is not None:
            self._take(_Todo(None, problem, 0))
        self._advance()

    def leave(self) -> None:
        """Wait for nothing more, and close when what was said is sent."""
        self._read_no_more()
        self._give_up()
        self._transport.close()

    # Requests

    def _advance(self) -> None:
        """Begin what can begin now; read on, or see to the end."""
        while self._lines and not self._is_full:
            self._read(self._lines.popleft())
        if self._reader.is_too_long and not self._lines:
            self.end(TOO_LONG)
        self._pace()
        if (self._is_at_end or self._is_ending) and not (self._lines or self._work or self._later):
            self._part()

    @property
    def _is_full(self) -> bool:
        """Whether nothing more is begun before something has ended, or was read by the peer."""
        count = len(self._work) + len(self._later)
        return count >= self._limits.in_flight or self._bytes > self._limits.max_line_bytes or self._is_clogged

    def _pace(self) -> None:
        """Stop reading while nothing more can begin."""
        pauses = not self._is_ending and self._is_full
        if pauses is self._is_paused or self._is_at_end or self._transport.is_closing():
            return
        self._is_paused = pauses
        if pauses:
            self._transport.pause_reading()
        else:
            self._since = self._loop.time()
            self._transport.resume_reading()

    def _part(self) -> None:
        """Close, now that all is said: a peer that still sends is let finish first."""
        if self._is_at_end or not self._transport.can_write_eof():
            self._transport.close()
        elif not self._has_parted:
            self._has_parted = True
            self._transport.write_eof()

    def _read_no_more(self) -> None:
        """Forget what was not begun, whole or not, and whatever still comes."""
        self._is_ending = True
        self._lines.clear()
        self._crowd.hold(-self._reader.held)
        self._reader.rest()

    def _read(self, line: bytes) -> None:
        self._room.requests += 1
        request = read_request(line)
        if isinstance(request, Unreadable):
            if not (request.is_object or self._has_begun):
                self.abort()
                return
            todo = _Todo(request.id, request.problem, len(line))
        else:
            todo = _Todo(request.id, self._admit(request), len(line))
        self._has_begun = True
        self._take(todo)
        if self._speaker.wrong_tokens >= self._limits.wrong_tokens:
            self.end(None)

    def _take(self, todo: _Todo) -> None:
        """Begin, or have it wait for its turn."""
        if todo.named is None and (self._is_in_turn or self._later):
            self._bytes += todo.size
            self._later.append(todo)
        else:
            self._begin(todo)

    def _admit(self, request: Request) -> Admitted | Pong | Problem:
        """Find out who speaks; whoever is admitted once is no stranger any more."""
        what = self._speaker.admit(request)
        if not (self._is_known or isinstance(what, Problem)):
            self._is_known = True
            self._room.welcome(self)
        return what

    def _begin(self, todo: _Todo) -> None:
        what = todo.what
        if not isinstance(what, Admitted):
            self._say(todo.named, what)
        elif self._crowd.in_flight >= self._limits.all_in_flight:
            self._say(todo.named, TOO_MANY)
        else:
            self._crowd.in_flight += 1
            self._bytes += todo.size
            self._is_in_turn = self._is_in_turn or todo.named is None
            task = self._loop.create_task(self._answer(todo.named, what))
            self._work[task] = todo.size
            self._untaken.add(task)

    async def _answer(self, named: Id | None, what: Admitted) -> None:
        try:
            between = partial(self._say_between, named, what)
            last = await self._crowd.desk.answer(what.by, what.asked, between, self._taken)
            self._say(named, self._speaker.refusal(what) or last)
        except WarmlineError as error:
            self._say(named, self._speaker.refusal(what) or problem_of(error))
        except Exception as bug:  # the edge around one request: its neighbours go on
            logger.exception("a request failed for a reason of our own", exc_info=bug)
            self._say(named, INTERNAL)
        finally:
            self._release(named)

    def _taken(self) -> None:
        """Have the current task cancelled when it is given up, or now when it was: its question is on the line."""
        if (task := asyncio.current_task()) is not None:
            self._untaken.discard(task)
            if task not in self._work:
                task.cancel()

    def _say_between(self, named: Id | None, what: Admitted, reply: Reply) -> None:
        """Say what comes before the last reply, which tells who may hear no more."""
        if self._speaker.refusal(what) is None:
            self._say(named, reply)

    def _release(self, named: Id | None) -> None:
        """Count a request as ended, and go on."""
        task = asyncio.current_task()
        size = self._work.pop(task, None) if task else None
        self._untaken.discard(task)
        if size is None:
            return  # the peer is gone, and all of it counted
        self._crowd.in_flight -= 1
        self._bytes -= size
        if not self._reader.held:
            self._since = self._loop.time()
        if named is None:
            self._is_in_turn = False
            self._begin_later()
        self._advance()

    def _begin_later(self) -> None:
        while self._later and not (self._is_in_turn or self._is_clogged):
            todo = self._later.popleft()
            self._bytes -= todo.size
            self._begin(todo)

    def _give_up(self) -> None:
        """Stop waiting for all that is in flight. What was said whole is asked."""
        self._later.clear()
        self._crowd.in_flight -= len(self._work)
        for task in self._work:
            self._crowd.given_up.add(task)
            task.add_done_callback(self._crowd.given_up.discard)
            if task not in self._untaken:
                task.cancel()
        self._work.clear()

    def _say(self, named: Id | None, reply: Reply) -> None:
        if not self._transport.is_closing():
            line = encode_reply(reply, named)
            self._sent += len(line)
            self._transport.write(line)
