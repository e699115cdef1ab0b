"""What a person does with `connect`: every client in, again, changed, and out."""

from __future__ import annotations

import json
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from connecting_home import MINE, ConnectingHome
from real_home import LIMIT_SECONDS
from warmline.interfaces.cli.connect import NAMES

CODEX = '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "o"\n'


def test_every_client_is_connected_and_undone_without_a_trace(connecting: ConnectingHome) -> None:
    assert [each["outcome"] for each in connecting.told(*NAMES, "--yes")] == ["connected"] * len(NAMES)
    assert connecting.in_force() == sorted(NAMES)
    for name in NAMES:
        assert stat.S_IMODE(connecting.token(name).stat().st_mode) == 0o600
    assert stat.S_IMODE(connecting.token("claude").parent.stat().st_mode) == 0o700
    assert [each["outcome"] for each in connecting.told("--all", "--undo", "--yes")] == ["disconnected"] * len(NAMES)
    assert connecting.in_force() == []
    assert connecting.files() == []
    assert list(connecting.home.connected.parent.glob("*.token")) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_starts_the_relay_as_that_client(name: str, connecting: ConnectingHome) -> None:
    [told] = connecting.told(name, "--yes", "--scope", "project")
    command = told["entry"]["command"]
    words = command if isinstance(command, list) else [command, *told["entry"]["args"]]
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "0"},
        },
    }
    done = subprocess.run(
        words,
        input=json.dumps(hello) + "\n",
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        env=connecting.environment,
    )
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "warmline", done
    assert connecting.told(name, "--undo", "--yes")[0]["path"] == told["path"]
    assert connecting.files() == []


