"""Where the clients' configurations are, and what stands in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from warmline.home import Home
from warmline.interfaces.cli import connect
from warmline.operations.connect.clients import CLIENTS, Http, Person, Scope
from warmline.operations.connect.command import own_command

HTTP = Http("http://127.0.0.1:9276/mcp", Path("/h/clients/c.token"), "WARMLINE_C_TOKEN")


def person(home: Path, platform: str = "linux", **environment: str) -> Person:
    return Person(home, {"PATH": "", **environment}, home / "project", platform)


def test_the_clients_that_can_be_named_are_those_that_are_known() -> None:
    assert tuple(CLIENTS) == connect.NAMES


@pytest.mark.parametrize(
    ("name", "scope", "file"),
    [
        ("claude", "user", ".claude.json"),
        ("claude", "project", "project/.mcp.json"),
        ("codex", "user", ".codex/config.toml"),
        ("codex", "project", "project/.codex/config.toml"),
        ("gemini", "user", ".gemini/settings.json"),
        ("gemini", "project", "project/.gemini/settings.json"),
        ("opencode", "user", ".config/opencode/opencode.json"),
        ("opencode", "project", "project/opencode.json"),
        ("cursor", "user", ".cursor/mcp.json"),
        ("cursor", "project", "project/.cursor/mcp.json"),
        ("vscode", "user", ".config/Code/User/mcp.json"),
        ("vscode", "project", "project/.vscode/mcp.json"),
    ],
)
def test_each_has_its_configuration_where_its_program_looks(name: str, scope: Scope, file: str, tmp_path: Path) -> None:
    assert CLIENTS[name].path(person(tmp_path), scope) == tmp_path / file


@pytest.mark.parametrize(
    ("name", "variable", "file"),
    [
        ("claude", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
    ],
)
def test_a_configuration_that_was_moved_is_found(name: str, variable: str, file: str, tmp_path: Path) -> None:
    moved = person(tmp_path, **{variable: str(tmp_path / "moved")})
    assert CLIENTS[name].path(moved, "user") == tmp_path / "moved" / file


def test_vscode_has_its_configuration_elsewhere_on_macos(tmp_path: Path) -> None:
    path = CLIENTS["vscode"].path(person(tmp_path, "darwin"), "user")
    assert path == tmp_path / "Library/Application Support/Code/User/mcp.json"


def test_of_two_files_the_one_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "opencode.jsonc"
    file.symlink_to("nowhere")
    assert CLIENTS["opencode"].path(person(tmp_path), "project") == file


@pytest.mark.parametrize("name", CLIENTS)
def test_who_has_never_used_a_client_has_it_not_installed_and_who_did_has(name: str, tmp_path: Path) -> None:
    client = CLIENTS[name]
    assert not client.is_installed(person(tmp_path))
    client.signs(person(tmp_path))[0].mkdir(parents=True)
    assert client.is_installed(person(tmp_path))


@pytest.mark.parametrize(("name", "program"), [("codex", "codex"), ("vscode", "code")])
def test_a_program_on_path_is_installed(name: str, program: str, tmp_path: Path) -> None:
    (tmp_path / program).touch(0o755)
    assert CLIENTS[name].is_installed(person(tmp_path / "home", PATH=str(tmp_path)))


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_no_entry_holds_a_token_and_each_says_where_it_is(client: object) -> None:
    said = str(CLIENTS[str(getattr(client, "name"))].http(HTTP))  # noqa: B009
    assert HTTP.url in said
    assert (HTTP.variable in said) is not (str(HTTP.token_file) in said)


def test_the_command_is_this_program_and_names_a_home_that_is_not_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    program = str(Path(sys.executable).with_name("warmline"))
    usual = Home(tmp_path / ".local/state/warmline")
    assert own_command(usual, "codex") == [program, "mcp", "--as", "codex"]
    assert own_command(Home(Path("/x")), "codex") == [program, "--home", "/x", "mcp", "--as", "codex"]


def test_the_command_names_a_usual_home_that_only_this_shell_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert own_command(Home(tmp_path / "warmline"), "codex")[1:3] == ["--home", str(tmp_path / "warmline")]


def test_the_command_keeps_the_link_by_which_this_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "real"
    program.touch(0o755)
    link = tmp_path / "warmline"
    link.symlink_to(program)
    monkeypatch.setattr(sys, "argv", [str(link), "connect"])
    assert own_command(Home(Path("/x")), "codex")[0] == str(link)
