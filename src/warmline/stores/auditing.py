"""Verifying: whether the store holds what the line wrote, and nothing else. Only reads, on one snapshot.

The chain of the audit is followed row by row, from the first in the archive to the ledger's head; the rows of every
other table are weighed, and their sums compared with the ledger's; the files of the archive are compared with their
digests. What it cannot see: that all of it was replaced by an older copy. An exported head shows that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import apsw

from warmline.errors import StoreDamagedError, StoreVersionError
from warmline.security.seals import Seals
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.audit_rows import audit_row
from warmline.stores.chain import Chain, Fault, Head, diagnosed
from warmline.stores.doubt import CREDENTIALS, REVOKED_ALL
from warmline.stores.ledger import MESSAGES, Written, is_sealed, read, sum_of, weighed, weighed_tables
from warmline.stores.queries import binding_of, load_migrations, load_queries
from warmline.stores.rows import Row

_STATEMENTS = {name: (sql, binding_of(sql)) for name, sql in load_queries("auditing.sql").items()}

OnProgress = Callable[[int, int], None]
"""Called now and then with how many rows were looked at, and of how many."""

PROGRESS_ROWS = 10_000

LEAST_NUMBER = -(2**63)
"""The line's first row is number 1; others may have put rows before it."""

NO_TEXT = "holds bytes that are no text"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, the last row of the audit, and what is wrong, beginning with the first wrong row of it."""

    audit_rows: int
    archived_rows: int
    rows: int
    files: int
    head: Head | None
    faults: tuple[Fault, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows to show: all that match every field given. since_at is in microseconds."""

    since_at: int = 0
    actor: str | None = None
    verb: str | None = None
    subject: str | None = None

    def matches(self, row: Row) -> bool:
        """Tell whether a row of the audit is one of these."""
        _, at, verb, actor, _, subject, *_ = row
        wanted = ((self.actor, actor), (self.verb, verb), (self.subject, subject))
        return at >= self.since_at and all(each is None or each == found for each, found in wanted)


