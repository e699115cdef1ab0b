"""What the tests of the bridge start from: a bridge over a store, and participants that talk over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from manual_clock import ManualClock
from warmline.agents import EMBEDDED
from warmline.bridge.bridge import Bridge, no_agents, no_files, open_bridge
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.directory import Directory
from warmline.model import Batch, BatchToken, Citation, Claim, ConversationId, Lease, MessageId, Post, agent_mailbox
from warmline.parties import Credential
from warmline.protocols import Clock, Shown, Store, Verifier
from warmline.settings import BridgeSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.memory import MemoryDirectory, MemoryStore
from warmline.stores.sqlite import SqliteStore

OWNER_TOKEN = "0123456789abcdef" * 4
AT_ONCE = timedelta(0)
PATIENCE = timedelta(seconds=5)


class NoMemory:
    """Verifies claims where there is no file."""

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()


def directory_of(store: SqliteStore | MemoryStore) -> Directory:
    """Make the directory beside a store that is not open yet."""
    return SqliteDirectory(store.database) if isinstance(store, SqliteStore) else MemoryDirectory(store.records)


def bridge_over(store: SqliteStore | MemoryStore, clock: Clock) -> Bridge:
    """Join a bridge with a store that is not open yet, where nobody cites anything."""
    return join(store, directory_of(store), NoMemory(), clock)


def join(
    store: Store,
    directory: Directory,
    verifier: Verifier,
    clock: Clock,
    agents: Callable[[], Sequence[str]] = no_agents,
    *,
    shown: Shown = no_files,
) -> Bridge:
    return open_bridge(
        store,
        directory,
        verifier,
        clock,
        settings=BridgeSettings(),
        owner_token=OWNER_TOKEN,
        agents=agents,
        shown=shown,
    )


@dataclass(frozen=True)
class Scene:
    """An open line without a dispatcher, and the clock that it goes by."""

    bridge: Bridge
    store: Store
    directory: Directory
    clock: ManualClock
    agents: list[str] = field(default_factory=list)

    async def hire(self, *names: str) -> None:
        """Have these agents, and the embedded answerer beside them, and no others; each with a mailbox."""
        self.agents[:] = [*names, EMBEDDED] if names else []
        for name in self.agents:
            await self.store.add_mailbox(agent_mailbox(name))

    async def begin(self, *names: str, persons: Sequence[str] = ()) -> list[Credential]:
        """Begin a conversation and return the credentials of its participants, in the order of the names."""
        _, minted = await self.bridge.conversations.new(THE_OWNER, names, persons)
        return [each.credential for each in minted]

    async def more(self, of: Credential, grant: Grant, name: str | None = None) -> Credential:
        """Make one more credential in the same conversation, for the same participant unless named."""
        minted = await self.bridge.credentials.new(
            THE_OWNER, name or of.name, conversation=of.conversation, grant=grant
        )
        return minted.credential

    async def send(self, by: Credential, to: str | None, body: str = "the build is red") -> Post:
        return (await self.bridge.messages.send(by, to, body)).post

    async def ask(self, by: Credential, to: str, body: str = "which port?") -> MessageId:
        return (await self.bridge.questions.ask(by, body, mailbox=to)).question.message.id

    async def receive(self, by: Credential, **how: object) -> Batch:
        """Take what is due now."""
        batch = await self.bridge.batches.receive(by, patience=AT_ONCE, **how)  # type: ignore[arg-type]
        assert batch is not None
        return batch

    async def take(self, by: Credential, **how: object) -> Lease:
        """Take the one message that is due now."""
        (lease,) = (await self.receive(by, **how)).leases
        return lease

    async def is_empty(self, by: Credential, **how: object) -> bool:
        return await self.bridge.batches.receive(by, patience=AT_ONCE, **how) is None  # type: ignore[arg-type]

    async def until_waiting(self, count: int) -> None:
        """Let the line work, at most 5 s of real time, until so many wait."""
        async with asyncio.timeout(5):
            while self.bridge.waiting < count:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def pass_time(self, duration: timedelta) -> None:
        """Let the time go by and the store notice."""
        self.clock.advance(duration)
        await self.store.sweep()


NOWHERE = ConversationId("conv_0000000000000000")


def token_of(lease: Lease) -> BatchToken:
    """Return the token of the batch that this lease is of."""
    return BatchToken(lease.lease_id)
