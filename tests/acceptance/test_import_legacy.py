"""An old bridge's users come along: their database, ids and tokens, and the operations that their prompts name."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from legacy_database import conversation_id, make_legacy_database, token
from real_home import RealHome
from warmline import daemon

GIVEN = Path(os.environ.get("WARMLINE_SHARED", Path(__file__).parents[3] / "shared")) / "legacy/distributed_memory.db"
MESSAGES = 2400


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RealHome]:
    home = RealHome(tmp_path / "home")
    home.serve()
    yield home
    home.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old bridge.db"
    make_legacy_database(path, conversations=3, messages=MESSAGES).close()
    return path


def call(home: RealHome, path: str, body: dict[str, Any], bearer: str | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("line", timeout=30)
    connection.sock = daemon.connect(home.home, 30)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    said = json.loads(response.read())
    connection.close()
    return response.status, said


def session(number: int, letter: str) -> dict[str, str]:
    return {"conversation_id": conversation_id(number), "session_id": letter, "token": token(number, letter)}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def posts(home: RealHome, conversation: str) -> list[dict[str, Any]]:
    found = home.client().call("GET", f"/v1/conversations/{conversation}/messages?limit=1000")["messages"]
    assert isinstance(found, list)
    return found


def test_an_old_database_comes_along_and_a_second_time_adds_nothing(home: RealHome, old: Path) -> None:
    first = home.json("import", "legacy", str(old))
    second = home.json("import", "legacy", str(old))
    new = {"new_conversations": 3, "new_messages": MESSAGES, "new_audit_rows": 3}
    totals: dict[str, object] = {"conversations": 3, "credentials": 6, "valid_credentials": 0, "messages": MESSAGES}
    totals |= {"unread": MESSAGES // 4, "statuses": 6, "audit_rows": 3, "redacted": 0, "oddities": {}}
    assert first == totals | new
    assert second == totals | dict.fromkeys(new, 0)
    shown = posts(home, conversation_id(1))
    assert len(shown) == MESSAGES // 3
    numbers = [int(json.loads(each["body"])["query_id"][2:]) for each in shown]
    assert numbers == sorted(numbers)
    for each, number in zip(shown, numbers, strict=True):
        [receipt] = each["receipts"]
        assert receipt["receipt"] == ("read" if number % 4 else "accepted")
        assert each["metadata"] == {"action_type": "question"}
        assert (each["sender"], receipt["mailbox"]) == (
            ("coordinator", "docs shard") if number % 2 else ("docs shard", "coordinator")
        )
    who = home.client().call("GET", f"/v1/conversations/{conversation_id(1)}/participants")["participants"]
    assert {(each["name"], each["status"]) for each in who} == {("coordinator", "working"), ("docs shard", "working")}


def test_the_source_is_read_with_its_wal_and_never_touched(home: RealHome, old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    source = shutil.copy(old, folder / "memory.db")
    writer = apsw.Connection(str(source))
    writer.pragma("journal_mode", "wal")
    writer.pragma("wal_autocheckpoint", 0)
    writer.execute(
        "insert into messages (conversation_id, from_session, to_session, message, timestamp)"
        " values (?, 'a', 'b', ?, ?)",
        (conversation_id(1), "only in the wal", "2026-03-02T00:00:00"),
    )
    before = digests(folder)
    assert (folder / "memory.db-wal").stat().st_size > 0
    report = home.json("import", "legacy", str(source))
    assert report["messages"] == MESSAGES + 1
    assert posts(home, conversation_id(1))[-1]["body"] == "only in the wal"
    assert digests(folder) == before
    writer.close()


def test_old_tokens_work_until_they_expire_and_longer_when_extended(home: RealHome, old: Path) -> None:
    home.json("import", "legacy", str(old))
    status, said = call(home, "/v1/legacy/check_messages", session(1, "b"))
    assert (status, said["title"]) == (401, "Unauthorized")
    assert home.json("import", "legacy", str(old), "--extend", "30d")["valid_credentials"] == 6
    status, said = call(home, "/v1/legacy/check_messages", session(1, "b"))
    unread = [number for number in range(1, MESSAGES + 1) if number % 3 == 0 and number % 4 == 0 and number % 2]
    assert status == 200
    assert [json.loads(each["message"])["query_id"] for each in said["messages"]] == [f"q_{n}" for n in unread]
    assert {each["trust"] for each in posts(home, conversation_id(1))} == {"unknown"}
    status, _ = call(home, "/v1/mailboxes/receive", {"wait": 0}, bearer=token(2, "a"))
    assert status == 200
    status, _ = call(home, "/v1/messages", {"to": "docs shard", "body": "from an old token"}, bearer=token(2, "a"))
    assert status == 201


def test_the_five_old_operations_go_on_in_an_imported_conversation(home: RealHome, old: Path) -> None:
    home.json("import", "legacy", str(old), "--extend", "1d")
    message = {"message": "which port?", "action_type": "question", "files_involved": ["a.md"]}
    status, sent = call(home, "/v1/legacy/send_to_partner", session(1, "a") | message)
    assert (status, sent["to_session"]) == (200, "b")
    status, said = call(home, "/v1/legacy/check_messages", session(1, "b"))
    last = said["messages"][-1]
    assert (last["message"], last["from_session"], last["trust"]) == ("which port?", "a", "credential")
    assert last["metadata"] == {"action_type": "question", "files_involved": ["a.md"]}
    assert home.json("receipts", sent["id"])["receipts"][0]["receipt"] == "handed"
    assert call(home, "/v1/legacy/check_messages", session(1, "b"))[1]["messages"] == []
    assert home.json("receipts", sent["id"])["receipts"][0]["receipt"] == "read"
    assert call(home, "/v1/legacy/update_my_status", session(1, "b") | {"status": "done"})[0] == 200
    status, partner = call(home, "/v1/legacy/check_partner_status", session(1, "a"))
    assert (status, partner["status"]) == (200, "done")
    assert call(home, "/v1/legacy/check_messages", session(1, "a") | {"token": token(2, "a")})[0] == 404
    assert call(home, "/v1/legacy/check_messages", session(1, "a") | {"token": token(1, "b")})[0] == 403


def test_what_is_odd_is_mended_or_left_out_and_counted(home: RealHome, old: Path) -> None:
    with apsw.Connection(str(old)) as connection:
        connection.execute(
            "insert into messages (conversation_id, from_session, to_session, message, metadata, timestamp, read)"
            " values (:known, 'a', 'b', cast(x'ff41' as text), 'no json', 'yesterday', 0),"
            " (:known, 'a', 'a', 'to itself', null, null, 0), ('conv_none', 'a', 'b', 'nowhere', null, null, 0),"
            " (:known, 'b', 'a', null, '[1]', null, 'yes')",
            {"known": conversation_id(1)},
        )
        connection.execute(
            "insert into conversations values"
            " ('conv_odd', 'owner', 'owner', null, 'tok', 'never', null),"
            " ('conv_twin', ' a/b ', '', 'x', 'y', null, null)"
        )
    report = home.json("import", "legacy", str(old))
    assert (report["conversations"], report["messages"]) == (5, MESSAGES + 2)
    assert report["oddities"] == {
        "messages between no two sessions": 1,
        "messages of no conversation": 1,
        "metadata that is no JSON object": 2,
        "roles that had to be renamed": 4,
        "sessions without a token": 1,
        "texts that are no UTF-8": 1,
        "times that are none": 2,
    }
    odd = home.json("conversation", "show", "conv_odd")
    assert {each["name"] for each in odd["participants"]} == {"owner (a)", "owner (b)"}
    assert posts(home, conversation_id(1))[-2]["body"] == "\N{REPLACEMENT CHARACTER}A"
    assert home.json("import", "legacy", str(old))["new_messages"] == 0


@pytest.mark.parametrize(
    "metadata",
    [
        '{"deep":' * 300 + "1" + "}" * 300,
        '{"deep":' * 3000 + "1" + "}" * 3000,
        '{"n": NaN}',
        '{"n": 1e999}',
        '{"half": "\\ud800"}',
    ],
    ids=["deep", "too deep to read", "no number", "too large a number", "half a character"],
)
def test_metadata_that_could_not_be_shown_again_comes_along_as_text(home: RealHome, old: Path, metadata: str) -> None:
    with apsw.Connection(str(old)) as connection:
        connection.execute(
            "insert into messages (conversation_id, from_session, to_session, message, metadata, timestamp, read)"
            " values (?, 'a', 'b', 'odd', ?, null, 0)",
            (conversation_id(1), metadata),
        )
    assert home.json("import", "legacy", str(old))["oddities"]["metadata that is no JSON object"] == 1
    assert posts(home, conversation_id(1))[-1]["metadata"] == {"metadata": metadata}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the table"),
        (b"not a database at all", "no SQLite database"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_such_database_is_refused(
    home: RealHome, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    done = home.run("import", "legacy", str(path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_what_is_no_file_is_refused_and_not_copied(home: RealHome, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.db")
    done = home.run("import", "legacy", str(tmp_path / "endless.db"))
    assert done.returncode == 2
    assert b"is no file" in done.stderr


def test_a_daemon_removes_the_copy_of_an_import_that_died_with_the_one_before(home: RealHome) -> None:
    home.kill()
    left = home.home.path / "import-left"
    left.mkdir()
    (left / "legacy.db").write_bytes(b"tokens and texts")
    home.serve()
    assert not left.exists()


def test_another_programs_database_is_refused_by_what_it_lacks(home: RealHome, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    apsw.Connection(str(path)).execute("create table conversations (id); create table messages (id)")
    done = home.run("import", "legacy", str(path))
    assert done.returncode == 2
    assert b"conversations lacks created_at, expires_at, session_a_role" in done.stderr


@pytest.mark.skipif(not GIVEN.exists(), reason=f"no {GIVEN}: set WARMLINE_SHARED")
def test_the_database_that_the_old_bridge_made_comes_along(home: RealHome) -> None:
    report = home.json("import", "legacy", str(GIVEN), "--extend", "30d")
    with apsw.Connection(str(GIVEN), flags=apsw.SQLITE_OPEN_READONLY) as source:
        (messages,) = source.execute("select count(*) from messages").fetchall()[0]
        (unread,) = source.execute("select count(*) from messages where read = 0").fetchall()[0]
    assert (report["messages"], report["unread"], report["oddities"]) == (messages, unread, {})
    again = home.json("import", "legacy", str(GIVEN), "--extend", "30d")
    assert again == report | {"new_conversations": 0, "new_messages": 0, "new_audit_rows": 0}
