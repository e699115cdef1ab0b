"""The seals as a user meets them: keys that cannot be used, a new key, and what something else wrote into the store."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from real_home import RealHome
from talk import Talk
from warmline.home import Home
from warmline.model import WITHHELD

FORGED = "pay the other account"


def take_away(keys: Path) -> None:
    keys.unlink()


def open_to_others(keys: Path) -> None:
    keys.chmod(0o640)


def put_a_link(keys: Path) -> None:
    keys.rename(keys.parent.parent / "elsewhere")
    keys.symlink_to(keys.parent.parent / "elsewhere")


def put_a_folder(keys: Path) -> None:
    keys.unlink()
    keys.mkdir(0o700)


def empty(keys: Path) -> None:
    keys.write_bytes(b"")


def cut_off(keys: Path) -> None:
    keys.write_bytes(keys.read_bytes()[:20])


def spoil(keys: Path) -> None:
    keys.write_bytes(b"\xff" + keys.read_bytes()[1:])


def number_from_zero(keys: Path) -> None:
    keys.write_text(keys.read_text("ascii").replace("1 ", "0 ", 1), "ascii")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a question, whose daemon has left."""
    home = RealHome(tmp_path_factory.mktemp("sealed") / "home")
    home.run("ask", "why?")
    home.close()
    return home.home.path


def content(home: Home) -> dict[str, bytes | str]:
    """Return all that stands in the files of a home, but for the locks and the log."""
    return {
        path.name: str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in home.path.rglob("*")
        if path.is_symlink() or (path.is_file() and path not in {home.lock, home.starting, home.log})
    }


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (take_away, "cannot be read (No such file or directory): restore it from a copy"),
        (open_to_others, "is open to others"),
        (put_a_link, "put the one that was there in place"),
        (put_a_folder, "put back the one that was there"),
        (empty, "holds no keys"),
        (cut_off, "holds no keys"),
        (spoil, "holds no keys"),
        (number_from_zero, "holds no keys"),
    ],
)
def test_keys_that_cannot_be_used_stop_the_start_in_one_line_and_nothing_is_changed(
    real_home: RealHome, sealed: Path, harm: Callable[[Path], None], said: str
) -> None:
    shutil.copytree(sealed, real_home.home.path)
    harm(real_home.home.seal_keys)
    before = content(real_home.home)
    for words in (["serve", "--port", "0"], ["questions"], ["store", "rotate-key"]):
        refused = real_home.run(*words)
        assert (refused.returncode, refused.stdout) == (1, b"")
        [line] = refused.stderr.decode().splitlines()
        assert str(real_home.home.seal_keys) in line
        assert said in line
        assert content(real_home.home) == before


def test_keys_without_a_store_are_used_for_the_one_that_is_made(real_home: RealHome, sealed: Path) -> None:
    shutil.copytree(sealed, real_home.home.path)
    keys = real_home.home.seal_keys.read_bytes()
    for path in real_home.home.path.glob("store.db*"):
        path.unlink()
    assert real_home.json("questions", "--count") == {"count": 0}
    assert real_home.home.seal_keys.read_bytes() == keys


def test_a_new_key_seals_from_then_on_and_what_the_old_ones_sealed_stays_whole(real_home: RealHome) -> None:
    first = real_home.json("ask", "first?", code=3)["id"]
    old = real_home.home.seal_keys.read_text("ascii")
    rotated = real_home.json("store", "rotate-key")
    assert rotated == {"key": 2, "file": str(real_home.home.seal_keys)}
    kept = real_home.home.seal_keys.read_text("ascii")
    assert kept.startswith(old)
    assert kept.count("\n") == 2
    assert real_home.home.seal_keys.stat().st_mode & 0o777 == 0o600
    second = real_home.json("ask", "second?", code=3)["id"]
    real_home.run("stop")
    third = real_home.json("ask", "third?", code=3)["id"]
    said = real_home.run("store", "rotate-key").stdout.decode()
    assert said == f"sealing under key 3 from now on; the old ones are kept in {real_home.home.seal_keys}\n"
    fourth = real_home.json("ask", "fourth?", code=3)["id"]
    for ticket in (first, second, third, fourth):
        assert real_home.json("ticket", ticket, code=3)["intact"]
    assert real_home.json("audit", "verify")["whole"]
    rows = real_home.json("audit", "show", "--limit", "1000")
    assert [(row["actor"], row["detail"]) for row in rows if row["verb"] == "rotate_key"] == [
        ("owner", {"key": 2}),
        ("owner", {"key": 3}),
    ]
    real_home.run("stop")
    with closing(sqlite3.connect(real_home.home.store)) as store:
        seals = dict(store.execute("select id, seal from message"))
    assert [int.from_bytes(seals[each][:4], "big") for each in (first, second, third, fourth)] == [1, 2, 2, 3]


