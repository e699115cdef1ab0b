# ruff: noqa: S608  # columns are the schema's own
"""The first wrong row of the audit is named, and what was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tampering import Tampered
from warmline.stores.chain import Fault, Head

ROWS = "verb, actor, conversation, subject, refusal, detail"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tampered]:
    store = Tampered(tmp_path_factory.mktemp("chain") / "store.db")
    yield store
    store.close()


def first_wrong(store: Tampered, expected: Head | None = None) -> tuple[int | None, str]:
    """Return the number of the first fault's row, and the first word of what was done to it."""
    fault: Fault = store.verify(expected).faults[0]
    assert fault.where == "audit"
    return fault.number, fault.text.split(":")[0]


def test_an_edited_row_is_the_first_wrong_one(store: Tampered) -> None:
    at = store.first + 5
    for column, value in (("actor", "someone"), ("at", 1), ("verb", "cancel"), ("detail", '{"tries":9}')):
        with store:
            store.rows(f"update audit set {column} = ? where number = ?", value, at)
            assert first_wrong(store) == (at, "edited")
    with store:
        store.rows("update audit set actor = 'someone' where number = ?", store.head.number)
        assert first_wrong(store) == (store.head.number, "edited")


def test_rows_that_were_cut_out_are_named(store: Tampered) -> None:
    first, last = store.first + 3, store.first + 7
    with store:
        store.rows("delete from audit where number between ? and ?", first, last)
        assert first_wrong(store) == (first, "cut")
        assert store.verify().faults[0].text == f"cut: the rows {first} to {last} are gone"


def test_rows_that_were_cut_out_are_noticed_where_the_gap_was_closed(store: Tampered) -> None:
    first, last = store.first + 3, store.first + 7
    with store:
        store.rows("delete from audit where number between ? and ?", first, last)
        store.renumber(last + 1, first - last - 1)
        assert first_wrong(store) == (first, "cut before it")
        assert "5 rows are gone" in store.verify().faults[0].text


def test_the_oldest_rows_of_the_database_cannot_be_cut(store: Tampered) -> None:
    with store:
        store.rows("delete from audit where number <= ?", store.first + 1)
        assert first_wrong(store) == (store.first, "cut")


@pytest.mark.parametrize("back", [0, 1, 9])
def test_an_inserted_row_is_the_first_wrong_one(store: Tampered, back: int) -> None:
    at = store.head.number - back
    with store:
        store.renumber(at, 1)
        values = "select ?, at, verb, actor, conversation, subject, refusal, detail, hash from audit where number = ?"
        store.rows(f"insert into audit {values}", at, store.first)
        assert first_wrong(store) == (at, "inserted")


def test_a_row_behind_the_last_is_inserted(store: Tampered) -> None:
    with store:
        last = store.head.number
        columns = f"at, {ROWS}, hash"
        store.rows(
            f"insert into audit (number, {columns}) select ?, {columns} from audit where number = ?", last + 1, last
        )
        assert first_wrong(store)[0] == last + 1
        assert {fault.text.split(" ")[0] for fault in store.verify().faults} == {"edited", "inserted"}


@pytest.mark.parametrize("columns", [f"at, {ROWS}, hash", f"at, {ROWS}"])
@pytest.mark.parametrize("apart", [1, 2, 8])
def test_two_swapped_rows_are_told_from_an_insertion(store: Tampered, apart: int, columns: str) -> None:
    at, other = store.first + 2, store.first + 2 + apart
    with store:
        here, there = (store.rows(f"select {columns} from audit where number = ?", each)[0] for each in (at, other))
        assert here != there
        places = ", ".join(f"{column} = ?" for column in columns.split(", "))
        store.rows(f"update audit set {places} where number = ?", *there, at)
        store.rows(f"update audit set {places} where number = ?", *here, other)
        assert first_wrong(store) == (at, "swapped")
        assert store.verify().faults[0].text.endswith(f"has the number {other}")


def test_a_cut_end_is_told_by_the_ledger(store: Tampered) -> None:
    last = store.head.number - 4
    with store:
        store.rows("delete from audit where number > ?", last)
        assert first_wrong(store) == (last + 1, "truncated")


def test_an_older_copy_of_everything_is_whole_but_for_an_exported_head(store: Tampered, tmp_path: Path) -> None:
    older = Tampered.over(store.older_path, store.archive)
    assert older.verify().is_whole
    number, text = first_wrong(older, store.head)
    assert (number, text) == (older.head.number + 1, "truncated")
    assert f"the exported head is row {store.head.number}" in older.verify(store.head).faults[0].text
    older.close()


def test_a_head_of_another_audit_is_told(store: Tampered) -> None:
    other = Head(store.head.number - 1, store.head.hash)
    assert [fault.number for fault in store.verify(other).faults] == [other.number]


def test_a_head_in_the_archive_is_found(store: Tampered) -> None:
    older = store.archived_row(2)
    assert store.verify(Head(2, older[-1])).is_whole
    assert not store.verify(Head(2, store.head.hash)).is_whole


def test_a_trigger_is_not_of_the_lines_schema(store: Tampered) -> None:
    with store:
        store.rows("create trigger evil after insert on credential begin select 1; end")
        assert store.verify().faults[0].where == "schema"


def test_a_table_that_was_emptied_or_added_is_named(store: Tampered) -> None:
    with store:
        store.rows("delete from stop")
        assert [fault.where for fault in store.verify().faults] == ["stop"]
    with store:
        store.rows("create table evil (id integer primary key)")
        store.rows("insert into evil values (1)")
        assert [fault.where for fault in store.verify().faults] == ["schema", "ledger"]


def test_a_message_that_was_changed_is_named_beside_its_table(store: Tampered) -> None:
    ids = [message_id for (message_id,) in store.rows("select id from message order by number limit 2")]
    with store:
        store.rows("update message set body = 'evil' where id = ?", ids[1])
        faults = [(fault.where, fault.subject) for fault in store.verify().faults]
        assert faults == [("message", None), ("message", ids[1])]


def test_a_changed_or_missing_archive_file_is_named(store: Tampered) -> None:
    for path in sorted(store.archive.glob("*")):
        held = path.read_bytes()
        path.write_bytes(held[:-8] + bytes(8))
        assert {path.name.split(".jsonl")[0]} <= {fault.subject for fault in store.verify().faults}
        path.unlink()
        assert {path.name.split(".jsonl")[0]} <= {fault.subject for fault in store.verify().faults}
        path.write_bytes(held)
    assert store.verify().is_whole
