"""The clock that moves by itself. Its fake, which moves when a test says so, lives with the tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's time of day, and the event loop's sleep."""

    def now(self) -> datetime:
        """Return the time in UTC; it can be set back by the machine's owner."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Wait at least this long."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))
