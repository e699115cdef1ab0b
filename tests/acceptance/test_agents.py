"""What a person does with agents: add, look, try, drain, start anew, remove, and edit the file by hand."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agents_home import AgentsHome
from speaking import until
from warmline.agents import AgentKind, Mode
from warmline.configuration import keys
from warmline.interfaces.cli import adding_agents

OUTER = {
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "CLAUDE_CODE_SSE_PORT": "31337",
    "ANTHROPIC_API_KEY": "not-a-key",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "NODE_OPTIONS": "--require /no/such/file",
}
"""What an agent sets for the programs that it starts in its shell."""

BY_HAND = """\
# Mine.
fallback = true  # better than nothing

[agents.good]  # the good one
program = "{answering}"
max_workers = 1  # a small machine
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentsHome]:
    home = AgentsHome(tmp_path_factory.mktemp("agents"))
    home.serve()
    notes = home.folder / "notes"
    notes.mkdir()
    (notes / "exporter.md").write_text("The exporter listens on port 9187.\n" * 100)
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


@pytest.fixture(autouse=True)
def _nothing_left(home: AgentsHome) -> Iterator[None]:
    yield
    home.file.unlink(missing_ok=True)
    home.client().call("POST", "/v1/agents/reload")


def test_what_the_command_takes_is_what_the_file_may_say() -> None:
    assert tuple(AgentKind) == adding_agents.KINDS
    assert tuple(Mode) == adding_agents.MODES
    assert adding_agents.MAX_WORKERS == keys.MAX_WORKERS
    assert adding_agents.MIN_WINDOW_TOKENS == keys.MIN_WINDOW_TOKENS
    assert adding_agents.MAX_WINDOW_TOKENS == keys.MAX_WINDOW_TOKENS


