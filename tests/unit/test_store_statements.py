"""What SQLite does for each named statement: history must cost the hot ones nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import apsw
import pytest

from warmline.stores.queries import load_all_queries, load_migrations, load_queries

STATEMENTS = load_all_queries()

READ_AT_OPEN = {
    "doubt_audit_last",
    "doubt_in_force",
    "doubt_revoke",
    "mailboxes",
    "credentials",
    "ledger_audit_last",
    "ledger_tables",
}
"""Once, and kept in memory from then on."""

READ_BY_PEOPLE = {
    "questions",
    "count",
    "tally",
    "mailbox_states",
    "conversations",
    "conversations_participants",
    "said_deliveries",
    "said_answers",
    "archive_files",
    "archive_files_of_id",
}
"""On the reader's connection, where a long look delays nobody."""

READ_BY_AUDITORS = set(load_queries("auditing.sql"))
"""In another process, on a connection of its own: it looks at everything."""

ONCE_A_DAY = {"archive_batches", "archive_stops", "archive_replacing_parts"}
"""By the retention, which deletes what nothing else keeps in order of time; or when what is archived is erased."""

HOT = {
    "lease_first": ["SEARCH delivery USING INDEX delivery_due (mailbox_id=?)"],
    "message": ["SEARCH message USING INDEX sqlite_autoindex_message_1 (id=?)"],
    "lease": ["SEARCH delivery USING PRIMARY KEY (message_id=? AND mailbox_id=?)"],
    "held": ["SEARCH delivery USING PRIMARY KEY (message_id=? AND mailbox_id=?)"],
    "settle": ["SEARCH delivery USING PRIMARY KEY (message_id=? AND mailbox_id=?)"],
    "sweep_expire": ["SEARCH delivery USING INDEX delivery_timed (timed_at<?)"],
    "sweep_bury": ["SEARCH delivery USING INDEX delivery_timed (timed_at<?)"],
    "sweep_lapse": ["SEARCH delivery USING INDEX delivery_timed (timed_at<?)"],
    "sweep_make_due": ["SEARCH delivery USING INDEX delivery_timed (timed_at<?)"],
    "sweep_next": ["SEARCH delivery USING INDEX delivery_timed (timed_at>?)"],
    "add_same_key": ["SEARCH message USING INDEX message_once (conversation=? AND sender=? AND idempotency_key=?)"],
    "trace_of": ["SEARCH message USING INDEX sqlite_autoindex_message_1 (id=?)"],
    "trace_held": [
        "SEARCH d USING INDEX delivery_read (reader=?)",
        "SEARCH m USING INDEX sqlite_autoindex_message_1 (id=?)",
        "SEARCH b USING COVERING INDEX sqlite_autoindex_batch_1 (token=?)",
    ],
    "position": ["SEARCH mailbox USING INTEGER PRIMARY KEY (rowid=?)"],
    "rate": ["SEARCH rate USING PRIMARY KEY (credential_id=?)"],
    "lease_is_blocked": [
        "COMPOUND QUERY",
        "LEFT-MOST SUBQUERY",
        "SEARCH delivery USING COVERING INDEX delivery_leased (mailbox_id=?)",
        "UNION ALL",
        "SEARCH delivery USING INDEX delivery_delayed (mailbox_id=? AND position<?)",
        "SCALAR SUBQUERY 2",
        "SEARCH delivery USING INDEX delivery_due (mailbox_id=?)",
    ],
    "receive_again": ["SEARCH batch USING INDEX batch_once (reader=? AND idempotency_key=?)"],
    "seen": ["SEARCH participant USING PRIMARY KEY (conversation=? AND name=?)"],
    "batch": [
        "SEARCH b USING INDEX sqlite_autoindex_batch_1 (token=?)",
        "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
    ],
    "batch_held": ["SEARCH d USING PRIMARY KEY (message_id=? AND mailbox_id=?)"],
    "batches_open": [
        "SEARCH d USING INDEX delivery_read (reader=?)",
        "SEARCH b USING INDEX sqlite_autoindex_batch_1 (token=?)",
    ],
    "readers": ["SEARCH delivery USING COVERING INDEX delivery_read (reader>?)"],
    "said": ["SEARCH message USING INDEX message_said (conversation=? AND number>?)"],
    "said_default": ["SEARCH message USING INTEGER PRIMARY KEY (rowid>?)"],
}


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    for _, script in load_migrations():
        connection.execute(script)
    yield connection
    connection.close()


def explained(connection: apsw.Connection, how: str, name: str) -> list[tuple[apsw.SQLiteValue, ...]]:
    statement = STATEMENTS[name]
    values = dict.fromkeys(re.findall(r":(\w+)", statement))
    return connection.execute(f"{how} {statement}", values).fetchall()


def plan(connection: apsw.Connection, name: str) -> list[str]:
    return [str(row[3]) for row in explained(connection, "explain query plan", name)]


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_finds_its_rows_by_an_index_without_sorting(connection: apsw.Connection, name: str) -> None:
    assert plan(connection, name) == HOT[name]


@pytest.mark.parametrize(
    "name", sorted(set(STATEMENTS) - READ_BY_PEOPLE - READ_AT_OPEN - READ_BY_AUDITORS - ONCE_A_DAY)
)
def test_no_statement_of_the_writer_reads_a_whole_table(connection: apsw.Connection, name: str) -> None:
    steps = [step for step in plan(connection, name) if not step.startswith("SCAN json_each")]
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]


@pytest.mark.parametrize("name", ["questions", "conversations", "stops"])
def test_a_list_comes_in_the_order_of_the_table_without_sorting(connection: apsw.Connection, name: str) -> None:
    assert not [step for step in plan(connection, name) if "TEMP B-TREE" in step]


@pytest.mark.parametrize("name", ["said_deliveries", "said_answers", "mailbox_states", "mailbox_states_in"])
def test_what_was_said_and_waits_is_found_beside_any_history(connection: apsw.Connection, name: str) -> None:
    assert not [step for step in plan(connection, name) if re.fullmatch(r"SCAN [dam]( .*)?", step)]


@pytest.mark.parametrize("name", ["position_take", "add_message", "add_delivery", "lease", "settle"])
def test_a_hot_change_checks_its_row_without_a_temporary_tree(connection: apsw.Connection, name: str) -> None:
    assert "OpenEphemeral" not in {row[1] for row in explained(connection, "explain", name)}
