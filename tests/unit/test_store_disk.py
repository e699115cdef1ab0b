"""What a store tells before the disk has it, what it keeps to itself until then, and what a failing disk does."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from kernel_orders import needs_orders
from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import LEASE, a_credential, a_note, a_question, an_answer
from store_waiting import begin, end
from warmline.errors import LeaseLostError, StoreError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, OWNER, OWNER_MAILBOX, Mailbox, Post, State
from warmline.settings import StoreSettings
from warmline.stores.disk import LogFile
from warmline.stores.sqlite import SqliteStore
from warmline.stores.transaction import Transaction
from warmline.stores.verbs import add_mailbox


class HeldLog(LogFile):
    """A log whose next syncs take as long as the test wants, or fail; by the kernel, or by a thread."""

    def __init__(self, path: Path, *, by_kernel: bool) -> None:
        super().__init__(path)
        self.by_kernel = by_kernel
        self.may_sync, self.began = threading.Event(), threading.Event()
        self.may_sync.set()
        self.trouble: OSError | None = None
        self.syncs = 0

    def hold(self) -> None:
        """Let the next sync begin, and not end."""
        self.may_sync.clear()
        self.began.clear()

    async def is_held(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 5)

    def sync(self) -> None:
        self.syncs += 1
        self.began.set()
        assert self.may_sync.wait(5)
        if self.trouble is not None:
            raise self.trouble
        super().sync()

    def begin_sync(self, then: Callable[[OSError | None], None]) -> bool:
        if not self.by_kernel:
            return False
        self.syncs += 1
        self.began.set()
        self._waiting = asyncio.create_task(self._begin_later(then))
        return True

    async def _begin_later(self, then: Callable[[OSError | None], None]) -> None:
        assert await asyncio.to_thread(self.may_sync.wait, 5)
        if self.trouble is not None:
            then(self.trouble)
        else:
            assert super().begin_sync(then)


class Held:
    """A store on such a log."""

    def __init__(self, path: Path, settings: StoreSettings, *, by_kernel: bool) -> None:
        self.by_kernel = by_kernel
        self.clock = ManualClock()
        self.path = path
        self.log_file = path.with_name(f"{path.name}-wal")
        self.store = SqliteStore(path, settings, self.clock, SEALS, log=self._open_log)

    def _open_log(self, path: Path) -> HeldLog:
        self.log = HeldLog(path, by_kernel=self.by_kernel)
        return self.log


@pytest.fixture(params=["kernel", "thread"])
def by_kernel(request: pytest.FixtureRequest) -> bool:
    if request.param == "kernel":
        needs_orders()
    return bool(request.param == "kernel")


@pytest.fixture
async def held(by_kernel: bool, tmp_path: Path) -> AsyncIterator[Held]:
    held = Held(tmp_path / "store.db", StoreSettings(checkpoint_pages=50), by_kernel=by_kernel)
    await held.store.open()
    yield held
    held.log.may_sync.set()
    await held.store.close()


def wait_until_erased(path: Path, message_id: str) -> None:
    """Return when the file says that a message was erased."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as looking:
        ends = time.monotonic() + 5
        while not looking.execute("select erased_at from message where id = ?", (message_id,)).fetchall()[0][0]:
            assert time.monotonic() < ends


async def stays_open(*waiting: asyncio.Future[Any]) -> bool:
    """Tell whether none of them ends while there is time enough for all that need not wait for the disk."""
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    return not done


async def test_a_question_is_leased_while_it_is_synced_and_its_asker_hears_of_it_afterwards(held: Held) -> None:
    leasing = asyncio.create_task(held.store.lease(MEMORY_MAILBOX, "worker", LEASE))
    held.log.hold()
    asking = asyncio.create_task(held.store.add(a_question(held.clock), MEMORY_MAILBOX))
    lease = await end(leasing)
    assert await stays_open(asking)
    held.log.may_sync.set()
    assert (await end(asking)).question.message == lease.message


async def test_an_answer_that_is_at_hand_at_once_is_synced_with_its_question(held: Held) -> None:
    question = a_question(held.clock)
    answer = an_answer(held.clock, question)

    async def serve() -> None:
        lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        held.clock.advance(timedelta(seconds=1))
        await held.store.settle(lease, answer)

    serving = await begin(held, serve())
    before = held.log.syncs
    accepted = await end(held.store.add(question, MEMORY_MAILBOX))
    await end(serving)
    assert held.log.syncs == before + 1
    assert accepted.created
    assert (accepted.question.delivery.state, accepted.question.answer) == (State.SETTLED, answer.answer)
    assert accepted.question == await held.store.get(question.id)
    assert accepted.question.delivery.ended_at == held.clock.now()


