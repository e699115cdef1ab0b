"""Entries are written down before they are put in; whatever happens in between, they can be taken out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from warmline.errors import ConfigurationError
from warmline.home import Home
from warmline.operations.connect import placing
from warmline.operations.connect.clients import CLIENTS
from warmline.operations.connect.record import Connected, Record

CURSOR = CLIENTS["cursor"]
ENTRY = {"command": "w"}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record(Home(tmp_path / "home"))
    record.make_folder()
    return record


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mcp.json"


def put(record: Record, file: Path) -> Path | None:
    known = record.of("cursor").place(file)
    return placing.put(placing.plan_putting(CURSOR, file, "user", ENTRY, known), record)


def take(record: Record) -> Path | None:
    [place] = record.of("cursor").places
    return placing.take(placing.plan_taking(CURSOR, place), record)


def test_a_file_that_changed_after_the_plan_is_left_alone_and_nothing_stays_behind(record: Record, file: Path) -> None:
    file.write_text("{}")
    plan = placing.plan_putting(CURSOR, file, "user", ENTRY, None)
    file.write_text('{"new": 1}')
    with pytest.raises(ConfigurationError, match="changed by another program"):
        placing.put(plan, record)
    assert file.read_text() == '{"new": 1}'
    assert sorted(each.name for each in file.parent.iterdir()) == ["home", "mcp.json"]
    assert record.of("cursor") == Connected()


def test_a_file_that_changed_after_the_plan_is_not_removed(record: Record, file: Path) -> None:
    put(record, file)
    [place] = record.of("cursor").places
    plan = placing.plan_taking(CURSOR, place)
    file.write_text('{"new": 1}')
    with pytest.raises(ConfigurationError, match="changed by another program"):
        placing.take(plan, record)
    assert file.read_text() == '{"new": 1}'
    assert record.of("cursor").places == (place,)


def test_what_was_written_down_and_not_put_in_is_forgotten(record: Record, file: Path) -> None:
    put(record, file)
    file.unlink()
    assert take(record) is None
    assert record.of("cursor") == Connected()
    assert record.read() == {}


@pytest.mark.parametrize("held", ["", " \n", "\ufeff"])
def test_an_empty_file_gets_an_entry_and_loses_it_again_with_its_backup(record: Record, file: Path, held: str) -> None:
    file.write_text(held, "utf-8")
    put(record, file)
    assert '"warmline"' in file.read_text("utf-8")
    assert take(record) is None
    assert file.read_text("utf-8").strip("\ufeff \n") == "{}"
    assert sorted(each.name for each in file.parent.iterdir()) == ["home", "mcp.json"]


def test_a_mark_at_the_beginning_and_the_ends_of_lines_stay(record: Record, file: Path) -> None:
    held = '\ufeff{\r\n  "a": 1\r\n}\r\n'.encode()
    file.write_bytes(held)
    put(record, file)
    assert file.read_bytes().startswith('\ufeff{\r\n  "a": 1,\r\n  "mcpServers": {\r\n    "warmline": {\r\n'.encode())
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")
    take(record)
    assert file.read_bytes() == held


def test_a_backup_never_takes_the_place_of_another(record: Record, file: Path) -> None:
    file.write_text('{"a": 1}')
    old = file.with_name("mcp.json.before-warmline")
    old.write_text("of long ago")
    backup = put(record, file)
    assert backup == file.with_name("mcp.json.before-warmline-2")
    assert backup.read_text() == '{"a": 1}'
    assert backup.stat().st_mode & 0o777 == 0o600
    take(record)
    assert old.read_text() == "of long ago"
    assert not backup.exists()


def test_a_backup_that_holds_what_the_file_does_not_is_kept_and_so_is_a_new_one(record: Record, file: Path) -> None:
    file.write_text('{"a": 1}')
    first = put(record, file)
    assert first
    file.write_text(file.read_text().replace('"a": 1', '"a": 2'))
    second = take(record)
    assert first.read_text() == '{"a": 1}'
    assert second
    assert '"a": 2' in second.read_text()
    assert file.read_text() == '{"a": 2}'


def test_an_entry_that_stands_there_already_is_ours_from_then_on(record: Record, file: Path) -> None:
    text = '{"mcpServers": {"warmline": {"command": "w"}}}'
    file.write_text(text)
    assert put(record, file) is None
    assert file.read_text() == text
    take(record)
    assert file.read_text() == '{"mcpServers": {}}'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_left_alone(record: Record, file: Path) -> None:
    file.write_text("{}")
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        put(record, file)


def test_folders_that_were_made_go_with_the_file_unless_they_are_used_since(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "mcp.json"
    put(record, file)
    (tmp_path / "a" / "mine").touch()
    take(record)
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["mine"]


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, "[]", "{}", '{"clients": {"cursor": {"places": 1}}}', '{"clients": 1}']
)
def test_a_damaged_record_is_said_to_be_one(text: str, record: Record) -> None:
    record.path.write_text(text)
    with pytest.raises(ConfigurationError, match="is damaged"):
        record.read()
