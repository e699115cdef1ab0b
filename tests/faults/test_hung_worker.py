"""A worker that hangs beyond its lease and comes back: its answer is refused, and another's counts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bridge_cases import bridge_over
from sealing import SEALS
from warmline.answerers.scripted import ScriptedAnswerer
from warmline.bridge.bridge import Bridge
from warmline.bridge.credentials import THE_OWNER
from warmline.clock import SystemClock
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.errors import LeaseLostError
from warmline.ids import new_message_id
from warmline.model import (
    MEMORY_MAILBOX,
    Answer,
    Citation,
    Claim,
    Draft,
    Kind,
    Lease,
    Message,
    Outcome,
    Recollection,
    State,
)
from warmline.protocols import Said, unheard
from warmline.settings import DispatchSettings, StoreSettings
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


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[tuple[SqliteStore, Bridge]]:
    """A real store in real time, whose leases lapse."""
    clock = SystemClock()
    store = SqliteStore(path / "store.db", StoreSettings(), clock, SEALS)
    bridge = bridge_over(store, clock)
    await store.open()
    timekeeping = asyncio.create_task(Timekeeper(store, clock).run())
    try:
        yield store, bridge
    finally:
        timekeeping.cancel()
        await asyncio.wait({timekeeping}, timeout=5)
        await store.close()


async def test_the_late_answer_is_refused_and_the_question_is_answered_by_another(tmp_path: Path) -> None:
    async with open_store(tmp_path) as (store, bridge), asyncio.timeout(5):
        asked = (await bridge.questions.ask(THE_OWNER, "why?")).question.message.id
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


class HangsOnce(ScriptedAnswerer):
    """Holds the whole process still over its first question, beyond the lease: nobody extends, as after a SIGSTOP."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        if not self.asked:
            threading.Event().wait(3 * SHORT.total_seconds())
        return await super().answer(question, recollection)


class Nothing:
    """A memory of nothing, and a verifier of no claims."""

    async def passages(self, _question: str, _limit: int, _within: frozenset[str] | None = None) -> Recollection:
        return Recollection((), 1.0)

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()


async def test_a_process_that_stood_still_beyond_its_lease_answers_once_and_blames_nobody(tmp_path: Path) -> None:
    drafts = [Draft(Outcome.ANSWERED, "first"), Draft(Outcome.ANSWERED, "second")]
    answerer, nothing, clock = HangsOnce(drafts), Nothing(), SystemClock()
    async with open_store(tmp_path) as (store, bridge), asyncio.timeout(5):
        parts = Parts(store=store, recall=nothing, verifier=nothing, answerer=answerer, clock=clock)
        settings = DispatchSettings(lease=SHORT, workers=1)
        dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings, holder="one", asked_to_leave=lambda: None)
        dispatching = asyncio.create_task(dispatcher.run())
        asked = (await bridge.questions.ask(THE_OWNER, "why?")).question.message.id
        ended = await store.wait_until_ended(asked)
        await dispatcher.drain()
        await dispatching
    assert ended.answer is not None
    # Late by the clock, the first answer counts if it comes before the store has let the lease lapse.
    counts = (ended.answer.text, ended.delivery.deliveries, ended.delivery.lapses)
    assert counts in {("first", 1, 0), ("second", 2, 1)}
    assert (ended.delivery.failures, len(answerer.asked)) == (0, ended.delivery.deliveries)
