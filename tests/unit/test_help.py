"""What `--help` says."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from warmline.interfaces.cli.main import make_parser
from warmline.interfaces.cli.questions import STATES
from warmline.model import State


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
    assert without == set()


def test_the_states_that_can_be_named_are_those_of_the_table() -> None:
    assert tuple(State) == STATES
