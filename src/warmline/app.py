"""The composition root: the only file that knows every concrete part, and joins them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from warmline.agents import EMBEDDED, AgentPlan, Configuration, Mode
from warmline.answerers.briefing import Briefings
from warmline.answerers.claude.client import ClaudeAnswerer
from warmline.answerers.extractive import ExtractiveAnswerer
from warmline.bridge.bridge import Bridge, open_bridge
from warmline.bridge.hearings import Hearings
from warmline.clock import SystemClock
from warmline.configuration.reading import read
from warmline.crew.crew import Crew
from warmline.crew.pool import Hire, Hired
from warmline.directory import Importer
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.dispatchers import Dispatchers
from warmline.dispatch.retention import Retention
from warmline.dispatch.timekeeper import Timekeeper
from warmline.home import Home
from warmline.memory.citations import FileVerifier
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.memory import Memory
from warmline.memory.writing import ENCRYPTED_INDEX_FOLDER
from warmline.model import CredentialId, Shard
from warmline.protocols import Answerer, AuditLog, Clock, Service
from warmline.security.key_place import find_key
from warmline.security.keys import keep_first, make_seals, read_seals, rotate
from warmline.security.seals import Seals
from warmline.security.workspace import open_workspace
from warmline.settings import AgentSettings, Settings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.importing import SqliteImporter
from warmline.stores.ledger import AuditEntry
from warmline.stores.opening import check_is_new, holds_seals
from warmline.stores.refusals import SqliteAuditLog
from warmline.stores.sqlite import SqliteStore
from warmline.warm.guarding import Guardian
from warmline.warm.machine import ThisMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A running line: what interfaces may touch. leaving is set when somebody with the right to asked it to leave."""

    home: Home
    settings: Settings
    bridge: Bridge
    memory: Memory
    importer: Importer
    audit: AuditLog
    clock: Clock
    dispatcher: Dispatcher | Dispatchers
    leaving: asyncio.Event
    workspace: Path
    """Where content may lie for a while; of an encrypted home it is in memory."""
    is_encrypted: bool
    rotate_key: Callable[[CredentialId], Awaitable[int]]
    """Seal under a new key from now on, and return its number. Raises UnsafeKeyError."""
    agents: Crew
    reload_agents: Callable[[], Awaitable[Configuration]]
    """Read `warmline.toml` again and go by it; return what it says, or why it says nothing. Raises StoreError."""
    audited: Callable[[str, CredentialId, str | None], Awaitable[None]]
    """Note in the audit a verb that touches no table: who did it, to what. Raises StoreError."""

    async def is_idle(self) -> bool:
        """Tell whether there is nothing to do, nobody who waits, and no agent that is kept warm."""
        return not self.agents.is_warm and await self.bridge.is_idle()

    async def leave(self) -> None:
        """Let waits return with what is known, and give answers in progress the drain; release the rest."""
        self.bridge.end_waits()
        self.agents.leave()
        await self.dispatcher.drain()


@asynccontextmanager
async def working(dispatcher: Dispatcher | Dispatchers, *others: Service) -> AsyncIterator[None]:
    """Dispatch beside the other services until the block ends; then drain, and cancel those."""
    async with asyncio.TaskGroup() as services:
        besides = [services.create_task(other.run(), name=type(other).__name__) for other in others]
        dispatching = services.create_task(dispatcher.run(), name="dispatcher")
        try:
            yield
        finally:
            await dispatcher.drain()
            await asyncio.wait({dispatching})
            for task in besides:
                task.cancel()


@asynccontextmanager
async def open_line(home: Home, settings: Settings, leaving: asyncio.Event) -> AsyncIterator[Line]:
    """Open the store and the memory of a home, and work on questions until the block ends.

    leaving is set when a control message asks for a shutdown. At the block's end answers in progress get
    settings.dispatch.drain to finish; the rest is released. Raises UnsafeKeyError, WrongKeyError, StoreDamagedError or
    StoreVersionError, and has then changed nothing.
    """
    clock = SystemClock()
    key = await asyncio.to_thread(find_key, home.encryption)
    async with AsyncExitStack() as closing:
        store, directory, seals = await _open_store(closing, home, key, settings)
        audit = SqliteAuditLog(store.database, clock, settings.audit)
        closing.push_async_callback(audit.close)
        workspace = home.path if key is None else closing.enter_context(open_workspace(home.path))
        memory = _open_memory(closing, home, key, workspace, settings)
        verifier = FileVerifier(memory.indexed, settings.memory)
        embedded = ExtractiveAnswerer(settings.memory.min_confidence)
        crew = await _open_crew(closing, home, memory, embedded, settings)
        hearings = Hearings()
        parts = Parts(
            store=store,
            recall=memory,
            verifier=verifier,
            answerer=crew.desk(None),
            clock=clock,
            heard=hearings.heard,
        )
        dispatchers = _dispatchers(parts, crew, embedded, settings, leaving)
        bridge = open_bridge(
            store,
            directory,
            verifier,
            clock,
            settings=settings.bridge,
            owner_token=home.read_token(),
            hearings=hearings,
            agents=lambda: dispatchers.names,
            shown=memory.shown,
        )
        reload_agents = _reloading(home, crew, dispatchers)
        await reload_agents()
        retention = Retention(store, audit, clock, settings.retention)
        async with working(dispatchers, Timekeeper(store, clock), retention, audit, crew):
            yield Line(
                home=home,
                settings=settings,
                bridge=bridge,
                memory=memory,
                importer=SqliteImporter(store.database),
                audit=audit,
                clock=clock,
                dispatcher=dispatchers,
                leaving=leaving,
                workspace=workspace,
                is_encrypted=key is not None,
                rotate_key=_rotating(home, seals, store),
                agents=crew,
                reload_agents=reload_agents,
                audited=_auditing(store),
            )


