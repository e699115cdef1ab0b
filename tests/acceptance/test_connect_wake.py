"""`connect --wake`: what is put beside a client so that it is woken, and that nothing of it is left behind."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from connecting_home import ConnectingHome

PLUGIN = [".claude-plugin/plugin.json", ".mcp.json", "hooks/hooks.json", "skills/line/SKILL.md"]


def plugin(home: ConnectingHome) -> Path:
    return home.person / ".claude" / "skills" / "warmline"


def codex(home: ConnectingHome, text: str) -> Path:
    file = home.person / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text(text)
    return file


def test_claude_gets_a_plugin_whose_hook_wakes_by_one_exit_code_alone(connecting: ConnectingHome) -> None:
    told = connecting.told("claude", "--wake", "--quiet", "22:00-07:00", "--per-hour", "5", "--yes")
    assert [each["outcome"] for each in told] == ["connected", *["will be woken"] * 4]
    assert all((plugin(connecting) / each).is_file() for each in PLUGIN)
    ((hook,),) = [each["hooks"] for each in json.loads((plugin(connecting) / PLUGIN[2]).read_text())["hooks"]["Stop"]]
    assert (hook["async"], hook["asyncRewake"]) == (True, True)
    assert hook["command"].endswith(" --quiet 22:00-07:00 --per-hour 5 --agent $PPID >&2 && exit 2; exit 0")
    servers = json.loads((connecting.person / ".claude.json").read_text())["mcpServers"]["warmline"]
    carried = json.loads((plugin(connecting) / PLUGIN[1]).read_text())["mcpServers"]["warmline"]
    assert (carried["command"], carried["args"]) == (servers["command"], servers["args"])


def test_undo_leaves_nothing_behind_and_a_second_time_changes_nothing(connecting: ConnectingHome) -> None:
    words = ("claude", "codex", "opencode")
    before = connecting.files()
    connecting.told(*words, "--wake", "--yes")
    again = connecting.told(*words, "--wake", "--yes")
    assert {each["outcome"] for each in again} == {"unchanged"}
    connecting.told("--all", "--undo", "--yes")
    assert connecting.files() == before
    assert not {*words} & {*connecting.in_force()}


def test_waking_alone_is_undone_and_the_entry_stays(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--wake", "--yes")
    assert {each["outcome"] for each in connecting.told("claude", "--wake", "--undo", "--yes")} == {"is woken no more"}
    assert not plugin(connecting).exists()
    assert connecting.told("claude", "--yes")[0]["outcome"] == "unchanged"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2)])
def test_connecting_and_waking_are_shown_and_asked_about_once_and_so_is_the_undo_of_both(
    answer: str, code: int, connecting: ConnectingHome
) -> None:
    before = connecting.files()
    done, shown = connecting.asked("claude", "codex", "--wake", answer=answer)
    assert (done, shown.count("[y/N]")) == (code, 1), shown
    assert shown.index("+[mcp_servers.warmline]") < shown.index("+notify = [") < shown.index("[y/N]")
    assert (connecting.files() == before) is (code != 0)
    connecting.told("claude", "codex", "--wake", "--yes")
    done, shown = connecting.asked("claude", "codex", "--undo", answer=answer)
    assert (done, shown.count("[y/N]")) == (code, 1), shown
    assert shown.index("-notify = [") < shown.index("-[mcp_servers.warmline]") < shown.index("[y/N]")
    assert (connecting.files() == before) is (code == 0)


def test_what_follows_a_wake_is_said_once_a_client(connecting: ConnectingHome) -> None:
    said = connecting.connect("claude", "--wake", "--yes").stderr
    assert said.count("connect claude --wake --undo") == 1


def test_a_client_that_could_not_be_connected_is_not_woken(connecting: ConnectingHome) -> None:
    connecting.claude("{")
    told = connecting.told("claude", "--wake", "--yes", code=2)
    assert [each["outcome"] for each in told] == ["refused"]
    assert not plugin(connecting).exists()


def test_undo_for_a_folder_leaves_what_wakes_a_person_s_client(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--wake", "--yes")
    connecting.told("claude", "--scope", "project", "--yes")
    told = connecting.told("claude", "--undo", "--scope", "project", "--yes")
    assert [each["outcome"] for each in told] == ["disconnected"]
    assert (plugin(connecting) / PLUGIN[2]).exists()
    assert "claude" in connecting.in_force()


def test_the_credential_stays_while_something_wakes_with_it(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--wake", "--yes")
    (plugin(connecting) / PLUGIN[2]).write_text("mine")
    connecting.told("claude", "--undo", "--yes", code=1)
    assert "claude" in connecting.in_force()
    (plugin(connecting) / PLUGIN[2]).unlink()
    connecting.told("claude", "--undo", "--yes")
    assert "claude" not in connecting.in_force()


def test_who_is_not_woken_is_told_so_and_printing_the_undo_shows_no_more_than_it_takes(
    connecting: ConnectingHome,
) -> None:
    connecting.told("claude", "--yes")
    assert [each["outcome"] for each in connecting.told("claude", "--wake", "--undo")] == ["not woken"]
    connecting.told("claude", "--wake", "--yes")
    shown = connecting.connect("claude", "--wake", "--undo", "--print").stdout
    assert ("asyncRewake" in shown, ".claude.json" in shown) == (True, False)


def test_other_habits_are_written_in_the_place_of_the_old_ones(connecting: ConnectingHome) -> None:
    file = codex(connecting, "# mine\nmodel = 'x'\n")
    connecting.told("codex", "--wake", "--per-day", "7", "--yes")
    connecting.told("codex", "--wake", "--per-day", "9", "--yes")
    assert tomllib.loads(file.read_text())["notify"][-5:] == ["--per-day", "9", "--via", "codex", "--once"]
    connecting.told("codex", "--undo", "--yes")
    assert file.read_text() == "# mine\nmodel = 'x'\n"


def test_another_notify_of_codex_is_left_alone_and_shown(connecting: ConnectingHome) -> None:
    text = 'notify = ["mine"]\n'
    file = codex(connecting, text)
    told = connecting.told("codex", "--wake", "--yes", code=1)
    assert [(each["outcome"], each["found"]) for each in told] == [("connected", None), ("refused", ["mine"])]
    assert file.read_text().startswith(text)


def test_what_a_person_puts_there_by_hand_is_found_and_goes_with_the_undo(connecting: ConnectingHome) -> None:
    real = connecting.project / "dotfile"
    real.write_text('notify = ["mine"]\n')
    codex(connecting, "").unlink()
    (connecting.person / ".codex" / "config.toml").symlink_to(real)
    by_hand = [each["by_hand"] for each in connecting.told("codex", "--yes", code=2)]
    real.write_text(real.read_text() + by_hand[0])
    told = connecting.told("codex", "--wake", "--yes", code=1)
    assert [each["outcome"] for each in told] == ["connected", "refused"]
    real.write_text(told[1]["by_hand"] + by_hand[0])
    assert [each["outcome"] for each in connecting.told("codex", "--wake")] == ["unchanged", "unchanged"]
    real.unlink()
    (connecting.person / ".codex" / "config.toml").unlink()
    assert {each["outcome"] for each in connecting.told("codex", "--undo")} == {"gone already"}
    assert "codex" not in connecting.in_force()


def test_a_file_of_the_plugin_that_was_edited_is_left_alone_and_told_of(connecting: ConnectingHome) -> None:
    connecting.told("claude", "--wake", "--yes")
    skill = plugin(connecting) / PLUGIN[3]
    skill.write_text("mine\n")
    told = connecting.told("claude", "--undo", "--yes", code=1)
    assert [each["found"] for each in told if each["outcome"] == "refused"] == ["mine\n"]
    assert skill.read_text() == "mine\n"
    skill.unlink()
    connecting.told("claude", "--undo", "--yes")
    assert not (plugin(connecting) / PLUGIN[2]).exists()


def test_what_cannot_be_woken_is_told_and_is_connected(connecting: ConnectingHome) -> None:
    told = connecting.told("gemini", "--wake", "--yes", code=2)
    assert [each["outcome"] for each in told] == ["connected", "refused"]


def test_of_all_those_that_nothing_wakes_are_connected_without_an_error(connecting: ConnectingHome) -> None:
    for name in (".gemini", ".codex"):
        (connecting.person / name).mkdir()
    told = connecting.told("--all", "--wake", "--yes")
    assert [(each["client"], each["outcome"]) for each in told] == [
        ("codex", "connected"),
        ("gemini", "connected"),
        ("gemini", "cannot be woken"),
        ("codex", "will be woken"),
    ]


def test_waking_is_for_a_person_and_not_for_a_folder(connecting: ConnectingHome) -> None:
    done = connecting.connect("claude", "--wake", "--scope", "project", "--yes")
    assert (done.returncode, "for you" in done.stderr) == (2, True)
    assert not (connecting.project / ".mcp.json").exists()


def test_only_showing_writes_nothing(connecting: ConnectingHome) -> None:
    before = connecting.files()
    done = connecting.connect("claude", "opencode", "--wake", "--print")
    assert (done.returncode, "asyncRewake" in done.stdout, "promptAsync" in done.stdout) == (0, True, True)
    assert connecting.files() == before


@pytest.mark.parametrize("words", [("--quiet", "late"), ("--per-hour", "0"), ("--per-day", "x")])
def test_habits_that_are_none_are_refused(connecting: ConnectingHome, words: tuple[str, str]) -> None:
    assert connecting.connect("claude", "--wake", *words, "--yes").returncode == 2


@pytest.mark.parametrize("words", [(), ("--wake", "--undo")])
def test_habits_without_a_wake_that_is_put_in_mean_nothing(connecting: ConnectingHome, words: tuple[str, ...]) -> None:
    done = connecting.connect("claude", "--per-hour", "3", *words, "--yes")
    assert (done.returncode, "go with --wake" in done.stderr) == (2, True)
    assert connecting.files() == []
