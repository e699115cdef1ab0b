"""What `connect` leaves alone: configurations and entries that are not as they should be, and what it says then."""

from __future__ import annotations

import json
import os

import pytest

from connecting_home import MINE, ConnectingHome


@pytest.mark.parametrize("words", [[], ["claude", "--all"], ["emacs"], ["claude", "--scope", "planet"]])
def test_words_that_mean_nothing_are_refused(words: list[str], connecting: ConnectingHome) -> None:
    done = connecting.connect(*words, "--yes")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (("env", "HOME="), "HOME names no folder"),
        (("env", "HOME=here"), "HOME names no folder"),
        (("env", "CLAUDE_CONFIG_DIR=~nobody-of-that-name/x"), "CLAUDE_CONFIG_DIR names the folder of a user"),
        (("sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh"), "the folder that you are in is gone"),
    ],
)
def test_a_place_that_is_none_is_told_and_nothing_is_written(
    before: tuple[str, ...], why: str, connecting: ConnectingHome
) -> None:
    done = connecting.connect("claude", "--yes", before=before)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert connecting.files() == []
    assert connecting.in_force() == []


def test_another_entry_of_this_name_is_left_alone(connecting: ConnectingHome) -> None:
    key = "-".join(["sk", "ant", "api03", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"])
    text = json.dumps({"mcpServers": {"warmline": {"command": "another", "env": {"K": key}}}})
    file = connecting.claude(text)
    done = connecting.connect("claude", "--yes")
    assert done.returncode == 1
    assert '"another"' in done.stderr
    assert key not in done.stderr
    assert file.read_text() == text
    assert connecting.in_force() == []


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (b'{"mcpServers": {', "broken"),
        (b'{"a": 1} // claude reads no comments', "broken"),
        (b'{"mcpServers": []}', "no servers by name"),
        (b'{"\xff": 1}', "not UTF-8"),
        (b"[1]", "broken"),
    ],
)
def test_a_broken_configuration_is_left_alone_with_what_to_add(
    held: bytes, why: str, connecting: ConnectingHome
) -> None:
    file = connecting.person / ".claude.json"
    file.write_bytes(held)
    done = connecting.connect("claude", "--yes")
    assert done.returncode == 2
    assert why in done.stderr
    assert '"--as",' in done.stderr
    assert file.read_bytes() == held
    assert connecting.files() == [str(file)]
    assert connecting.in_force() == []


def test_broken_toml_is_left_alone(connecting: ConnectingHome) -> None:
    file = connecting.person / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text("a = [")
    [told] = connecting.told("codex", "--yes", code=2)
    assert told["by_hand"].startswith("[mcp_servers.warmline]\ncommand = ")
    assert file.read_text() == "a = ["


def test_a_link_is_left_alone_until_the_entry_was_added_by_hand(connecting: ConnectingHome) -> None:
    real = connecting.project / "dotfile"
    real.write_text(MINE)
    (connecting.person / ".claude.json").symlink_to(real)
    [told] = connecting.told("claude", "--yes", code=2)
    assert "is a link" in told["problem"]
    assert real.read_text() == MINE
    assert connecting.in_force() == []
    real.write_text(told["by_hand"])
    assert connecting.told("claude")[0]["outcome"] == "connected"
    assert connecting.in_force() == ["claude"]
    connecting.told("claude", "--undo", "--yes", code=2)
    assert connecting.in_force() == ["claude"]


def test_what_is_read_only_is_left_alone(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    file.chmod(0o444)
    assert "read-only" in connecting.connect("claude", "--yes").stderr
    folder = connecting.person / ".cursor"
    folder.mkdir(mode=0o555)
    assert "read-only" in connecting.connect("cursor", "--yes").stderr
    assert file.read_text() == MINE
    assert connecting.files() == [str(file), str(folder)]
    assert connecting.in_force() == []


def test_a_folder_a_pipe_and_a_folder_that_is_a_file_are_refused(connecting: ConnectingHome) -> None:
    (connecting.person / ".claude.json").mkdir()
    os.mkfifo(connecting.project / ".mcp.json")
    (connecting.person / ".codex").touch()
    assert "is no file" in connecting.connect("claude", "--yes").stderr
    assert "is no file" in connecting.connect("claude", "--yes", "--scope", "project").stderr
    assert connecting.connect("codex", "--yes").returncode == 2
    assert connecting.in_force() == []


@pytest.mark.parametrize("size", [1900, 5000])
def test_a_full_disk_leaves_everything_as_it_was(size: int, connecting: ConnectingHome) -> None:
    """A limit on the size of files, 2 KB, stands for the disk: it ends the backup, or what is to replace the file."""
    text = json.dumps({"history": "x" * size})
    file = connecting.claude(text)
    done = connecting.connect("claude", "--yes", before=("sh", "-c", 'ulimit -f 4; exec "$@"', "sh"))
    assert done.returncode == 2, done
    assert "cannot be written" in done.stderr
    assert file.read_text() == text
    assert connecting.files() == [str(file)]
    assert connecting.in_force() == []
    assert list(connecting.home.connected.parent.glob("*.token")) == []


def test_an_agent_that_has_a_credential_cannot_connect_others(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--yes")
    token = connecting.token("claude").read_text().strip()
    done = connecting.connect("codex", "--yes", before=("env", f"WARMLINE_TOKEN={token}"))
    assert done.returncode == 1
    assert "right" in done.stderr
    assert not (connecting.person / ".codex").exists()


def test_what_happened_to_a_damaged_record_is_said(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--yes")
    connecting.home.connected.write_text("{")
    done = connecting.connect("claude", "--undo", "--yes")
    assert done.returncode == 2
    assert "connected.json is damaged" in done.stderr
