"""What the tests of the bridge start from: a bridge over a store, in memory or on a file."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.bridge.bridge import Bridge, open_bridge
from warmline.model import Citation, Claim
from warmline.protocols import Clock, Verifier
from warmline.settings import BridgeSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.memory import MemoryDirectory, MemoryStore
from warmline.stores.sqlite import SqliteStore

OWNER_TOKEN = "0123456789abcdef" * 4


class NoMemory:
    """Verifies claims where there is no file."""

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()


def bridge_over(store: SqliteStore | MemoryStore, clock: Clock, verifier: Verifier | None = None) -> Bridge:
    """Join a bridge with a store that is not open yet."""
    directory = SqliteDirectory(store.database) if isinstance(store, SqliteStore) else MemoryDirectory(store.records)
    settings = BridgeSettings()
    return open_bridge(store, directory, verifier or NoMemory(), clock, settings=settings, owner_token=OWNER_TOKEN)
