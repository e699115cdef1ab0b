"""The ledger: what the line has written, so that what others wrote shows.

Two things, both kept under the keys of the seals, in the transaction that they tell of:

- the audit: one row a verb, each with the seal over its columns and the seal before it, so that the rows are a chain;
- one row of table `ledger`: the chain's head and, for every other table, the sum of its rows' weights. SQLite tells
  of every row that changes (its preupdate hook), so no verb can forget to.

See docs/decisions/0007-ledger.md. What finds the faults is auditing.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import apsw

from warmline.security.seals import Seals, form

NOT_WEIGHED = frozenset({"audit", "ledger"})
"""The chain holds the one, a seal the other."""

SUM_MODULUS = 2**256
AUDIT = b"audit"
LEDGER = b"ledger"
FIRST_HASH = b""
"""What the first row of a chain is chained to."""

_TABLES = "select name from sqlite_schema where type = 'table' and name not like 'sqlite@_%' escape '@' order by name"
_ADD = (
    "insert into audit (number, at, verb, actor, conversation, subject, refusal, detail, hash)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_READ = "select audit_number, audit_hash, sums, seal from ledger"
_WRITE = (
    "insert into ledger (id, audit_number, audit_hash, sums, seal) values (1, ?1, ?2, ?3, ?4)"
    " on conflict (id) do update set audit_number = ?1, audit_hash = ?2, sums = ?3, seal = ?4"
)

_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class AuditEntry:
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
    """How a ledger stood at one moment."""

    number: int
    hash: bytes
    sums: dict[str, int]


class Ledger:
    """Keeps the audit and the sums of one connection, which alone writes the file."""

    def __init__(self, connection: apsw.Connection, seals: Seals) -> None:
        self.seals = seals
        self._cursor = connection.cursor()
        self._now = read(connection)
        self._written = self.mark
        connection.preupdate_hook(self._weigh, id=self)

    @property
    def mark(self) -> Mark:
        """How it stands now, to come back to."""
        return self._now._replace(sums=dict(self._now.sums))

    def back_to(self, mark: Mark) -> None:
        """Forget what was rolled back."""
        self._now = mark._replace(sums=dict(mark.sums))

    def note(self, at: int, entry: AuditEntry) -> None:
        """Add a row to the audit. at is in microseconds."""
        number, before, sums = self._now
        detail = None if entry.detail is None else _to_json(entry.detail)
        row = (number + 1, at, entry.verb, entry.actor, entry.conversation, entry.subject, entry.refusal, detail)
        chained = chain(self.seals, before, row)
        self._cursor.execute(_ADD, (*row, chained))
        self._now = Mark(number + 1, chained, sums)

    def write(self) -> None:
        """Write what the transaction has made of it, if anything; call just before the commit."""
        if self._now == self._written:
            return
        number, hashed, sums = self._now
        written = _to_json({table: f"{total:064x}" for table, total in sums.items()})
        self._cursor.execute(
            _WRITE, (number, hashed, written, self.seals.seal(LEDGER, form((number, hashed, written))))
        )
        self._written = self.mark

    def _weigh(self, change: apsw.PreUpdate) -> None:
        table = change.table_name
        if table in NOT_WEIGHED:
            return
        total = self._now.sums.get(table, 0)
        if (new := change.new) is not None:
            total += self.seals.weigh(table, new)
        if (old := change.old) is not None:
            total -= self.seals.weigh(table, old)
        self._now.sums[table] = total % SUM_MODULUS


def chain(seals: Seals, before: bytes, row: tuple[object, ...]) -> bytes:
    """Return the hash of an audit row (number, at, verb, actor, conversation, subject, refusal, detail)."""
    return seals.seal(AUDIT, before + form(row))


def begin(connection: apsw.Connection, seals: Seals) -> None:
    """Seal the messages that have no seal, and weigh what the tables hold: the schema is new, or has changed.

    An audit that is there goes on.
    """
    head = read(connection)
    ledger = Ledger(connection, seals)
    ledger.back_to(head._replace(sums=weigh_all(connection, seals)))
    ledger.write()
    connection.preupdate_hook(None, id=ledger)


def read(connection: apsw.Connection) -> Mark:
    """Read the ledger as it was written; where it is gone, one that holds nothing, which shows."""
    row = connection.execute(_READ).fetchone()
    if row is None:
        return Mark(0, FIRST_HASH, {})
    number, hashed, sums, _ = row
    return Mark(number, hashed, {table: int(total, 16) for table, total in json.loads(sums).items()})


def is_sealed(connection: apsw.Connection, seals: Seals) -> bool:
    """Tell whether the ledger's row is there, and as it was written."""
    row = connection.execute(_READ).fetchone()
    return row is not None and seals.verifies(LEDGER, form(row[:3]), row[3])


def weigh_all(connection: apsw.Connection, seals: Seals) -> dict[str, int]:
    """Return the sum of every table that is weighed, from its rows."""
    tables = [name for (name,) in connection.execute(_TABLES) if name not in NOT_WEIGHED]
    return {table: _sum(connection, seals, table) for table in tables}


def _sum(connection: apsw.Connection, seals: Seals, table: str) -> int:
    rows = connection.execute(f'select * from "{table}"')  # noqa: S608  # the schema's own names
    return sum(seals.weigh(table, row) for row in rows) % SUM_MODULUS
