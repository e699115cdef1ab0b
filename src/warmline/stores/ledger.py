"""The ledger: what the line has written, so that what others wrote shows.

Two things, both kept under the keys of the seals, in the transaction that they tell of:

- the audit: one row a verb, each with the seal over its columns and the seal before it, so that the rows are a chain;
- one row of table `ledger`: the chain's head and, for every other table, the sum of its rows' weights. SQLite tells
  of every row that changes (its preupdate hook), so no verb can forget to.

All that costs time is put off to the commit: of a row that a transaction changes again and again, two are weighed.

See docs/decisions/0007-ledger.md. What finds the faults is auditing.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import apsw

from warmline.security.seals import Seals, form
from warmline.stores.queries import load_queries
from warmline.stores.rows import MESSAGE, MESSAGE_COLUMNS, Row, json_of, seal_of

NOT_WEIGHED = frozenset({"audit", "ledger"})
"""The chain holds the one, a seal the other."""

MESSAGES = "message"

SUM_BYTES = 16
_SUM_MODULUS = 1 << 8 * SUM_BYTES
AUDIT = b"audit"
LEDGER = b"ledger"
FIRST_HASH = b""
"""What the first row of a chain is chained to."""

UNSEALED = b""
"""The seal of a ledger that was found broken: it is never sealed again, so that the fault goes on to show."""

SEALED_AT_ONCE = 1000

_STATEMENTS = load_queries("ledger.sql")
_AUDITED = _STATEMENTS["ledger_audit"]
_WRITTEN = _STATEMENTS["ledger_write"]


class AuditEntry(NamedTuple):
    """What was done, or refused, by whom. No body, no credential's token, nothing that the sender may choose freely.

    actor is a credential's id, "owner", or "warmline" for what the line does itself; subject is the id of what it was
    done to; refusal is the name of the error that a refused try got, None for what was done; detail is a small
    JSON object.
    """

    verb: str
    actor: str
    conversation: str | None = None
    subject: str | None = None
    refusal: str | None = None
    detail: Mapping[str, object] | None = None


class Written(NamedTuple):
    """What a ledger's row says: the number and hash of the last audit row, and each table's sum."""

    number: int
    hash: bytes
    sums: dict[str, int]


Changes = dict[tuple[str, Row], Row | None]
"""Rows as a transaction left them, with their tables; each with the row that was there before, None: none was."""


class Mark(NamedTuple):
    """How a ledger stood at one moment within a transaction."""

    number: int
    hash: bytes
    sums: dict[str, int]
    noted: list[Row]
    changes: Changes
    gone: list[tuple[str, Row]]


class Ledger:
    """Keeps the audit and the sums of one connection, which alone writes the file. For one thread.

    What is weighed is what SQLite changes; what is noted and changed must be written before each commit, and
    taken back after each rollback. number is that of the last audit row, written or not.
    """

    def __init__(self, connection: apsw.Connection, seals: Seals) -> None:
        self.seals = seals
        self._connection = connection
        self._cursor = connection.cursor()
        self._is_whole = is_sealed(connection, seals)
        self.number, self._hash, sums = read(connection) if self._is_whole else Written(0, FIRST_HASH, {})
        self._sums = dict.fromkeys(weighed_tables(connection), 0) | sums
        last = _one(connection, "ledger_audit_last")
        if last is not None and last[0] > self.number:  # no number is given twice, whoever wrote that row
            self.number = last[0]
        self._noted: list[Row] = []
        self._changes: Changes = {}
        self._gone: list[tuple[str, Row]] = []
        self._watch(self._changed)

    @property
    def mark(self) -> Mark:
        """How it stands now, to come back to."""
        pending = self._noted.copy(), self._changes.copy(), self._gone.copy()
        return Mark(self.number, self._hash, self._sums.copy(), *pending)

    def back_to(self, mark: Mark) -> None:
        """Forget what was rolled back."""
        self.number, self._hash, sums, noted, changes, gone = mark
        self._sums, self._noted, self._changes, self._gone = sums.copy(), noted.copy(), changes.copy(), gone.copy()

    def note(self, at: int, entry: AuditEntry) -> None:
        """Add a row to the audit. at is in microseconds."""
        *said, detail = entry
        number = self.number + 1
        row = (number, at, *said, None if detail is None else json_of(detail))
        self._hash = chain(self.seals, self._hash, row)
        self.number = number
        self._noted.append((*row, self._hash))

    def write(self) -> None:
        """Write what the transaction has made of it, if anything; call just before the commit."""
        if not (self._noted or self._changes or self._gone):
            return
        self._weigh()
        row = _row(Written(self.number, self._hash, self._sums), self.seals if self._is_whole else None)
        self._watch(None)  # to be told of its own rows costs as much as to write them
        try:
            self._cursor.executemany(_AUDITED, self._noted)
            self._cursor.execute(_WRITTEN, row)
        finally:
            self._watch(self._changed)
        self._noted.clear()

    def holds(self, connection: apsw.Connection, table: str) -> bool:
        """Tell whether a table's rows are those that the line wrote, as far as is known: the ledger is whole."""
        return self._is_whole and _sum(connection, self.seals, table) == self._sums.get(table)

    def count_anew(self, connection: apsw.Connection, table: str) -> None:
        """Take a table as it is now; what changed in it in this transaction is in that."""
        self._weigh()
        self._sums[table] = _sum(connection, self.seals, table)

    def _watch(self, hook: apsw.PreupdateHook | None) -> None:
        """Have SQLite tell of every row that changes."""
        self._connection.preupdate_hook(hook, id=self)

    def _changed(self, change: apsw.PreUpdate) -> None:
        """Note a row that SQLite changes, under what it is now: that is how it is found when it changes again."""
        table = change.table_name
        if table in NOT_WEIGHED:
            return
        new, old = change.new, change.old
        if table == MESSAGES:
            new, old = new and _by_its_seal(new), old and weighed(self.seals, table, old)
        before = None if old is None else self._changes.pop((table, old), old)
        if new is not None:
            self._changes[table, new] = before
        elif before is not None:
            self._gone.append((table, before))

    def _weigh(self) -> None:
        weigh, sums = self.seals.weigh, self._sums
        for (table, new), before in self._changes.items():
            change = weigh(table, new) if before is None else weigh(table, new) - weigh(table, before)
            sums[table] = (sums[table] + change) % _SUM_MODULUS
        for table, old in self._gone:
            sums[table] = (sums[table] - weigh(table, old)) % _SUM_MODULUS
        self._changes.clear()
        self._gone.clear()


