"""The timekeeper: calls the store's sweep exactly when something is due, and sleeps otherwise."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from warmline.errors import StoreClosedError, StoreError
from warmline.protocols import Clock, Store

logger = logging.getLogger(__name__)

AFTER_TROUBLE = timedelta(seconds=1)


class Timekeeper:
    """A Service: leases lapse, deadlines expire and delays end because it says so, on time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Sweep, sleep until something is due, and again. Ends with the store."""
        while True:
            try:
                due = await self._store.sweep()
                while due is None or due > self._clock.now():
                    due = await self._until(due)
            except StoreClosedError:
                return
            except StoreError as error:
                logger.warning("sweep failed, trying again", extra={"reason": str(error)})
                await self._clock.sleep(AFTER_TROUBLE)

    async def _until(self, due: datetime | None) -> datetime | None:
        """Sleep until due, or until something is due sooner; return what is due next."""
        sooner = asyncio.ensure_future(self._store.wait_until_sooner(due))
        waits: set[asyncio.Future[Any]] = {sooner}
        if due is not None:
            waits.add(asyncio.ensure_future(self._clock.sleep(due - self._clock.now())))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return sooner.result() if sooner.done() and not sooner.cancelled() else due
