"""Who shows no token, where such are let in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge_cases import Scene
from warmline.bridge.credentials import THE_OWNER, hash_token
from warmline.bridge.guests import GUEST
from warmline.errors import ForbiddenError, UnauthorizedError
from warmline.parties import Right


async def test_nobody_is_let_in_before_the_owner_invites(scene: Scene) -> None:
    with pytest.raises(UnauthorizedError, match="show a token"):
        scene.bridge.guests.authenticate()
    (asker,) = await scene.begin("asker")
    with pytest.raises(ForbiddenError):
        await scene.bridge.guests.invite(asker, again=True)
    with pytest.raises(UnauthorizedError):
        scene.bridge.guests.authenticate()


async def test_guests_may_ask_the_memory_and_nothing_else(scene: Scene) -> None:
    await scene.bridge.guests.invite(THE_OWNER, again=False)
    guest = scene.bridge.guests.authenticate()
    assert (guest.name, guest.rights, guest.mailboxes) == (GUEST, frozenset({Right.ASK}), frozenset({"memory"}))
    assert guest.limits == scene.bridge.parts.settings.guest_rate
    await scene.bridge.questions.ask(guest, "which port?")
    with pytest.raises(ForbiddenError):
        await scene.bridge.questions.ask(guest, "which port?", mailbox="owner")
    with pytest.raises(ForbiddenError):
        await scene.bridge.messages.send(guest, "owner", "the build is red")


async def test_their_credential_is_made_once_and_found_again(scene: Scene) -> None:
    await scene.bridge.guests.invite(THE_OWNER, again=False)
    first = scene.bridge.guests.authenticate()
    await scene.bridge.guests.invite(THE_OWNER, again=True)
    assert scene.bridge.guests.authenticate() == first
    assert [each.name for each in await scene.bridge.credentials.list(THE_OWNER)] == [GUEST]


async def test_no_token_opens_it(scene: Scene) -> None:
    await scene.bridge.guests.invite(THE_OWNER, again=False)
    for token in ("", GUEST, "\0" * 32, "\0" * 31 + "\1"):
        assert scene.directory.credential_of(hash_token(token)) is None
        with pytest.raises(UnauthorizedError):
            scene.bridge.credentials.authenticate(token)


async def test_once_revoked_they_stay_out_until_they_are_invited_again(scene: Scene) -> None:
    guests = scene.bridge.guests
    await guests.invite(THE_OWNER, again=False)
    first = guests.authenticate()
    await scene.bridge.credentials.revoke(THE_OWNER, GUEST)
    with pytest.raises(UnauthorizedError, match="no more"):
        guests.authenticate()
    await guests.invite(THE_OWNER, again=False)  # the next start of the daemon
    with pytest.raises(UnauthorizedError, match="no more"):
        guests.authenticate()
    await guests.invite(THE_OWNER, again=True)
    second = guests.authenticate()
    assert second.id != first.id
    await guests.invite(THE_OWNER, again=False)
    assert guests.authenticate() == second


async def test_a_rotated_credential_is_one_with_a_token_and_guests_stay_out(scene: Scene) -> None:
    await scene.bridge.guests.invite(THE_OWNER, again=False)
    scene.clock.advance(timedelta(seconds=1))
    minted = await scene.bridge.credentials.rotate(THE_OWNER, GUEST)
    assert scene.bridge.credentials.authenticate(minted.token).name == GUEST
    with pytest.raises(UnauthorizedError):
        scene.bridge.guests.authenticate()
