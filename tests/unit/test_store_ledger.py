"""The ledger: it follows every change and every failure, and a fault in it is never mended by writing on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from store_cases import a_credential, a_note, a_question
from warmline.directory import ImportedAudit, ImportedMessage
from warmline.errors import ConflictError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, MessageId
from warmline.settings import StoreSettings
from warmline.stores.importing import SqliteImporter
from warmline.stores.ledger import AuditEntry, chain, is_sealed, read, weigh_all
from warmline.stores.sqlite import SqliteStore
from warmline.stores.transaction import Transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, StoreSettings(), ManualClock(), SEALS)
    await store.open()
    yield store
    await store.close()


def tamper(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


async def ask(store: SqliteStore) -> MessageId:
    return (await store.add(a_question(ManualClock()), MEMORY_MAILBOX)).question.message.id


def audit_one(tx: Transaction) -> None:
    tx.audit(AuditEntry("tried", "owner", detail={"a": 2, "b": 1}))


def audit_and_fail(tx: Transaction) -> None:
    audit_one(tx)
    tx.run("add_mailbox", {"conversation": DEFAULT_CONVERSATION, "name": "never"})
    raise ZeroDivisionError("a bug")


async def test_a_new_store_has_a_true_ledger_before_anything_is_said(store: SqliteStore, path: Path) -> None:
    assert_ledger_is_true(path)


async def test_a_verb_that_fails_beside_others_leaves_no_trace_in_it(store: SqliteStore, path: Path) -> None:
    jobs = [store.database.submit(verb, synced=True) for verb in (audit_one, audit_and_fail, audit_one)]
    await jobs[0].done
    with pytest.raises(ZeroDivisionError):
        await jobs[1].done
    await jobs[2].done
    connection = apsw.Connection(str(path))
    assert connection.execute("select number, detail from audit").fetchall() == [
        (1, '{"a":2,"b":1}'),
        (2, '{"a":2,"b":1}'),
    ]
    assert read(connection).number == 2
    connection.close()
    assert_ledger_is_true(path)


async def test_each_audit_row_is_chained_to_the_one_before_and_the_head_to_the_last(
    store: SqliteStore, path: Path
) -> None:
    for _ in range(3):
        await store.database.write(audit_one)
    await store.close()
    await store.open()
    await store.database.write(audit_one)
    connection = apsw.Connection(str(path))
    before = b""
    for *row, hashed in connection.execute(
        "select number, at, verb, actor, conversation, subject, refusal, detail, hash from audit order by number"
    ):
        assert chain(SEALS, before, tuple(row)) == hashed
        before = hashed
    assert read(connection)[:2] == (4, before)
    connection.close()


async def test_a_commit_that_fails_leaves_the_ledger_of_the_last_one(store: SqliteStore, path: Path) -> None:
    connection = store.database._connection
    connection.set_commit_hook(lambda: True)
    with pytest.raises(ConflictError):
        await ask(store)
    connection.set_commit_hook(None)
    assert_ledger_is_true(path)
    await ask(store)
    assert_ledger_is_true(path)


async def test_what_only_reads_or_changes_nothing_writes_no_ledger(store: SqliteStore, path: Path) -> None:
    ran: list[str] = []
    store.database._connection.exec_trace = lambda _cursor, statement, _: not ran.append(statement)  # type: ignore[func-returns-value]
    await store.sweep()
    await store.database.write(lambda _tx: None)
    assert not [statement for statement in ran if "ledger" in statement]


async def test_what_is_imported_is_weighed(store: SqliteStore, path: Path) -> None:
    importer = SqliteImporter(store.database)
    note = a_note(ManualClock(), a_credential(ManualClock(), "ada", conversation=DEFAULT_CONVERSATION))
    await importer.take_messages([ImportedMessage(note, MEMORY_MAILBOX, 1, is_read=False)], by=BY)
    await importer.take_audit([ImportedAudit(DEFAULT_CONVERSATION, 1, "a", "sent", None, None)], by=BY)
    assert_ledger_is_true(path)
    assert (await store.post(note.id)).message.is_intact


@pytest.mark.parametrize(
    "statement",
    [
        "update message set body = 'other'",
        "update mailbox set last_position = 7",
        "delete from delivery",
        "insert into rate values ('x', 1, 1, 1, 1)",
        "update conversation set created_at = 1",
        "update participant set is_person = 1 - is_person",
    ],
)
async def test_a_row_that_something_else_wrote_shows_in_its_table_for_good(path: Path, statement: str) -> None:
    for _ in range(2):
        store = SqliteStore(path, StoreSettings(), ManualClock(), SEALS)
        await store.open()
        await ask(store)
        await store.close()
        if statement:
            tamper(path, statement)
        statement = ""
    connection = apsw.Connection(str(path))
    sums, found = read(connection).sums, weigh_all(connection, SEALS)
    assert is_sealed(connection, SEALS)
    assert len([table for table, total in found.items() if sums[table] != total]) == 1
    connection.close()


async def test_a_message_that_others_changed_shows_even_when_it_has_left(store: SqliteStore, path: Path) -> None:
    ids = json.dumps([await ask(store)])
    tamper(path, "update message set body = 'other'")

    def leave(tx: Transaction) -> None:
        tx.run("archive_deliveries", {"ids": ids})
        tx.run("archive_messages", {"ids": ids})

    await store.database.write(leave)
    connection = apsw.Connection(str(path))
    sums, found = read(connection).sums, weigh_all(connection, SEALS)
    assert {table for table, total in found.items() if sums[table] != total} == {"message"}
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger set audit_number = 1",
        "update ledger set sums = x''",
        "update ledger set sums = zeroblob(length(sums))",
        "update ledger set seal = zeroblob(36)",
        "delete from ledger",
    ],
)
async def test_a_broken_ledger_is_never_sealed_again_and_the_line_goes_on(
    store: SqliteStore, path: Path, statement: str
) -> None:
    for _ in range(3):
        await store.database.write(audit_one)
    await store.close()
    tamper(path, statement)
    for _ in range(2):
        await store.open()
        await store.database.write(audit_one)
        await ask(store)  # a row, too
        await store.close()
    connection = apsw.Connection(str(path))
    assert not is_sealed(connection, SEALS)
    assert connection.execute("select max(number) from audit").fetchone() == (7,)
    connection.close()


async def test_a_row_added_to_the_audit_by_something_else_does_not_stop_the_line(
    store: SqliteStore, path: Path
) -> None:
    await store.database.write(audit_one)
    await store.close()
    tamper(path, "insert into audit (number, at, verb, actor, hash) values (2, 1, 'x', 'owner', zeroblob(36))")
    await store.open()
    await store.database.write(audit_one)
    connection = apsw.Connection(str(path))
    assert read(connection).number == 3
    connection.close()
