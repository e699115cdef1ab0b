"""The dispatcher, on the verified in-memory store and a clock that moves when told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dispatching import DONE, SECOND, at_once, running
from leaks import AWS, MASKED_AWS, holds_raw
from warmline.bridge.credentials import THE_OWNER
from warmline.errors import AnswererError, StoreFullError
from warmline.ids import new_message_id
from warmline.model import (
    DEFAULT_CONVERSATION,
    MEMORY_MAILBOX,
    OWNER,
    SHUTDOWN,
    Draft,
    Kind,
    Message,
    State,
)


async def test_a_question_is_answered_and_the_answer_names_its_author_and_steps() -> None:
    async with running(at_once) as bench:
        question = await bench.ended(await bench.ask("why?"))
    assert question.answer is not None
    assert (question.answer.text, question.answer.author) == ("done", "test")
    assert set(question.answer.timings_ms) == {"queued", "recall", "answer", "verify", "total"}


@pytest.mark.parametrize(
    ("memories", "within"), [(None, None), ((), frozenset()), (("notes", "code"), frozenset({"notes", "code"}))]
)
async def test_a_question_is_recalled_and_verified_within_the_memories_of_its_asker(
    memories: tuple[str, ...] | None, within: frozenset[str] | None
) -> None:
    async with running(at_once) as bench:
        now = bench.clock.now()
        asked = Message(
            id=new_message_id(now),
            conversation=MEMORY_MAILBOX.conversation,
            sender="guest",
            kind=Kind.QUESTION,
            body="why?",
            sent_at=now,
            trace="trace",
            memories=memories,
        )
        await bench.ended((await bench.store.add(asked, MEMORY_MAILBOX)).question)
    assert bench.scopes == [within, within]


async def test_a_failing_question_is_tried_again_and_buried_after_the_limit_with_its_reason() -> None:
    tries = 0

    async def failing(_question: Message) -> Draft:
        nonlocal tries
        tries += 1
        raise AnswererError("the model is away")

    async with running(failing, max_failures=3) as bench:
        asked = await bench.ask("why?")
        for failures in (1, 2):
            await bench.until_failures(asked, failures)
            bench.clock.advance(timedelta(minutes=2))
        question = await bench.ended(asked)
    assert (question.delivery.state, question.delivery.failures, tries) == (State.DEAD, 3, 3)
    assert question.delivery.last_error == "the model is away"


async def test_a_bug_in_the_answerer_costs_its_neighbours_nothing() -> None:
    async def broken_for_one(question: Message) -> Draft:
        if question.body == "bad":
            raise ZeroDivisionError("a bug")
        return DONE

    async with running(broken_for_one, max_failures=1) as bench:
        bad, good = await bench.ask("bad"), await bench.ask("good")
        assert (await bench.ended(good)).delivery.state is State.SETTLED
        buried = await bench.ended(bad)
    assert buried.delivery.state is State.DEAD
    assert buried.delivery.last_error == "test broke: ZeroDivisionError: a bug"


async def test_a_store_in_trouble_costs_the_question_no_try() -> None:
    tries = 0

    async def finds_no_room_at_first(_question: Message) -> Draft:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreFullError("the disk is full")
        return DONE

    async with running(finds_no_room_at_first, max_failures=1) as bench:
        asked = await bench.ask("why?")
        async with asyncio.timeout(5):
            while tries < 3:
                bench.clock.advance(SECOND / 10)
                await asyncio.sleep(0)
        question = await bench.ended(asked)
    assert (question.delivery.state, question.delivery.failures, tries) == (State.SETTLED, 0, 3)


async def test_an_answer_that_the_store_cannot_take_is_given_again_without_blame() -> None:
    async with running(at_once, max_failures=1) as bench:
        bench.store.refusals = 2
        asked = await bench.ask("why?")
        ended = asyncio.ensure_future(bench.ended(asked))
        async with asyncio.timeout(5):
            while not ended.done():
                bench.clock.advance(SECOND / 10)
                await asyncio.sleep(0)
        delivery = ended.result().delivery
    assert (delivery.state, delivery.failures, delivery.deliveries) == (State.SETTLED, 0, 3)


async def test_workers_answer_side_by_side() -> None:
    together = asyncio.Barrier(3)

    async def meeting(_question: Message) -> Draft:
        async with asyncio.timeout(5):
            await together.wait()
        return DONE

    async with running(meeting, workers=3) as bench:
        asked = [await bench.ask(f"{n}?") for n in range(3)]
        states = [(await bench.ended(each)).delivery.state for each in asked]
    assert states == [State.SETTLED] * 3


class Hanging:
    """An answerer that hangs until released, and tells when it was entered and cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.released = asyncio.Event()

    async def __call__(self, _question: Message) -> Draft:
        self.entered.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return DONE


async def test_a_lease_is_extended_at_a_third_for_as_long_as_the_work_takes() -> None:
    hanging = Hanging()
    async with running(hanging) as bench:
        asked = await bench.ask("why?")
        await hanging.entered.wait()
        first = (await bench.store.get(asked.message.id)).delivery.lease_lapses_at
        for _ in range(5):
            await bench.clock.until_sleepers(2)
            bench.clock.advance(10 * SECOND)
            await bench.clock.until_sleepers(2)
        held = (await bench.store.get(asked.message.id)).delivery
        assert first is not None
        assert held.lease_lapses_at == first + 50 * SECOND
        hanging.released.set()
        question = await bench.ended(asked)
    assert (question.delivery.state, question.delivery.deliveries) == (State.SETTLED, 1)


