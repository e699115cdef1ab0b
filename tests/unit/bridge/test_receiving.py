"""What a reader is handed, holds, and gives back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bridge_cases import AT_ONCE, PATIENCE, Scene
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    ForbiddenError,
    InvalidInputError,
    LeaseLostError,
    UnknownBatchError,
    UnknownMailboxError,
)
from warmline.model import Due, Mailbox, State
from warmline.parties import Right
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()


async def test_a_receive_waits_for_a_message(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    receiving = asyncio.create_task(scene.bridge.batches.receive(code, patience=PATIENCE))
    await scene.until_waiting(1)
    assert scene.bridge.receiving == 1
    sent = await scene.send(docs, "code")
    async with asyncio.timeout(5):
        batch = await receiving
    assert batch is not None
    assert batch.leases[0].message.id == sent.message.id
    assert batch.leases[0].lapses_at == scene.clock.now() + LIMITS.receive_lease
    assert (scene.bridge.receiving, scene.bridge.waiting) == (0, 0)


async def test_a_receive_whose_patience_ends_holds_nothing(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    assert await scene.bridge.batches.receive(code, patience=timedelta(microseconds=1)) is None
    await scene.send(docs, "code")
    assert (await scene.take(code)).deliveries == 1


async def test_one_reads_ones_own_mailbox_and_those_of_the_scope(scene: Scene) -> None:
    docs, code, third = await scene.begin("docs", "code", "third")
    await scene.send(docs, "code")
    with pytest.raises(ForbiddenError):
        await scene.receive(third, mailbox="code")
    helper = await scene.more(third, Grant(reads=frozenset({"code"})))
    assert (await scene.take(helper, mailbox="code")).mailbox == Mailbox(docs.conversation, "code")
    with pytest.raises(UnknownMailboxError):
        await scene.receive(code, mailbox="nobody")


async def test_the_owner_reads_its_own_mailbox_unless_it_names_another(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    assert await scene.is_empty(THE_OWNER)
    assert (await scene.take(THE_OWNER, mailbox="code")).holder == "owner"
    assert await scene.is_empty(code)


async def test_without_the_right_to_read_nothing_is_received(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    mute = await scene.more(docs, Grant(rights=frozenset({Right.SEND})))
    with pytest.raises(ForbiddenError):
        await scene.receive(mute)


async def test_the_memory_answers_by_itself(scene: Scene) -> None:
    with pytest.raises(InvalidInputError, match="nothing to receive"):
        await scene.receive(THE_OWNER, mailbox="memory")


async def test_a_receive_settles_the_batch_that_is_done_and_only_that(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    posts = [await scene.send(docs, "code", f"note {number}") for number in range(3)]
    first, second = await scene.receive(code, limit=1), await scene.receive(code, limit=1)
    third = await scene.receive(code, done=first.token)
    states = [(await scene.store.post(post.message.id)).deliveries[0].state for post in posts]
    assert states == [State.SETTLED, State.LEASED, State.LEASED]
    assert second.token != third.token


async def test_the_same_key_gives_the_same_batch_again(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    first = await scene.receive(code, key="k")
    assert await scene.receive(code, key="k") == first
    assert await scene.is_empty(code)


async def test_what_was_not_acknowledged_comes_back_and_says_so(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    first = await scene.receive(code, lease=timedelta(seconds=60))
    await scene.pass_time(timedelta(seconds=60))
    assert (await scene.take(code)).deliveries == 2
    with pytest.raises(LeaseLostError):
        await scene.bridge.batches.acknowledge(code, first.token)


async def test_a_token_works_for_its_reader_only(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.send(docs, "code")
    token = (await scene.receive(code)).token
    twin = await scene.more(code, Grant())
    for by in (docs, twin, THE_OWNER):
        with pytest.raises(UnknownBatchError):
            await scene.bridge.batches.acknowledge(by, token)
        with pytest.raises(UnknownBatchError):
            await scene.bridge.batches.reply(by, token, sent.message.id, "mine")
        with pytest.raises(UnknownBatchError):
            await scene.bridge.batches.release(by, token)
    settled = await scene.bridge.batches.acknowledge(code, token)
    assert settled.settled == (sent.message.id,)
    assert await scene.bridge.batches.acknowledge(code, token) == settled


async def test_one_message_of_a_batch_is_released_or_all_that_is_left(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    posts = [await scene.send(docs, "code", f"note {number}") for number in range(3)]
    token = (await scene.receive(code)).token
    await scene.bridge.batches.release(code, token, posts[1].message.id)
    assert (await scene.take(code)).message.id == posts[1].message.id
    await scene.bridge.batches.release(code, token)
    assert [each.message.id for each in (await scene.receive(code)).leases] == [
        posts[0].message.id,
        posts[2].message.id,
    ]
    with pytest.raises(LeaseLostError):
        await scene.bridge.batches.release(code, token, posts[0].message.id)


async def test_a_batch_is_held_longer_when_it_is_extended(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    token = (await scene.receive(code, lease=timedelta(seconds=60))).token
    await scene.pass_time(timedelta(seconds=50))
    extended = await scene.bridge.batches.extend(code, token, timedelta(seconds=60))
    assert extended.leases[0].lapses_at == scene.clock.now() + timedelta(seconds=60)
    await scene.pass_time(timedelta(seconds=50))
    assert await scene.is_empty(code)
    await scene.pass_time(timedelta(seconds=10))
    with pytest.raises(LeaseLostError):
        await scene.bridge.batches.extend(code, token)


async def test_waits_end_when_the_daemon_leaves(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    await scene.take(code)
    changes: list[str] = []
    waiting = asyncio.create_task(scene.bridge.questions.wait(docs, question, PATIENCE))
    receiving = asyncio.create_task(scene.bridge.batches.receive(docs, patience=PATIENCE))
    await scene.until_waiting(2)
    with scene.bridge.conversations.listening(docs, docs.conversation, lambda: changes.append("changed")):
        assert scene.bridge.waiting == 3
        assert not await scene.bridge.is_idle()
        scene.bridge.end_waits()
        async with asyncio.timeout(5):
            assert (await waiting).delivery.state is State.LEASED
            assert await receiving is None
    assert changes == ["changed"]
    assert (scene.bridge.waiting, scene.bridge.is_ending) == (0, True)
    assert await scene.bridge.batches.receive(docs, patience=PATIENCE) is None


async def test_a_receive_of_no_patience_takes_what_is_there(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    assert await scene.bridge.batches.receive(code, patience=AT_ONCE) is None
    await scene.send(docs, "code")
    batch = await scene.bridge.batches.receive(code, patience=AT_ONCE)
    assert batch is not None


async def test_what_lies_ready_is_told_to_who_may_read_it_and_stays(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    waiting = asyncio.create_task(scene.bridge.batches.due(code, patience=PATIENCE))
    await scene.until_waiting(1)
    assert scene.bridge.receiving == 0
    await scene.send(docs, "code")
    async with asyncio.timeout(5):
        assert await waiting == Due(1, 1, 0)
    assert (await scene.take(code)).deliveries == 1
    with pytest.raises(ForbiddenError):
        await scene.bridge.batches.due(docs, mailbox="code", patience=AT_ONCE)


async def test_a_wait_for_what_is_ready_ends_with_patience_and_with_the_daemon(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    await scene.send(docs, "code")
    known = await scene.bridge.batches.due(code, patience=PATIENCE)
    assert await scene.bridge.batches.due(code, patience=timedelta(microseconds=1), known=known) == known
    waiting = asyncio.create_task(scene.bridge.batches.due(code, patience=PATIENCE, known=known))
    await scene.until_waiting(1)
    scene.bridge.end_waits()
    async with asyncio.timeout(5):
        assert await waiting == known
    assert await scene.bridge.batches.due(code, patience=PATIENCE, known=known) == known


async def test_nothing_ever_lies_ready_in_the_memory(scene: Scene) -> None:
    with pytest.raises(InvalidInputError):
        await scene.bridge.batches.due(THE_OWNER, mailbox="memory", patience=AT_ONCE)
