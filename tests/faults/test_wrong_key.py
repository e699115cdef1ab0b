"""A store under another key, under none, or without its key is refused, and stays as it was to the last byte."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import KEY, SEALS
from store_cases import a_question
from warmline.errors import StoreDamagedError, WrongKeyError
from warmline.model import MEMORY_MAILBOX, State
from warmline.security.databases import open_database
from warmline.settings import StoreSettings
from warmline.stores.opening import PAGE_BYTES
from warmline.stores.sqlite import SqliteStore

OTHER_KEY = bytes(32)


def the_store(path: Path, key: bytes | None) -> SqliteStore:
    return SqliteStore(path, StoreSettings(), ManualClock(), SEALS, key=key)


async def make(path: Path, key: bytes | None, killed: Path | None = None) -> Path:
    """Make a store with a hundred questions; with `killed`, a copy of its files as a kill would have left them."""
    store = the_store(path, key)
    await store.open()
    for number in range(100):
        await store.add(a_question(ManualClock(), f"{number}: " + "words " * 300), MEMORY_MAILBOX)
    if killed:
        shutil.copytree(path.parent, killed, ignore=shutil.ignore_patterns("*-shm"))
    await store.close()
    return killed / path.name if killed else path


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


@pytest.mark.parametrize(
    ("under", "named"), [(KEY, OTHER_KEY), (KEY, None), (None, KEY)], ids=["another", "none", "not encrypted"]
)
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_wrong_key_is_refused_on_one_line_and_changes_nothing(
    tmp_path: Path, under: bytes | None, named: bytes | None, *, is_killed: bool
) -> None:
    path = await make(tmp_path / "home" / "store.db", under, tmp_path / "killed" if is_killed else None)
    before = content(path.parent)
    with pytest.raises(WrongKeyError) as refused:
        await the_store(path, named).open()
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    assert content(path.parent) == before
    store = the_store(path, under)
    await store.open()
    assert (await store.tally())[State.READY] == 100
    await store.close()


@pytest.mark.parametrize("at", [0.5, 0.9])
async def test_a_damaged_page_of_an_encrypted_store_is_damage_and_no_wrong_key(tmp_path: Path, at: float) -> None:
    path = await make(tmp_path / "home" / "store.db", KEY)
    spoiled = bytearray(path.read_bytes())
    start = int(len(spoiled) * at) // PAGE_BYTES * PAGE_BYTES
    spoiled[start : start + PAGE_BYTES] = random.Random(3).randbytes(PAGE_BYTES)
    path.write_bytes(spoiled)
    with pytest.raises(StoreDamagedError):
        await the_store(path, KEY).open()
    assert path.read_bytes() == spoiled


async def test_a_file_that_is_no_database_is_damage_and_no_wrong_key(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"Which port does the exporter listen on?\n" * 1000)
    for key in (KEY, None):
        with pytest.raises(StoreDamagedError):
            await the_store(path, key).open()


async def test_every_page_has_a_nonce_of_its_own_and_pages_cannot_be_swapped(tmp_path: Path) -> None:
    path = await make(tmp_path / "home" / "store.db", KEY)
    swapped = bytearray(path.read_bytes())
    one, two = (slice(number * PAGE_BYTES, (number + 1) * PAGE_BYTES) for number in (10, 11))
    swapped[one], swapped[two] = swapped[two], swapped[one]
    path.write_bytes(swapped)
    with pytest.raises(StoreDamagedError):
        await the_store(path, KEY).open()


async def test_the_settings_of_an_encrypted_store_are_those_of_any_other(tmp_path: Path) -> None:
    path = await make(tmp_path / "home" / "store.db", KEY)
    connection = open_database(path, KEY)
    assert (connection.pragma("page_size"), connection.pragma("journal_mode")) == (PAGE_BYTES, "wal")
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
