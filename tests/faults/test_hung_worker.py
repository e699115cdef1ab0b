"""A worker that hangs beyond its lease and comes back: its answer is refused, and another's counts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from warmline.clock import SystemClock
from warmline.dispatch.timekeeper import Timekeeper
from warmline.errors import LeaseLostError
from warmline.ids import new_message_id
from warmline.model import MEMORY_MAILBOX, Answer, Kind, Lease, Message, Outcome, State
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

SHORT = timedelta(milliseconds=100)
LONG = timedelta(seconds=30)


def answer_to(lease: Lease, author: str) -> Message:
    now = SystemClock().now()
    return Message(
        id=new_message_id(now),
        conversation=lease.message.conversation,
        sender=author,
        kind=Kind.ANSWER,
        body=f"by {author}",
        sent_at=now,
        trace=lease.message.trace,
        in_reply_to=lease.message.id,
        answer=Answer(Outcome.ANSWERED, f"by {author}", author),
    )


async def test_the_late_answer_is_refused_and_the_question_is_answered_by_another(tmp_path: Path) -> None:
    clock = SystemClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock)
    await store.open()
    timekeeping = asyncio.create_task(Timekeeper(store, clock).run())
    try:
        now = clock.now()
        asked = new_message_id(now)
        question = Message(
            id=asked,
            conversation=MEMORY_MAILBOX.conversation,
            sender="owner",
            kind=Kind.QUESTION,
            body="why?",
            sent_at=now,
            trace=asked,
            deadline_at=now + LONG,
        )
        await store.add(question, MEMORY_MAILBOX)
        async with asyncio.timeout(5):
            hung = await store.lease(MEMORY_MAILBOX, "hung", SHORT)
            other = await store.lease(MEMORY_MAILBOX, "other", LONG)  # granted once the first has lapsed
            assert (await store.get(asked)).delivery.lapses == 1
            with pytest.raises(LeaseLostError):
                await store.extend(hung, LONG)
            with pytest.raises(LeaseLostError):
                await store.settle(hung, answer_to(hung, "hung"))
            assert (await store.get(asked)).delivery.state is State.LEASED
            await store.settle(other, answer_to(other, "other"))
            with pytest.raises(LeaseLostError):
                await store.settle(hung, answer_to(hung, "hung"))
            ended = await store.wait_until_ended(asked)
        assert ended.answer is not None
        assert (ended.answer.author, ended.delivery.deliveries) == ("other", 2)
    finally:
        timekeeping.cancel()
        await asyncio.wait({timekeeping}, timeout=5)
        await store.close()
