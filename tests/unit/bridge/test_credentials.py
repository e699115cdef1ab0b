"""Credentials: made, shown once, expired, revoked, rotated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge_cases import NOWHERE, OWNER_TOKEN, Scene
from warmline.bridge.credentials import THE_OWNER, TOKEN_PREFIX, Grant, Minted, hash_token
from warmline.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    UnauthorizedError,
    UnknownConversationError,
    UnknownCredentialError,
)
from warmline.model import DEFAULT_CONVERSATION
from warmline.parties import Credential, Right
from warmline.settings import BridgeSettings

HOUR = timedelta(hours=1)


async def mint(scene: Scene, name: str = "docs", grant: Grant | None = None) -> Minted:
    return await scene.bridge.credentials.new(THE_OWNER, name, grant=grant or Grant())


def speaks(scene: Scene, token: str) -> Credential:
    return scene.bridge.credentials.authenticate(token)


async def test_a_token_speaks_for_the_credential_that_it_was_shown_with(scene: Scene) -> None:
    first, second = await mint(scene), await mint(scene, "code")
    assert speaks(scene, first.token) == first.credential
    assert speaks(scene, second.token) == second.credential
    assert first.token.startswith(TOKEN_PREFIX)
    assert len(first.token) == 46
    assert first.token not in repr(first)


async def test_a_credential_that_names_nothing_may_ask_answer_send_and_read_at_the_usual_rate(scene: Scene) -> None:
    made = (await mint(scene)).credential
    assert made.rights == frozenset(Right) - {Right.ADMINISTER}
    assert (made.conversation, made.limits) == (DEFAULT_CONVERSATION, BridgeSettings().rate)
    assert (made.mailboxes, made.memories, made.is_person, made.expires_at) == (None, None, False, None)


async def test_the_owners_token_speaks_for_the_owner(scene: Scene) -> None:
    assert speaks(scene, OWNER_TOKEN) is THE_OWNER
    assert THE_OWNER.limits is None


@pytest.mark.parametrize(
    "token", ["", "wl_", "wl_" + "A" * 43, OWNER_TOKEN[:-1], OWNER_TOKEN + "0", "\0", "half \ud800"]
)
async def test_an_unknown_token_speaks_for_nobody_and_is_not_repeated(scene: Scene, token: str) -> None:
    await mint(scene)
    with pytest.raises(UnauthorizedError, match="no credential of this line") as raised:
        speaks(scene, token)
    assert not token or token not in str(raised.value)


async def test_the_hash_of_a_token_is_no_token(scene: Scene) -> None:
    token = (await mint(scene)).token
    with pytest.raises(UnauthorizedError):
        speaks(scene, hash_token(token).hex())


async def test_a_credential_expires_at_its_time_and_says_so(scene: Scene) -> None:
    token = (await mint(scene, grant=Grant(expires_at=scene.clock.now() + HOUR))).token
    scene.clock.advance(HOUR - timedelta(microseconds=1))
    speaks(scene, token)
    scene.clock.advance(timedelta(microseconds=1))
    with pytest.raises(UnauthorizedError, match="expired") as raised:
        speaks(scene, token)
    assert token not in str(raised.value)


async def test_a_revoked_credential_speaks_no_more_and_says_so(scene: Scene) -> None:
    minted = await mint(scene)
    revoked = await scene.bridge.credentials.revoke(THE_OWNER, minted.credential.id)
    assert revoked.revoked_at == scene.clock.now()
    with pytest.raises(UnauthorizedError, match="revoked"):
        speaks(scene, minted.token)
    scene.clock.advance(HOUR)
    assert await scene.bridge.credentials.revoke(THE_OWNER, minted.credential.id) == revoked


async def test_a_rotated_credential_has_a_successor_that_may_do_the_same(scene: Scene) -> None:
    grant = Grant(rights=frozenset({Right.ASK}), memories=frozenset({"notes"}), expires_at=scene.clock.now() + HOUR)
    old = await mint(scene, grant=grant)
    scene.clock.advance(HOUR / 2)
    new = await scene.bridge.credentials.rotate(THE_OWNER, "docs")
    with pytest.raises(UnauthorizedError, match="revoked"):
        speaks(scene, old.token)
    found = speaks(scene, new.token)
    assert (found.name, found.rights, found.memories) == ("docs", grant.rights, grant.memories)
    assert found.id != old.credential.id
    assert found.expires_at == scene.clock.now() + HOUR


async def test_a_revoked_credential_is_not_rotated(scene: Scene) -> None:
    minted = await mint(scene)
    await scene.bridge.credentials.revoke(THE_OWNER, "docs")
    with pytest.raises(ConflictError):
        await scene.bridge.credentials.rotate(THE_OWNER, minted.credential.id)
    with pytest.raises(UnknownCredentialError):
        await scene.bridge.credentials.rotate(THE_OWNER, "docs")


async def test_a_revoked_credential_stays_revoked_when_the_clock_is_set_back(scene: Scene) -> None:
    minted = await mint(scene)
    scene.clock.advance(HOUR)
    await scene.bridge.credentials.revoke(THE_OWNER, "docs")
    scene.clock.advance(-HOUR)
    with pytest.raises(UnauthorizedError, match="revoked"):
        speaks(scene, minted.token)


async def test_rotating_what_lasts_to_the_end_of_time_ends_there_too(scene: Scene) -> None:
    end = datetime.max.replace(tzinfo=UTC)
    await mint(scene, grant=Grant(expires_at=end))
    scene.clock.advance(HOUR)
    assert (await scene.bridge.credentials.rotate(THE_OWNER, "docs")).credential.expires_at == end


async def test_a_name_that_two_credentials_have_wants_the_id(scene: Scene) -> None:
    first, second = (await mint(scene)).credential, (await mint(scene)).credential
    with pytest.raises(InvalidInputError) as raised:
        await scene.bridge.credentials.revoke(THE_OWNER, "docs")
    assert f"{first.id} in default" in str(raised.value)
    assert f"{second.id} in default" in str(raised.value)
    await scene.bridge.credentials.revoke(THE_OWNER, first.id.lower())
    assert (await scene.bridge.credentials.revoke(THE_OWNER, "docs")).id == second.id


async def test_all_credentials_are_listed_with_the_ended_ones_and_without_the_owners(scene: Scene) -> None:
    made = [(await mint(scene, name)).credential.id for name in ("docs", "code")]
    await scene.bridge.credentials.revoke(THE_OWNER, "docs")
    assert {each.id for each in await scene.bridge.credentials.list(THE_OWNER)} == set(made)


async def test_only_who_administers_deals_with_credentials(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.credentials.new(docs, "more")
    with pytest.raises(ForbiddenError):
        await scene.bridge.credentials.list(docs)
    with pytest.raises(ForbiddenError):
        await scene.bridge.credentials.revoke(docs, "code")
    with pytest.raises(ForbiddenError):
        await scene.bridge.credentials.rotate(docs, docs.id)
    deputy = (await mint(scene, "deputy", Grant(rights=frozenset({Right.ADMINISTER})))).credential
    await scene.bridge.credentials.new(deputy, "more")


async def test_a_credential_that_could_not_speak_is_not_made(scene: Scene) -> None:
    for name in ("owner", "memory", "a/b", ""):
        with pytest.raises(InvalidInputError):
            await mint(scene, name)
    now = scene.clock.now()
    for expires_at in (now, now - HOUR, (now + HOUR).replace(tzinfo=None)):
        with pytest.raises(InvalidInputError):
            await mint(scene, grant=Grant(expires_at=expires_at))
    with pytest.raises(InvalidInputError):
        await mint(scene, grant=Grant(rights=frozenset()))
    with pytest.raises(UnknownConversationError):
        await scene.bridge.credentials.new(THE_OWNER, "docs", conversation=NOWHERE)
    assert await scene.bridge.credentials.list(THE_OWNER) == []


async def test_a_full_conversation_takes_no_more_participants_and_still_more_credentials(scene: Scene) -> None:
    first, *_ = await scene.begin(*(f"agent{number}" for number in range(BridgeSettings().max_participants)))
    with pytest.raises(InvalidInputError, match="200 participants"):
        await scene.more(first, Grant(), "one more")
    assert (await scene.more(first, Grant())).name == first.name
