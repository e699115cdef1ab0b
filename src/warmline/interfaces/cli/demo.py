"""`demo`: the whole journey in a throw-away home, with a small memory that ships with the program."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.adding_agents import KINDS
from warmline.interfaces.cli.arguments import absolute_path, add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import BOLD, paint, show_json

QUESTIONS = {
    "Which port does the exporter listen on?": 0,
    "Why are the beds watered at four in the morning?": 0,
    "How fast does light travel in glass?": 3,
}
"""With the exit code of each: the memory does not hold the third one's answer."""

EXIT_OK = 0
EXIT_FAILED = 1

Journey = Sequence[tuple[list[str], int]]
"""Commands, each with the exit code that it is to have."""


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    demo = commands.add_parser("demo", description=_demo.__doc__)
    demo.add_argument("--agent", choices=KINDS, metavar="KIND", help=f"have an agent answer: {', '.join(KINDS)}")
    demo.add_argument(
        "--simulate", action="store_true", help="give the agent a simulated model: no key, nothing leaves this machine"
    )
    demo.add_argument("--program", metavar="PATH", help="where the agent's program is (found by itself)")
    demo.add_argument("--yes", action="store_true", help="do not ask whether the sample may go to the agent's provider")
    add_json(demo)
    demo.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    """Run real commands on a throw-away home, with a small memory that ships with the program, and clean up.

    With --agent the questions are answered by that program, which has to be installed, by your login there; with
    --simulate as well, by a model that only pretends.
    """
    import tempfile
    from importlib.resources import as_file, files

    from warmline.daemon import stop
    from warmline.home import Home
    from warmline.settings import DaemonSettings

    if not options.agent and (options.simulate or options.program or options.yes):
        raise InvalidInputError("--simulate, --program and --yes are about an agent: name one by --agent claude")
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="warmline-demo-")))
        sample = closing.enter_context(as_file(files("warmline.operations") / "sample"))
        agent = _agent(options, folder, closing) if options.agent else []
        home = Home(folder / "home")
        closing.callback(stop, home, DaemonSettings())
        journey = _journey(sample, agent)
        steps = _take(home.path, journey, as_json=options.json)
    if options.json:
        show_json({"steps": steps})
    else:
        _say_next(options)
    return EXIT_OK if [step["exit_code"] for step in steps] == [wanted for _, wanted in journey] else EXIT_FAILED


def _agent(options: argparse.Namespace, folder: Path, closing: ExitStack) -> list[str]:
    """Return the words that add the agent. Raises AgentError when its program is not installed."""
    from warmline.agents import AgentKind
    from warmline.operations.installed_agents import find_program
    from warmline.operations.simulated_model import ANY_KEY, simulated_model

    named = absolute_path(options.program) if options.program else None
    program = named or str(find_program(AgentKind(options.agent), Path.home()))
    words = ["agents", "add", options.agent, "--program", program]
    if not options.simulate:
        return [*words, "--yes"] if options.yes else words
    key = folder / "key"
    key.touch(0o600)
    key.write_text(ANY_KEY, "ascii")
    address = closing.enter_context(simulated_model())
    return [*words, "--base-url", address, "--key-file", str(key), "--yes"]


def _journey(sample: Path, agent: list[str]) -> Journey:
    """Return what a person would type on the first day; agent are the words that add one, if there is to be one."""
    asked = ["ask", "--agent", agent[2]] if agent else ["ask"]
    return [
        (["memory", "add", str(sample)], EXIT_OK),
        *([(agent, EXIT_OK)] if agent else []),
        *(([*asked, question], code) for question, code in QUESTIONS.items()),
        (["questions"], EXIT_OK),
        (["status"], EXIT_OK),
    ]


def _take(home: Path, journey: Journey, *, as_json: bool) -> list[dict[str, Any]]:
    """Run the commands, as far as each comes out as it should."""
    steps: list[dict[str, Any]] = []
    for words, wanted in journey:
        steps.append(_run(home, words, as_json=as_json))
        if steps[-1]["exit_code"] != wanted:
            break
    return steps


def _run(home: Path, words: list[str], *, as_json: bool) -> dict[str, Any]:
    """Run a real command as a person would type it; with as_json keep what it prints."""
    import subprocess

    from warmline.interfaces.cli.client import TOKEN_VARIABLE

    command = [sys.executable, "-m", "warmline", "--home", str(home), *words]
    # Who has a token of another home speaks as the owner of this one.
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    if as_json:
        done = subprocess.run(  # noqa: S603  # our own program
            [*command, "--json"], check=False, stdout=subprocess.PIPE, env=environment
        )
        output = json.loads(done.stdout) if done.stdout else None
        return {"command": words, "exit_code": done.returncode, "output": output}
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(paint(f"\n$ warmline {shown}", BOLD), flush=True)
    done = subprocess.run(command, check=False, env=environment)  # noqa: S603  # our own program
    return {"command": words, "exit_code": done.returncode}


def _say_next(options: argparse.Namespace) -> None:
    command = _as_typed()
    agent = f"  {command} agents add {options.agent}\n" if options.agent else ""
    model = " The model was a simulated one." if options.simulate else ""
    print(
        f"\nThe throw-away home and its daemon are gone.{model} Now with your own files:\n\n"
        f"  {command} memory add ~/notes\n{agent}"
        f'  {command} ask "..."\n'
    )


def _as_typed() -> str:
    """Return how this program is called from here: by its name alone only where the shell finds it."""
    found, called = shutil.which("warmline"), Path(sys.argv[0])
    return str(called) if called.name == "warmline" and (not found or not called.samefile(found)) else "warmline"
