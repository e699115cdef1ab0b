"""Where an agent's program is found, and whether somebody has logged in there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from warmline.agents import AgentKind
from warmline.errors import AgentError
from warmline.operations.installed_agents import KINDS, find_program, has_login, is_program


def program(path: Path, text: str = "exit 1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_there_is_something_to_know_of_every_kind() -> None:
    assert set(KINDS) == set(AgentKind)


def test_the_program_on_the_path_comes_first(path: Path, tmp_path: Path) -> None:
    program(tmp_path / ".local" / "bin" / "claude")
    there = program(path / "claude")
    assert find_program(AgentKind.CLAUDE, tmp_path) == there


@pytest.mark.parametrize("folder", [".local/bin", ".claude/local"])
def test_the_program_is_found_where_its_installers_put_it(tmp_path: Path, folder: str) -> None:
    there = program(tmp_path / folder / "claude")
    assert find_program(AgentKind.CLAUDE, tmp_path) == there


def test_the_program_is_found_where_npm_puts_global_ones(path: Path, tmp_path: Path) -> None:
    program(path / "npm", f'[ "$*" = "prefix --global" ] && echo {tmp_path}/node')
    there = program(tmp_path / "node" / "bin" / "claude")
    assert find_program(AgentKind.CLAUDE, tmp_path) == there


@pytest.mark.parametrize("npm", [None, "exit 3", "echo", "kill -9 $$"])
def test_without_a_program_the_error_says_how_to_install_it(path: Path, tmp_path: Path, npm: str | None) -> None:
    if npm:
        program(path / "npm", npm)
    with pytest.raises(AgentError, match="run `npm install -g @anthropic-ai/claude-code`, or name it by --program"):
        find_program(AgentKind.CLAUDE, tmp_path)


def test_a_folder_or_a_file_that_cannot_be_run_is_no_program(path: Path, tmp_path: Path) -> None:
    (path / "claude").mkdir()
    assert not is_program(path / "claude")
    document = tmp_path / ".local" / "bin" / "claude"
    program(document).chmod(0o644)
    assert not is_program(document)
    with pytest.raises(AgentError):
        find_program(AgentKind.CLAUDE, tmp_path)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    (path / "claude").symlink_to(program(tmp_path / "versions" / "2.1.0"))
    assert find_program(AgentKind.CLAUDE, tmp_path) == path / "claude"


def test_a_relative_folder_on_the_path_gives_an_absolute_program(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f":{path.name}")
    there = program(path / "claude")
    assert find_program(AgentKind.CLAUDE, tmp_path) == there


@pytest.mark.parametrize("state", [None, "", "[]", "{}", '{"oauthAccount": null}', "{"])
def test_nobody_has_logged_in(tmp_path: Path, state: str | None) -> None:
    if state is not None:
        (tmp_path / ".claude.json").write_text(state)
    assert not has_login(AgentKind.CLAUDE, tmp_path)


def test_somebody_has_logged_in(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text(json.dumps({"oauthAccount": {"id": 3}}))
    assert has_login(AgentKind.CLAUDE, tmp_path)
    (tmp_path / ".claude.json").unlink()
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / ".credentials.json").touch()
    assert has_login(AgentKind.CLAUDE, tmp_path)