@pytest.mark.parametrize(
    ("provider", "is_here"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("[::1]:8080", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com:80", False),
    ],
)
def test_only_this_machine_is_told_without_a_warning(provider: str, is_here: bool) -> None:
    assert adding_agents.is_here(provider) is is_here


def test_an_agent_is_added_after_saying_what_goes_where_and_one_question(home: AgentsHome) -> None:
    done = home.add("claude", "answering", "--memory", "notes")
    assert done.returncode == 0, done.stderr
    assert b"added claude: resident" in done.stdout
    said = done.stderr.decode()
    assert "sends to api.anthropic.com" in said
    assert "1 file of notes (about 1,166 tokens)" in said
    assert "every question" in said
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    listed = home.json("agents", "list")
    assert [(each["name"], each["state"], each["provider"]) for each in listed["agents"]] == [
        ("claude", "up", "api.anthropic.com")
    ]
    assert (listed["problems"], listed["trouble"]) == ({}, None)


def test_every_option_comes_into_the_file(home: AgentsHome) -> None:
    options = ["--model", "some-model", "--mode", "recalled", "--base-url", "http://127.0.0.1:1"]
    options += ["--window-tokens", "100000", "--workers", "0-3", "--tool", "Read", "--tool", "Grep", "--fallback"]
    added = json.loads(
        home.add("claude", "answering", "--name", "quick", *options, "--memory", "notes", "--json").stdout
    )
    assert added["tested"]["ok"]
    assert added["agent"]["name"] == "quick"
    said = home.json("agents", "show", "quick")["configuration"]
    assert said == {
        "kind": "claude",
        "program": str(home.path_of("answering")),
        "mode": "recalled",
        "model": "some-model",
        "base_url": "http://127.0.0.1:1",
        "key_file": str(home.key),
        "tools": ["Read", "Grep"],
        "memories": ["notes"],
        "window_tokens": 100_000,
        "min_workers": 0,
        "max_workers": 3,
        "turn_limit_seconds": 120,
        "drained": False,
        "environment": {},
    }
    assert home.json("agents", "list")["fallback"] is True


@pytest.mark.parametrize("before", [None, BY_HAND])
def test_one_that_does_not_answer_leaves_the_file_as_it_was_and_says_why(home: AgentsHome, before: str | None) -> None:
    text = before and home.write(before)
    done = home.add("claude", "refusing")
    assert done.returncode == 1
    assert b"claude does not answer: " in done.stderr
    assert b"warmline.toml is as it was before" in done.stderr
    assert (home.file.read_text() if home.file.exists() else None) == text
    assert "claude" not in [each["name"] for each in home.json("agents", "list")["agents"]]


def test_one_that_does_not_answer_is_kept_when_asked_for_and_shows_in_the_list(home: AgentsHome) -> None:
    assert home.add("claude", "refusing", "--keep").returncode == 1
    assert home.run("agents", "test", "claude").returncode == 1
    until(lambda: home.json_of("agents", "list")["agents"][0]["state"] == "down")
    listed = home.run("agents", "list")
    assert listed.returncode == 1
    assert b"claude  down  resident" in listed.stdout
    assert home.run("agents", "show", "claude").returncode == 1
    asked = home.run("ask", "--wait", "0.1", "Is anybody there?")
    assert asked.returncode == 4
    assert b"claude is down: " in asked.stderr


def test_a_second_of_the_same_name_is_refused_and_nothing_is_changed(home: AgentsHome) -> None:
    home.add("claude", "answering")
    before = home.file.read_bytes()
    done = home.add("claude", "answering")
    assert done.returncode == 1
    assert b"there is an agent 'claude' already: choose another --name" in done.stderr
    assert home.file.read_bytes() == before


def test_without_a_login_and_a_key_it_says_how_to_come_by_one(home: AgentsHome) -> None:
    words = ("agents", "add", "claude", "--program", str(home.path_of("answering")), "--yes")
    done = home.run(*words, ANTHROPIC_API_KEY="")
    assert done.returncode == 1
    assert b"start `claude` once and log in" in done.stderr
    done = home.run(*words, ANTHROPIC_API_KEY="word")
    assert done.returncode == 1
    assert b"printenv ANTHROPIC_API_KEY > ~/claude.key" in done.stderr
    assert not home.file.exists()


def test_the_programs_own_login_is_used_from_the_persons_home(home: AgentsHome) -> None:
    login = home.person / ".claude" / ".credentials.json"
    login.parent.mkdir()
    login.touch()
    try:
        words = ("agents", "add", "claude", "--program", str(home.path_of("answering")), "--yes")
        done = home.run(*words)
        assert done.returncode == 0, done.stderr
        assert f"by the login of {home.person}".encode() in done.stderr
        assert f'user_home = "{home.person}"' in home.file.read_text()
    finally:
        login.unlink()
        login.parent.rmdir()


def test_where_nobody_can_be_asked_nothing_goes_anywhere(home: AgentsHome) -> None:
    done = home.run(*home.words("claude", "answering")[:-1])
    assert done.returncode == 2
    assert b"say --yes if they may" in done.stderr
    assert not home.file.exists()


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"\n", 2), (b"no\n", 2)])
def test_on_a_terminal_a_person_is_asked(home: AgentsHome, answer: bytes, code: int) -> None:
    typed, terminal = pty.openpty()
    try:
        os.write(typed, answer)
        asked = home.start(*home.words("claude", "answering")[:-1], stdin=terminal)
        _, said = asked.communicate(timeout=30)
    finally:
        os.close(typed)
        os.close(terminal)
    assert asked.returncode == code, said
    assert b"May it? [y/N]" in said
    assert home.file.exists() is (code == 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--memory", "absent"], b"the memory has no root 'absent'"),
        (["--name", "a b"], b"a name holds no / and no space"),
        (["--name", "memory"], b"the name is the line's own"),
        (["--base-url", "nowhere"], b"write an address"),
        (["--base-url", "http://me:" + "word@127.0.0.1"], b"looks like a secret"),
        (["--key-file", "/no/such/key"], b"/no/such/key is needed, and cannot be read"),
        (["--program", "/no/such/program"], b"is no program that can be run"),
        (["--workers", "3-2"], b"is no number of workers"),
        (["--workers", "many"], b"is no number of workers"),
        (["--window-tokens", "1"], b"no whole number from 1,000"),
    ],
)
def test_bad_input_is_one_clear_line_and_changes_nothing(home: AgentsHome, options: list[str], said: bytes) -> None:
    done = home.add("claude", "answering", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"warmline: ") == 1
    assert not home.file.exists()


def test_where_no_program_is_installed_it_says_how_to_install_it(home: AgentsHome) -> None:
    for words in (("agents", "add", "claude", "--yes"), ("demo", "--agent", "claude", "--simulate")):
        done = home.run(*words, PATH=str(home.person))
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1
        assert b"npm install -g @anthropic-ai/claude-code" in done.stderr


def test_another_credential_than_the_owners_changes_nothing(home: AgentsHome) -> None:
    home.write(BY_HAND)
    before = home.file.read_bytes()
    token = home.json("credential", "new", "somebody")["token"]
    for words in (home.words("claude", "answering"), ["agents", "drain", "good"], ["agents", "remove", "good"]):
        done = home.run(*words, WARMLINE_TOKEN=token)
        assert done.returncode == 1
        assert b"has not the right to administer" in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert home.file.read_bytes() == before


