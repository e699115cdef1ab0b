"""Erasing on a file: the bytes are gone from it and from its log, not only from what the store shows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import LEASE, a_question, an_answer
from warmline.errors import StoreError
from warmline.model import MEMORY_MAILBOX, Message
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

SIZES = (1, 20, 300, 700, 3_000, 40_000)
"""In repetitions of a mark: on part of a page, on one, and on many."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
    await store.open()
    yield store
    await store.close()


def found(folder: Path, mark: str) -> list[str]:
    """Return the files that hold these bytes."""
    return sorted(path.name for path in folder.iterdir() if mark.encode() in path.read_bytes())


def a_mark(number: int) -> str:
    return f"<mark {number:06d} of what was told in confidence>"


async def told(store: SqliteStore, clock: ManualClock, number: int, repetitions: int) -> Message:
    message = replace(a_question(clock, a_mark(number) * repetitions), metadata=f'{{"file": "{a_mark(number)}"}}')
    await store.add(message, MEMORY_MAILBOX)
    return message


@pytest.mark.parametrize("repetitions", SIZES)
async def test_an_erased_message_is_in_no_file_of_the_store(
    store: SqliteStore, clock: ManualClock, tmp_path: Path, repetitions: int
) -> None:
    messages = [await told(store, clock, number, repetitions) for number in range(5)]
    assert found(tmp_path, a_mark(2))
    await store.erase(messages[2].id, by=BY)
    assert found(tmp_path, a_mark(2)) == []
    assert found(tmp_path, a_mark(1)) == found(tmp_path, a_mark(3)) == ["store.db"]


async def test_an_erased_question_takes_the_bytes_of_its_answer_along(
    store: SqliteStore, clock: ManualClock, tmp_path: Path
) -> None:
    message = await told(store, clock, 1, 1)
    lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
    await store.settle(lease, an_answer(clock, message, a_mark(2) * 500))
    assert found(tmp_path, a_mark(2))
    await store.erase(message.id, by=BY)
    assert found(tmp_path, a_mark(1)) == found(tmp_path, a_mark(2)) == found(tmp_path, "is 9276") == []


async def test_bytes_stay_gone_in_whatever_order_messages_of_any_size_are_erased(
    store: SqliteStore, clock: ManualClock, tmp_path: Path
) -> None:
    chance = random.Random(3)
    messages = [await told(store, clock, number, chance.choice((1, 3, 9, 27, 81))) for number in range(300)]
    numbers = list(range(300))
    chance.shuffle(numbers)
    erased = numbers[:150]
    for number in erased:
        await store.erase(messages[number].id, by=BY)
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240
    assert [number for number in erased if a_mark(number).encode() in left] == []
    for number in numbers[150:]:
        assert (await store.post(messages[number].id)).message == messages[number]


async def test_an_erasing_whose_bytes_could_not_be_removed_says_so_and_can_be_said_again(
    store: SqliteStore, clock: ManualClock, tmp_path: Path
) -> None:
    message, other = await told(store, clock, 1, 100), a_question(clock)
    store.database._connection.set_busy_timeout(10)
    reader = apsw.Connection(str(tmp_path / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    reading = reader.execute("select body from message")
    erased, added = await asyncio.gather(
        store.erase(message.id, by=BY), store.add(other, MEMORY_MAILBOX), return_exceptions=True
    )
    assert isinstance(erased, StoreError)
    assert not isinstance(added, BaseException)  # its neighbour in the batch goes on
    reading.close()
    reader.close()
    assert (await store.erase(message.id, by=BY)).message.body == ""
    assert found(tmp_path, a_mark(1)) == []
