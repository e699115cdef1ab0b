"""A file that is damaged, foreign or of a newer version is refused, and stays as it was to the last byte."""

from __future__ import annotations

import random
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import LEASE, a_question, an_answer
from warmline.errors import StoreDamagedError, StoreError, StoreVersionError
from warmline.model import MEMORY_MAILBOX, State
from warmline.settings import StoreSettings
from warmline.stores.opening import APPLICATION_ID, PAGE_BYTES
from warmline.stores.queries import load_migrations
from warmline.stores.sqlite import SqliteStore

NEWEST = load_migrations()[-1][0]


def the_store(path: Path) -> SqliteStore:
    return SqliteStore(path, StoreSettings(), ManualClock(), SEALS)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with a hundred questions, closed."""
    path = tmp_path / "store.db"
    store, clock = the_store(path), ManualClock()
    await store.open()
    for number in range(100):
        await store.add(a_question(clock, f"{number}: " + "words " * 300), MEMORY_MAILBOX)
    await store.close()
    return path


def cut_in_half(content: bytearray) -> None:
    del content[len(content) // 2 :]


def cut_within_the_header(content: bytearray) -> None:
    del content[50:]


def cut_the_last_page(content: bytearray) -> None:
    del content[-PAGE_BYTES:]


def spoil_the_header(content: bytearray) -> None:
    content[:100] = random.Random(1).randbytes(100)


def spoil_a_page_in_the_middle(content: bytearray) -> None:
    middle = len(content) // 2 // PAGE_BYTES * PAGE_BYTES
    content[middle : middle + PAGE_BYTES] = random.Random(2).randbytes(PAGE_BYTES)


def empty_a_page_in_the_middle(content: bytearray) -> None:
    middle = len(content) // 2 // PAGE_BYTES * PAGE_BYTES
    content[middle : middle + PAGE_BYTES] = bytes(PAGE_BYTES)


def replace_by_text(content: bytearray) -> None:
    content[:] = b"Which port does the exporter listen on?\n" * 1000


def spoil(path: Path, damage: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


DAMAGES = [
    cut_in_half,
    cut_within_the_header,
    cut_the_last_page,
    spoil_the_header,
    spoil_a_page_in_the_middle,
    empty_a_page_in_the_middle,
    replace_by_text,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_refused_and_unchanged(path: Path, damage: Callable[[bytearray], None]) -> None:
    spoil(path, damage)
    await _is_refused_and_unchanged(path, StoreDamagedError)


async def test_a_newer_version_is_refused_and_unchanged(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", NEWEST + 1)
    connection.close()
    error = await _is_refused_and_unchanged(path, StoreVersionError)
    assert "newer" in str(error)
    assert str(NEWEST + 1) in str(error)


async def test_a_newer_version_that_was_killed_is_refused_and_unchanged(path: Path, tmp_path: Path) -> None:
    """Its version still stands in the log beside the file."""
    connection = apsw.Connection(str(path))
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("user_version", NEWEST + 1)
    killed = tmp_path / "killed"
    shutil.copytree(path.parent, killed, ignore=shutil.ignore_patterns("killed", "*-shm"))
    connection.close()
    await _is_refused_and_unchanged(killed / path.name, StoreVersionError, may_appear={"store.db-shm"})


async def test_another_program_s_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table message (id); insert into message values (1)")
    connection.close()
    await _is_refused_and_unchanged(path, StoreDamagedError)


async def test_a_refusal_names_the_file_on_one_line(path: Path) -> None:
    spoil(path, replace_by_text)
    error = await _is_refused_and_unchanged(path, StoreDamagedError)
    assert str(path) in str(error)
    assert "\n" not in str(error)


async def _is_refused_and_unchanged(
    path: Path, error: type[StoreError], *, may_appear: frozenset[str] | set[str] = frozenset()
) -> StoreError:
    before = snapshot(path.parent)
    with pytest.raises(error) as refused:
        await the_store(path).open()
    after = snapshot(path.parent)
    assert {name: content for name, content in after.items() if name not in may_appear} == before
    return refused.value


async def test_a_closed_store_is_opened_again_with_everything_in_it(path: Path) -> None:
    store = the_store(path)
    await store.open()
    assert (await store.tally())[State.READY] == 100
    lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
    assert lease.message.body.startswith("0: ")
    await store.close()
    again = the_store(path)
    await again.open()
    await again.settle(lease, an_answer(ManualClock(), lease.message))
    assert (await again.add(a_question(ManualClock()), MEMORY_MAILBOX)).question.delivery.position == 101
    await again.close()


def make_an_empty_file(path: Path) -> None:
    path.touch()


def make_a_database_without_tables(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.close()


def leave_a_journal(path: Path) -> None:
    """Stop a transaction as the power would: all of it is in the file, and the journal to undo it is still there."""
    journal, kept = path.with_name("store.db-journal"), path.with_name("kept")
    connection = apsw.Connection(str(path))
    connection.execute("create table soon_gone (x); drop table soon_gone")
    connection.pragma("cache_size", 1)
    connection.execute("begin; create table begun (x)")
    connection.executemany("insert into begun values (?)", [("x" * PAGE_BYTES,)] * 50)
    shutil.copy(journal, kept)
    connection.execute("commit")
    connection.close()
    kept.rename(journal)


@pytest.mark.parametrize("begin", [make_an_empty_file, make_a_database_without_tables, leave_a_journal])
async def test_a_store_whose_making_was_cut_off_is_made_anew(tmp_path: Path, begin: Callable[[Path], None]) -> None:
    path = tmp_path / "store.db"
    begin(path)
    store = the_store(path)
    await store.open()
    await store.add(a_question(ManualClock()), MEMORY_MAILBOX)
    await store.close()


async def test_what_the_store_makes_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "store.db"
    store = the_store(path)
    await store.open()
    await store.add(a_question(ManualClock()), MEMORY_MAILBOX)
    seen = modes(tmp_path)
    await store.close()
    assert seen == {"home": 0o700, "store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def modes(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.rglob("*")}


async def test_a_store_is_marked_as_ours(path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.pragma("application_id") == APPLICATION_ID
    assert connection.pragma("user_version") == NEWEST
    connection.close()
