"""What verbs count up is written once a transaction, and counts right whatever fails beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import SEALS, assert_ledger_is_true
from store_cases import a_credential, a_note, a_question
from warmline.errors import ConflictError, RateLimitedError
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, Mailbox
from warmline.protocols import Accepted
from warmline.settings import StoreSettings
from warmline.stores.accepting import next_position
from warmline.stores.sqlite import SqliteStore
from warmline.stores.transaction import Transaction
from warmline.stores.verbs import add_mailbox


class Bug(Exception):  # noqa: N818  # a bug is no error of ours
    """What no verb foresaw."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, StoreSettings(), ManualClock(), SEALS)
    await store.open()
    yield store
    await store.close()


def last_position(path: Path) -> int:
    connection = apsw.Connection(str(path))
    ((last,),) = connection.execute("select last_position from mailbox where name = 'memory'")
    connection.close()
    return int(last)


def position(accepted: Accepted) -> int:
    return accepted.question.delivery.position


def only_counts(tx: Transaction, number: int) -> None:
    next_position(tx, number)
    raise Bug


def counts_and_writes(tx: Transaction, number: int) -> None:
    next_position(tx, number)
    add_mailbox(tx, Mailbox(DEFAULT_CONVERSATION, "never"))
    raise Bug


@pytest.mark.parametrize("breaks", [only_counts, counts_and_writes])
async def test_a_verb_that_breaks_takes_no_position_and_those_beside_it_keep_theirs(
    store: SqliteStore, path: Path, breaks: Callable[[Transaction, int], None]
) -> None:
    number, clock = store.database.box(MEMORY_MAILBOX).number, ManualClock()
    first = asyncio.create_task(store.add(a_question(clock), MEMORY_MAILBOX))
    await asyncio.sleep(0)
    broken = store.database.submit(lambda tx: breaks(tx, number), synced=True)
    second = asyncio.create_task(store.add(a_question(clock), MEMORY_MAILBOX))
    async with asyncio.timeout(5):
        with pytest.raises(Bug):
            await broken.done
        assert [position(await first), position(await second)] == [1, 2]
    assert last_position(path) == 2
    assert_ledger_is_true(path)


async def test_a_transaction_that_cannot_be_committed_takes_no_position(store: SqliteStore, path: Path) -> None:
    connection, clock = store.database._connection, ManualClock()
    connection.set_commit_hook(lambda: True)
    with pytest.raises(ConflictError):
        await store.add(a_question(clock), MEMORY_MAILBOX)
    connection.set_commit_hook(None)
    assert position(await store.add(a_question(clock), MEMORY_MAILBOX)) == 1
    assert last_position(path) == 1


async def test_a_rate_counts_those_that_are_accepted_together(store: SqliteStore, path: Path) -> None:
    clock = ManualClock()
    limits = Limits(per_minute=2, per_hour=100, per_day=100)
    ada = a_credential(clock, "ada", conversation=DEFAULT_CONVERSATION, limits=limits)
    adding = (store.add(a_note(clock, ada), MEMORY_MAILBOX, by=ada) for _ in range(3))
    *accepted, refused = await asyncio.gather(*adding, return_exceptions=True)
    assert [position(each) for each in accepted if isinstance(each, Accepted)] == [1, 2]
    assert isinstance(refused, RateLimitedError)
    with pytest.raises(RateLimitedError):
        await store.add(a_note(clock, ada), MEMORY_MAILBOX, by=ada)
    assert_ledger_is_true(path)
