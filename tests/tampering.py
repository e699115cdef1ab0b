# ruff: noqa: S608  # tables and columns are the schema's own
"""A store with a past of every kind, and ways to write in it behind the line's back."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import BOBS, TEAM, Line, a_note, an_answer
from warmline.directory import ImportedAudit, ImportedMessage
from warmline.errors import RateLimitedError
from warmline.limits import Limits
from warmline.model import MEMORY_MAILBOX, OWNER_MAILBOX, BatchToken, Mailbox, State
from warmline.parties import AnsweredBy, Conversation, Credential, Policy
from warmline.protocols import Refusal
from warmline.security.seals import form
from warmline.settings import AuditSettings, StoreSettings
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.auditing import Auditing, Verified
from warmline.stores.chain import Head
from warmline.stores.directory import SqliteDirectory
from warmline.stores.importing import SqliteImporter
from warmline.stores.refusals import SqliteAuditLog
from warmline.stores.sqlite import SqliteStore

Row = tuple[Any, ...]

MONTH = timedelta(days=30)
SETTINGS = StoreSettings(max_lapses=1, archive_units=4)
UNSEALED = b"\0\0\0\1"


async def live(path: Path, copy_to: Path) -> None:
    """Let a store see every kind of verb; half-way a copy of it is made."""
    clock = ManualClock()
    store = SqliteStore(path, SETTINGS, clock, SEALS)
    directory = SqliteDirectory(store.database)
    importer, audit = SqliteImporter(store.database), SqliteAuditLog(store.database, clock, AuditSettings())

    async def reopen() -> Line:
        return line

    line = Line(store, directory, clock, reopen)
    await store.open()
    await store.add_mailbox(MEMORY_MAILBOX)
    await store.add_mailbox(OWNER_MAILBOX)
    speakers = [await line.join(name, limits=Limits(3, 100, 100)) for name in ("ada", "bob", "cleo")]
    await _talk(line, speakers)
    clock.advance(MONTH)
    await line.ask()
    assert await store.archive(clock.now(), by=BY)
    assert await audit.archive(clock.now())
    await _import(importer, clock)
    audit.refused(Refusal("unknown", "enter", "UnauthorizedError"))
    await audit.close()
    with closing(apsw.Connection(str(path))) as here:
        here.execute("vacuum into ?", (str(copy_to),))
    await _talk(line, speakers)
    await directory.revoke(speakers[0].id, clock.now(), by=BY)
    await directory.rotate(speakers[1].id, replace(speakers[1], id=BY), b"2" * 32, by=BY)
    await directory.close_conversation(TEAM, clock.now(), by=BY)
    await store.close()


async def _talk(line: Line, speakers: Sequence[Credential]) -> None:
    store, (ada, bob, cleo) = line.store, speakers
    for state in State:
        await line.bring_to(state)
    await line.directory.set_policy(BOBS, Policy(ordered=True, answered_by=AnsweredBy.ANYONE), by=BY)
    await line.directory.report(TEAM, "ada", line.clock.now(), "reading", by=ada.id)
    with suppress(RateLimitedError):
        for _ in range(5):
            await line.say(ada, BOBS)
    await store.broadcast(a_note(line.clock, cleo), [BOBS, Mailbox(TEAM, "ada")], by=cleo)
    batch = await line.receive(bob)
    await store.acknowledge(BatchToken(batch.token), bob.id)
    await line.receive(bob)
    erased = await line.ask("Where is the key?")
    await store.erase(erased.id, by=BY)
    answered = await line.ask("And the port?")
    while (lease := await line.lease()).message.id != answered.id:
        await store.settle(lease, an_answer(line.clock, lease.message))
    await store.settle(lease, an_answer(line.clock, answered))
    line.clock.advance(timedelta(hours=1))
    await store.sweep()


async def _import(importer: SqliteImporter, clock: ManualClock) -> None:
    await importer.take_conversation(Conversation(TEAM, clock.now()), [], by=BY)
    by = Credential(BY, "ada", TEAM, frozenset(), clock.now())
    messages = [ImportedMessage(a_note(clock, by, f"old {number}"), BOBS, number, is_read=True) for number in range(3)]
    await importer.take_messages(messages, by=BY)
    rows = [ImportedAudit(TEAM, number, "a", "send_to_partner", None, clock.now()) for number in range(3)]
    await importer.take_audit(rows, by=BY)


class Tampered:
    """A store to tamper with: what is done to it is rolled back at the end of a block."""

    def __init__(self, path: Path) -> None:
        self.older_path = path.with_name("older.db")
        asyncio.run(live(path, self.older_path))
        self._open(path, path.with_name("archive"))
        self.older = apsw.Connection(str(self.older_path))

    @classmethod
    def over(cls, path: Path, archive: Path) -> Tampered:
        """Take a store as it is."""
        made = cls.__new__(cls)
        made._open(path, archive)
        made.older = made.sql
        return made

    def _open(self, path: Path, archive: Path) -> None:
        self.archive = archive
        self.sql = apsw.Connection(str(path))
        self.sql.pragma("ignore_check_constraints", "on")
        self.auditing = Auditing(self.sql, ArchiveFiles(self.archive), SEALS)
        self.head = Head(*self.rows("select number, hash from audit order by number desc limit 1")[0])
        self.first: int = self.rows("select min(number) from audit")[0][0]

    def close(self) -> None:
        self.sql.close()
        self.older.close()

    def verify(self, expected: Head | None = None) -> Verified:
        return self.auditing.verify(expected)

    def __enter__(self) -> Tampered:
        self.sql.execute("savepoint tampered")
        return self

    def __exit__(self, *_: object) -> None:
        self.sql.execute("rollback to tampered; release tampered")

    def archived_row(self, number: int) -> Row:
        row = self.auditing.row(number)
        assert row is not None
        assert number < self.first
        return row

    def rows(self, sql: str, *values: Any) -> list[Row]:
        return self.sql.execute(sql, values).fetchall()

    def tables(self) -> list[str]:
        """Return the tables that have rows."""
        names = self.rows("select name from sqlite_schema where type = 'table' order by name")
        return [name for (name,) in names if self.rows(f"select 1 from {name} limit 1")]

    def columns(self, table: str) -> list[str]:
        """Return the columns that can be written."""
        return [row[1] for row in self.rows(f"pragma table_xinfo({table})") if row[6] == 0]

    def key(self, table: str) -> list[str]:
        return [row[1] for row in self.rows(f"pragma table_xinfo({table})") if row[5]]

    def renumber(self, first: int, by: int) -> None:
        """Give the audit's rows from this one on other numbers."""
        self.rows("update audit set number = -(number + ?) where number >= ?", by, first)
        self.rows("update audit set number = -number where number < 0")


