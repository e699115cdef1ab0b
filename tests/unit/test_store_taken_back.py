"""A reader that left while it was being served, and one that came again under the same key in that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import LEASE, a_credential, a_note
from warmline.model import DEFAULT_CONVERSATION, OWNER_MAILBOX, Batch, State
from warmline.parties import Credential
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ada(clock: ManualClock) -> Credential:
    return a_credential(clock, "ada", conversation=DEFAULT_CONVERSATION)


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
    await store.open()
    yield store
    await store.close()


def receiving(store: SqliteStore, ada: Credential) -> asyncio.Task[Batch]:
    return asyncio.ensure_future(store.receive(OWNER_MAILBOX, ada, 10, LEASE, "a key"))


async def test_what_a_second_call_was_given_stays_when_the_first_has_left(
    store: SqliteStore, clock: ManualClock, ada: Credential
) -> None:
    note = a_note(clock, ada)
    await store.add(note, OWNER_MAILBOX)
    first, second = receiving(store, ada), receiving(store, ada)
    await asyncio.sleep(0)  # both are on their way
    first.cancel()
    async with asyncio.timeout(5):
        batch = await second
        await asyncio.gather(first, return_exceptions=True)
    await store.tally()
    assert await store.held(batch.token, ada.id) == batch
    assert (await store.acknowledge(batch.token, ada.id)).settled == (note.id,)


async def test_what_two_calls_were_given_waits_again_when_both_have_left(
    store: SqliteStore, clock: ManualClock, ada: Credential
) -> None:
    note = a_note(clock, ada)
    await store.add(note, OWNER_MAILBOX)
    both = receiving(store, ada), receiving(store, ada)
    await asyncio.sleep(0)
    for call in both:
        call.cancel()
    await asyncio.gather(*both, return_exceptions=True)
    async with asyncio.timeout(5):
        lease = await store.lease(OWNER_MAILBOX, "worker", LEASE)
    assert (lease.message.id, lease.lapses, lease.failures) == (note.id, 0, 0)


async def test_a_call_that_left_after_a_batch_was_handed_out_leaves_it_there(
    store: SqliteStore, clock: ManualClock, ada: Credential
) -> None:
    note = a_note(clock, ada)
    await store.add(note, OWNER_MAILBOX)
    batch = await receiving(store, ada)
    again = receiving(store, ada)
    await asyncio.sleep(0)
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    assert await receiving(store, ada) == batch
    assert (await store.get(note.id)).delivery.state is State.LEASED
