"""Retention: once a day what was settled long ago moves into the archive, and old rows of the audit with it."""

from __future__ import annotations

import logging

from warmline.errors import StoreClosedError, StoreError
from warmline.model import THE_LINE, CredentialId
from warmline.protocols import AuditLog, Clock, Store
from warmline.settings import RetentionSettings

logger = logging.getLogger(__name__)


class Retention:
    """A Service. Its first look comes a little after the start, so that a start is not slower for it."""

    def __init__(self, store: Store, audit: AuditLog, clock: Clock, settings: RetentionSettings) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Archive, sleep a day, and again. Ends with the store."""
        pause = self._settings.first_look
        while True:
            await self._clock.sleep(pause)
            pause = self._settings.period
            try:
                now = self._clock.now()
                moved = await self._store.archive(now - self._settings.keep, by=CredentialId(THE_LINE))
                rows = await self._audit.archive(now - self._settings.keep_audit)
                logger.info("archived", extra={"messages": moved, "audit_rows": rows})
            except StoreClosedError:
                return
            except StoreError as error:
                logger.warning("not archived, trying again", extra={"reason": str(error)})
