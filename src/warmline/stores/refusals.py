"""The audit's refusals: counted as they come, and written together once in a while."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime

from warmline.errors import StoreError
from warmline.protocols import Clock, Refusal
from warmline.settings import AuditSettings
from warmline.stores.database import Database
from warmline.stores.ledger import AuditEntry
from warmline.stores.transaction import Transaction

logger = logging.getLogger(__name__)

OTHERS = Refusal("various", "various", "various")
"""What is counted when a period has too many kinds of refusals."""


class SqliteAuditLog:
    """Keeps protocols.AuditLog's promises on a store's database. A Service: it writes while `run` runs.

    The first refusal after a quiet time is written at once. Killed, it loses what came in the last period.
    """

    def __init__(self, database: Database, clock: Clock, settings: AuditSettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._counts: Counter[Refusal] = Counter()
        self._some = asyncio.Event()

    def refused(self, refusal: Refusal) -> None:
        """Count a refusal."""
        is_one_more = refusal not in self._counts and len(self._counts) >= self._settings.max_rows - 1
        self._counts[OTHERS if is_one_more else refusal] += 1
        self._some.set()

    async def run(self) -> None:
        """Write what was counted, sleep a period, and again."""
        while True:
            await self._some.wait()
            await self._write()
            await self._clock.sleep(self._settings.period)

    async def close(self) -> None:
        """Write what is left. Call when `run` has ended, and before the database is closed."""
        await self._write()

    async def archive(self, before: datetime) -> int:
        """Move old rows into files."""
        return await self._database.archive.move_audit(before)

    async def _write(self) -> None:
        """Write all counts; what cannot be written now stays for the next time."""
        counts, self._counts = self._counts, Counter()
        self._some.clear()
        if not counts:
            return
        try:
            await self._database.write(lambda tx: _note(tx, counts), synced=False)
        except StoreError as error:
            logger.warning("refusals not audited, trying again", extra={"reason": str(error)})
            for refusal, tries in counts.items():
                self._counts[refusal] += tries
            self._some.set()


def _note(tx: Transaction, counts: Counter[Refusal]) -> None:
    for refusal, tries in counts.items():
        entry = AuditEntry(refusal.verb, refusal.actor, refusal=refusal.error, detail={"tries": tries})
        tx.audit(entry)
