"""`demo`: the whole journey in a throw-away home, with a small memory that ships with the program."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.output import BOLD, paint, show_json

QUESTIONS = (
    "Which port does the exporter listen on?",
    "Why are the beds watered at four in the morning?",
    "How fast does light travel in glass?",
)
EXPECTED = [0, 0, 0, 3, 0, 0]
"""Exit codes of the demo's commands: the memory does not hold the third question's answer."""
EXIT_OK = 0
EXIT_FAILED = 1


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    demo = commands.add_parser(
        "demo", help="see it work: three questions, nothing left running", description=_demo.__doc__
    )
    add_json(demo)
    demo.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    """Run real commands on a throw-away home, with a small memory that ships with the program, and clean up."""
    import tempfile
    from importlib.resources import as_file, files

    from warmline.daemon import stop
    from warmline.home import Home
    from warmline.settings import DaemonSettings

    with tempfile.TemporaryDirectory(prefix="warmline-demo-") as folder:
        home = Home(Path(folder) / "home")
        try:
            with as_file(files("warmline.operations") / "sample") as sample:
                journey = (
                    ["memory", "add", str(sample)],
                    *(["ask", each] for each in QUESTIONS),
                    ["questions"],
                    ["status"],
                )
                steps = [_run(home.path, words, as_json=options.json) for words in journey]
        finally:
            stop(home, DaemonSettings())
    if options.json:
        show_json({"steps": steps})
    else:
        _say_next()
    return EXIT_OK if [step["exit_code"] for step in steps] == EXPECTED else EXIT_FAILED


def _run(home: Path, words: list[str], *, as_json: bool) -> dict[str, Any]:
    """Run a real command as a person would type it; with as_json keep what it prints."""
    import subprocess

    command = [sys.executable, "-m", "warmline", "--home", str(home), *words]
    if as_json:
        done = subprocess.run([*command, "--json"], check=False, stdout=subprocess.PIPE)  # noqa: S603  # our own program
        return {"command": words, "exit_code": done.returncode, "output": json.loads(done.stdout)}
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(paint(f"\n$ warmline {shown}", BOLD), flush=True)
    return {"command": words, "exit_code": subprocess.run(command, check=False).returncode}  # noqa: S603  # our own program


def _say_next() -> None:
    command = _as_typed()
    print(
        "\nThe throw-away home and its daemon are gone. Now with your own files:\n\n"
        f"  {command} memory add ~/notes\n"
        f'  {command} ask "..."\n'
    )


def _as_typed() -> str:
    """Return how this program is called from here: by its name alone only where the shell finds it."""
    found, called = shutil.which("warmline"), Path(sys.argv[0])
    return str(called) if called.name == "warmline" and (not found or not called.samefile(found)) else "warmline"
