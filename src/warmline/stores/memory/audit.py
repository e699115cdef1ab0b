"""The verified fake's audit: it keeps refusals, and nothing of what verbs do."""

from __future__ import annotations

from datetime import datetime

from warmline.protocols import Refusal


class MemoryAuditLog:
    """Keeps the refusals."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []

    def refused(self, refusal: Refusal) -> None:
        """Note a refusal."""
        self.refusals.append(refusal)

    async def archive(self, before: datetime) -> int:
        """Keep all: nothing is large here."""
        return 0