class Auditing:
    """Reads the audit of a store, and of its archive, on a connection of its own."""

    def __init__(self, connection: apsw.Connection, files: ArchiveFiles, seals: Seals) -> None:
        self._connection = connection
        self._files = files
        self._seals = seals

    def verify(self, expected: Head | None = None, on_progress: OnProgress = lambda *_: None) -> Verified:
        """Look at everything. expected is a head that was exported. Raises StoreVersionError for another version."""
        _check_version(self._connection)
        with self._connection:  # one snapshot
            ledger = self._ledger()
            faults, archived_rows, chain = self._chain(ledger, expected, on_progress)
            if ledger is None:
                faults.append(Fault("ledger", "it is not what the line wrote: the sums and the head do not count"))
            faults += self._schema() + self._indexes()
            rows, wrong = self._tables(ledger, on_progress)
            files, damaged = self._archive()
        still_listed = {name for name, _ in self._all("auditing_files")}
        faults += wrong + [fault for fault in damaged if fault.subject in still_listed]  # erasing replaces files
        return Verified(chain.rows, archived_rows, rows, files, chain.head, tuple(faults))

    def head(self) -> Row | None:
        """Return the last row of the audit. Raises StoreVersionError."""
        _check_version(self._connection)
        rows = self._all("auditing_head")
        return rows[0] if rows else None

    def row(self, number: int) -> Row | None:
        """Return a row of the audit, out of the archive too."""
        found = self._all("auditing_row", number=number)
        if found:
            return found[0]
        return next((row for row in self._archived() if row[0] == number), None)

    def rows(self, which: AuditFilter, limit: int) -> list[Row]:
        """Return the newest rows of the audit that match, oldest first. Raises StoreVersionError."""
        _check_version(self._connection)
        values = {"actor": which.actor, "verb": which.verb, "subject": which.subject}
        found = self._all("auditing_shown", since_at=which.since_at, limit=limit, **values)
        oldest = self._all("auditing_oldest")
        if len(found) < limit and oldest and oldest[0][0] >= which.since_at:
            archived = [row for row in self._archived() if which.matches(row)]
            found += archived[::-1][: limit - len(found)]
        return found[::-1]

    def imported(self, which: AuditFilter, limit: int) -> list[Row]:
        """Return the newest rows of old bridges' audits that match, oldest first.

        Each is (number, at or None, action, session, conversation, details).
        """
        values = {"actor": which.actor, "verb": which.verb, "subject": which.subject}
        return self._all("auditing_imported", since_at=which.since_at, limit=limit, **values)[::-1]

    def _chain(
        self, ledger: Written | None, expected: Head | None, on_progress: OnProgress
    ) -> tuple[list[Fault], int, Chain]:
        """Follow the chain, and compare its end with the ledger's head and with the one that is expected."""
        faults: list[Fault] = []
        chain, archived, total = Chain(self._seals, expected), 0, self._count()
        for row in self._archived(faults):
            archived += 1
            chain.take(row)
            faults += _doubted(row)
        for row in self._all_rows(faults=faults):
            chain.take(row)
            faults += _doubted(row)
            if chain.rows % PROGRESS_ROWS == 0:
                on_progress(chain.rows - archived, total)
        heads = [] if ledger is None else [Head(ledger.number, ledger.hash)]
        first = chain.broken_at and diagnosed(
            self._seals, chain.broken_at, self._from, [head.number for head in (*heads, expected) if head]
        )
        ends = chain.ends(heads[0] if heads else None)
        return [*([first] if first else []), *ends, *faults], archived, chain

    def _ledger(self) -> Written | None:
        """Read the ledger, if it is the one row that the line wrote."""
        is_whole = self._all("auditing_ledgers") == [(1,)] and is_sealed(self._connection, self._seals)
        return read(self._connection) if is_whole else None

    def _from(self, number: int) -> Iterator[Row]:
        """Yield the rows from this number on."""
        yield from (row for row in self._archived() if row[0] >= number)
        yield from self._all_rows(number)

    def _all_rows(self, first: int = LEAST_NUMBER, faults: list[Fault] | None = None) -> Iterator[Row]:
        """Yield the rows in the database, in order, up to one that cannot be read, which is noted."""
        try:
            yield from self._connection.cursor().execute(_STATEMENTS["auditing_rows"][0], (first,))
        except UnicodeDecodeError:
            if faults is not None:
                faults.append(Fault("audit", f"a row {NO_TEXT}: those behind it were not read"))

    def _archived(self, faults: list[Fault] | None = None) -> Iterator[Row]:
        """Yield the rows in files, in order; what cannot be read is left out, and noted."""
        for (name,) in self._all("auditing_files_of_rows"):
            try:
                yield from map(audit_row, self._files.lines(name))
            except (StoreDamagedError, ValueError) as error:
                if faults is not None:
                    faults.append(Fault("archive", f"it holds no rows of the audit, or cannot be read ({error})", name))

    def _schema(self) -> list[Fault]:
        """Compare the schema with the one that the migrations make: a trigger would write as the line does."""
        here, right = set(self._all("auditing_schema")), _schema_of_migrations()
        return [
            Fault("schema", f"the {kind} {name} is not as the line made it, or not its own")
            for kind, name in sorted({(kind, name) for kind, name, *_ in here ^ right})
        ]

    def _indexes(self) -> list[Fault]:
        """Let SQLite compare the indexes with the rows: one that lies hides a row that nobody changed."""
        return [Fault("store.db", str(text)) for (text,) in self._all("auditing_indexes") if text != "ok"]

    def _tables(self, ledger: Written | None, on_progress: OnProgress) -> tuple[int, list[Fault]]:
        """Weigh every table, and compare with the ledger, if that counts; name the messages that are not intact."""
        written = {} if ledger is None else ledger.sums
        tables = weighed_tables(self._connection)
        total, done = self._count(), self._count("audit")
        faults = [Fault("ledger", "its sums are of other tables")] if ledger and not written else []
        broken: list[Fault] = []
        looked_at = 0
        for table in tables:
            weight = 0
            for row in self._rows_of(table, faults):
                part = weighed(self._seals, table, row)
                weight += self._seals.weigh(table, part)
                if table == MESSAGES and part is row:
                    broken.append(Fault(table, "its seal does not verify", str(row[1]) if len(row) > 1 else None))
                looked_at += 1
                if looked_at % PROGRESS_ROWS == 0:
                    on_progress(done + looked_at, total)
            if written and sum_of(weight) != written.get(table):
                faults.append(Fault(table, "its rows are not those that the line wrote"))
        return looked_at, faults + broken

    def _rows_of(self, table: str, faults: list[Fault]) -> Iterator[Row]:
        """Yield a table's rows up to one that cannot be read, which is noted."""
        quoted = table.replace('"', '""')
        try:
            yield from self._connection.execute(f'select * from "{quoted}"')  # noqa: S608  # the schema's own names
        except UnicodeDecodeError:
            faults.append(Fault(table, f"a row {NO_TEXT}: those behind it were not read"))

    def _archive(self) -> tuple[int, list[Fault]]:
        """Compare the files with their digests; one from before there were digests has none."""
        faults, files = [], self._all("auditing_files")
        for name, digest in files:
            try:
                if digest is not None and self._files.digest(name) != digest:
                    faults.append(Fault("archive", "it is not the file that the line wrote", name))
            except StoreDamagedError:
                faults.append(Fault("archive", "it is gone, or cannot be read", name))
        return len(files), faults

    def _count(self, *only: str) -> int:
        """Count the rows of all tables, or of these."""
        count = 0
        for table in only or tuple(name for (name,) in self._all("auditing_tables")):
            quoted = table.replace('"', '""')
            rows: list[tuple[int]] = self._connection.execute(f'select count(*) from "{quoted}"').fetchall()  # type: ignore[assignment]  # noqa: S608
            count += rows[0][0]
        return count

    def _all(self, name: str, **values: object) -> list[Row]:
        sql, bound = _STATEMENTS[name]
        return self._connection.execute(sql, bound(values)).fetchall()


def _doubted(row: Row) -> list[Fault]:
    """Tell what an opening of the store found: the table was taken as it was then, so its sum shows it no more."""
    number, _, verb, *_ = row
    return [Fault(CREDENTIALS, f"others wrote in it before row {number} of the audit")] if verb == REVOKED_ALL else []


def _check_version(connection: apsw.Connection) -> None:
    """Raises StoreVersionError unless the store's schema is the one of this program."""
    version, newest = connection.pragma("user_version"), load_migrations()[-1][0]
    if version != newest:
        what = "start the daemon once, which brings it up to date" if version < newest else "install the newer one"
        raise StoreVersionError(f"the store is of version {version}, this program reads {newest}: {what}")


@cache
def _schema_of_migrations() -> frozenset[Row]:
    connection = apsw.Connection(":memory:")
    try:
        for _, script in load_migrations():
            connection.execute(script)
        return frozenset(connection.execute(_STATEMENTS["auditing_schema"][0]).fetchall())
    finally:
        connection.close()
