"""What an audit of the old bridge found about its files: 3, a changed message; 4, a changed log; 5, plain text.

Every check is made of the old bridge, too, and must be red for it.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poisoned import poisoned
from real_home import RealHome
from two_bridges import Bridge, OldOne, Warmline

SAID = "Zanzibar"
WRITTEN = "Vladivostok"

CHANGE_OF_A_MESSAGE = {
    OldOne: "update messages set message = replace(message, '100', '900')",
    Warmline: "update message set body = replace(body, '100', '900') where body like '%100%'",
}
CHANGES_OF_THE_LOG = {
    "an edit": {
        OldOne: "update audit_log set action = 'check_messages' where id = 2",
        Warmline: "update audit set actor = 'owner' where number = (select max(number) - 1 from audit)",
    },
    "a cut": {
        OldOne: "delete from audit_log where id = 2",
        Warmline: "delete from audit where number = (select max(number) - 1 from audit)",
    },
    "a cut at the end": {
        OldOne: "delete from audit_log where id = 3",
        Warmline: "delete from audit where number = (select max(number) from audit)",
    },
}


@pytest.fixture
def warmline(real_home: RealHome, tmp_path: Path) -> Warmline:
    return Warmline(real_home, tmp_path / "scratch")


@pytest.fixture
def old(tmp_path: Path) -> OldOne:
    return OldOne(tmp_path / "old")


def check_3_that_a_changed_message_is_not_handed_over_and_shows(bridge: Bridge) -> None:
    assert bridge.send("pay 100 to ada")
    bridge.run_sql(CHANGE_OF_A_MESSAGE[type(bridge)])
    assert [said for said in bridge.receive() if "900" in said] == []
    assert bridge.shows_that_something_was_changed()


def check_4_that_a_change_of_the_log_is_found(bridge: Bridge, change: str) -> None:
    for number in range(3):
        assert bridge.send(f"message {number}")
    assert bridge.audit_is_whole()
    bridge.keep_the_head()
    assert bridge.audit_is_whole()
    bridge.run_sql(CHANGES_OF_THE_LOG[change][type(bridge)])
    assert not bridge.audit_is_whole()


def check_5_that_no_file_holds_what_was_said(bridge: Bridge) -> None:
    assert {path.name for path in bridge.folder.rglob("*") if path.is_file() and _tells(path)} == set()


def _tells(path: Path) -> bool:
    """Tell whether the file holds, compressed or not, a word of what was said, or of what stands in the memory."""
    kept = path.read_bytes()
    if kept.startswith(b"\x1f\x8b"):
        kept += gzip.decompress(kept)
    return any(word.lower().encode() in kept.lower() for word in (SAID, WRITTEN))


def test_3_a_changed_message_is_not_handed_over_and_shows(warmline: Warmline) -> None:
    check_3_that_a_changed_message_is_not_handed_over_and_shows(warmline)


@pytest.mark.parametrize("change", CHANGES_OF_THE_LOG)
def test_4_a_change_of_the_log_is_found(warmline: Warmline, change: str) -> None:
    check_4_that_a_change_of_the_log_is_found(warmline, change)


def test_5_an_encrypted_home_holds_no_plain_text(warmline: Warmline, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / f"{WRITTEN}.md").write_text(f"The line ends in {WRITTEN}.\n", "utf-8")
    home = warmline.home
    assert home.run("memory", "add", str(tmp_path / "notes")).returncode == 0
    assert home.run("ask", f"How far is it to {SAID}?").returncode == 3
    assert warmline.send(f"back from {SAID}")
    assert home.run("store", "archive", "--older-than", "0s").returncode == 0
    home.run("stop")
    telling = {path.relative_to(warmline.folder).parts[0] for path in files(warmline) if _tells(path)}
    assert {"store.db", "archive", "memory"} <= telling

    assert home.run("store", "encrypt", "--key-file", str(tmp_path / "key")).returncode == 0
    check_5_that_no_file_holds_what_was_said(warmline)
    assert [path for path in files(warmline) if path.read_bytes().startswith(b"SQLite format 3")] == []
    assert warmline.receive() == [f"back from {SAID}"]
    assert WRITTEN in home.run("ask", "Where does the line end?").stdout.decode()
    check_5_that_no_file_holds_what_was_said(warmline)


def files(bridge: Bridge) -> list[Path]:
    return [path for path in bridge.folder.rglob("*") if path.is_file()]


def test_3_the_old_bridge_hands_a_changed_message_over(old: OldOne) -> None:
    with pytest.raises(AssertionError):
        check_3_that_a_changed_message_is_not_handed_over_and_shows(old)


@pytest.mark.parametrize("change", CHANGES_OF_THE_LOG)
def test_4_the_old_bridge_does_not_find_it(old: OldOne, change: str) -> None:
    with pytest.raises(AssertionError):
        check_4_that_a_change_of_the_log_is_found(old, change)


def test_5_the_old_bridge_holds_plain_text(old: OldOne) -> None:
    assert old.send(f"away to {SAID}")
    with pytest.raises(AssertionError):
        check_5_that_no_file_holds_what_was_said(old)


@pytest.mark.parametrize("missing", ["the library", "the key", "the key's privacy"])
def test_an_encrypted_home_is_not_served_without(warmline: Warmline, tmp_path: Path, missing: str) -> None:
    key = tmp_path / "key"
    home = warmline.home
    assert home.run("store", "encrypt", "--key-file", str(key)).returncode == 0
    home.run("stop")
    said, environment = str(key), dict(os.environ)
    if missing == "the library":
        said, environment = "cryptography", poisoned(tmp_path, "cryptography")
    elif missing == "the key":
        key.unlink()
    else:
        key.chmod(0o644)
    command = [sys.executable, "-m", "warmline", "--home", str(warmline.folder)]
    done = subprocess.run(
        [*command, "serve", "--port", "0", "--idle-leave", "1s"],
        capture_output=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    assert said in line
