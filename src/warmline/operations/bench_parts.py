"""What the benches join: the line as it is, or without its security, to see what that costs.

No home can be opened like this: production has no such switch.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from warmline.agents import AgentPlan, Configuration, Mode
from warmline.app import Line, working
from warmline.bridge.bridge import Bridge, open_bridge
from warmline.bridge.credentials import hash_token
from warmline.clock import SystemClock
from warmline.crew.crew import Crew
from warmline.crew.pool import Hired
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.errors import AgentError
from warmline.home import Home
from warmline.ids import new_message_id
from warmline.limits import Limits
from warmline.memory.memory import Memory
from warmline.model import (
    DEFAULT_CONVERSATION,
    MEMORY_MAILBOX,
    OWNER,
    Citation,
    Claim,
    CredentialId,
    Draft,
    Message,
    Outcome,
    Recollection,
)
from warmline.operations.syncs import COUNTING, CountingVfs
from warmline.parties import Credential, Participant, Right
from warmline.protocols import Said, unheard
from warmline.security.redaction import Redacted, redact_aside
from warmline.security.seals import KEY_BYTES, Seals
from warmline.settings import BridgeSettings, DispatchSettings, Settings, StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.importing import SqliteImporter
from warmline.stores.ledger import AuditEntry, Ledger
from warmline.stores.refusals import SqliteAuditLog
from warmline.stores.sqlite import SqliteStore
from warmline.warm.machine import ThisMachine

ANSWER = "x" * 1000
UNREACHED = 1_000_000_000
"""Messages a minute, an hour and a day: they are counted, and stop nobody."""


@unique
class Security(StrEnum):
    """Whether there are seals, ledger, audit, redaction and rates."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class BenchLine:
    """An open line, and the agent who asks."""

    bridge: Bridge
    store: SqliteStore
    directory: SqliteDirectory
    dispatcher: Dispatcher
    asker: Credential


class _NoSeals(Seals):
    def seal(self, _purpose: bytes, _sealed: bytes) -> bytes:
        return b""

    def verifies(self, _purpose: bytes, _sealed: bytes, _seal: object) -> bool:
        return True

    def weigh(self, _table: str, _row: Sequence[Any]) -> int:
        return 0


class _NoLedger(Ledger):
    def __init__(self, connection: apsw.Connection, seals: Seals) -> None:
        super().__init__(connection, seals)
        connection.preupdate_hook(None, id=self)

    def note(self, _at: int, _entry: AuditEntry) -> None:
        return

    def write(self) -> None:
        return


class _Instant:
    """Recall, verifier and answerer that cost nothing: what remains is the line itself."""

    name = "instant"

    async def passages(self, _question: str, _limit: int, _within: frozenset[str] | None = None) -> Recollection:
        return Recollection((), 1.0)

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()

    async def answer(self, _question: Message, _recollection: Recollection, _said: Said = unheard) -> Draft:
        return Draft(Outcome.ANSWERED, ANSWER)


async def _as_it_is(text: str) -> Redacted:
    return Redacted(text)


@asynccontextmanager
async def open_bench_line(
    path: Path,
    security: Security,
    *,
    workers: int,
    disk: CountingVfs | None = None,
    owner_token: str | None = None,
    seal_key: bytes | None = None,
) -> AsyncIterator[BenchLine]:
    """Open a line on a store at `path`; so many workers answer at once, or with 0 nobody does.

    A disk counts its syncs. A store that is opened again wants the seal_key, of KEY_BYTES, that it was made under.
    """
    clock, instant = SystemClock(), _Instant()
    is_on = security is Security.ON
    kind, ledger, redact = (Seals, Ledger, redact_aside) if is_on else (_NoSeals, _NoLedger, _as_it_is)
    seals = kind({1: seal_key or secrets.token_bytes(KEY_BYTES)})
    counting = partial(SqliteStore, vfs=COUNTING, log=disk.log) if disk else SqliteStore
    store = counting(path, StoreSettings(), clock, seals, ledger=ledger)
    directory = SqliteDirectory(store.database)
    token = owner_token or secrets.token_hex()
    bridge = open_bridge(store, directory, instant, clock, settings=BridgeSettings(), owner_token=token, redact=redact)
    parts = Parts(store=store, recall=instant, verifier=instant, answerer=instant, clock=clock, redact=redact)
    settings = replace(DispatchSettings(), workers=workers)
    dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings, holder="bench", asked_to_leave=lambda: None)
    await store.open()
    asker = _asker(clock, Limits(UNREACHED, UNREACHED, UNREACHED) if is_on else None)
    line = BenchLine(bridge, store, directory, dispatcher, asker)
    try:
        if workers:
            async with working(dispatcher, Timekeeper(store, clock)):
                yield line
        else:
            yield line
    finally:
        await store.close()


@asynccontextmanager
async def open_served_line(
    security: Security, token: str, home: Home, settings: Settings, leaving: asyncio.Event
) -> AsyncIterator[Line]:
    """Open a home for the real server; `token` is the asker's."""
    bench = open_bench_line(home.store, security, workers=settings.dispatch.workers, owner_token=home.read_token())
    async with bench as line:
        clock, asker, by = SystemClock(), line.asker, CredentialId(OWNER)
        await line.directory.add_participant(Participant(DEFAULT_CONVERSATION, asker.name), by=by)
        await line.directory.add_credential(asker, hash_token(token), by=by)
        memory = Memory(home.memory, settings.memory, private=[home.path])
        try:
            yield Line(
                home=home,
                settings=settings,
                bridge=line.bridge,
                memory=memory,
                importer=SqliteImporter(line.store.database),
                audit=SqliteAuditLog(line.store.database, clock, settings.audit),
                clock=clock,
                dispatcher=line.dispatcher,
                leaving=leaving,
                workspace=home.path,
                is_encrypted=False,
                rotate_key=_no_key,
                agents=_no_crew(clock, settings),
                reload_agents=_no_agents,
                audited=_no_audit,
            )
        finally:
            await memory.close()


async def _no_audit(_verb: str, _by: CredentialId, _subject: str | None) -> None:
    return None


async def _no_key(_by: CredentialId) -> int:
    return 0


async def _no_agents() -> Configuration:
    return Configuration()


def _no_crew(clock: SystemClock, settings: Settings) -> Crew:
    async def hire(plan: AgentPlan, _mode: Mode) -> Hired:
        raise AgentError(f"a bench has no agent {plan.name}")

    return Crew(hire, _Instant(), generation=lambda: 0, clock=clock, settings=settings.agents, machine=ThisMachine())


def _asker(clock: SystemClock, limits: Limits | None) -> Credential:
    now = clock.now()
    return Credential(
        id=CredentialId(new_message_id(now)),
        name="asker",
        conversation=DEFAULT_CONVERSATION,
        rights=frozenset({Right.ASK}),
        created_at=now,
        limits=limits,
    )
