"""The heartbeat: one task that extends every lease in hand, and stops the work on those it lost."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from warmline.errors import LeaseLostError, StoreError
from warmline.model import Lease
from warmline.protocols import Clock, Store
from warmline.settings import DispatchSettings

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Held:
    """A lease in hand, and the scope of the work on it. The lease is replaced as it is extended."""

    lease: Lease
    scope: asyncio.Timeout
    extend_at: datetime
    all_held: dict[Held, None]

    def __enter__(self) -> Self:
        self.all_held[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        del self.all_held[self]

    def lose(self) -> None:
        """Stop the work: its scope ends with a TimeoutError at the next await. Work that is done is left alone."""
        # Done meanwhile: an extension was under way when the answer was settled.
        if self in self.all_held and not self.scope.expired():
            self.scope.reschedule(asyncio.get_running_loop().time())


class Heartbeat:
    """A Service that extends each held lease once a third of it has passed."""

    def __init__(self, store: Store, clock: Clock, settings: DispatchSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._extend_after = settings.lease / settings.extend_share
        self._held: dict[Held, None] = {}
        self._first = asyncio.Event()

    def hold(self, lease: Lease, scope: asyncio.Timeout) -> Held:
        """Extend the lease until the block of the returned context ends; when it is lost, end the scope.

        The first extension counts from when the lease was granted, not from now.
        """
        if not self._held:
            self._first.set()
        return Held(lease, scope, self._extend_at(lease), self._held)

    async def run(self) -> None:
        """Extend what is due, and sleep until the next; without leases, wait for one.

        When the first lease is gone before it was looked at, whatever comes is not due for a while
        either: so quick answers do not wake this each time.
        """
        while True:
            if not self._held:
                self._first.clear()
                await self._first.wait()
            now = self._clock.now()
            soonest = min((held.extend_at for held in self._held), default=now + self._extend_after)
            await self._clock.sleep(soonest - now)
            now = self._clock.now()
            due = [held for held in self._held if held.extend_at <= now]
            await asyncio.gather(*map(self._extend, due))

    async def _extend(self, held: Held) -> None:
        try:
            held.lease = await self._store.extend(held.lease, self._settings.lease)
            held.extend_at = self._extend_at(held.lease)
        except LeaseLostError:
            held.lose()
        except StoreError as error:
            logger.warning("lease not extended", extra={"question": held.lease.message.id, "reason": str(error)})
            held.extend_at = self._clock.now() + self._extend_after / 2
            if held.extend_at >= held.lease.lapses_at:
                held.lose()

    def _extend_at(self, lease: Lease) -> datetime:
        granted = lease.lapses_at - self._settings.lease
        return granted + self._extend_after
