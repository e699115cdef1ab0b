"""What `--help` says."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

import pytest

from warmline.interfaces.cli.credential import RIGHTS
from warmline.interfaces.cli.mailbox import ANSWERERS
from warmline.interfaces.cli.main import make_parser
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


COMMANDS = list(parsers(make_parser()))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.prog)
def test_every_command_says_what_it_does_and_what_each_argument_is(command: argparse.ArgumentParser) -> None:
    assert command.description
    assert [action.dest for action in command._actions if not (action.help or action.choices)] == []


def test_every_command_prints_json_when_asked() -> None:
    runs = [command for command in COMMANDS[1:] if command.get_default("run")]
    without = {
        command.prog for command in runs if not any("--json" in each.option_strings for each in command._actions)
    }
    assert without == {"warmline mcp"}  # which says nothing but JSON


def test_the_rights_and_answerers_that_can_be_named_are_those_of_the_model() -> None:
    assert tuple(Right) == RIGHTS
    assert tuple(AnsweredBy) == ANSWERERS


def test_the_states_that_can_be_named_are_those_of_the_table() -> None:
    assert tuple(State) == STATES


def test_starting_up_loads_neither_the_model_nor_what_only_a_daemon_needs() -> None:
    program = "import sys, warmline.interfaces.cli.main, warmline.interfaces.cli.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.split())
    assert "warmline.interfaces.cli.inbox" in loaded
    assert loaded & {"warmline.model", "asyncio", "pydantic", "fastapi", "rich", "apsw", "tantivy"} == set()


def test_help_loads_nothing_of_what_a_command_then_needs() -> None:
    program = (
        "import sys; before = set(sys.modules); import warmline.interfaces.cli.main; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.split())
    assert "warmline.interfaces.cli.mcp" in loaded
    assert loaded & {"http.client", "ssl", "email", "secrets", "inspect", "warmline.settings"} == set()