def test_who_interrupts_the_first_question_has_the_old_file_back(home: AgentsHome) -> None:
    text = home.write(BY_HAND)
    adding = home.start(*home.words("claude", "hanging"))
    until(lambda: "claude" in [each["name"] for each in home.json_of("agents", "list")["agents"]])
    adding.send_signal(signal.SIGINT)
    adding.communicate(timeout=30)
    assert adding.returncode == 130
    assert home.file.read_text() == text
    assert [each["name"] for each in home.json("agents", "list")["agents"]] == ["good"]


def test_what_a_person_edits_meanwhile_is_not_undone(home: AgentsHome) -> None:
    adding = home.start(*home.words("claude", "hanging"))
    until(lambda: "claude" in [each["name"] for each in home.json_of("agents", "list")["agents"]])
    edited = home.write(home.file.read_text() + "# a thought\n")
    adding.send_signal(signal.SIGINT)
    _, said = adding.communicate(timeout=30)
    assert adding.returncode == 130
    assert b"was changed meanwhile, and is left as it is" in said
    assert home.file.read_text() == edited


def test_drained_restarted_and_removed_the_file_keeps_every_remark(home: AgentsHome) -> None:
    text = home.write(BY_HAND)
    home.add("claude", "answering")
    assert b"drained good" in home.run("agents", "drain", "good").stdout
    assert "drained = true" in home.file.read_text()
    assert home.json("agents", "show", "good")["state"] == "drained"
    assert home.run("agents", "restart", "good").returncode == 0
    assert home.json("agents", "show", "good")["state"] != "drained"
    assert home.run("agents", "remove", "claude").returncode == 0
    assert home.file.read_text() == text
    for verb in ("show", "restart", "drain", "test", "remove"):
        done = home.run("agents", verb, "claude")
        assert done.returncode == 2, verb
        assert b"claude" in done.stderr


def test_a_restart_reads_what_a_person_wrote(home: AgentsHome) -> None:
    home.write(BY_HAND)
    assert home.run("agents", "restart", "good").returncode == 0
    assert [each["name"] for each in home.json("agents", "list")["agents"]] == ["good"]
    assert "good, resident, " in home.run("status").stdout.decode()


def test_one_that_cannot_be_used_is_named_and_the_others_work(home: AgentsHome) -> None:
    home.write(BY_HAND + '\n[agents.bad]\nprogram = "relative"\n')
    assert home.run("agents", "restart", "good").returncode == 0
    listed = home.run("agents", "list")
    assert listed.returncode == 1
    assert b"cannot be used  `agents.bad.program`: write an absolute path" in listed.stdout
    assert b"good  " in listed.stdout
    assert home.json("agents", "test", "good")["ok"]
    for verb in ("show", "test"):
        done = home.run("agents", verb, "bad")
        assert done.returncode == 1
        assert b"the agent 'bad' cannot be used: `agents.bad.program`" in done.stderr
    assert b"1 thing in warmline.toml cannot be used" in home.run("status").stdout


def test_a_file_that_is_no_toml_is_named_with_its_place_and_what_runs_goes_on(home: AgentsHome) -> None:
    home.write(BY_HAND)
    home.run("agents", "restart", "good")
    home.write("[agents.good\n")
    done = home.run("agents", "restart", "good")
    assert done.returncode == 2
    assert b"(at line 1, column 13)" in done.stderr
    listed = home.run("agents", "list")
    assert listed.returncode == 1
    assert b"good  " in listed.stdout
    assert b"cannot be read" in listed.stdout
    assert home.add("claude", "answering").returncode == 2
    assert home.file.read_text() == "[agents.good\n"


def test_commands_started_by_an_agent_work_as_any_other(home: AgentsHome) -> None:
    done = home.add("claude", "answering", **OUTER)
    assert done.returncode == 0, done.stderr
    for words in (("agents", "list"), ("agents", "test", "claude"), ("agents", "restart", "claude"), ("status",)):
        assert home.run(*words, stdin=None, **OUTER).returncode == 0, words
    assert not any(value in home.file.read_text() for value in OUTER.values() if value != "1")


def test_an_agent_is_listed_in_words_for_people_and_in_json_for_programs(home: AgentsHome) -> None:
    assert b"none: questions are answered by quotes" in home.run("agents", "list").stderr
    home.add("claude", "answering")
    shown = home.run("agents", "list").stdout.decode()
    assert shown.startswith("claude  up  resident  api.anthropic.com  ")
    assert " answered  " in shown
    told: dict[str, Any] = home.json("agents", "show", "claude")
    assert told["traits"]
    assert home.json("status")["agents"][0]["name"] == "claude"


def test_help_names_every_verb(home: AgentsHome) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warmline", "agents", "--help"], capture_output=True, timeout=30, check=True
    )
    assert all(verb in done.stdout for verb in (b"add", b"list", b"show", b"restart", b"drain", b"test", b"remove"))
