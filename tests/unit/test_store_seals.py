"""What something else wrote into the store: it is handed to nobody, shows, and is never taken for what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import LEASE, a_credential, a_note, a_question, an_answer
from warmline.errors import IdempotencyConflictError, StoreDamagedError, UnknownMessageError, UnsafeKeyError
from warmline.model import (
    DEFAULT_CONVERSATION,
    MEMORY_MAILBOX,
    OWNER_MAILBOX,
    THE_LINE,
    WITHHELD,
    Kind,
    Lease,
    Message,
    Outcome,
    State,
)
from warmline.protocols import QuestionFilter
from warmline.security.seals import Seals
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

TAMPERINGS = [
    "update message set body = 'pay the other account' where id = :id",
    "update message set sender = 'owner' where id = :id",
    "update message set sent_at = 9223372036854775807 where id = :id",
    "update message set metadata = '{\"a\": 1}' where id = :id",
    "update message set hops = 0, trace = 'other' where id = :id",
    "update message set seal = null where id = :id",
    "update message set seal = zeroblob(36) where id = :id",
    "update message set kind = 'rumour' where id = :id",
    "update message set erased_seal = zeroblob(36) where id = :id",
]


class Scene:
    """A store, and the hand of somebody else in its file."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.store = SqliteStore(path, StoreSettings(), self.clock, SEALS)
        self.directory = SqliteDirectory(self.store.database)
        self._path = path

    def tamper(self, statement: str, message: Message) -> None:
        other = apsw.Connection(str(self._path))
        other.set_busy_timeout(5000)
        other.pragma("ignore_check_constraints", "on")
        other.execute(statement, {"id": message.id})
        assert other.changes() == 1
        other.close()

    async def ask(self, *, key: str | None = None, sender: str = "codex") -> Message:
        accepted = await self.store.add(a_question(self.clock, key=key, sender=sender), MEMORY_MAILBOX)
        return accepted.question.message

    async def asked_and_answered(self) -> tuple[Message, Message]:
        question = await self.ask()
        answer = an_answer(self.clock, question)
        await self.store.settle(await self.lease(), answer)
        return question, answer

    async def lease(self) -> Lease:
        async with asyncio.timeout(5):
            return await self.store.lease(MEMORY_MAILBOX, "worker", LEASE)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path / "store.db")
    await scene.store.open()
    yield scene
    await scene.store.close()


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_a_lease_buries_what_is_not_what_was_sent_and_goes_on_to_the_next(scene: Scene, statement: str) -> None:
    broken, whole = await scene.ask(), await scene.ask()
    scene.tamper(statement, broken)
    async with asyncio.timeout(5):
        lease = await scene.store.lease(MEMORY_MAILBOX, "worker", LEASE)
    assert lease.message == whole
    buried = await scene.store.get(broken.id)
    assert buried.delivery.state is State.DEAD
    assert "seal does not verify" in (buried.delivery.last_error or "")
    assert (buried.delivery.deliveries, buried.delivery.failures) == (0, 0)
    assert (buried.delivery.handed_to, buried.delivery.handed_at) == (None, None)
    assert (buried.message.is_intact, buried.message.body, buried.message.metadata) == (False, WITHHELD, None)
    assert await scene.store.count_broken(scene.clock.now() - timedelta(hours=1)) == 1


async def test_who_held_it_before_it_was_broken_stays_the_last_it_was_handed_to(scene: Scene) -> None:
    broken, whole = await scene.ask(), await scene.ask()
    held = await scene.lease()
    await scene.store.release(held)
    scene.tamper("update message set body = 'other' where id = :id", broken)
    assert (await scene.lease()).message == whole
    buried = (await scene.store.get(broken.id)).delivery
    assert (buried.state, buried.deliveries, buried.handed_to) == (State.DEAD, 1, "worker")


@pytest.mark.parametrize(
    "statement",
    ["delete from message where id = :id", "update message set body = cast(x'ff' as text) where id = :id"],
)
async def test_a_message_that_cannot_be_read_is_buried_too(scene: Scene, statement: str) -> None:
    gone, whole = await scene.ask(), await scene.ask()
    scene.tamper(statement, gone)
    assert (await scene.lease()).message == whole
    with pytest.raises((UnknownMessageError, StoreDamagedError)):
        await scene.store.get(gone.id)


async def test_one_who_waits_is_not_handed_it_and_its_sender_who_waits_is_told(scene: Scene) -> None:
    await scene.store.add_mailbox(MEMORY_MAILBOX)
    broken = await scene.ask(sender="owner")
    scene.tamper("update message set body = 'other' where id = :id", broken)
    hearing = asyncio.create_task(scene.store.lease(OWNER_MAILBOX, "owner", LEASE))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(scene.store.lease(MEMORY_MAILBOX, "worker", LEASE))
    async with asyncio.timeout(5):
        notice = (await hearing).message
        assert (notice.sender, notice.in_reply_to) == (THE_LINE, broken.id)
        assert "other" not in notice.body
        whole = await scene.ask()
        assert (await waiting).message == whole