def chain(seals: Seals, before: bytes, row: tuple[object, ...]) -> bytes:
    """Return the hash of an audit row (number, at, verb, actor, conversation, subject, refusal, detail)."""
    return seals.seal(AUDIT, before + form(row))


def begin(connection: apsw.Connection, seals: Seals) -> None:
    """Seal the messages that have no seal, and weigh what the tables hold: the schema is new, or has changed.

    An audit that is there goes on; a ledger that is broken stays so. Call within a transaction.
    """
    for rows in _unsealed(connection):
        sealed = ({"number": number, "seal": seal_of(seals, columns)} for number, *columns in rows)
        connection.executemany(_STATEMENTS["ledger_seal"], sealed)
    is_whole = _one(connection, "ledger") is None or is_sealed(connection, seals)
    number, hashed, _ = read(connection)
    row = _row(Written(number, hashed, weigh_all(connection, seals)), seals if is_whole else None)
    connection.execute(_WRITTEN, row)


def read(connection: apsw.Connection) -> Written:
    """Read the ledger as it was written; where it is gone, or holds other sums than of each table one, it has none."""
    row = _one(connection, "ledger")
    if row is None:
        return Written(0, FIRST_HASH, {})
    number, hashed, sums, _ = row
    tables = weighed_tables(connection)
    if len(sums) != SUM_BYTES * len(tables):
        return Written(number, hashed, {})
    each = (int.from_bytes(sums[at : at + SUM_BYTES], "big") for at in range(0, len(sums), SUM_BYTES))
    return Written(number, hashed, dict(zip(tables, each, strict=True)))


def is_sealed(connection: apsw.Connection, seals: Seals) -> bool:
    """Tell whether the ledger's row is there, and as it was written."""
    row = _one(connection, "ledger")
    return row is not None and seals.verifies(LEDGER, form(row[:3]), row[3])


def sum_of(total: int) -> int:
    """Return the sum that a table has whose rows weigh so much together."""
    return total % _SUM_MODULUS


def weighed_tables(connection: apsw.Connection) -> list[str]:
    """Return the names of the tables that are weighed, in the order of their sums."""
    return [name for (name,) in connection.execute(_STATEMENTS["ledger_tables"]) if name not in NOT_WEIGHED]


def weighed(seals: Seals, table: str, row: Row) -> Row:
    """Return what is weighed of a row: all of it; of a message whose seal verifies, what stands for the rest.

    So no message is hashed twice when it is written. One that others changed weighs what it never did.
    """
    if table != MESSAGES or len(row) <= MESSAGE_COLUMNS:  # others may have made another table of that name
        return row
    _, *sealed, seal, erased_seal = row
    return _by_its_seal(row) if seals.verifies(MESSAGE, form((*sealed, erased_seal)), seal) else row


def weigh_all(connection: apsw.Connection, seals: Seals) -> dict[str, int]:
    """Return the sum of every table that is weighed, from its rows."""
    return {table: _sum(connection, seals, table) for table in weighed_tables(connection)}


def _row(ledger: Written, seals: Seals | None) -> Row:
    """Return the ledger's row, sealed if it was whole."""
    number, hashed, sums = (
        ledger.number,
        ledger.hash,
        b"".join([each.to_bytes(SUM_BYTES, "big") for each in ledger.sums.values()]),
    )
    # Python writes so many bytes as hexadecimal in a tenth of the time that the form's encoder takes.
    seal = UNSEALED if seals is None else seals.seal(LEDGER, form((number, hashed.hex(), sums.hex())))
    return number, hashed, sums, seal


def _sum(connection: apsw.Connection, seals: Seals, table: str) -> int:
    rows: Iterator[Row] = connection.execute(f'select * from "{table}"')  # noqa: S608  # the schema's own names
    return sum_of(sum(seals.weigh(table, weighed(seals, table, row)) for row in rows))


def _by_its_seal(message: Row) -> Row:
    """Return the number and the seal of a message: the seal is over all else that the row holds."""
    return message[0], message[-2]


def _one(connection: apsw.Connection, name: str) -> Row | None:
    row: Row | None = connection.execute(_STATEMENTS[name]).fetchone()
    return row


def _unsealed(connection: apsw.Connection) -> Iterator[list[Row]]:
    """Yield the messages, their number and what is sealed of them, some at a time."""
    after = 0
    while True:
        which = {"after": after, "limit": SEALED_AT_ONCE}
        rows: list[Row] = connection.execute(_STATEMENTS["ledger_unsealed"], which).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield rows
