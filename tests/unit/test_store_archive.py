"""The archive on a file: what leaves the database, what reads it from there, and what trouble costs it nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from store_cases import ADAS, BOBS, CLEOS, LEASE, TEAM, Line, a_note, an_answer
from warmline.errors import ConflictError, StoreDamagedError, StoreError, UnknownMessageError
from warmline.model import MEMORY_MAILBOX, Message, MessageId, Post, State
from warmline.parties import Credential
from warmline.settings import StoreSettings
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

MONTH = timedelta(days=30)
EVERYTHING = 1000
UNITS = 3


@dataclass
class Shelf:
    """A line on a file with its folder, and two who speak."""

    line: Line
    store: SqliteStore
    folder: Path
    ada: Credential
    bob: Credential

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    async def note(self, body: str = "The port is taken.") -> MessageId:
        """Send ada's note to bob, and settle it."""
        sent = await self.line.say(self.ada, BOBS, body)
        batch = await self.line.receive(self.bob)
        await self.store.acknowledge(batch.token, self.bob.id)
        return sent.id

    async def notes(self, count: int) -> list[MessageId]:
        return [await self.note(f"note {number}") for number in range(count)]

    async def answered(self, body: str = "Which port?", text: str = "9276") -> Message:
        """Ask the memory, and answer."""
        asked = await self.line.ask(body)
        await self.store.settle(await self.line.lease(), an_answer(self.line.clock, asked, text))
        return asked

    async def move(self) -> int:
        """Let a month go by, and archive what ended before it."""
        self.line.clock.advance(MONTH)
        return await self.store.archive(self.line.clock.now(), by=BY)

    async def said(self, after: int = 0, limit: int = EVERYTHING) -> list[Post]:
        return list(await self.line.directory.said(TEAM, after, limit))

    def rows(self) -> set[str]:
        """Return the ids of the messages that stand in the database."""
        with closing(apsw.Connection(str(self.folder / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)) as database:
            return {message_id for (message_id,) in database.execute("select id from message")}

    def files(self) -> list[Path]:
        return sorted(self.archive.glob("*"))

    def holding(self, mark: str) -> set[str]:
        """Return the files that hold these bytes, those of the archive unpacked."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.suffix for path in paths if mark.encode() in _unpacked(path)}


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(archive_units=UNITS), clock, SEALS)
    directory = SqliteDirectory(store.database)
    await store.open()

    async def reopen() -> Line:
        await store.close()
        await store.open()
        return line

    line = Line(store, directory, clock, reopen)
    await store.add_mailbox(MEMORY_MAILBOX)
    ada, bob = await line.join("ada"), await line.join("bob")
    await line.join("cleo")
    yield Shelf(line, store, tmp_path, ada, bob)
    await store.close()
    assert_ledger_is_true(tmp_path / "store.db")


async def test_what_was_settled_or_cancelled_leaves_and_all_else_stays(shelf: Shelf) -> None:
    ways = (State.EXPIRED, State.DEAD, State.LEASED, State.SETTLED, State.CANCELLED)
    ids = {state: (await shelf.line.bring_to(state)).message.id for state in ways}
    ids[State.READY] = (await shelf.line.ask(deadline=None)).id
    note, newest = await shelf.notes(2)
    assert await shelf.move() == 4  # the note, and the answer with its question
    left = {ids[State.SETTLED], ids[State.CANCELLED], note}
    assert {*ids.values(), note, newest} & shelf.rows() == {*ids.values(), newest} - left


async def test_what_ended_at_the_limit_or_later_stays(shelf: Shelf) -> None:
    early, sent = await shelf.note(), await shelf.line.say(shelf.ada, BOBS)
    late, lease = sent.id, await shelf.line.lease("reader", BOBS)
    await shelf.line.ask()
    shelf.line.clock.advance(LEASE / 2)
    limit = shelf.line.clock.now()
    await shelf.store.done(lease)
    shelf.line.clock.advance(MONTH)
    assert await shelf.store.archive(limit, by=BY) == 1
    assert {early, late} & shelf.rows() == {late}


async def test_a_broadcast_stays_until_the_last_has_read_it_and_leaves_as_one_message(shelf: Shelf) -> None:
    sent = a_note(shelf.line.clock, shelf.ada)
    await shelf.store.broadcast(sent, [ADAS, BOBS, CLEOS], by=shelf.ada)
    await shelf.note()
    await shelf.store.done(await shelf.line.lease("reader", ADAS))
    assert await shelf.move() == 0
    await shelf.store.done(await shelf.line.lease("reader", CLEOS))
    before = await shelf.store.post(sent.id)
    assert await shelf.move() == 1
    assert sent.id not in shelf.rows()
    assert await shelf.store.post(sent.id) == before
    assert [post.message.id for post in await shelf.said()].count(sent.id) == 1


async def test_what_left_reads_as_before(shelf: Shelf) -> None:
    asked = await shelf.answered("Which port? \u2028 \U0001f40e \x7f", "9276 \u2013 \u201cwarm\u201d")
    rich = a_note(shelf.line.clock, shelf.ada, "x" * 100_000, metadata='{"b":1,  "a":[]}', idempotency_key="k")
    await shelf.store.add(rich, BOBS, by=shelf.ada)
    note, _ = await shelf.notes(2)
    store = shelf.store
    answer_id = next(iter(shelf.rows() - {asked.id, rich.id, note, *(each.message.id for each in await shelf.said())}))
    ids = [asked.id, rich.id, note, MessageId(answer_id)]
    posts, question = [await store.post(each) for each in ids], await store.get(asked.id)
    assert await shelf.move() == len(ids)
    assert shelf.rows().isdisjoint(ids)
    await shelf.line.reopen()
    assert [await store.post(each) for each in ids] == posts
    assert await store.get(asked.id) == question
    async with asyncio.timeout(5):
        assert await store.wait_until_ended(asked.id) == question


async def test_a_conversation_reads_as_before_though_every_other_message_left(shelf: Shelf) -> None:
    for number in range(12):
        sent = await shelf.line.say(shelf.ada, BOBS, f"note {number}")
        lease = await shelf.line.lease("reader", BOBS)
        if number % 2:
            await shelf.store.bury(lease, "unreadable")
        else:
            await shelf.store.done(lease)
        assert sent.id == lease.message.id
    before = await shelf.said()
    assert await shelf.move() == 6
    assert await shelf.said() == before
    for after in (0, before[3].number, before[4].number, before[-1].number):
        for limit in (1, 2, 5, EVERYTHING):
            expected = [post for post in before if post.number > after][:limit]
            assert await shelf.said(after, limit) == expected


async def test_an_answer_that_came_late_holds_nothing_back(shelf: Shelf) -> None:
    """Its number is far above those of the messages in between."""
    asked = await shelf.line.ask(deadline=None)
    lease = await shelf.line.lease()
    ids = await shelf.notes(7)
    await shelf.store.settle(lease, an_answer(shelf.line.clock, asked))
    await shelf.note()
    before = await shelf.said()
    assert await shelf.move() == 9
    assert shelf.rows().isdisjoint({asked.id, *ids})
    assert len(shelf.files()) == 3
    assert await shelf.said() == before


@pytest.mark.parametrize("verb", ["requeue", "cancel", "discard"])
async def test_what_left_is_over_for_good(shelf: Shelf, verb: str) -> None:
    verbs: dict[str, Callable[[MessageId], Awaitable[object]]] = {
        "requeue": lambda message_id: shelf.store.requeue(message_id, None, by=BY),
        "cancel": partial(shelf.store.cancel, by=BY),
        "discard": partial(shelf.store.discard, by=BY),
    }
    asked = await shelf.answered()
    await shelf.note()
    await shelf.move()
    with pytest.raises(ConflictError, match="archive"):
        await verbs[verb](asked.id)
    with pytest.raises(UnknownMessageError):
        await verbs[verb](MessageId("0" * 26))


async def test_an_erased_message_is_in_no_file_and_its_neighbours_stay(shelf: Shelf) -> None:
    first, secret, last, _ = [await shelf.note(body) for body in ("swallow", "swordfish", "starling", "newest")]
    before = {each: await shelf.store.post(each) for each in (first, secret, last)}
    await shelf.move()
    assert ".gz" in shelf.holding("swordfish")
    erased = await shelf.store.erase(secret, by=BY)
    assert shelf.holding("swordfish") == set()
    emptied = replace(before[secret].message, body="", erased_at=shelf.line.clock.now())
    assert erased == replace(before[secret], message=emptied) == await shelf.store.post(secret)
    assert [await shelf.store.post(each) for each in (first, last)] == [before[first], before[last]]
    shelf.line.clock.advance(MONTH)
    assert await shelf.store.erase(secret, by=BY) == erased


async def test_an_erased_question_takes_its_answer_along(shelf: Shelf) -> None:
    asked = await shelf.answered("Where is the albatross?", "On the balcony.")
    await shelf.note()
    await shelf.move()
    erased = await shelf.store.erase(asked.id, by=BY)
    assert shelf.holding("albatross") == shelf.holding("balcony") == shelf.holding("is 9276") == set()
    assert erased.answer is not None
    assert (erased.answer.text, erased.answer.citations) == ("", ())
    assert (await shelf.store.get(asked.id)).answer == erased.answer


class ErasingFiles(ArchiveFiles):
    """Lets somebody erase a message when a file that holds it was just written, and is not listed yet."""

    def __init__(self, shelf: Shelf, erased: MessageId) -> None:
        super().__init__(shelf.archive)
        self._loop = asyncio.get_running_loop()
        self._store = shelf.store
        self._erased = erased

    def write(self, name: str, posts: Sequence[Post]) -> str:
        digest = super().write(name, posts)
        asyncio.run_coroutine_threadsafe(self._store.erase(self._erased, by=BY), self._loop).result(5)
        return digest


async def test_what_is_erased_while_it_is_moved_is_in_no_file_and_moves_the_next_time(shelf: Shelf) -> None:
    secret, _ = [await shelf.note(body) for body in ("swordfish", "newest")]
    archive = shelf.store.database.archive
    archive._files = ErasingFiles(shelf, secret)
    assert await shelf.move() == 0
    assert shelf.holding("swordfish") == set()
    archive._files = ArchiveFiles(shelf.archive)
    assert await shelf.move() == 1
    assert (await shelf.store.post(secret)).message.body == ""


async def test_numbers_are_never_given_twice(shelf: Shelf) -> None:
    await shelf.notes(3)
    before = await shelf.said()
    assert await shelf.move() == 2
    await shelf.line.reopen()
    await shelf.note()
    assert await shelf.move() == 1
    after = await shelf.said()
    assert after[:3] == before
    assert [post.number for post in after] == list(range(before[0].number, before[0].number + 4))


async def test_a_run_that_was_killed_before_it_listed_its_file_is_done_again(shelf: Shelf) -> None:
    await shelf.notes(4)
    before = await shelf.said()
    await shelf.store.close()
    database = (shelf.folder / "store.db").read_bytes()
    await shelf.store.open()
    assert await shelf.move() == 3
    await shelf.store.close()
    (orphan,) = shelf.files()
    kept = orphan.with_name("000000000007-000000000008.jsonl.gz")
    orphan.rename(kept)
    (shelf.archive / "000000000009-000000000009.jsonl.new").write_bytes(b"half")
    (shelf.folder / "store.db").write_bytes(database)
    await shelf.store.open()
    assert await shelf.said() == before
    assert await shelf.move() == 3
    assert shelf.files() == [orphan]
    assert await shelf.said() == before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _changed(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(byte ^ 0xFF for byte in whole[40:60]) + whole[60:])


def _of_another_form(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"message": 1}\n'))


DAMAGES = [Path.unlink, _cut, _changed, _of_another_form, lambda path: path.write_bytes(b"not gzip")]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_named_with_advice_and_costs_the_rest_nothing(
    shelf: Shelf, damage: Callable[[Path], object]
) -> None:
    ids = await shelf.notes(7)
    await shelf.move()
    spoilt, sound = shelf.files()
    damage(spoilt)
    for reading in (shelf.store.post(ids[0]), shelf.store.get(ids[0]), shelf.store.erase(ids[0], by=BY), shelf.said()):
        with pytest.raises(StoreDamagedError, match=rf"{spoilt.name}.*restore it from a backup"):
            await reading
    assert (await shelf.store.post(ids[3])).message.body == "note 3"
    assert (await shelf.store.post(ids[6])).message.body == "note 6"
    await shelf.note()
    assert await shelf.move() == 1
    assert sound in shelf.files()


async def test_a_folder_that_cannot_be_written_is_named_and_every_row_stays(shelf: Shelf) -> None:
    ids = await shelf.notes(3)
    shelf.archive.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=str(shelf.archive)):
        await shelf.move()
    assert set(ids) <= shelf.rows()
    shelf.archive.unlink()
    assert await shelf.move() == 2


async def test_what_cannot_be_removed_from_the_folder_is_named(shelf: Shelf) -> None:
    await shelf.notes(3)
    (shelf.archive / "a folder").mkdir(parents=True)
    with pytest.raises(StoreError, match="a folder"):
        await shelf.move()


async def test_the_archive_is_the_owners_alone(shelf: Shelf) -> None:
    before = os.umask(0)
    try:
        await shelf.notes(3)
        await shelf.move()
    finally:
        os.umask(before)
    assert stat.S_IMODE(shelf.archive.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in shelf.files()] == [0o600]


async def test_a_file_is_lines_of_json_in_the_order_of_acceptance(shelf: Shelf) -> None:
    asked = await shelf.line.ask(deadline=None)
    lease = await shelf.line.lease()
    note = await shelf.note()
    await shelf.store.settle(lease, an_answer(shelf.line.clock, asked))
    await shelf.note()
    await shelf.move()
    (file,) = shelf.files()
    posts = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert [post["number"] for post in posts] == [1, 2, 3]
    assert [post["message"]["id"] for post in posts][:2] == [asked.id, note]


async def test_a_key_is_forgotten_with_its_message(shelf: Shelf) -> None:
    first = a_note(shelf.line.clock, shelf.ada, idempotency_key="k")
    await shelf.store.add(first, BOBS, by=shelf.ada)
    await shelf.notes(2)
    await shelf.move()
    again = a_note(shelf.line.clock, shelf.ada, idempotency_key="k")
    assert (await shelf.store.add(again, BOBS, by=shelf.ada)).created