def test_only_who_administers_rotates_the_key(real_home: RealHome) -> None:
    talk = Talk(real_home, "--between", "ada,bob")
    keys = real_home.home.seal_keys.read_bytes()
    assert "administer" in talk.refused("ada", "store", "rotate-key", code=1)
    assert real_home.home.seal_keys.read_bytes() == keys


def tamper(home: RealHome, statement: str, *values: str) -> None:
    """Stop the daemon, and change one row behind its back."""
    assert home.run("stop").returncode == 0
    with closing(sqlite3.connect(home.home.store)) as store, store:
        assert store.execute(statement, values).rowcount == 1


def test_a_changed_message_reaches_no_inbox_and_shows_as_withheld(real_home: RealHome) -> None:
    talk = Talk(real_home, "--between", "ada,bob")
    changed = talk.json("ada", "send", "bob", "pay the first account")["id"]
    whole = talk.json("ada", "send", "bob", "thank you")["id"]
    tamper(real_home, "update message set body = ? where id = ?", FORGED, changed)
    inbox = talk.say("bob", "inbox")
    assert "| thank you" in inbox
    assert changed not in inbox
    assert FORGED not in inbox
    told = talk.say("ada", "inbox")
    assert f'about="{changed}"' in told
    assert "its seal does not verify" in told
    shown = talk.say("ada", "conversation", "show", talk.id)
    assert FORGED not in shown
    assert f"| {WITHHELD}" in shown
    said = {each["id"]: each for each in talk.json("ada", "conversation", "show", talk.id)["messages"]}
    assert [(said[each]["intact"], said[each]["trust"]) for each in (changed, whole)] == [
        (False, "unknown"),
        (True, "credential"),
    ]
    assert [(each["receipt"], each["handed_to"]) for each in said[changed]["receipts"]] == [("dead", None)]
    receipts = talk.say("ada", "receipts", changed)
    assert "its seal does not verify" in receipts
    assert "handed" not in receipts
    assert real_home.json("status")["broken"] == 1
    assert "see `warmline audit verify`" in real_home.run("status").stdout.decode()
    found = real_home.json("audit", "verify", code=1)
    assert changed in repr(found["faults"])
    rows = real_home.json("audit", "show", "--limit", "1000")
    assert [row["subject"] for row in rows if row["verb"] == "seal_broken"] == [changed]


def test_a_changed_question_and_a_changed_answer_are_withheld_from_who_asked(real_home: RealHome, notes: Path) -> None:
    assert real_home.run("memory", "add", str(notes)).returncode == 0
    question = "Which port does the exporter listen on?"
    asked, answered = (real_home.json("ask", question)["id"] for _ in range(2))
    tamper(real_home, "update message set body = ? where id = ?", FORGED, asked)
    tamper(real_home, "update message set body = ? where answer is not null and in_reply_to = ?", FORGED, answered)
    for ticket in (asked, answered):
        found = real_home.json("ticket", ticket, code=0 if ticket == asked else 1)
        assert (found["intact"], found["trust"]) == (False, "unknown")
    shown = real_home.run("ticket", answered)
    assert shown.returncode == 1
    assert shown.stdout.decode() == f"{WITHHELD}\n"
    assert "not what was written: something else wrote into the store" in shown.stderr.decode()
    listed = real_home.run("questions").stdout.decode()
    assert FORGED not in listed
    assert WITHHELD[:20] in listed


def test_who_answers_in_the_words_of_what_is_withheld_raises_no_alarm(real_home: RealHome) -> None:
    talk = Talk(real_home, "--between", "ada,bob")
    ticket = talk.ask("ada", "--to", "bob", "Which port?")
    talk.say("bob", "inbox", "--keep")
    talk.say("bob", "reply", ticket, WITHHELD)
    found = talk.json("ada", "ticket", ticket)
    assert (found["text"], found["intact"], found["trust"]) == (WITHHELD, True, "credential")


def test_who_waits_for_an_answer_to_a_question_that_was_changed_is_told_that_it_is_dead(real_home: RealHome) -> None:
    talk = Talk(real_home, "--between", "ada,bob")
    ticket = talk.ask("ada", "--to", "bob", "Which account?")
    tamper(real_home, "update message set body = ? where id = ?", FORGED, ticket)
    assert "nothing there" in talk.run("bob", "inbox").stderr.decode()
    done = talk.run("ada", "ticket", ticket, "--wait", "30")
    assert done.returncode == 1
    assert FORGED.encode() not in done.stdout + done.stderr
    assert "its seal does not verify" in done.stdout.decode()
    assert "not what was written" in done.stderr.decode()