async def test_a_lease_taken_while_the_heartbeat_sleeps_is_extended_at_its_own_third() -> None:
    hanging = Hanging()

    async def quick_then_slow(question: Message) -> Draft:
        return DONE if question.body == "quick?" else await hanging(question)

    async with running(quick_then_slow) as bench:
        await bench.ended(await bench.ask("quick?"))
        await bench.clock.until_sleepers(2)
        bench.clock.advance(5 * SECOND)
        asked = await bench.ask("slow?")
        await hanging.entered.wait()
        first = (await bench.store.get(asked.message.id)).delivery.lease_lapses_at
        for _ in range(2):
            await bench.clock.until_sleepers(2)
            bench.clock.advance(5 * SECOND)
            await bench.clock.until_sleepers(2)
        held = (await bench.store.get(asked.message.id)).delivery
        assert first is not None
        assert held.lease_lapses_at == first + 10 * SECOND


@pytest.mark.parametrize("end", ["cancel", "expire"])
async def test_work_on_a_question_that_ended_is_stopped_at_once(end: str) -> None:
    hanging = Hanging()
    async with running(hanging) as bench:
        asked = await bench.ask("why?", seconds=5)
        await hanging.entered.wait()
        if end == "cancel":
            await bench.bridge.questions.cancel(THE_OWNER, asked.message.id)
        else:
            await bench.clock.until_sleepers(2)
            bench.clock.advance(6 * SECOND)
        async with asyncio.timeout(5):
            await hanging.cancelled.wait()
        hanging.released.set()
        other = await bench.ended(await bench.ask("another?"))
        assert await bench.state(asked) is (State.CANCELLED if end == "cancel" else State.EXPIRED)
    assert other.delivery.state is State.SETTLED


async def test_a_lapsed_lease_stops_the_work_and_another_answers() -> None:
    hanging = Hanging()
    async with running(hanging) as bench:
        asked = await bench.ask("why?")
        await hanging.entered.wait()
        await bench.clock.until_sleepers(2)
        bench.clock.advance(31 * SECOND)  # the machine slept: no extension came in time
        async with asyncio.timeout(5):
            await hanging.cancelled.wait()
        hanging.released.set()
        question = await bench.ended(asked)
    assert (question.delivery.state, question.delivery.deliveries) == (State.SETTLED, 2)
    assert (question.delivery.lapses, question.delivery.failures) == (1, 0)


async def test_a_shutdown_releases_without_blame() -> None:
    hanging = Hanging()
    async with running(hanging) as bench:
        asked = await bench.ask("why?")
        await hanging.entered.wait()
        await bench.dispatcher.drain()
        delivery = (await bench.store.get(asked.message.id)).delivery
    assert (delivery.state, delivery.deliveries, delivery.failures, delivery.lapses) == (State.READY, 1, 0, 0)


async def test_a_shutdown_lets_an_answer_in_progress_finish() -> None:
    hanging = Hanging()
    async with running(hanging, drain=timedelta(seconds=5)) as bench:
        asked = await bench.ask("why?")
        await hanging.entered.wait()
        draining = asyncio.create_task(bench.dispatcher.drain())
        hanging.released.set()
        async with asyncio.timeout(5):
            await draining
        later = await bench.ask("after the drain?")
        assert await bench.state(asked) is State.SETTLED
        assert await bench.state(later) is State.READY


async def test_a_shutdown_is_done_before_it_is_told_and_is_no_question() -> None:
    async with running(at_once) as bench:
        sent = await bench.bridge.messages.send(THE_OWNER, "memory", SHUTDOWN, kind=Kind.CONTROL)
        async with asyncio.timeout(5):
            await bench.left.wait()
        post = await bench.store.post(sent.post.message.id)
        assert (post.deliveries[0].state, post.answer) == (State.SETTLED, None)
        question = await bench.ended(await bench.ask("why?"))  # to leave is up to whoever was told
        assert question.answer is not None


async def test_a_control_message_that_asks_for_nothing_known_is_only_done() -> None:
    async with running(at_once) as bench:
        now = bench.clock.now()
        control = Message(new_message_id(now), DEFAULT_CONVERSATION, OWNER, Kind.CONTROL, "dance", now, trace="t")
        await bench.store.add(control, MEMORY_MAILBOX)
        await bench.ended(await bench.ask("why?"))
        assert (await bench.store.post(control.id)).deliveries[0].state is State.SETTLED
        assert not bench.left.is_set()


async def test_what_fails_is_noted_without_its_secrets() -> None:
    async def breaks(question: Message) -> Draft:
        raise (ValueError if question.body == "bug" else AnswererError)(f"{AWS} was refused")

    async with running(breaks, max_failures=1) as bench:
        for body in ("bug", "error"):
            reason = (await bench.ended(await bench.ask(body))).delivery.last_error or ""
            assert MASKED_AWS in reason
            assert not holds_raw(reason)
