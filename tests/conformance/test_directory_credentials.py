"""Credentials: found by their tokens, revoked, rotated, extended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sealing import BY
from store_cases import (
    BOBS,
    LEASE,
    TEAM,
    Line,
    a_credential,
    a_hash,
)
from warmline.directory import Directory
from warmline.errors import (
    ConflictError,
    UnknownConversationError,
    UnknownCredentialError,
    UnknownMailboxError,
)
from warmline.limits import Limits
from warmline.model import ConversationId, CredentialId, Message, State
from warmline.parties import Conversation, Credential, Participant, Right

SECOND = timedelta(seconds=1)


@pytest.fixture
async def team(line: Line) -> Conversation:
    made = Conversation(TEAM, line.clock.now())
    await line.directory.new_conversation(made, by=BY)
    for name in ("ada", "bob"):
        await line.directory.add_participant(Participant(TEAM, name), by=BY)
    return made


async def test_a_credential_is_found_by_its_token_as_it_was_kept(line: Line, team: Conversation) -> None:
    now = line.clock.now()
    plain = a_credential(line.clock, "ada")
    full = Credential(
        id=CredentialId("full"),
        name="bob",
        conversation=team.id,
        rights=frozenset(Right),
        created_at=now + SECOND,
        mailboxes=frozenset({"ada", "naïve"}),
        reads=frozenset({"shared"}),
        memories=frozenset(),
        is_person=True,
        limits=Limits(1, 2, 3),
        expires_at=now + 2 * SECOND,
        revoked_at=now + 3 * SECOND,
    )
    for credential in (plain, full):
        await line.directory.add_credential(credential, a_hash(credential.id), by=BY)
    for _ in range(2):
        assert [line.directory.credential_of(a_hash(each.id)) for each in (plain, full)] == [plain, full]
        assert line.directory.credential_of(a_hash("another")) is None
        assert [line.directory.credential(each.id) for each in (plain, full)] == [plain, full]
        assert line.directory.credential(CredentialId("another")) is None
        assert list(await line.directory.credentials()) == [full, plain]
        line = await line.reopen()


async def test_a_conversation_begins_with_its_credentials_or_not_at_all(line: Line) -> None:
    made = Conversation(TEAM, line.clock.now(), participants=(Participant(TEAM, "ada"), Participant(TEAM, "bob")))
    ada, bob = a_credential(line.clock, "ada", conversation=TEAM), a_credential(line.clock, "bob", conversation=TEAM)
    await line.directory.new_conversation(made, [(ada, a_hash("ada")), (bob, a_hash("bob"))], by=BY)
    other = ConversationId("other")
    clash = Conversation(other, line.clock.now(), participants=(Participant(other, "eve"), Participant(other, "ada")))
    eve, again = a_credential(line.clock, "eve", conversation=other), replace(ada, conversation=other)
    with pytest.raises(ConflictError):
        await line.directory.new_conversation(clash, [(eve, a_hash("eve")), (again, a_hash("again"))], by=BY)
    for _ in range(2):
        assert [line.directory.credential_of(a_hash(name)) for name in ("ada", "bob", "eve")] == [ada, bob, None]
        with pytest.raises(UnknownConversationError):
            await line.directory.conversation(other)
        line = await line.reopen()


async def test_a_credential_wants_a_participant(line: Line, team: Conversation) -> None:
    credential = a_credential(line.clock, "nobody", conversation=team.id)
    with pytest.raises(UnknownMailboxError):
        await line.directory.add_credential(credential, a_hash("a"), by=BY)
    assert line.directory.credential_of(a_hash("a")) is None
    assert list(await line.directory.credentials()) == []


async def test_an_id_and_a_token_are_taken_once(line: Line, team: Conversation) -> None:
    first = a_credential(line.clock, "ada", conversation=team.id)
    await line.directory.add_credential(first, a_hash("a"), by=BY)
    for credential, token in ((a_credential(line.clock, "bob"), "a"), (replace(first, name="bob"), "b")):
        with pytest.raises(ConflictError):
            await line.directory.add_credential(credential, a_hash(token), by=BY)
    assert list(await line.directory.credentials()) == [first]
    assert line.directory.credential_of(a_hash("a")) == first
    assert line.directory.credential_of(a_hash("b")) is None


async def test_a_participant_may_have_several_credentials(line: Line, team: Conversation) -> None:
    credentials = [a_credential(line.clock, "ada", conversation=team.id) for _ in range(2)]
    for credential in credentials:
        await line.directory.add_credential(credential, a_hash(credential.id), by=BY)
    assert list(await line.directory.credentials()) == credentials[::-1]


async def test_revoking_says_when_and_a_second_time_changes_nothing(line: Line, ada: Credential) -> None:
    now = line.clock.now()
    revoked = await line.directory.revoke(ada.id, now, by=BY)
    assert revoked == replace(ada, revoked_at=now)
    assert await line.directory.revoke(ada.id, now + SECOND, by=BY) == revoked
    for _ in range(2):
        assert line.directory.credential_of(a_hash(ada.id)) == line.directory.credential(ada.id) == revoked
        assert list(await line.directory.credentials()) == [revoked]
        line = await line.reopen()


async def test_rotating_puts_a_successor_in_the_place_of_the_revoked(line: Line, ada: Credential) -> None:
    line.clock.advance(SECOND)
    successor = replace(ada, id=CredentialId("successor"), created_at=line.clock.now())
    await line.directory.rotate(ada.id, successor, a_hash("new"), by=BY)
    for _ in range(2):
        assert line.directory.credential_of(a_hash(ada.id)) == replace(ada, revoked_at=successor.created_at)
        assert line.directory.credential_of(a_hash("new")) == successor
        line = await line.reopen()


async def test_a_rotation_that_fails_leaves_both_as_they_were(line: Line, ada: Credential, bob: Credential) -> None:
    successor = replace(ada, id=CredentialId("successor"), created_at=line.clock.now())
    for refused, token, error in (
        (successor, bob.id, ConflictError),
        (replace(successor, id=bob.id), "new", ConflictError),
        (replace(successor, name="nobody"), "new", UnknownMailboxError),
    ):
        with pytest.raises(error):
            await line.directory.rotate(ada.id, refused, a_hash(token), by=BY)
    with pytest.raises(UnknownCredentialError):
        await line.directory.rotate(CredentialId("unknown"), successor, a_hash("new"), by=BY)
    for _ in range(2):
        assert line.directory.credential_of(a_hash(ada.id)) == ada
        assert line.directory.credential_of(a_hash(bob.id)) == bob
        assert line.directory.credential_of(a_hash("new")) is None
        assert set(await line.directory.credentials()) == {ada, bob}
        line = await line.reopen()


async def test_a_credential_expires_when_it_was_last_said(line: Line, ada: Credential) -> None:
    expires_at = line.clock.now() + SECOND
    extended = await line.directory.extend_credential(ada.id, expires_at, by=BY)
    assert extended == replace(ada, expires_at=expires_at)
    assert line.directory.credential_of(a_hash(ada.id)) == extended
    assert await line.directory.extend_credential(ada.id, None, by=BY) == ada
    line = await line.reopen()
    assert line.directory.credential_of(a_hash(ada.id)) == ada


async def test_an_unknown_credential_is_refused(directory: Directory, line: Line) -> None:
    unknown, now = CredentialId("unknown"), line.clock.now()
    for verb in (directory.revoke(unknown, now, by=BY), directory.extend_credential(unknown, None, by=BY)):
        with pytest.raises(UnknownCredentialError):
            await verb


async def test_a_credential_that_was_revoked_still_holds_what_it_received(
    line: Line, ada: Credential, bob: Credential
) -> None:
    note: Message = await line.say(ada, BOBS)
    batch = await line.receive(bob)
    await line.directory.revoke(bob.id, line.clock.now(), by=BY)
    assert await line.store.held(batch.token, bob.id) == batch
    await line.pass_time(LEASE)
    assert await line.state(note) is State.READY