@pytest.mark.parametrize(("verbs", "syncs"), [(10, 8), (StoreSettings().max_batch, 1)])
async def test_quick_answers_share_a_sync_until_enough_verbs_wait_for_it(
    by_kernel: bool, tmp_path: Path, verbs: int, syncs: int
) -> None:
    held = Held(tmp_path / "store.db", StoreSettings(max_batch=verbs), by_kernel=by_kernel)
    await held.store.open()
    for _ in range(40):
        await held.store.add(a_question(held.clock), MEMORY_MAILBOX)

    async def serve() -> None:
        settling = []
        for _ in range(40):
            lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
            settling.append(held.store.settle(lease, an_answer(held.clock, lease.message)))
        await asyncio.gather(*settling)

    before = held.log.syncs
    await end(serve())
    assert held.log.syncs - before == syncs
    await held.store.close()


async def test_who_was_given_a_lease_finds_its_question(held: Held) -> None:
    async def serve() -> State:
        lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        return (await held.store.get(lease.message.id)).delivery.state

    serving = await begin(held, serve())
    await held.store.add(a_question(held.clock), MEMORY_MAILBOX)
    assert await end(serving) is State.LEASED


async def test_a_lease_given_in_a_transaction_that_is_undone_is_lost_and_its_question_comes_again(held: Held) -> None:
    owner = a_credential(held.clock, OWNER, conversation=DEFAULT_CONVERSATION, is_person=True)
    question, note = a_question(held.clock), a_note(held.clock, owner)

    def write_and_break(tx: Transaction) -> None:
        add_mailbox(tx, Mailbox(DEFAULT_CONVERSATION, "brand new"))
        raise ZeroDivisionError

    async def serve() -> list[object]:
        lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        settling = held.store.settle(lease, an_answer(held.clock, question))
        breaking = held.store.database.submit(write_and_break, synced=True).done
        return list(await asyncio.gather(settling, breaking, return_exceptions=True))

    serving = await begin(held, serve())
    receiving = await begin(held, held.store.receive(OWNER_MAILBOX, owner, 10, LEASE))
    asking = (held.store.add(question, MEMORY_MAILBOX), held.store.add(note, OWNER_MAILBOX))
    accepted, _ = await end(asyncio.gather(*asking))
    assert accepted.question.delivery.state is State.READY
    settled, broken = await end(serving)
    assert isinstance(settled, LeaseLostError)
    assert isinstance(broken, ZeroDivisionError | StoreError)
    again = await end(held.store.lease(MEMORY_MAILBOX, "worker", LEASE))
    assert (again.message, again.deliveries) == (question, 1)
    batch = await end(receiving)
    assert len((await held.store.acknowledge(batch.token, owner.id)).settled) == 1


async def test_a_reader_is_served_once_in_a_transaction_that_goes_on(held: Held) -> None:
    owner = a_credential(held.clock, OWNER, conversation=DEFAULT_CONVERSATION, is_person=True)
    first, second = a_note(held.clock, owner), a_note(held.clock, owner)

    async def serve() -> None:
        await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        await held.store.add(second, OWNER_MAILBOX)

    serving = await begin(held, serve())
    receiving = await begin(held, held.store.receive(OWNER_MAILBOX, owner, 10, LEASE))
    asking = (held.store.add(first, OWNER_MAILBOX), held.store.add(a_question(held.clock), MEMORY_MAILBOX))
    await end(asyncio.gather(*asking))
    await end(serving)
    assert [lease.message for lease in (await end(receiving)).leases] == [first]
    left = await held.store.receive(OWNER_MAILBOX, owner, 10, LEASE, waits=False)
    assert [lease.message for lease in left.leases] == [second]


async def test_what_takes_long_is_not_part_of_a_transaction_that_is_open(held: Held) -> None:
    owner = a_credential(held.clock, OWNER, conversation=DEFAULT_CONVERSATION, is_person=True)

    async def serve() -> Post:
        lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
        settling = held.store.settle(lease, an_answer(held.clock, lease.message))
        post = await held.store.broadcast(a_note(held.clock, owner), [OWNER_MAILBOX])
        await settling
        return post

    serving = await begin(held, serve())
    question = a_question(held.clock)
    await end(held.store.add(question, MEMORY_MAILBOX))
    assert len((await end(serving)).deliveries) == 1
    assert (await held.store.get(question.id)).delivery.state is State.SETTLED


async def test_nobody_hears_of_an_answer_that_is_not_on_the_disk(held: Held) -> None:
    question = a_question(held.clock)
    await held.store.add(question, MEMORY_MAILBOX)
    lease = await held.store.lease(MEMORY_MAILBOX, "worker", LEASE)
    waiting = asyncio.create_task(held.store.wait_until_ended(question.id))
    held.log.hold()
    settling = held.store.settle(lease, an_answer(held.clock, question))
    await held.log.is_held()
    reading = asyncio.create_task(held.store.get(question.id))
    assert await stays_open(waiting, reading, settling)
    held.log.may_sync.set()
    assert {(await end(waiting)).delivery.state, (await end(reading)).delivery.state} == {State.SETTLED}
    await end(settling)


