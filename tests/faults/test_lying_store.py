# ruff: noqa: S608  # tables and columns are the schema's own
"""What SQLite lets pass and no sum shows: an index that lies, a row before the first, bytes that are no text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tampering import Tampered
from warmline.errors import StoreDamagedError
from warmline.operations.audit import entries
from warmline.stores.auditing import AuditFilter

OF_DELIVERIES = "from sqlite_schema where type = 'index' and tbl_name = 'delivery' and sql is not null"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Tampered]:
    store = Tampered(path)
    yield store
    store.close()


def test_an_index_that_hides_a_row_is_found(store: Tampered, path: Path) -> None:
    """The row itself is as it was: it is taken out of its index, and put back while SQLite knows of no index."""
    hidden = "update delivery set ready_at = ? where state = 'ready'"
    with closing(apsw.Connection(str(path))) as writer:
        was = writer.execute("select ready_at from delivery where state = 'ready'").fetchall()
        assert was == [(None,)] * len(was)
        assert was
        writer.execute(hidden, (1,))
        indexes = writer.execute(f"select rowid, * {OF_DELIVERIES}").fetchall()
        writer.execute(f"pragma writable_schema = on; delete {OF_DELIVERIES}")
    with closing(apsw.Connection(str(path))) as writer:
        writer.execute(hidden, (None,))
        writer.execute("pragma writable_schema = on")
        columns = "insert into sqlite_schema (rowid, type, name, tbl_name, rootpage, sql) values (?, ?, ?, ?, ?, ?)"
        writer.executemany(columns, indexes)
    faults = Tampered.over(path, store.archive).verify().faults
    assert {fault.where for fault in faults} == {"store.db"}
    assert any("missing from index delivery_due" in fault.text for fault in faults)


def test_a_row_of_the_audit_before_the_first_is_found(store: Tampered) -> None:
    for number in (0, -5, -(2**63)):
        with store:
            columns = "at, verb, actor, conversation, subject, refusal, detail, hash"
            copied = f"insert into audit (number, {columns}) select ?, {columns} from audit where number = ?"
            store.rows(copied, number, store.first)
            first = store.verify().faults[0]
            assert (first.where, first.number, first.text.split(":")[0]) == ("audit", number, "inserted")


@pytest.mark.parametrize(("table", "column"), [("message", "body"), ("credential", "name"), ("audit", "actor")])
def test_bytes_that_are_no_text_are_found(store: Tampered, table: str, column: str) -> None:
    with store:
        store.rows("pragma defer_foreign_keys = on")
        store.rows(f"update {table} set {column} = cast(x'ff41' as text)")
        assert any(fault.where == table and "no text" in fault.text for fault in store.verify().faults)


@pytest.mark.parametrize(("column", "value"), [("at", 2**63 - 1), ("detail", "{")])
def test_a_row_of_the_audit_that_is_none_is_refused_in_one_line(store: Tampered, column: str, value: object) -> None:
    with store:
        store.rows(f"update audit set {column} = ? where number = ?", value, store.head.number)
        with pytest.raises(StoreDamagedError, match="audit verify"):
            entries(store.auditing, AuditFilter(), 1000)