def test_what_else_stands_in_a_configuration_stays_and_a_backup_is_kept(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    [told] = connecting.told("claude", "--yes")
    assert json.loads(file.read_text())["mcpServers"]["other"] == {"command": "o"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert Path(told["backup"]).read_text() == MINE
    assert connecting.told("claude", "--undo", "--yes")[0]["backup"] is None
    assert file.read_text() == MINE
    assert connecting.files() == [str(file)]


def test_codex_keeps_its_comments(connecting: ConnectingHome) -> None:
    file = connecting.person / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text(CODEX)
    connecting.told("codex", "--yes")
    assert file.read_text().startswith(CODEX)
    assert tomllib.loads(file.read_text())["mcp_servers"]["warmline"]["args"][-2:] == ["--as", "codex"]
    connecting.told("codex", "--undo", "--yes")
    assert file.read_text() == CODEX


def test_connecting_again_changes_nothing_and_keeps_the_token(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    connecting.told("claude", "--yes")
    token, text = connecting.token("claude").read_text(), file.read_text()
    assert connecting.told("claude")[0]["outcome"] == "unchanged"
    assert (connecting.token("claude").read_text(), file.read_text()) == (token, text)
    assert connecting.in_force() == ["claude"]


def test_a_token_that_was_lost_is_replaced_and_the_old_one_ends(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--yes")
    token = connecting.token("claude").read_text()
    connecting.token("claude").unlink()
    assert connecting.told("claude")[0]["outcome"] == "connected"
    assert connecting.token("claude").read_text() != token
    assert connecting.in_force() == ["claude"]


def test_a_credential_that_was_revoked_is_replaced(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--yes")
    token = connecting.token("claude").read_text()
    connecting.run("credential", "revoke", "claude")
    assert connecting.told("claude")[0]["outcome"] == "connected"
    assert connecting.token("claude").read_text() != token
    assert connecting.in_force() == ["claude"]


def test_no_token_is_ever_shown_or_written_into_a_configuration(connecting: ConnectingHome) -> None:
    done = [connecting.connect(*NAMES, "--yes", *more) for more in ((), ("--http",), ("--json",), ("--print",))]
    said = "".join(each.stdout + each.stderr for each in done)
    said += "".join(Path(each).read_text() for each in connecting.files() if Path(each).is_file())
    assert "warmline" in said
    assert [name for name in NAMES if connecting.token(name).read_text().strip() in said] == []


def test_http_names_the_daemon_and_where_the_token_is_and_changes_back(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    connecting.told("claude", "--yes")
    [told] = connecting.told("claude", "--http", "--yes")
    address = connecting.json("status")["address"]
    assert told["entry"]["url"] == f"http://{address}/mcp"
    assert told["entry"]["headers"] == {"Authorization": "Bearer ${WARMLINE_CLAUDE_TOKEN}"}
    connecting.told("claude", "--undo", "--yes")
    assert file.read_text() == MINE
    assert connecting.files() == [str(file)]


def test_print_shows_what_would_be_written_and_does_nothing(connecting: ConnectingHome) -> None:
    done = connecting.connect("claude", "codex", "--print")
    assert done.returncode == 0
    assert '+    "warmline": {' in done.stdout
    assert "+[mcp_servers.warmline]" in done.stdout
    assert connecting.files() == []
    assert connecting.in_force() == []


def test_nobody_to_ask_means_that_nothing_is_changed(connecting: ConnectingHome) -> None:
    done = connecting.connect("claude")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert connecting.files() == []
    assert connecting.in_force() == []


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)])
def test_a_person_at_the_terminal_is_shown_the_change_and_asked(
    said: str, code: int, connecting: ConnectingHome
) -> None:
    file = connecting.claude()
    done, shown = connecting.asked("claude", answer=said)
    assert done == code, shown
    assert '+    "warmline": {' in shown
    assert (file.read_text() == MINE) is (code != 0)


def test_all_means_those_that_are_installed(connecting: ConnectingHome) -> None:
    done = connecting.connect("--all", "--yes")
    assert done.returncode == 2
    assert "is installed here: name the one" in done.stderr
    (connecting.person / ".cursor").mkdir()
    (connecting.person / ".gemini").mkdir()
    assert [each["client"] for each in connecting.told("--all", "--yes")] == ["gemini", "cursor"]


def test_a_program_that_is_not_there_is_said_and_one_that_is_there_is_not(connecting: ConnectingHome) -> None:
    (connecting.person / ".gemini").mkdir()
    said = connecting.connect("claude", "gemini", "--yes").stderr
    assert ("no Claude Code was found" in said, "no Gemini" in said) == (True, False)


def test_undo_refuses_an_entry_that_was_edited_and_shows_both(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    connecting.told("claude", "--yes")
    file.write_text(file.read_text().replace('"--as"', '"--edited"'))
    text = file.read_text()
    done = connecting.connect("claude", "--undo", "--yes")
    assert done.returncode == 1
    assert "--edited" in done.stderr
    assert '"--as"' in done.stderr
    assert file.read_text() == text
    assert connecting.in_force() == ["claude"]
    done = connecting.connect("claude", "--yes")
    assert done.returncode == 1
    assert file.read_text() == text


def test_undo_after_the_entry_was_taken_out_by_hand_ends_the_credential(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    connecting.told("claude", "--yes")
    file.write_text(MINE)
    assert [each["outcome"] for each in connecting.told("claude", "--undo", "--yes")] == ["gone already"]
    assert connecting.in_force() == []
    assert connecting.told("claude", "--undo", "--yes")[0]["outcome"] == "not connected"


def test_undo_shows_an_entry_of_a_home_that_is_gone(connecting: ConnectingHome) -> None:
    file = connecting.claude()
    connecting.told("claude", "--yes")
    connecting.home.connected.unlink()
    [told] = connecting.told("claude", "--undo", "--yes", code=1)
    assert told["outcome"] == "refused"
    assert "was not put there by this home's `connect`" in told["problem"]
    assert told["found"] == told["entry"]
    file.write_text(MINE)
    assert connecting.told("claude", "--undo")[0]["outcome"] == "not connected"


def test_undo_of_what_is_not_connected_says_so(connecting: ConnectingHome) -> None:
    assert connecting.connect("--all", "--undo").stdout == "no client is connected\n"
    file = connecting.claude("{")
    assert connecting.connect("claude", "--undo").stdout == "claude: not connected\n"
    file.write_text(MINE)
    connecting.told("claude", "--yes")
    done = connecting.connect("claude", "--undo", "--scope", "project", "--yes")
    assert (done.returncode, done.stdout) == (0, "claude: not connected\n")
    assert connecting.in_force() == ["claude"]


def test_undo_leaves_what_others_wrote_since(connecting: ConnectingHome) -> None:
    file = connecting.person / ".cursor" / "mcp.json"
    connecting.told("cursor", "--yes")
    said = json.loads(file.read_text())
    said["mcpServers"]["later"] = {"command": "l"}
    file.write_text(json.dumps(said))
    connecting.told("cursor", "--undo", "--yes")
    assert json.loads(file.read_text()) == {"mcpServers": {"later": {"command": "l"}}}


def test_undo_of_one_scope_leaves_the_other_and_the_credential(connecting: ConnectingHome) -> None:
    connecting.told("gemini", "--yes")
    connecting.told("gemini", "--yes", "--scope", "project")
    connecting.told("gemini", "--undo", "--yes", "--scope", "project")
    assert connecting.files() == [
        str(connecting.person / ".gemini"),
        str(connecting.person / ".gemini" / "settings.json"),
    ]
    assert connecting.in_force() == ["gemini"]
