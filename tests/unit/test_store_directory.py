"""What only the directory on a file has: it is the same when it is opened again, and it keeps its secrets."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import a_question, an_answer
from warmline.directory import Directory
from warmline.errors import ConflictError, ConversationClosedError, StoreClosedError, UnknownMailboxError
from warmline.limits import Limits
from warmline.model import (
    DEFAULT_CONVERSATION,
    MEMORY_MAILBOX,
    OWNER_MAILBOX,
    ConversationId,
    CredentialId,
    Kind,
    Mailbox,
)
from warmline.parties import AnsweredBy, Conversation, Credential, Participant, Policy, Right, StopKind
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

TALK = ConversationId("conv_0123456789abcdef")
DOCS = Mailbox(TALK, "docs")
TOKEN = "wl_" + "t" * 43
TOKEN_HASH = hashlib.sha256(TOKEN.encode()).digest()
NEXT_HASH = hashlib.sha256(b"the next token").digest()


class Opened:
    """A store and a directory on one file, which can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()

    async def open(self) -> Directory:
        self.store = SqliteStore(self.path, StoreSettings(), self.clock, SEALS)
        self.directory: Directory = SqliteDirectory(self.store.database)
        await self.store.open()
        return self.directory

    async def reopen(self) -> Directory:
        await self.store.close()
        return await self.open()

    def a_talk(self) -> Conversation:
        docs = Participant(TALK, "docs", status="reading", status_at=self.clock.now(), seen_at=self.clock.now())
        people = (docs, Participant(TALK, "mara", is_person=True, legacy_session="a"))
        return Conversation(TALK, self.clock.now(), participants=people)

    def a_credential(self, number: str = "credential", name: str = "docs") -> Credential:
        return Credential(
            id=CredentialId(number),
            name=name,
            conversation=TALK,
            rights=frozenset({Right.ASK, Right.READ}),
            created_at=self.clock.now(),
            mailboxes=frozenset({"mara", "memory"}),
            reads=frozenset({"überblick"}),
            memories=frozenset({"notes"}),
            limits=Limits(6, 10, 20),
            expires_at=self.clock.now() + timedelta(days=30),
        )


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    opened = Opened(tmp_path / "store.db")
    await opened.open()
    yield opened
    await opened.store.close()


@pytest.fixture
async def directory(opened: Opened) -> Directory:
    await opened.directory.new_conversation(opened.a_talk(), by=BY)
    return opened.directory


async def test_conversations_are_the_same_when_opened_again(opened: Opened, directory: Directory) -> None:
    before = await directory.conversations(10)
    directory = await opened.reopen()
    assert await directory.conversations(10) == before
    assert await directory.conversation(TALK) == opened.a_talk()


async def test_a_closed_conversation_is_closed_when_opened_again(opened: Opened, directory: Directory) -> None:
    assert directory.mailboxes_named("docs") == (DOCS,)
    closed = await directory.close_conversation(TALK, opened.clock.now(), by=BY)
    assert directory.mailboxes_named("docs") == ()
    directory = await opened.reopen()
    assert directory.mailboxes_named("docs") == ()
    assert await directory.conversation(TALK) == closed


async def test_what_comes_in_one_batch_behind_the_closing_is_refused(opened: Opened, directory: Directory) -> None:
    note = replace(a_question(opened.clock), conversation=TALK, sender="mara", kind=Kind.NOTE)
    closing = asyncio.ensure_future(directory.close_conversation(TALK, opened.clock.now(), by=BY))
    adding = asyncio.ensure_future(opened.store.add(note, DOCS))
    await asyncio.wait([closing, adding], timeout=5)
    with pytest.raises(ConversationClosedError):
        adding.result()


async def test_what_comes_in_one_batch_behind_a_policy_goes_by_it(opened: Opened, directory: Directory) -> None:
    for _ in range(2):
        note = replace(a_question(opened.clock), conversation=TALK, sender="mara", kind=Kind.NOTE)
        await opened.store.add(note, DOCS)
    setting = asyncio.ensure_future(directory.set_policy(DOCS, Policy(ordered=True), by=BY))
    reading = asyncio.ensure_future(opened.store.receive(DOCS, opened.a_credential(), 10, timedelta(seconds=30)))
    await asyncio.wait([setting, reading], timeout=5)
    assert len(reading.result().leases) == 1


