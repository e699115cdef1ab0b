"""The audit as a user meets it: who did what, who was refused, and whether others wrote in the store."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from speaking import Speaker

MARK = "marked-swordfish"
FLOOD = 1_000


@pytest.fixture
def owner(real_home: RealHome) -> Speaker:
    real_home.serve()
    return Speaker(real_home.home, real_home.home.read_token())


def refusals(home: RealHome) -> list[tuple[str, str, str]]:
    """Return who was refused what, with which error; the daemon is stopped first, so that all of it is written."""
    assert home.run("stop").returncode == 0
    shown = home.json("audit", "show", "--limit", "100000")
    return [(row["actor"], row["verb"], row["refusal"]) for row in shown if row["refusal"]]


def loop(*speakers: Speaker) -> None:
    """Let them reply to each other until the line stops it."""
    for speaker in itertools.cycle(speakers):
        held = speaker.ok("POST", "/v1/mailboxes/receive", {})
        message = held["messages"][0]["id"]
        reply = speaker.call("POST", f"/v1/batches/{held['token']}/messages/{message}/reply", {"body": "hello"})
        if reply.status == 409:
            return
        assert reply.status < 300, reply.body


def mint(owner: Speaker, name: str, **grant: object) -> tuple[Speaker, str]:
    made = owner.ok("POST", "/v1/credentials", {"name": name, **grant})
    return Speaker(owner.home, made["token"]), made["id"]


def test_refusals_at_the_doors_by_rights_and_by_rules_are_shown(real_home: RealHome, owner: Speaker) -> None:
    narrow, narrow_id = mint(owner, "narrow", rights=["send"])
    hasty, hasty_id = mint(owner, "hasty", per_minute=1)
    assert Speaker(owner.home, "wl_" + "A" * 43).call("GET", "/v1/mailboxes").status == 401
    assert narrow.call("GET", "/v1/credentials").status == 403
    assert narrow.call("GET", "/v1/mailboxes?token=x").status == 400
    answers = [hasty.call("POST", "/v1/messages", {"to": "narrow", "body": "hello"}).status for _ in range(4)]
    assert 429 in answers
    ping, ping_id = mint(owner, "ping")
    pong, pong_id = mint(owner, "pong")
    ping.ok("POST", "/v1/messages", {"to": "pong", "body": "hello"})
    loop(pong, ping)
    found = refusals(real_home)
    assert ("unknown", "enter", "UnauthorizedError") in found
    assert ("unknown", "enter", "InvalidInputError") in found
    assert (narrow_id, "GET /v1/credentials", "ForbiddenError") in found
    assert found.count((hasty_id, "send", "rate")) == 1
    assert sum((each, "send", "loop") in found for each in (ping_id, pong_id)) == 1
    assert real_home.run("audit", "verify").returncode == 0


def test_a_flood_of_wrong_tokens_adds_few_rows_and_none_of_the_tokens(real_home: RealHome, owner: Speaker) -> None:
    for number in range(FLOOD):
        Speaker(owner.home, f"wl_{MARK}{number}").call("GET", "/v1/mailboxes")
    found = [refusal for refusal in refusals(real_home) if refusal == ("unknown", "enter", "UnauthorizedError")]
    rows = real_home.json("audit", "show", "--limit", "100000")
    tries = sum(row["detail"]["tries"] for row in rows if row["refusal"] == "UnauthorizedError")
    assert tries == FLOOD
    assert len(found) < FLOOD / 10  # about one a second
    assert MARK not in repr(rows)


def test_no_body_and_no_token_ever_stands_in_the_audit(real_home: RealHome, owner: Speaker) -> None:
    ada, ada_id = mint(owner, "ada")
    bob, _ = mint(owner, "bob")
    ada.ok("POST", "/v1/questions", {"question": MARK, "to": "bob"})
    note = ada.ok("POST", "/v1/messages", {"to": "bob", "body": MARK, "metadata": {"file": MARK}})
    ada.call("POST", "/v1/participants/report", {"status": MARK})
    ada.call("GET", f"/v1/{MARK}?token={MARK}")
    ada.call("POST", f"/v1/questions/{MARK}/cancel")
    held = bob.ok("POST", "/v1/mailboxes/receive", {})
    for message in held["messages"]:
        bob.call("POST", f"/v1/batches/{held['token']}/messages/{message['id']}/refuse", {"reason": MARK})
    owner.call("POST", f"/v1/messages/{note['id']}/erase")
    owner.ok("POST", f"/v1/credentials/{ada_id}/rotate")
    assert real_home.run("stop").returncode == 0
    with closing(sqlite3.connect(real_home.home.store)) as database:
        rows = repr(
            database.execute("select verb, actor, conversation, subject, refusal, detail from audit").fetchall()
        )
    for secret in (MARK, ada.token, bob.token, owner.token):
        assert secret is not None
        assert secret not in rows
        assert hashlib.sha256(secret.encode()).hexdigest() not in rows
    assert "ask" in rows


def test_an_edit_of_the_store_is_found_and_so_is_a_cut_against_an_exported_head(
    real_home: RealHome, owner: Speaker, tmp_path: Path
) -> None:
    ada, _ = mint(owner, "ada")
    ada.ok("POST", "/v1/messages", {"to": "ada", "body": "hello"})
    assert real_home.json("audit", "verify")["whole"]  # beside the daemon
    head = tmp_path / "head.json"
    exported = real_home.json("audit", "export", "--head", str(head))
    assert head.stat().st_mode & 0o777 == 0o600
    real_home.kill()
    found = real_home.json("audit", "verify", "--head", str(head))
    assert (found["whole"], found["head"]["number"]) == (True, exported["number"])
    assert tamper(real_home, "update credential set rights = '[\"administer\"]'") == [(None, "credential")]
    cut = "delete from audit where number > 1"
    assert (2, "audit") in tamper(real_home, cut, "--head", str(head))
    assert real_home.json("audit", "verify")["whole"]


def test_a_head_is_not_replaced_by_that_of_another_audit(real_home: RealHome, owner: Speaker, tmp_path: Path) -> None:
    mint(owner, "ada")
    head = tmp_path / "head.json"
    assert real_home.run("audit", "export", "--head", str(head)).returncode == 0
    mint(owner, "bob")
    assert real_home.run("audit", "export", "--head", str(head)).returncode == 0
    head.write_text(head.read_text(encoding="ascii").replace('"hash": "0', '"hash": "1'), encoding="ascii")
    before = head.read_bytes()
    refused = real_home.run("audit", "export", "--head", str(head))
    assert (refused.returncode, head.read_bytes()) == (1, before)
    head.write_text("my diary", encoding="ascii")
    refused = real_home.run("audit", "export", "--head", str(head))
    assert (refused.returncode, head.read_text(encoding="ascii")) == (2, "my diary")
    assert real_home.run("audit", "verify", "--head", str(tmp_path / "none")).returncode == 2


def test_what_was_archived_by_the_command_is_still_verified(real_home: RealHome, owner: Speaker) -> None:
    ada, ada_id = mint(owner, "ada")
    for _ in range(3):
        ada.ok("POST", "/v1/messages", {"to": "ada", "body": MARK})
        held = ada.ok("POST", "/v1/mailboxes/receive", {})
        ada.ok("POST", f"/v1/batches/{held['token']}/acknowledge")
    moved = real_home.json("store", "archive", "--older-than", "0s")
    assert moved["messages"] > 0
    (path,) = (real_home.home.path / "archive").glob("*")
    assert MARK.encode() in gzip.decompress(path.read_bytes())
    assert real_home.json("audit", "verify")["files"] == 1
    verbs = {row["verb"] for row in real_home.json("audit", "show", "--actor", ada_id)}
    assert verbs == {"send", "receive", "acknowledge"}
    path.write_bytes(path.read_bytes()[:-1])
    found = real_home.json("audit", "verify", code=1)
    assert [fault["where"] for fault in found["faults"]] == ["archive"]


def tamper(home: RealHome, sql: str, *words: str) -> list[tuple[int | None, str]]:
    """Run SQL on the stopped daemon's store, verify, and put the store back; return the faults."""
    store = home.home.store
    with closing(sqlite3.connect(store)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    kept = store.read_bytes()
    with closing(sqlite3.connect(store)) as database, database:
        database.execute(sql)
    found: dict[str, Any] = home.json("audit", "verify", *words, code=1)
    with closing(sqlite3.connect(store)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    store.write_bytes(kept)
    return [(fault["number"], fault["where"]) for fault in found["faults"]]
