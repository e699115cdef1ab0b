"""The five old operations, by their old names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from bridge_cases import OWNER_TOKEN, NoMemory, Scene, directory_of, join
from manual_clock import ManualClock
from warmline.bridge.credentials import THE_OWNER
from warmline.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    UnauthorizedError,
    UnknownConversationError,
)
from warmline.model import BatchToken, CredentialId, MessageId, State
from warmline.settings import BridgeSettings, StoreSettings
from warmline.stores.memory import MemoryStore

Arguments = tuple[str, str, str]


async def begin(scene: Scene) -> tuple[Arguments, Arguments]:
    """Begin a conversation by the old name; return the first three arguments of each session's other operations."""
    made: dict[str, Any] = await scene.bridge.legacy.create_conversation(THE_OWNER, "coordinator", "shard 1")
    conversation = made["conversation_id"]
    return (conversation, "a", made["session_a_token"]), (conversation, "b", made["session_b_token"])


async def check(scene: Scene, who: Arguments) -> list[dict[str, Any]]:
    result: dict[str, Any] = await scene.bridge.legacy.check_messages(*who)
    found: list[dict[str, Any]] = result["messages"]
    return found


async def state(scene: Scene, message_id: object) -> State:
    return (await scene.store.post(MessageId(str(message_id)))).deliveries[0].state


async def test_a_conversation_of_two_sessions_is_made_with_a_token_for_each(scene: Scene) -> None:
    made = await scene.bridge.legacy.create_conversation(THE_OWNER, "coordinator", "shard 1")
    assert re.fullmatch("conv_[0-9a-f]{16}", str(made["conversation_id"]))
    assert (made["session_id"], made["session_a_role"], made["session_b_role"]) == ("a", "coordinator", "shard 1")
    assert made["token"] == made["session_a_token"] != made["session_b_token"]
    names = [scene.bridge.credentials.authenticate(str(made[f"session_{each}_token"])).name for each in "ab"]
    assert names == ["coordinator", "shard 1"]