async def test_policies_are_the_same_when_opened_again(opened: Opened, directory: Directory) -> None:
    await directory.set_policy(DOCS, Policy(ordered=True), by=BY)
    directory = await opened.reopen()
    assert directory.mailboxes_named("docs") == (DOCS,)
    assert directory.policy(DOCS) == Policy(ordered=True)
    assert directory.policy(Mailbox(TALK, "mara")) == Policy(answered_by=AnsweredBy.PERSON)
    assert directory.policy(OWNER_MAILBOX) == Policy(answered_by=AnsweredBy.PERSON)
    assert directory.policy(MEMORY_MAILBOX) == Policy()


async def test_every_field_of_a_credential_is_the_same_when_opened_again(opened: Opened, directory: Directory) -> None:
    plain = replace(
        opened.a_credential("plain", "mara"),
        mailboxes=None,
        memories=None,
        limits=None,
        expires_at=None,
        is_person=True,
    )
    await directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY)
    await directory.add_credential(plain, NEXT_HASH, by=BY)
    directory = await opened.reopen()
    assert directory.credential_of(TOKEN_HASH) == opened.a_credential()
    assert directory.credential_of(NEXT_HASH) == plain


async def test_what_became_of_a_credential_is_the_same_when_opened_again(opened: Opened, directory: Directory) -> None:
    now = opened.clock.now()
    await directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY)
    successor = replace(opened.a_credential("successor"), created_at=now + timedelta(hours=1))
    await directory.rotate(CredentialId("credential"), successor, NEXT_HASH, by=BY)
    extended = await directory.extend_credential(CredentialId("successor"), None, by=BY)
    before = await directory.credentials()
    directory = await opened.reopen()
    assert await directory.credentials() == before
    assert directory.credential_of(TOKEN_HASH) == replace(opened.a_credential(), revoked_at=now + timedelta(hours=1))
    assert directory.credential_of(NEXT_HASH) == extended == replace(successor, expires_at=None)


async def test_a_rotation_that_is_refused_leaves_the_old_credential_speaking(
    opened: Opened, directory: Directory
) -> None:
    await directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY)
    with pytest.raises(ConflictError):
        await directory.rotate(CredentialId("credential"), opened.a_credential("successor"), TOKEN_HASH, by=BY)
    stranger = opened.a_credential("successor", "stranger")
    with pytest.raises(UnknownMailboxError):
        await directory.rotate(CredentialId("credential"), stranger, NEXT_HASH, by=BY)
    assert directory.credential_of(TOKEN_HASH) == opened.a_credential()
    directory = await opened.reopen()
    assert await directory.credentials() == [opened.a_credential()]


async def test_a_credential_whose_maker_went_away_is_known_at_once(opened: Opened, directory: Directory) -> None:
    making = asyncio.ensure_future(directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY))
    await asyncio.sleep(0)
    making.cancel()
    await asyncio.wait([making], timeout=5)
    await directory.extend_credential(CredentialId("credential"), None, by=BY)
    assert directory.credential_of(TOKEN_HASH) == replace(opened.a_credential(), expires_at=None)


async def test_no_token_hash_is_shown_or_logged(
    opened: Opened, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY)
    with pytest.raises(ConflictError) as taken:
        await directory.add_credential(opened.a_credential("another"), TOKEN_HASH, by=BY)
    with pytest.raises(ConflictError) as wrong:  # the schema refuses it: this is no SHA-256
        await directory.add_credential(opened.a_credential("short"), TOKEN_HASH[:-1], by=BY)
    shown = [
        str(taken.value),
        str(wrong.value),
        repr(directory),
        repr(directory.credential_of(TOKEN_HASH)),
        caplog.text,
    ]
    for text in shown:
        assert not [secret for secret in (TOKEN_HASH.hex(), repr(TOKEN_HASH), str(TOKEN_HASH[:-1])) if secret in text]