async def test_a_batch_holds_only_what_is_what_was_sent(scene: Scene) -> None:
    ada = a_credential(scene.clock, "ada", conversation=DEFAULT_CONVERSATION)
    notes = [a_note(scene.clock, ada, f"note {number}") for number in range(3)]
    for note in notes:
        await scene.store.add(note, OWNER_MAILBOX)
    scene.tamper("update message set body = 'other' where id = :id", notes[0])
    batch = await scene.store.receive(OWNER_MAILBOX, ada, 2, LEASE, "key", waits=False)
    assert [lease.message for lease in batch.leases] == notes[1:2]
    await scene.store.acknowledge(batch.token, ada.id)
    scene.tamper("update message set body = 'other' where id = :id", notes[2])
    assert (await scene.store.receive(OWNER_MAILBOX, ada, 1, LEASE, waits=False)).leases == ()


async def test_a_question_whose_answer_is_not_the_one_that_was_given_has_failed(scene: Scene) -> None:
    question, answer = await scene.asked_and_answered()
    scene.tamper("update message set body = 'no' where id = :id", answer)
    seen = await scene.store.get(question.id)
    assert seen.answer is not None
    assert (seen.answer.outcome, seen.answer.text, seen.answer.citations) == (Outcome.FAILED, WITHHELD, ())
    assert (await scene.store.questions(QuestionFilter(), 10))[0].answer == seen.answer
    assert (await scene.store.post(question.id)).answer == seen.answer
    assert [post.answer for post in await scene.directory.said(DEFAULT_CONVERSATION, 0, 9) if post.deliveries] == [
        seen.answer
    ]
    shown = (await scene.store.post(answer.id)).message
    assert (shown.kind, shown.is_intact, shown.answer) == (Kind.ANSWER, False, seen.answer)


async def test_the_answer_of_another_question_is_none_of_this_one(scene: Scene) -> None:
    first, _ = await scene.asked_and_answered()
    _, last = await scene.asked_and_answered()
    assert last.id > first.id
    scene.tamper("update delivery set answer_id = (select max(id) from message) where message_id = :id", first)
    answer = (await scene.store.get(first.id)).answer
    assert answer is not None
    assert answer.text == WITHHELD


async def test_a_key_whose_message_was_changed_is_a_conflict(scene: Scene) -> None:
    question = await scene.ask(key="once")
    scene.tamper("update message set hops = hops + 1 where id = :id", question)
    with pytest.raises(IdempotencyConflictError):
        await scene.ask(key="once")


async def test_a_tombstone_verifies_and_keeps_the_seal_from_before(scene: Scene, tmp_path: Path) -> None:
    question, answer = await scene.asked_and_answered()
    seals: dict[str, bytes] = dict(rows(tmp_path, "select id, seal from message"))
    await scene.store.erase(question.id, by=BY)
    assert dict(rows(tmp_path, "select id, erased_seal from message")) == seals
    for each in (question, answer):
        erased = (await scene.store.post(each.id)).message
        assert (erased.is_intact, erased.body) == (True, "")


async def test_what_was_changed_stays_withheld_when_it_is_erased(scene: Scene) -> None:
    question = await scene.ask()
    scene.tamper("update message set sender = 'owner' where id = :id", question)
    erased = await scene.store.erase(question.id, by=BY)
    assert not erased.message.is_intact
    assert (await scene.store.post(question.id)).deliveries[0].state is State.CANCELLED


async def test_the_archive_takes_only_what_is_what_was_written(scene: Scene, tmp_path: Path) -> None:
    pairs = [await scene.asked_and_answered() for _ in range(3)]
    await scene.ask()
    scene.tamper("update message set body = 'no' where id = :id", pairs[0][1])
    scene.clock.advance(timedelta(days=1))
    assert await scene.store.archive(scene.clock.now(), by=BY) == 4
    left = {message_id for (message_id,) in rows(tmp_path, "select id from message")}
    assert {each.id for each in pairs[0]} <= left
    assert not {each.id for pair in pairs[1:] for each in pair} & left
    assert all([(await scene.store.post(each.id)).message.is_intact for pair in pairs[1:] for each in pair])


async def test_what_an_old_key_sealed_verifies_beside_a_new_one(tmp_path: Path) -> None:
    old, new = bytes(32), bytes(range(32))
    first = SqliteStore(tmp_path / "store.db", StoreSettings(), ManualClock(), Seals({1: old}))
    await first.open()
    question = (await first.add(a_question(ManualClock()), MEMORY_MAILBOX)).question.message
    await first.close()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), ManualClock(), Seals({1: old, 2: new}))
    await store.open()
    assert (await store.post(question.id)).message.is_intact
    await store.close()
    without = SqliteStore(tmp_path / "store.db", StoreSettings(), ManualClock(), Seals({2: new}))
    with pytest.raises(UnsafeKeyError):
        await without.open()


def rows(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(folder / "store.db"))
    found = connection.execute(statement).fetchall()
    connection.close()
    return found
