"""Which statements the writer runs for a verb: the owner's questions pay nothing for what others need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import LEASE, a_credential, a_note, a_question, an_answer
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, CredentialId
from warmline.parties import Credential
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.queries import load_all_queries
from warmline.stores.sqlite import SqliteStore

NAMES = {statement: name for name, statement in load_all_queries().items()}
ADD = ["position", "add_message", "add_delivery"]
TALLIES = {"position_take", "rate_charge"}


class Watched:
    """A store whose writer's statements are noted by name."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.ran: list[str] = []
        store.database._connection.exec_trace = self._note

    def _note(self, _cursor: object, statement: str, _bindings: object) -> bool:
        self.ran.append(NAMES.get(statement.strip(), statement.strip()))
        return True

    def since_last(self) -> list[str]:
        ran, self.ran = self.ran, []
        commits = [name for name in ran if name in {"commit", "ledger_write"}]
        assert commits == ["ledger_write", "commit"] * (len(commits) // 2)
        return [name for name in ran if not name.startswith(("begin", "commit", "pragma", "ledger_"))]

    def tallied_last(self) -> tuple[list[str], list[str]]:
        """Return what was run, the tallies apart: they are to be the last."""
        ran = self.since_last()
        at = next((at for at, name in enumerate(ran) if name in TALLIES), len(ran))
        return ran[:at], ran[at:]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def watched(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Watched]:
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
    await store.open()
    yield Watched(store, clock)
    await store.close()


def the_owner(at: datetime) -> Credential:
    return Credential(CredentialId(OWNER), OWNER, DEFAULT_CONVERSATION, frozenset(), at, is_person=True)


async def test_a_question_of_the_owner_costs_no_statement_for_the_speakers_rules(watched: Watched) -> None:
    await watched.store.add(a_question(watched.clock), MEMORY_MAILBOX, by=the_owner(watched.clock.now()))
    assert watched.tallied_last() == (ADD, ["position_take"])


async def test_a_question_that_waits_for_its_answer_costs_as_many_statements_as_it_must(watched: Watched) -> None:
    question = a_question(watched.clock)
    leasing = asyncio.create_task(watched.store.lease(MEMORY_MAILBOX, "worker", LEASE))
    await asyncio.sleep(0)
    await watched.store.add(question, MEMORY_MAILBOX)
    async with asyncio.timeout(5):
        lease = await leasing
    await watched.store.settle(lease, an_answer(watched.clock, question))
    accepted = ["position", "add_message", "lease_first", "add_delivery", "position_take"]
    assert watched.since_last() == [*accepted, "held", "add_message", "settle"]


async def test_a_question_that_is_answered_at_once_is_one_row_written_once(watched: Watched) -> None:
    question = a_question(watched.clock)

    async def serve() -> None:
        lease = await watched.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        await watched.store.settle(lease, an_answer(watched.clock, question))

    serving = asyncio.create_task(serve())
    await asyncio.sleep(0)
    await watched.store.add(question, MEMORY_MAILBOX)
    await serving
    assert watched.tallied_last() == (
        ["position", "add_message", "lease_first", "add_message", "add_delivery"],
        ["position_take"],
    )


async def test_a_message_of_an_agent_costs_two_statements_for_its_rate(watched: Watched) -> None:
    ada = a_credential(
        watched.clock,
        "ada",
        conversation=DEFAULT_CONVERSATION,
        limits=Limits(per_minute=60, per_hour=1_000, per_day=10_000),
    )
    await watched.store.add(a_note(watched.clock, ada), MEMORY_MAILBOX, by=ada)
    assert watched.tallied_last() == (["rate", *ADD], ["rate_charge", "position_take"])


async def test_messages_that_are_accepted_together_take_their_positions_with_one_statement(watched: Watched) -> None:
    ada = a_credential(
        watched.clock,
        "ada",
        conversation=DEFAULT_CONVERSATION,
        limits=Limits(per_minute=60, per_hour=1_000, per_day=10_000),
    )
    notes = [a_note(watched.clock, ada) for _ in range(5)]
    await asyncio.gather(*(watched.store.add(note, MEMORY_MAILBOX, by=ada) for note in notes))
    ran, tallies = watched.tallied_last()
    assert ran == ["rate", "position", *5 * ["add_message"], *5 * ["add_delivery"]]
    assert tallies == ["rate_charge", "position_take"]
    posts = [await watched.store.post(note.id) for note in notes]
    assert [post.deliveries[0].position for post in posts] == [1, 2, 3, 4, 5]


async def test_whoever_speaks_is_written_as_seen_once_a_minute_however_often_it_asks(watched: Watched) -> None:
    directory = SqliteDirectory(watched.store.database)
    for _ in range(60):
        directory.note_seen(DEFAULT_CONVERSATION, OWNER, watched.clock.now())
        await watched.store.add(a_question(watched.clock), MEMORY_MAILBOX)
        watched.clock.advance(timedelta(seconds=1))
    assert watched.since_last().count("seen") == 1
    directory.note_seen(DEFAULT_CONVERSATION, OWNER, watched.clock.now())
    await watched.store.add(a_question(watched.clock), MEMORY_MAILBOX)
    assert watched.since_last().count("seen") == 1


async def test_only_who_has_received_is_asked_what_it_holds(watched: Watched) -> None:
    ada = a_credential(watched.clock, "ada", conversation=DEFAULT_CONVERSATION)
    owner = the_owner(watched.clock.now())
    await watched.store.add(a_note(watched.clock, ada), OWNER_MAILBOX)
    await watched.store.receive(OWNER_MAILBOX, owner, 10, LEASE)
    watched.since_last()
    await watched.store.add(a_question(watched.clock), MEMORY_MAILBOX, by=owner)
    assert watched.tallied_last() == (["trace_held", *ADD], ["position_take"])
    await watched.store.add(a_note(watched.clock, ada), MEMORY_MAILBOX, by=ada)
    assert watched.tallied_last() == (ADD, ["position_take"])


async def test_who_held_something_before_the_store_was_opened_is_known_to(
    tmp_path: Path, clock: ManualClock, watched: Watched
) -> None:
    owner = the_owner(clock.now())
    await watched.store.add(a_note(clock, owner, "hello"), OWNER_MAILBOX)
    await watched.store.receive(OWNER_MAILBOX, owner, 10, LEASE)
    await watched.store.close()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
    await store.open()
    again = Watched(store, clock)
    await store.add(a_question(clock), MEMORY_MAILBOX, by=owner)
    assert again.tallied_last() == (["trace_held", *ADD], ["position_take"])
    await store.close()


async def test_what_runs_every_day_stays_prepared_beside_a_batch_of_questions(watched: Watched) -> None:
    """To prepare a statement anew costs more than to run it."""

    async def misses_of(questions: int) -> int:
        asked = [a_question(watched.clock) for _ in range(questions)]
        leasing = [asyncio.create_task(watched.store.lease(MEMORY_MAILBOX, "worker", LEASE)) for _ in asked]
        await asyncio.gather(*(watched.store.add(each, MEMORY_MAILBOX) for each in asked))
        leases = await asyncio.gather(*leasing)
        settling = [watched.store.settle(each, an_answer(watched.clock, each.message)) for each in leases]
        await asyncio.gather(*settling)
        return int(watched.store.database._connection.cache_stats()["misses"])

    async with asyncio.timeout(5):
        await misses_of(24)
        before = await misses_of(24)
        assert await misses_of(24) == before