async def test_nobody_reads_what_the_disk_thread_has_committed_and_not_synced(held: Held) -> None:
    """The log is not emptied while somebody else looks at the file: so long it is committed, and no more."""
    question = a_question(held.clock)
    await held.store.add(question, MEMORY_MAILBOX)
    with closing(apsw.Connection(str(held.path), flags=apsw.SQLITE_OPEN_READONLY)) as other:
        other.execute("begin").execute("select count(*) from message").fetchall()
        erasing = asyncio.create_task(held.store.erase(question.id, by=BY))
        await asyncio.to_thread(wait_until_erased, held.path, question.id)
        reading = asyncio.create_task(held.store.get(question.id))
        assert await stays_open(erasing, reading)
        other.execute("commit")
    assert (await end(reading)).message.erased_at is not None
    await end(erasing)


async def test_a_note_is_not_handed_out_before_it_is_on_the_disk(held: Held) -> None:
    owner = a_credential(held.clock, OWNER, conversation=DEFAULT_CONVERSATION, is_person=True)
    receiving = await begin(held, held.store.receive(OWNER_MAILBOX, owner, 10, LEASE))
    held.log.hold()
    note = a_note(held.clock, owner)
    saying = asyncio.create_task(held.store.add(note, OWNER_MAILBOX))
    await held.log.is_held()
    assert await stays_open(receiving, saying)
    held.log.may_sync.set()
    assert [lease.message for lease in (await end(receiving)).leases] == [note]
    await end(saying)


async def test_when_the_disk_fails_nothing_more_is_accepted_until_the_store_is_opened_anew(held: Held) -> None:
    before = a_question(held.clock)
    await held.store.add(before, MEMORY_MAILBOX)
    held.log.hold()
    held.log.trouble = OSError(errno.EIO, os.strerror(errno.EIO))
    asking = [asyncio.create_task(held.store.add(a_question(held.clock), MEMORY_MAILBOX)) for _ in range(2)]
    await held.log.is_held()
    asking.append(asyncio.create_task(held.store.add(a_question(held.clock), MEMORY_MAILBOX)))  # and one for the next
    assert await stays_open(*asking)
    held.log.may_sync.set()
    for each in asking:
        with pytest.raises(StoreError, match=r"the disk that holds the store fails .*: nothing more is written"):
            await end(each)
    held.log.trouble = None
    with pytest.raises(StoreError, match="nothing more is written"):
        await end(held.store.add(a_question(held.clock), MEMORY_MAILBOX))
    await held.store.close()
    await held.store.open()
    assert (await held.store.get(before.id)).message == before
    assert (await held.store.tally())[State.READY] == 3  # and the two of which nobody knows what the disk has
    assert (await held.store.add(a_question(held.clock), MEMORY_MAILBOX)).created


async def test_who_reads_while_the_disk_fails_gets_the_error(held: Held) -> None:
    question = a_question(held.clock)
    held.log.hold()
    held.log.trouble = OSError(errno.EIO, os.strerror(errno.EIO))
    asking = asyncio.create_task(held.store.add(question, MEMORY_MAILBOX))
    await held.log.is_held()
    reading = asyncio.create_task(held.store.get(question.id))
    assert await stays_open(asking, reading)
    held.log.may_sync.set()
    for each in (asking, reading):
        with pytest.raises(StoreError, match="the disk that holds the store fails"):
            await end(each)


async def test_a_long_log_is_written_into_the_file_and_begun_anew(held: Held) -> None:
    for _ in range(100):
        await held.store.add(a_question(held.clock, "words " * 500), MEMORY_MAILBOX)
    assert held.log_file.stat().st_size < 80 * 2100  # of the 50 pages, and what one question adds to them
    assert held.path.stat().st_size > 100 * 3000


async def lengths_of_the_log(held: Held, questions: int) -> set[int]:
    """Ask; return the lengths, in bytes, that the log had after each question."""
    lengths = set()
    for _ in range(questions):
        await held.store.add(a_question(held.clock), MEMORY_MAILBOX)
        lengths.add(held.log_file.stat().st_size)
    return lengths


async def test_few_questions_make_the_log_longer(by_kernel: bool, tmp_path: Path) -> None:
    """It doubles, up to a point: of a log without room every commit makes a longer one, until it begins anew."""
    held = Held(tmp_path / "store.db", StoreSettings(), by_kernel=by_kernel)
    await held.store.open()
    question = a_question(held.clock)
    await held.store.add(question, MEMORY_MAILBOX)
    assert len(await lengths_of_the_log(held, 100)) <= 10
    await held.store.erase(question.id, by=BY)
    assert held.log_file.stat().st_size == 0
    assert len(await lengths_of_the_log(held, 100)) <= 15
    await held.store.close()


async def test_a_disk_without_room_for_a_longer_log_still_takes_questions(
    by_kernel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    held = Held(tmp_path / "store.db", StoreSettings(), by_kernel=by_kernel)
    await held.store.open()
    assert len(await end(lengths_of_the_log(held, 10))) == 10
    await held.store.close()


async def test_a_store_whose_disk_fails_as_it_is_opened_says_so(tmp_path: Path) -> None:
    class FailingLog(LogFile):
        def sync(self) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = SqliteStore(tmp_path / "store.db", StoreSettings(), ManualClock(), SEALS, log=FailingLog)
    with pytest.raises(StoreError, match="the disk that holds the store fails"):
        await store.open()
