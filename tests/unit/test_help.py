"""What `--help` says."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from warmline.interfaces.cli.commands import COMMANDS, FILES
from warmline.interfaces.cli.credential import RIGHTS
from warmline.interfaces.cli.mailbox import ANSWERERS
from warmline.interfaces.cli.main import EXIT_BAD_INPUT, main, make_parser
from warmline.interfaces.cli.questions import STATES
from warmline.model import State
from warmline.parties import AnsweredBy, Right


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser and those of all commands below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


PARSERS = list(parsers(make_parser()))


@pytest.mark.parametrize("command", PARSERS, ids=lambda command: command.prog)
def test_every_command_says_what_it_does_and_what_each_argument_is(command: argparse.ArgumentParser) -> None:
    assert command.description
    assert [action.dest for action in command._actions if not (action.help or action.choices)] == []


def test_every_command_prints_json_when_asked() -> None:
    runs = [command for command in PARSERS[1:] if command.get_default("run")]
    without = {
        command.prog for command in runs if not any("--json" in each.option_strings for each in command._actions)
    }
    assert without == {"warmline mcp"}  # which says nothing but JSON


def test_the_rights_and_answerers_that_can_be_named_are_those_of_the_model() -> None:
    assert tuple(Right) == RIGHTS
    assert tuple(AnsweredBy) == ANSWERERS


def test_the_states_that_can_be_named_are_those_of_the_table() -> None:
    assert tuple(State) == STATES


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_knows_the_commands_that_the_table_says(file: str) -> None:
    (commands,) = (each for each in make_parser([file])._actions if isinstance(each, argparse._SubParsersAction))
    assert list(commands.choices) == list(COMMANDS)
    known = {name for name, parser in commands.choices.items() if parser.description}
    assert known == {name for name, command in COMMANDS.items() if command.file == file}


def test_help_is_the_same_whatever_is_loaded() -> None:
    assert make_parser(()).format_help() == make_parser().format_help()


def loaded_by(program: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after the program, beyond those it starts with."""
    show = f"import sys; before = set(sys.modules)\n{program}\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_command_loads_no_other() -> None:
    loaded = loaded_by(
        "import contextlib, warmline.interfaces.cli.client\n"
        "from warmline.interfaces.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['ask', '--help'])"
    )
    of_commands = {file for file in FILES if f"warmline.interfaces.cli.{file}" in loaded}
    assert of_commands == {"ask"}
    assert loaded & {"warmline.model", "asyncio", "pydantic", "fastapi", "rich", "apsw", "tantivy"} == set()


@pytest.mark.parametrize(
    "words", [["ask"], ["--home", "frob", "ask"], ["--home=frob", "ask"], ["--hom", "frob", "ask"], ["--home", "ask"]]
)
def test_the_right_command_is_found_wherever_it_stands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    is_named = words != ["--home", "ask"]
    with pytest.raises(SystemExit) if is_named else nullcontext():
        assert main(words) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert ("the following arguments are required: question" in said) is is_named
    assert ("ask a question and wait" in said) is not is_named


def test_what_is_no_command_is_told_all_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["frob"])
    assert set(COMMANDS) <= set(re.findall(r"\w+", capsys.readouterr().err))


def test_the_way_to_a_daemon_that_runs_is_light() -> None:
    loaded = loaded_by("import warmline.interfaces.cli.client, warmline.interfaces.cli.answers")
    assert "http.client" in loaded
    assert loaded & {"dataclasses", "inspect", "secrets", "warmline.settings", "warmline.security"} == set()


@pytest.mark.parametrize("words", [["--help"], ["--home", "ask", "-h"], ["--version"]])
def test_help_loads_no_command(words: list[str]) -> None:
    loaded = loaded_by(
        "import contextlib\n"
        "from warmline.interfaces.cli.main import main\n"
        f"with contextlib.suppress(SystemExit): main({words})"
    )
    assert "warmline.interfaces.cli.commands" in loaded
    assert {file for file in FILES if f"warmline.interfaces.cli.{file}" in loaded} == set()
    assert loaded & {"http.client", "ssl", "email", "secrets", "inspect", "warmline.settings"} == set()