async def test_only_who_administers_makes_one_and_not_of_two_equal_roles(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.legacy.create_conversation(docs, "coordinator", "shard 1")
    with pytest.raises(InvalidInputError, match="same"):
        await scene.bridge.legacy.create_conversation(THE_OWNER, "agent", "agent")
    with pytest.raises(InvalidInputError):
        await scene.bridge.legacy.create_conversation(THE_OWNER, "coordinator", "memory")


async def test_a_call_that_comes_again_under_its_key_is_the_same_conversation_with_good_tokens(scene: Scene) -> None:
    create = scene.bridge.legacy.create_conversation
    lost, made, other = [await create(THE_OWNER, "lead", "docs", key=key) for key in ("k", "k", "another")]
    assert lost["conversation_id"] == made["conversation_id"] != other["conversation_id"]
    assert lost["created_at"] == made["created_at"]
    with pytest.raises(UnauthorizedError):
        scene.bridge.credentials.authenticate(str(lost["session_a_token"]))
    with pytest.raises(IdempotencyConflictError):
        await create(THE_OWNER, "lead", "code", key="k")
    who = (made["conversation_id"], "b", made["session_b_token"])
    assert await check(scene, who) == []  # type: ignore[arg-type]
    with pytest.raises(IdempotencyConflictError, match="in use"):
        await create(THE_OWNER, "lead", "docs", key="k")
    assert await check(scene, who) == []  # type: ignore[arg-type]
    with pytest.raises(ForbiddenError):
        await create(scene.bridge.credentials.authenticate(str(made["token"])), "lead", "docs", key="k")


async def test_a_conversation_whose_credential_was_revoked_is_not_brought_back_by_its_key(scene: Scene) -> None:
    made = await scene.bridge.legacy.create_conversation(THE_OWNER, "lead", "docs", key="k")
    known = await scene.bridge.credentials.list(THE_OWNER)
    mine = next(each for each in known if (each.conversation, each.name) == (made["conversation_id"], "lead"))
    await scene.bridge.credentials.revoke(THE_OWNER, mine.id)
    with pytest.raises(IdempotencyConflictError, match="revoked"):
        await scene.bridge.legacy.create_conversation(THE_OWNER, "lead", "docs", key="k")


async def test_a_message_reaches_the_partner_with_what_it_is_about(scene: Scene) -> None:
    a, b = await begin(scene)
    sent = await scene.bridge.legacy.send_to_partner(*a, "look", action_type="review", files_involved=["a.py"])
    assert (sent["from_session"], sent["to_session"], sent["conversation_id"]) == ("a", "b", a[0])
    assert await check(scene, a) == []
    (got,) = await check(scene, b)
    assert (got["id"], got["from_session"], got["to_session"]) == (sent["id"], "a", "b")
    assert (got["message"], got["sender"], got["kind"]) == ("look", "coordinator", "note")
    assert got["metadata"] == {"action_type": "review", "files_involved": ["a.py"]}
    assert got["timestamp"] == sent["timestamp"]


async def test_what_was_checked_counts_as_read_with_the_same_readers_next_call_and_only_then(scene: Scene) -> None:
    a, b = await begin(scene)
    first = (await scene.bridge.legacy.send_to_partner(*a, "one"))["id"]
    assert [each["id"] for each in await check(scene, b)] == [first]
    assert await state(scene, first) is State.LEASED
    second = (await scene.bridge.legacy.send_to_partner(*a, "two"))["id"]
    assert await check(scene, a) == []  # the other reader's call settles nothing of this one's
    assert await state(scene, first) is State.LEASED
    assert [each["id"] for each in await check(scene, b)] == [second]
    assert (await state(scene, first), await state(scene, second)) == (State.SETTLED, State.LEASED)
    assert await check(scene, b) == []
    assert await state(scene, second) is State.SETTLED


async def test_a_reader_that_dies_before_its_next_call_finds_its_messages_again(scene: Scene) -> None:
    a, b = await begin(scene)
    await scene.bridge.legacy.send_to_partner(*a, "one")
    (first,) = await check(scene, b)
    await scene.pass_time(BridgeSettings().max_receive_lease)
    (again,) = await check(scene, b)
    assert (again["id"], first["deliveries"], again["deliveries"]) == (first["id"], 1, 2)


async def test_a_question_is_shown_and_not_settled_by_being_checked(scene: Scene) -> None:
    _, b = await begin(scene)
    question = await scene.ask(THE_OWNER, "shard 1")
    (shown,) = await check(scene, b)
    assert (shown["id"], shown["kind"]) == (question, "question")
    await check(scene, b)
    assert await state(scene, question) is State.LEASED


async def test_a_status_is_seen_by_the_partner(scene: Scene) -> None:
    a, b = await begin(scene)
    assert (await scene.bridge.legacy.check_partner_status(*b))["status"] is None
    mine = await scene.bridge.legacy.update_my_status(*a, "working")
    assert (mine["session_id"], mine["status"]) == ("a", "working")
    seen = await scene.bridge.legacy.check_partner_status(*b)
    assert {**seen, "redacted": []} == mine
    assert seen["last_heartbeat"] == scene.clock.now().isoformat()


async def test_a_token_speaks_for_its_own_session_and_conversation_only(scene: Scene) -> None:
    (a, b), (c, _) = await begin(scene), await begin(scene)
    conversation, _, token = a
    for who, error in (
        ((conversation, "a", "no token"), UnauthorizedError),
        ((conversation, "a", b[2]), ForbiddenError),
        ((conversation, "b", token), ForbiddenError),
        ((conversation, "c", token), InvalidInputError),
        ((c[0], "a", token), UnknownConversationError),
        ((conversation, "a", OWNER_TOKEN), ForbiddenError),
    ):
        with pytest.raises(error):
            await scene.bridge.legacy.send_to_partner(*who, "hello")
        with pytest.raises(error):
            await scene.bridge.legacy.check_messages(*who)
        with pytest.raises(error):
            await scene.bridge.legacy.update_my_status(*who, "well")
        with pytest.raises(error):
            await scene.bridge.legacy.check_partner_status(*who)


async def test_a_conversation_without_sessions_has_no_partner(scene: Scene) -> None:
    begun, (docs, _) = await scene.bridge.conversations.new(THE_OWNER, ["docs", "code"])
    with pytest.raises(InvalidInputError, match="create_conversation"):
        await scene.bridge.legacy.check_messages(begun.id, "a", docs.token)


async def test_a_revoked_session_checks_nothing(scene: Scene) -> None:
    a, _ = await begin(scene)
    await scene.bridge.credentials.revoke(THE_OWNER, "coordinator")
    with pytest.raises(UnauthorizedError, match="revoked"):
        await scene.bridge.legacy.check_messages(*a)


class LateStore(MemoryStore):
    """A store whose leases lapse while it is asked which batches are open."""

    async def open_batches(self, by: CredentialId) -> Sequence[BatchToken]:
        found = await super().open_batches(by)
        self.records.clock.advance(BridgeSettings().max_receive_lease)  # type: ignore[attr-defined]
        await self.sweep()
        return found


async def test_what_lapses_just_before_it_would_count_as_read_comes_again() -> None:
    clock = ManualClock()
    store = LateStore(StoreSettings(), clock)
    directory = directory_of(store)
    await store.open()
    scene = Scene(join(store, directory, NoMemory(), clock), store, directory, clock)
    a, b = await begin(scene)
    await scene.bridge.legacy.send_to_partner(*a, "one")
    (first,) = await check(scene, b)
    (again,) = await check(scene, b)
    assert (again["id"], again["deliveries"]) == (first["id"], 2)