async def test_the_file_holds_no_token(opened: Opened, directory: Directory) -> None:
    await directory.add_credential(opened.a_credential(), hashlib.sha256(TOKEN.encode()).digest(), by=BY)
    held = b"".join(path.read_bytes() for path in opened.path.parent.iterdir())
    assert TOKEN_HASH in held
    assert TOKEN.encode() not in held


@pytest.mark.parametrize(
    "change",
    [
        "update credential set rights = 'ask'",
        "update credential set mailboxes = 'docs,mara'",
        "update credential set token_hash = x'00'",
        "update credential set per_day = null",
        "update credential set per_minute = 0",
        "update credential set name = 'stranger'",
        "update participant set legacy_session = 'c'",
        "update mailbox set answered_by = 'nobody'",
        "update mailbox set ordered = 2",
        "delete from participant where name = 'docs'",
        "delete from conversation where id = 'conv_0123456789abcdef'",
    ],
)
async def test_the_schema_refuses_what_cannot_be(opened: Opened, directory: Directory, change: str) -> None:
    await directory.add_credential(opened.a_credential(), TOKEN_HASH, by=BY)
    await opened.store.close()
    connection = apsw.Connection(str(opened.path))
    connection.pragma("foreign_keys", "on")
    with pytest.raises(apsw.ConstraintError):
        connection.execute(change)
    connection.close()


async def test_stops_are_read_from_their_table_latest_first(opened: Opened, directory: Directory) -> None:
    now = opened.clock.now()
    micros = int(now.timestamp() * 1_000_000)
    await opened.store.close()
    connection = apsw.Connection(str(opened.path))
    connection.executemany(
        "insert into stop values (?, ?, ?, 'docs', ?, ?, 7)",
        [
            ("loop", "a", TALK, micros, micros + 1),
            ("rate", "b", TALK, micros, micros + 2),
            ("budget", "c", TALK, micros, micros),
        ],
    )
    connection.close()
    directory = await opened.open()
    stops = await directory.stops(now + timedelta(microseconds=1))
    assert [(stop.kind, stop.key, stop.refusals) for stop in stops] == [
        (StopKind.RATE, "b", 7),
        (StopKind.LOOP, "a", 7),
    ]
    assert (stops[1].first_at, stops[1].last_at) == (now, now + timedelta(microseconds=1))


async def test_what_was_said_takes_the_same_few_statements_for_one_message_and_for_many(
    opened: Opened, directory: Directory
) -> None:
    for number in range(20):
        note = replace(a_question(opened.clock, f"note {number}"), conversation=TALK, sender="mara", kind=Kind.NOTE)
        await opened.store.add(note, DOCS)
    ran: list[str] = []
    reading = opened.store.database._reading
    reading.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: ran.append(event["sql"]))
    assert len(await directory.said(TALK, 0, 1)) == 1
    for_one = len(ran)
    assert len(await directory.said(TALK, 0, 20)) == 20
    assert len(ran) == 2 * for_one <= 2 * 9  # with the transactions around them, and the look into the archive


async def test_an_answer_stands_beside_its_question_in_what_was_said(opened: Opened, directory: Directory) -> None:
    question = a_question(opened.clock)
    await opened.store.add(question, MEMORY_MAILBOX)
    lease = await opened.store.lease(MEMORY_MAILBOX, "worker", timedelta(seconds=30))
    answer = an_answer(opened.clock, question)
    await opened.store.settle(lease, answer)
    asked, answered = await directory.said(DEFAULT_CONVERSATION, 0, 10)
    assert (asked.message, asked.answer) == (question, answer.answer)
    assert (answered.message, answered.deliveries, answered.answer) == (answer, (), None)
    assert [asked] == list(await directory.said(DEFAULT_CONVERSATION, 0, 1))
    assert [answered] == list(await directory.said(DEFAULT_CONVERSATION, asked.number, 10))


async def test_listeners_are_called_when_the_file_is_closed(opened: Opened, directory: Directory) -> None:
    called = asyncio.Event()
    with directory.listening(TALK, called.set):
        await opened.store.close()
        assert called.is_set()
    with pytest.raises(StoreClosedError):
        await directory.said(TALK, 0, 1)
    for look in (lambda: directory.policy(DOCS), lambda: directory.mailboxes_named("docs")):
        with pytest.raises(StoreClosedError):
            look()
