"""What connections share: the desk, the limits on all of them together, and the room at one listener."""

from __future__ import annotations

import asyncio
import os
import resource
from itertools import chain
from typing import Protocol

from warmline.listen.messages import Problem
from warmline.listen.seam import Desk
from warmline.settings import ListenSettings

TOO_MUCH_HELD = Problem("too_many_requests", "too much is half written on all connections: end a line, then begin one")

LAST_WORDS_SECONDS = 2.0
"""For what is still to be sent when the instance leaves."""

LEAST_ROOM = 16
"""Connections at a listener, however few descriptors there are."""


class Member(Protocol):
    """What is wanted of a session."""

    @property
    def held(self) -> int:
        """Bytes of a line without an end."""

    @property
    def quiet_since(self) -> float:
        """When it was last spoken on, by the loop's clock; infinity while there is anything to do for it."""

    def is_overdue(self, now: float) -> bool:
        """Tell whether the patience with it is used up. To be asked again and again."""

    def lose_patience(self) -> None:
        """End it, now that it is overdue: say why if it would hear."""

    def abort(self) -> None:
        """End it at once."""

    def end(self, problem: Problem | None) -> None:
        """Read no more; say why, finish what is in flight, and close."""

    def leave(self) -> None:
        """Wait for nothing more, and close when what was said is sent."""


class Crowd:
    """All connections of an instance. in_flight counts their requests that are worked on."""

    def __init__(self, desk: Desk, settings: ListenSettings) -> None:
        self.desk = desk
        self.settings = settings
        self.in_flight = 0
        self.is_leaving = False
        self.given_up: set[asyncio.Task[None]] = set()
        """Waits that were cancelled, until they have ended."""

        self._held = 0
        self._members: dict[Member, None] = {}
        self._watching: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def enter(self, member: Member) -> None:
        """Count it, and look at its patience from now on."""
        self._members[member] = None
        self._empty.clear()
        if self._watching is None:
            self._watch_later()

    def left(self, member: Member) -> None:
        """Forget it."""
        self._members.pop(member, None)
        if not self._members:
            self._empty.set()

    def hold(self, more: int) -> None:
        """Note that a session holds so many bytes more of a line, or less; who holds most beyond the limit is ended."""
        self._held += more
        if more > 0 and self._held > self.settings.held_bytes:
            max(self._members, key=lambda each: each.held).end(TOO_MUCH_HELD)

    async def leave(self) -> None:
        """End all connections, and return when nothing of them is left. What was accepted goes on."""
        self.is_leaving = True
        for member in list(self._members):
            member.leave()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._empty.wait()
        except TimeoutError:
            for member in list(self._members):
                member.abort()
            await self._empty.wait()
        if self.given_up:
            await asyncio.wait(self.given_up)

    def _watch_later(self) -> None:
        period = self.settings.watch_period.total_seconds()
        self._watching = asyncio.get_running_loop().call_later(period, self._watch)

    def _watch(self) -> None:
        """Look at every connection, and again in a while, until there are none."""
        self._watching = None
        now = asyncio.get_running_loop().time()
        for member in list(self._members):
            if member.is_overdue(now):
                member.lose_patience()
        if self._members:
            self._watch_later()


class Room:
    """The connections at one listener. One that nobody was admitted on yet is a stranger, who makes room for others.

    Where there is no stranger, one that has long been quiet does.
    """

    def __init__(self, crowd: Crowd, *, needs_token: bool) -> None:
        self.crowd = crowd
        self.needs_token = needs_token
        self.requests = 0
        self._strangers: dict[Member, None] = {}
        self._known: dict[Member, None] = {}

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._strangers) + len(self._known)

    def enter(self, member: Member) -> bool:
        """Let a connection in; where there is no room, for the stranger who came first, or the one that is quiet.

        Tell whether it is in.
        """
        if self.crowd.is_leaving:
            return False
        if self.connections >= self.crowd.settings.connections or self._are_descriptors_short():
            leaves = next(iter(self._strangers), None) or self._quietest()
            if leaves is None:
                return False
            self.left(leaves)
            leaves.abort()
        self._strangers[member] = None
        self.crowd.enter(member)
        return True

    def welcome(self, member: Member) -> None:
        """Keep a connection when strangers have to leave."""
        if member in self._strangers:
            del self._strangers[member]
            self._known[member] = None

    def left(self, member: Member) -> None:
        """Note that a connection has ended."""
        self._strangers.pop(member, None)
        self._known.pop(member, None)
        self.crowd.left(member)

    def close(self) -> None:
        """End all connections when what is in flight on them is answered."""
        for member in list(chain(self._strangers, self._known)):
            member.end(None)

    def _quietest(self) -> Member | None:
        """Return the one that has been quiet for longest, if that is long enough: its client comes again."""
        quiet = min(self._known, key=lambda each: each.quiet_since, default=None)
        end = asyncio.get_running_loop().time() - self.crowd.settings.quiet_patience.total_seconds()
        return quiet if quiet is not None and quiet.quiet_since <= end else None

    def _are_descriptors_short(self) -> bool:
        """Tell whether those that are left belong to others. The lowest that is free says how many are taken."""
        if self.connections < LEAST_ROOM:
            return False
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            lowest = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            return True
        os.close(lowest)
        return most != resource.RLIM_INFINITY and lowest >= most - self.crowd.settings.spare_descriptors
