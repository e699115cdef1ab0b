"""The power goes at any moment: what was accepted and what was answered is there when it comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from power_cut import Disk, DiskLog, DiskVFS
from sealing import KEY, SEALS, assert_ledger_is_true
from store_cases import LEASE, a_question, an_answer
from warmline.errors import StoreError
from warmline.model import MEMORY_MAILBOX, Lease, Message, State
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

SETTINGS = StoreSettings(checkpoint_pages=30)
ASKERS, WORKERS, QUESTIONS_AN_ASKER = 3, 2, 12
MOST_OPERATIONS = (30, 500)
"""Of writes and syncs: while the file is made, and while questions come and go."""


@dataclass
class Told:
    """What callers were told before the power went."""

    accepted: dict[str, tuple[Message, int]] = field(default_factory=dict)
    answered: dict[str, Message] = field(default_factory=dict)
    leased: set[tuple[str, str]] = field(default_factory=set)


async def _ask(store: SqliteStore, clock: ManualClock, told: Told) -> None:
    for number in range(QUESTIONS_AN_ASKER):
        message = a_question(clock, f"question {number}: " + "words " * 100)
        accepted = await store.add(message, MEMORY_MAILBOX)
        told.accepted[message.id] = (message, accepted.question.delivery.position)


async def _work(store: SqliteStore, clock: ManualClock, told: Told) -> None:
    while True:
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        told.leased.add((lease.message.id, lease.lease_id))
        answer = an_answer(clock, lease.message, f"answer to {lease.message.id}")
        await store.settle(lease, answer)
        told.answered[lease.message.id] = answer


async def _work_until_the_cut(store: SqliteStore, clock: ManualClock, told: Told) -> None:
    """Ask and work side by side until the power goes, or all is asked."""
    await store.open()
    workers = [asyncio.create_task(_work(store, clock, told)) for _ in range(WORKERS)]
    askers = [asyncio.create_task(_ask(store, clock, told)) for _ in range(ASKERS)]
    await asyncio.gather(*askers, return_exceptions=True)
    for worker in workers:
        worker.cancel()
    for result in await asyncio.gather(*workers, *askers, return_exceptions=True):
        assert result is None or isinstance(result, (StoreError, asyncio.CancelledError)), result


LAYERS: list[DiskVFS] = []
"""The layer of the cipher is never taken away, so what it stands on must stay."""


@pytest.fixture(params=range(60))
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.fixture
def disk(chance: random.Random) -> Iterator[Disk]:
    disk = Disk(chance, chance.randrange(chance.choice(MOST_OPERATIONS)))
    vfs = DiskVFS("power cut", disk)
    yield disk
    vfs.unregister()


async def test_every_accepted_question_and_every_given_answer_survives(disk: Disk, tmp_path: Path) -> None:
    await _nothing_is_lost(disk, tmp_path)


@pytest.mark.parametrize("chance", [random.Random(seed) for seed in range(100, 130)])
async def test_in_an_encrypted_store_they_survive_as_well(chance: random.Random, tmp_path: Path) -> None:
    """The disk lies under the cipher: what a cut tears are encrypted pages."""
    disk = Disk(chance, chance.randrange(chance.choice(MOST_OPERATIONS)))
    name = f"power cut {chance.getrandbits(64)}"
    LAYERS.append(DiskVFS(name, disk, base="unix"))
    await _nothing_is_lost(disk, tmp_path, f"multipleciphers-{name}", KEY)


async def _nothing_is_lost(disk: Disk, tmp_path: Path, vfs: str = "power cut", key: bytes | None = None) -> None:
    clock, told = ManualClock(), Told()
    before, after = tmp_path / "before", tmp_path / "after"
    store = SqliteStore(
        before / "store.db", SETTINGS, clock, SEALS, vfs=vfs, log=lambda path: DiskLog(path, disk), key=key
    )
    async with asyncio.timeout(5):
        with suppress(StoreError):  # the power may go while the file is made
            await _work_until_the_cut(store, clock, told)
        disk.cut()
        with suppress(apsw.IOError):  # the last checkpoint finds no disk
            await store.close()
    after.mkdir()
    disk.restore(after)

    restored = SqliteStore(after / "store.db", SETTINGS, clock, SEALS, key=key)
    await restored.open()
    assert_ledger_is_true(after / "store.db", key=key)
    for message, position in told.accepted.values():
        question = await restored.get(message.id)
        assert (question.message, question.delivery.position) == (message, position)
    for message_id, answer in told.answered.items():
        question = await restored.get(answer.in_reply_to or answer.id)
        assert (question.message.id, question.delivery.state) == (message_id, State.SETTLED)
        assert question.answer == answer.answer
    await _everything_else_is_answered(restored, clock, told)
    await restored.close()
    assert_ledger_is_true(after / "store.db", key=key)


async def _everything_else_is_answered(store: SqliteStore, clock: ManualClock, told: Told) -> None:
    """Nothing is stuck: leases that were out lapse, and every question that is there is answered once."""
    clock.advance(LEASE)
    await store.sweep()
    tally = await store.tally()
    assert tally[State.LEASED] == 0
    for _ in range(tally[State.READY]):
        lease: Lease = await asyncio.wait_for(store.lease(MEMORY_MAILBOX, "worker", LEASE), 5)
        assert (lease.message.id, lease.lease_id) not in told.leased
        assert lease.message.id not in told.answered
        await store.settle(lease, an_answer(clock, lease.message))
    settled = (await store.tally())[State.SETTLED]
    assert settled == sum((await store.tally()).values()) >= len(told.accepted)
