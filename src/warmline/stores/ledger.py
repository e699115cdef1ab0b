"""The ledger: what the line has written, so that what others wrote shows.

Two things, both kept under the keys of the seals, in the transaction that they tell of:

- the audit: one row a verb, each with the seal over its columns and the seal before it, so that the rows are a chain;
- one row of table `ledger`: the chain's head and, for every other table, the sum of its rows' weights. SQLite tells
  of every row that changes (its preupdate hook), so no verb can forget to.

See docs/decisions/0007-ledger.md. What finds the faults is auditing.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import apsw
from pydantic_core import to_json

from warmline.security.seals import Seals, form
from warmline.stores.queries import load_queries, parameters_of
from warmline.stores.rows import Row, seal_of

NOT_WEIGHED = frozenset({"audit", "ledger"})
"""The chain holds the one, a seal the other."""

SUM_MODULUS = 2**256
AUDIT = b"audit"
LEDGER = b"ledger"
FIRST_HASH = b""
"""What the first row of a chain is chained to."""

UNSEALED = b""
"""The seal of a ledger that was found broken: it is never sealed again, so that the fault goes on to show."""

SEALED_AT_ONCE = 1000

_STATEMENTS = {name: (sql, parameters_of(sql)) for name, sql in load_queries("ledger.sql").items()}
_AUDITED = _STATEMENTS["ledger_audit"]
_WRITTEN = _STATEMENTS["ledger_write"]

_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


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


class Mark(NamedTuple):
    """How a ledger stood at one moment: the number and hash of the last audit row, and each table's sum."""

    number: int
    hash: bytes
    sums: dict[str, int]


class Ledger:
    """Keeps the audit and the sums of one connection, which alone writes the file. For one thread.

    What is weighed is what SQLite changes; what is noted and weighed must be written before each commit, and
    taken back after each rollback.
    """

    def __init__(self, connection: apsw.Connection, seals: Seals) -> None:
        self.seals = seals
        self._cursor = connection.cursor()
        self._is_whole = is_sealed(connection, seals)
        self._number, self._hash, self._sums = read(connection) if self._is_whole else Mark(0, FIRST_HASH, {})
        last = _one(connection, "ledger_audit_last")
        if last is not None and last[0] > self._number:  # no number is given twice, whoever wrote that row
            self._number = last[0]
        self._is_changed = False
        self._shown: dict[str, tuple[int, str]] = {}
        connection.preupdate_hook(self._weigh, id=self)

    @property
    def mark(self) -> Mark:
        """How it stands now, to come back to."""
        return Mark(self._number, self._hash, self._sums.copy())

    def back_to(self, mark: Mark) -> None:
        """Forget what was rolled back."""
        self._number, self._hash, sums = mark
        self._sums = sums.copy()

    def note(self, at: int, entry: AuditEntry) -> None:
        """Add a row to the audit. at is in microseconds."""
        *said, detail = entry
        number = self._number + 1
        row = (number, at, *said, None if detail is None else _to_json(detail))
        chained = chain(self.seals, self._hash, row)
        self._cursor.execute(_AUDITED[0], (*row, chained))
        self._number, self._hash, self._is_changed = number, chained, True

    def write(self) -> None:
        """Write what the transaction has made of it, if anything; call just before the commit."""
        if not self._is_changed:
            return
        sums = to_json({table: self._show(table, total) for table, total in self._sums.items()}).decode()
        head = (self._number, self._hash, sums)
        seal = self.seals.seal(LEDGER, form(head)) if self._is_whole else UNSEALED
        self._cursor.execute(_WRITTEN[0], (*head, seal))
        self._is_changed = False

    def _show(self, table: str, total: int) -> str:
        """Return a sum as it is written; a commit changes few of them."""
        shown = self._shown.get(table)
        if shown is None or shown[0] != total:
            shown = self._shown[table] = (total, f"{total:064x}")
        return shown[1]

    def _weigh(self, change: apsw.PreUpdate) -> None:
        table = change.table_name
        if table in NOT_WEIGHED:
            return
        total = self._sums.get(table, 0)
        new, old = change.new, change.old
        if new is not None:
            total += self.seals.weigh(table, new)
        if old is not None:
            total -= self.seals.weigh(table, old)
        self._sums[table] = total % SUM_MODULUS
        self._is_changed = True


def chain(seals: Seals, before: bytes, row: tuple[object, ...]) -> bytes:
    """Return the hash of an audit row (number, at, verb, actor, conversation, subject, refusal, detail)."""
    return seals.seal(AUDIT, before + form(row))


def begin(connection: apsw.Connection, seals: Seals) -> None:
    """Seal the messages that have no seal, and weigh what the tables hold: the schema is new, or has changed.

    An audit that is there goes on; a ledger that is broken stays so. Call within a transaction.
    """
    for rows in _unsealed(connection):
        sealed = ({"number": number, "seal": seal_of(seals, columns)} for number, *columns in rows)
        connection.executemany(_STATEMENTS["ledger_seal"][0], sealed)
    is_whole = _one(connection, "ledger") is None or is_sealed(connection, seals)
    number, hashed, _ = read(connection)
    sums = to_json({table: f"{total:064x}" for table, total in weigh_all(connection, seals).items()}).decode()
    head = (number, hashed, sums)
    connection.execute(_WRITTEN[0], (*head, seals.seal(LEDGER, form(head)) if is_whole else UNSEALED))


def read(connection: apsw.Connection) -> Mark:
    """Read the ledger as it was written; where it is gone, one that holds nothing, which shows.

    Raises ValueError when it holds no sums: then it is not sealed either.
    """
    row = _one(connection, "ledger")
    if row is None:
        return Mark(0, FIRST_HASH, {})
    number, hashed, sums, _ = row
    return Mark(number, hashed, {table: int(total, 16) for table, total in json.loads(sums).items()})


def is_sealed(connection: apsw.Connection, seals: Seals) -> bool:
    """Tell whether the ledger's row is there, and as it was written."""
    row = _one(connection, "ledger")
    return row is not None and seals.verifies(LEDGER, form(row[:3]), row[3])


def weigh_all(connection: apsw.Connection, seals: Seals) -> dict[str, int]:
    """Return the sum of every table that is weighed, from its rows."""
    tables = [name for (name,) in connection.execute(_STATEMENTS["ledger_tables"][0]) if name not in NOT_WEIGHED]
    return {table: _sum(connection, seals, table) for table in tables}


def _sum(connection: apsw.Connection, seals: Seals, table: str) -> int:
    rows = connection.execute(f'select * from "{table}"')  # noqa: S608  # the schema's own names
    return sum(seals.weigh(table, row) for row in rows) % SUM_MODULUS


def _one(connection: apsw.Connection, name: str) -> Row | None:
    row: Row | None = connection.execute(_STATEMENTS[name][0]).fetchone()
    return row


def _unsealed(connection: apsw.Connection) -> Iterator[list[Row]]:
    """Yield the messages, their number and what is sealed of them, some at a time."""
    after = 0
    while True:
        which = {"after": after, "limit": SEALED_AT_ONCE}
        rows: list[Row] = connection.execute(_STATEMENTS["ledger_unsealed"][0], which).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield rows