Tamper = Callable[[Tampered, random.Random], None]


def edit(store: Tampered, chance: random.Random) -> None:
    """Give a column of a row another value."""
    table = chance.choice(store.tables())
    column, row = chance.choice(store.columns(table)), _some(store, table, chance)
    before = store.rows(f"select {column} from {table} where {_where(store, table)}", *row)[0][0]
    store.rows(f"update {table} set {column} = ?1 where {_where(store, table, 2)}", _other(before, chance), *row)


def delete(store: Tampered, chance: random.Random) -> None:
    """Delete some rows."""
    table = chance.choice(store.tables())
    for _ in range(chance.randint(1, 3)):
        if store.rows(f"select 1 from {table} limit 1"):
            store.rows(f"delete from {table} where {_where(store, table)}", *_some(store, table, chance))


def copy(store: Tampered, chance: random.Random) -> None:
    """Insert a copy of a row, with another key."""
    table = chance.choice(store.tables())
    columns, key = store.columns(table), store.key(table)
    (values,) = store.rows(
        f"select {', '.join(columns)} from {table} where {_where(store, table)}", *_some(store, table, chance)
    )
    unique = {*key, "id", "token", "token_hash", "position", "idempotency_key", "name"}
    changed = [_other(value, chance) if name in unique else value for name, value in zip(columns, values, strict=True)]
    store.rows(f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})", *changed)


