"""`completion`: the script that lets a shell complete warmline's words."""

from __future__ import annotations

import argparse


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    completion = commands.add_parser("completion", help="print a completion script for your shell")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help='e.g. eval "$(warmline completion bash)"')
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    import shtab

    from warmline.interfaces.cli.main import make_parser

    print(shtab.complete(make_parser(), shell=options.shell))
    return 0
