"""`completion`: the script that lets a shell complete warmline's words."""

from __future__ import annotations

import argparse

from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import show_json


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    completion = commands.add_parser("completion", description=_completion.__doc__)
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell that you type in")
    add_json(completion)
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    """Print the script that lets a shell complete warmline's words: `eval "$(warmline completion bash)"`."""
    import shtab

    from warmline.interfaces.cli.main import make_parser

    script = shtab.complete(make_parser(), shell=options.shell)
    show_json({"shell": options.shell, "script": script}) if options.json else print(script)
    return 0