def swap(store: Tampered, chance: random.Random) -> None:
    """Swap what two rows hold beside their keys."""
    table = chance.choice(store.tables())
    rest = [column for column in store.columns(table) if column not in store.key(table)]
    if not rest:
        raise apsw.ConstraintError("there is nothing to swap")
    keys = [_some(store, table, chance) for _ in range(2)]
    held = [store.rows(f"select {', '.join(rest)} from {table} where {_where(store, table)}", *key)[0] for key in keys]
    if held[0] == held[1]:
        raise apsw.ConstraintError("there is nothing to swap")
    places = ", ".join(f"{column} = ?" for column in rest)
    for key, values in zip(keys, reversed(held), strict=True):
        store.rows(f"update {table} set {places} where {_where(store, table)}", *values, *key)


def restore(store: Tampered, chance: random.Random) -> None:
    """Put back an older version of a row."""
    table = chance.choice(store.tables())
    columns = ", ".join(store.columns(table))
    now = set(store.rows(f"select {columns} from {table}"))
    gone = sorted(set(store.older.execute(f"select {columns} from {table}").fetchall()) - now, key=repr)
    if not gone:
        raise apsw.ConstraintError("every older row is there")
    values = chance.choice(gone)
    store.rows(f"insert or replace into {table} ({columns}) values ({', '.join('?' * len(values))})", *values)


def truncate(store: Tampered, chance: random.Random) -> None:
    """Cut off the end of the audit, and sometimes give the ledger the head that it had there."""
    last = chance.randint(store.first, store.head.number - 1)
    store.rows("delete from audit where number > ?", last)
    if chance.random() < 0.5:
        store.rows(
            "update ledger set audit_number = ?, audit_hash = (select hash from audit where number = ?)", last, last
        )


def cut(store: Tampered, chance: random.Random) -> None:
    """Cut rows out of the audit, and sometimes close the gap."""
    first = chance.randint(store.first, store.head.number - 2)
    last = chance.randint(first, store.head.number - 1)
    store.rows("delete from audit where number between ? and ?", first, last)
    if chance.random() < 0.5:
        store.renumber(last + 1, first - last - 1)


def insert(store: Tampered, chance: random.Random) -> None:
    """Put a row into the audit, with numbers that fit."""
    at = chance.randint(store.first, store.head.number + 1)
    store.renumber(at, 1)
    _put(store, at)


def rehash(store: Tampered, chance: random.Random) -> None:
    """Edit a row of the audit, and chain it and all behind it anew without the key."""
    at = chance.randint(store.first, store.head.number)
    store.rows("update audit set actor = 'someone' where number = ?", at)
    before = b"".join(hashed for (hashed,) in store.rows("select hash from audit where number = ?", at - 1))
    for row in store.rows("select * from audit where number >= ? order by number", at):
        before = UNSEALED + hashlib.sha256(before + form(row[:-1])).digest()
        store.rows("update audit set hash = ? where number = ?", before, row[0])
    store.rows("update ledger set audit_hash = ?", before)


WAYS: Sequence[Tamper] = (edit, edit, edit, delete, copy, swap, restore, truncate, cut, insert, rehash)


def tamper(store: Tampered, chance: random.Random) -> str:
    """Tamper in some way that the database lets pass; return which."""
    while True:
        way = chance.choice(WAYS)
        try:
            with store.sql:
                way(store, chance)
        except (apsw.ConstraintError, apsw.MismatchError):
            continue
        return way.__name__


def _put(store: Tampered, number: int) -> None:
    values = (number, 1, "erase", "owner", None, None, None, None, UNSEALED + bytes(32))
    store.rows("insert into audit values (?, ?, ?, ?, ?, ?, ?, ?, ?)", *values)


def _some(store: Tampered, table: str, chance: random.Random) -> Row:
    """Return the key of a row."""
    return chance.choice(store.rows(f"select {', '.join(store.key(table))} from {table}"))


def _where(store: Tampered, table: str, first: int | None = None) -> str:
    places = [f"{name} is ?{'' if first is None else first + index}" for index, name in enumerate(store.key(table))]
    return " and ".join(places)


def _other(value: Any, chance: random.Random) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bytes):
        at = chance.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
    if isinstance(value, int):
        return value + chance.choice((-1, 1, 1000))
    return None if value is not None and chance.random() < 0.2 else f"{value or ''}x"
