"""A store that an earlier Warmline left behind: all that was in it is there, and the line goes on with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from store_cases import a_question
from warmline.model import MEMORY_MAILBOX, OWNER_MAILBOX, THE_LINE, CitationStatus, Mailbox, MessageId, State
from warmline.parties import AnsweredBy, Policy
from warmline.protocols import QuestionFilter
from warmline.security.seals import Seals
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.opening import APPLICATION_ID
from warmline.stores.queries import load_migrations
from warmline.stores.sqlite import SqliteStore

AT = datetime(2025, 12, 31, 23, 0, tzinfo=UTC)
MICROS = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
DEADLINE = MICROS + 3 * 3_600_000_000
TOLD = "the gate's code is 4711-swordfish"

ANSWER = """
    {"outcome": "answered", "author": "extractive", "timings_ms": {"recall": 1.5}, "usage": {"tokens": 12},
     "citations": [["notes/a.md", 3, 4, "the port", "verified", "ab", "cd"]]}
"""

MESSAGES = [
    # id, sender, kind, body, in_reply_to, key, deadline_at, answer
    ("Q-SETTLED", "owner", "question", TOLD, None, "first", DEADLINE, None),
    ("A-SETTLED", "extractive", "answer", "9276", "Q-SETTLED", None, None, ANSWER),
    ("Q-READY", "owner", "question", "ready?", None, None, DEADLINE, None),
    ("Q-DELAYED", "owner", "question", "delayed?", None, None, DEADLINE, None),
    ("Q-LEASED", "owner", "question", "leased?", None, None, DEADLINE, None),
    ("Q-DEAD", "codex", "question", "dead?", None, None, None, None),
    ("Q-ELSEWHERE", "owner", "question", "elsewhere?", None, None, DEADLINE, None),
]
DELIVERIES: list[dict[str, object]] = [
    {"message_id": "Q-SETTLED", "position": 1, "state": "settled", "ended_at": MICROS, "answer_id": "A-SETTLED"},
    {"message_id": "Q-READY", "position": 2, "state": "ready", "deadline_at": DEADLINE},
    {"message_id": "Q-DELAYED", "position": 3, "state": "ready", "deadline_at": DEADLINE, "ready_at": DEADLINE - 1},
    {
        "message_id": "Q-LEASED",
        "position": 4,
        "state": "leased",
        "deadline_at": DEADLINE,
        "lease_id": "x",
        "holder": "worker",
        "lease_lapses_at": DEADLINE - 2,
    },
    {
        "message_id": "Q-DEAD",
        "position": 5,
        "state": "dead",
        "deliveries": 3,
        "failures": 3,
        "lapses": 1,
        "last_error": "thrice",
        "ended_at": MICROS,
    },
    {"message_id": "Q-ELSEWHERE", "mailbox_id": 2, "position": 1, "state": "ready", "deadline_at": DEADLINE},
]
ORDER = [row[0] for row in MESSAGES]
MANY = """
with recursive counter (n) as (select 1 union all select n + 1 from counter where n < ?)
insert into message select 'many-' || n, 'default', 'owner', 'note', 'note ' || n, n, 'trace', 0, null, null, null, null
from counter
"""


def write_old_store(path: Path) -> None:
    """Make the file as version 1 of the store left it, with a row in every state that matters."""
    number, script = load_migrations()[0]
    connection = apsw.Connection(str(path))
    connection.pragma("page_size", 2048)
    connection.pragma("journal_mode", "wal")
    connection.pragma("foreign_keys", "on")
    with connection:
        connection.execute(script)
        connection.pragma("user_version", number)
        connection.pragma("application_id", APPLICATION_ID)
    with connection:
        connection.execute("insert into mailbox (conversation, name) values ('default', 'reviews')")
        for at, (message_id, sender, kind, body, in_reply_to, key, deadline_at, answer) in enumerate(MESSAGES):
            connection.execute(
                "insert into message values (?, 'default', ?, ?, ?, ?, 'trace', 1, ?, ?, ?, ?)",
                (message_id, sender, kind, body, MICROS + at, in_reply_to, key, deadline_at, answer),
            )
        for delivery in DELIVERIES:
            columns = {"mailbox_id": 1, **delivery}
            names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            connection.execute(f"insert into delivery ({names}) values ({marks})", columns)  # noqa: S608
        connection.execute("update mailbox set last_position = 5 where id = 1")
        connection.execute("update mailbox set last_position = 1 where id = 2")
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    write_old_store(path)
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, StoreSettings(), ManualClock(), SEALS)
    SqliteDirectory(store.database)
    await store.open()
    yield store
    await store.close()


async def test_every_message_keeps_its_words_its_order_and_its_answer(store: SqliteStore) -> None:
    posts = [await store.post(MessageId(message_id)) for message_id in ORDER]
    assert [post.message.body for post in posts] == [row[3] for row in MESSAGES]
    assert [post.number for post in posts] == sorted(post.number for post in posts)
    assert [post.message.sent_at for post in posts] == [AT + timedelta(microseconds=at) for at in range(len(ORDER))]
    settled = posts[0]
    assert settled.answer is not None
    assert settled.answer.citations[0].status is CitationStatus.VERIFIED
    assert (posts[1].message.in_reply_to, posts[1].deliveries) == ("Q-SETTLED", ())


async def test_every_delivery_stands_where_it_stood(store: SqliteStore) -> None:
    questions = {each.message.id: each.delivery for each in await store.questions(QuestionFilter(), 100)}
    assert {message_id: each.state for message_id, each in questions.items()} == {
        "Q-SETTLED": State.SETTLED,
        "Q-READY": State.READY,
        "Q-DELAYED": State.READY,
        "Q-LEASED": State.LEASED,
        "Q-DEAD": State.DEAD,
        "Q-ELSEWHERE": State.READY,
    }
    dead, leased = questions[MessageId("Q-DEAD")], questions[MessageId("Q-LEASED")]
    assert (dead.deliveries, dead.failures, dead.lapses, dead.last_error) == (3, 3, 1, "thrice")
    assert (leased.holder, leased.position, leased.handed_at) == ("worker", 4, None)
    assert questions[MessageId("Q-DELAYED")].ready_at is not None


async def test_the_next_message_takes_the_next_position_and_the_next_number(store: SqliteStore) -> None:
    accepted = await store.add(a_question(ManualClock()), MEMORY_MAILBOX)
    assert accepted.question.delivery.position == 6
    last = await store.post(MessageId(ORDER[-1]))
    assert (await store.post(accepted.question.message.id)).number == last.number + 1


async def test_a_key_from_before_still_gives_the_question_of_before(store: SqliteStore) -> None:
    again = await store.add(a_question(ManualClock(), TOLD, key="first"), MEMORY_MAILBOX)
    assert (again.created, again.question.message.id) == (False, "Q-SETTLED")


async def test_a_lease_from_before_lapses_and_its_question_is_leased_again(store: SqliteStore) -> None:
    await store.lapse_all()
    async with asyncio.timeout(5):
        leases = [await store.lease(MEMORY_MAILBOX, "worker", timedelta(seconds=30)) for _ in range(2)]
    assert [(lease.message.id, lease.lapses) for lease in leases] == [("Q-READY", 0), ("Q-LEASED", 1)]


async def test_the_owner_has_a_mailbox_that_only_persons_answer(store: SqliteStore) -> None:
    directory = SqliteDirectory(store.database)
    await directory.load()
    assert directory.policy(OWNER_MAILBOX) == Policy(answered_by=AnsweredBy.PERSON)
    assert directory.policy(Mailbox(MEMORY_MAILBOX.conversation, "reviews")) == Policy()


async def test_what_dies_from_now_on_puts_a_notice_to_the_owner(path: Path) -> None:
    clock = ManualClock()
    store = SqliteStore(path, StoreSettings(), clock, SEALS)
    await store.open()
    clock.advance(timedelta(days=1))
    await store.sweep()
    async with asyncio.timeout(5):
        notice = await store.lease(OWNER_MAILBOX, "owner", timedelta(seconds=30))
    await store.close()
    assert (notice.message.sender, notice.message.in_reply_to) == (THE_LINE, "Q-READY")


async def test_what_was_moved_leaves_no_second_copy_behind(path: Path, store: SqliteStore) -> None:
    await store.erase(MessageId("Q-SETTLED"), by=BY)
    assert not [file for file in path.parent.iterdir() if TOLD.encode() in file.read_bytes()]


async def test_the_migrated_schema_is_whole(path: Path, store: SqliteStore) -> None:
    await store.close()
    connection = apsw.Connection(str(path))
    assert connection.pragma("foreign_key_check") is None
    assert connection.pragma("integrity_check") == "ok"
    assert connection.pragma("user_version") == load_migrations()[-1][0]
    connection.close()
    assert_ledger_is_true(path)


async def test_every_message_from_before_is_sealed_and_nobody_else_could_have(path: Path, store: SqliteStore) -> None:
    assert all([(await store.post(MessageId(message_id))).message.is_intact for message_id in ORDER])
    await store.close()
    other = SqliteStore(path, StoreSettings(), ManualClock(), Seals({1: bytes(32)}))
    await other.open()
    assert not any([(await other.post(MessageId(message_id))).message.is_intact for message_id in ORDER])
    await other.close()


@pytest.mark.parametrize("count", [999, 1000, 2001])
async def test_however_many_messages_there_were_each_has_its_seal(path: Path, count: int) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(MANY, (count,))
    connection.close()
    store = SqliteStore(path, StoreSettings(), ManualClock(), SEALS)
    await store.open()
    assert all([(await store.post(MessageId(f"many-{number}"))).message.is_intact for number in range(1, count + 1)])
    await store.close()
    assert_ledger_is_true(path)