async def _open_store(
    closing: AsyncExitStack, home: Home, key: bytes | None, settings: Settings
) -> tuple[SqliteStore, SqliteDirectory, Seals]:
    """Open the store with the keys of its seals; this daemon owns it alone, so who held a lease is gone."""
    seals = await asyncio.to_thread(_open_seals, home, key)
    store = SqliteStore(home.store, settings.store, SystemClock(), seals, key=key)
    directory = SqliteDirectory(store.database)  # before it is opened: what stands in the store is then read into it
    await store.open()
    closing.push_async_callback(store.close)
    await asyncio.to_thread(keep_first, home.first_seal_keys, home.seal_keys)
    await store.lapse_all()
    return store, directory, seals


def _open_memory(closing: AsyncExitStack, home: Home, key: bytes | None, workspace: Path, settings: Settings) -> Memory:
    encrypted = key and EncryptedIndex(key, home.memory / ENCRYPTED_INDEX_FOLDER, workspace / "index")
    memory = Memory(home.memory, settings.memory, private=[home.path], encrypted=encrypted or None)
    closing.push_async_callback(memory.close)
    return memory


async def _open_crew(
    closing: AsyncExitStack, home: Home, memory: Memory, embedded: Answerer, settings: Settings
) -> Crew:
    """Make the crew; the guardian that holds its workers starts when there is one, and is closed with the rest."""
    guardian = await closing.enter_async_context(Guardian(home.guardian, settings.warm, on_demand=True))
    return Crew(
        _hiring(home, memory, guardian, settings.agents),
        embedded,
        generation=lambda: memory.generation,
        clock=SystemClock(),
        settings=settings.agents,
        machine=ThisMachine(),
    )


def _dispatchers(
    parts: Parts, crew: Crew, embedded: Answerer, settings: Settings, leaving: asyncio.Event
) -> Dispatchers:
    return Dispatchers(
        parts,
        lambda name: embedded if name == EMBEDDED else crew.desk(name),
        settings.dispatch,
        ahead=settings.agents.ahead,
        holder=f"daemon {os.getpid()}",
        asked_to_leave=leaving.set,
    )


def _hiring(home: Home, memory: Memory, guardian: Guardian, settings: AgentSettings) -> Hire:
    """Return what makes workers that hold a shard of the memory as it is then. All of one shard are told the same."""
    briefings = Briefings()

    async def hire(plan: AgentPlan, mode: Mode) -> Hired:
        shard = Shard((), 0, "")
        if mode is Mode.RESIDENT:
            shard = await memory.shard(plan.memories, plan.shard_tokens)
        briefing = await briefings.of(shard)
        answerer = ClaudeAnswerer(
            plan, briefing, spawn=guardian.spawn, folder=home.agents / plan.name, settings=settings
        )
        return Hired(answerer, shard.digest, shard.tokens, len(shard.files), len(shard.left_out))

    return hire


def _reloading(home: Home, crew: Crew, dispatchers: Dispatchers) -> Callable[[], Awaitable[Configuration]]:
    reloading = asyncio.Lock()

    async def reload_agents() -> Configuration:
        async with reloading:
            configuration = await asyncio.to_thread(read, home.configuration)
            if configuration.trouble is None or crew.is_empty:
                await dispatchers.apply([plan.name for plan in configuration.agents])
            await crew.apply(configuration)
        return configuration

    return reload_agents


def _auditing(store: SqliteStore) -> Callable[[str, CredentialId, str | None], Awaitable[None]]:
    async def audited(verb: str, by: CredentialId, subject: str | None) -> None:
        await store.database.write(lambda tx: tx.audit(AuditEntry(verb, by, subject=subject)))

    return audited


def _open_seals(home: Home, key: bytes | None) -> Seals:
    """Read the keys of the seals; make them beside a store that holds none.

    They stand in a file of their own until the store is sealed under them, so that, whatever cuts a first start off,
    keys beside a store without seals tell that others put it there. Raises UnsafeKeyError or StoreVersionError.
    """
    is_sealed = holds_seals(home.store, key)
    if is_sealed:
        keep_first(home.first_seal_keys, home.seal_keys)  # the start that sealed it was cut off
    if not os.path.lexists(home.seal_keys) and not is_sealed:
        home.make()
        home.first_seal_keys.unlink(missing_ok=True)
        return make_seals(home.first_seal_keys)
    seals = read_seals(home.seal_keys)
    if not is_sealed and home.store.exists() and home.store.stat().st_size:
        check_is_new(home.store, key)
    return seals


def _rotating(home: Home, seals: Seals, store: SqliteStore) -> Callable[[CredentialId], Awaitable[int]]:
    rotating = asyncio.Lock()

    async def rotate_key(by: CredentialId) -> int:
        async with rotating:
            number = await asyncio.to_thread(rotate, home.seal_keys, seals)
        await store.database.write(lambda tx: tx.audit(AuditEntry("rotate_key", by, detail={"key": number})))
        return number

    return rotate_key
