"""With what Claude Code is started: an environment out of nothing, no tools, and a key that is nobody else's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from warm_claude import KEY, key_in, plan_of
from warmline.answerers.claude.environment import setting
from warmline.errors import AgentError


@pytest.fixture
def program(tmp_path: Path) -> Path:
    made = tmp_path / "claude"
    made.write_text("#!/bin/sh\n", "utf-8")
    made.chmod(0o755)
    return made


def test_nothing_of_the_environment_around_it_comes_in(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "HTTPS_PROXY")
    for name in around:
        monkeypatch.setenv(name, "from around")
    environment = setting(plan_of(program), tmp_path / "private").environment
    assert "from around" not in environment.values()
    assert not set(around) & set(environment)


def test_it_has_folders_of_its_own_which_are_closed_to_others(tmp_path: Path, program: Path) -> None:
    made = setting(plan_of(program), tmp_path / "private")
    for folder in (Path(made.environment["HOME"]), Path(made.environment["TMPDIR"]), made.folder):
        assert folder.parent == tmp_path / "private"
        assert folder.stat().st_mode & 0o777 == 0o700


def test_its_own_login_is_found_in_the_users_home(tmp_path: Path, program: Path) -> None:
    made = setting(plan_of(program, user_home=Path("/home/me"), folder=Path("/work")), tmp_path)
    assert (made.environment["HOME"], made.folder) == ("/home/me", Path("/work"))


def test_it_has_no_tools_no_servers_and_no_settings_unless_the_plan_names_tools(tmp_path: Path, program: Path) -> None:
    argv = setting(plan_of(program), tmp_path).argv
    assert argv[argv.index("--tools") + 1] == ""
    assert argv[argv.index("--setting-sources") + 1] == ""
    assert "--strict-mcp-config" in argv
    assert "--permission-prompt-tool" not in argv
    argv = setting(plan_of(program, tools=("Read", "Grep")), tmp_path).argv
    assert argv[argv.index("--tools") + 1] == "Read,Grep"
    assert argv[argv.index("--permission-prompt-tool") + 1] == "stdio"


def test_files_that_a_question_mentions_are_never_attached(tmp_path: Path, program: Path) -> None:
    assert setting(plan_of(program), tmp_path).environment["CLAUDE_CODE_DISABLE_ATTACHMENTS"] == "1"


@pytest.mark.parametrize("seconds", [1, 4, 30, 120, 3600])
def test_both_of_its_tries_end_before_ours(tmp_path: Path, program: Path, seconds: int) -> None:
    plan = plan_of(program, turn_limit=timedelta(seconds=seconds))
    environment = setting(plan, tmp_path).environment
    assert environment["CLAUDE_CODE_MAX_RETRIES"] == "1"
    assert int(environment["API_TIMEOUT_MS"]) <= max(seconds * 500, 1000)
    assert int(environment["CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS"]) >= 10_000


def test_the_plan_adds_to_its_environment_and_names_model_and_provider(tmp_path: Path, program: Path) -> None:
    plan = plan_of(program, model="opus", base_url="http://127.0.0.1:1", environment={"LANG": "de_DE.UTF-8"})
    made = setting(plan, tmp_path)
    assert made.argv[-2:] == ("--model", "opus")
    assert made.environment["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert made.environment["LANG"] == "de_DE.UTF-8"


def test_the_key_is_in_its_environment_alone(tmp_path: Path, program: Path) -> None:
    made = setting(plan_of(program, key_file=key_in(tmp_path)), tmp_path)
    assert made.environment["ANTHROPIC_API_KEY"] == KEY
    assert not any(KEY in argument for argument in made.argv)
    assert KEY not in repr(plan_of(program, key_file=key_in(tmp_path)))


def test_a_key_of_a_subscription_has_a_variable_of_its_own(tmp_path: Path, program: Path) -> None:
    key = "sk-ant-oat01-" + "x" * 20
    file = key_in(tmp_path)
    file.write_text(key, "ascii")
    environment = setting(plan_of(program, key_file=file), tmp_path).environment
    assert environment["CLAUDE_CODE_OAUTH_TOKEN"] == key
    assert "ANTHROPIC_API_KEY" not in environment


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, program: Path, mode: int) -> None:
    file = key_in(tmp_path)
    file.chmod(mode)
    with pytest.raises(AgentError, match="chmod 600"):
        setting(plan_of(program, key_file=file), tmp_path)


@pytest.mark.parametrize(
    "content", ["", "\n", "two keys", "key\nmore", "schlüssel", "x" * 5000, "x", "seven77", "with-\0-within"]
)
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, program: Path, content: str) -> None:
    file = key_in(tmp_path)
    file.write_text(content, "utf-8")
    with pytest.raises(AgentError, match=r"holds the key and nothing else|holds no key") as caught:
        setting(plan_of(program, key_file=file), tmp_path)
    assert not content.strip() or content.strip() not in str(caught.value)


def test_a_key_that_is_missing_is_named(tmp_path: Path, program: Path) -> None:
    with pytest.raises(AgentError, match=r"key_file .*/nowhere is needed, and cannot be read"):
        setting(plan_of(program, key_file=tmp_path / "nowhere"), tmp_path)


def test_a_program_that_is_missing_or_cannot_be_run_is_named(tmp_path: Path, program: Path) -> None:
    with pytest.raises(AgentError, match="/nowhere is not there: install"):
        setting(plan_of(tmp_path / "nowhere"), tmp_path)
    program.chmod(0o644)
    with pytest.raises(AgentError, match="cannot be run"):
        setting(plan_of(program), tmp_path)
