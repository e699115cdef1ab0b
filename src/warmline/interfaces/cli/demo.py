"""`demo`: the whole journey in a throw-away home, with a small memory that ships with the program."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

QUESTIONS = (
    "Which port does the exporter listen on?",
    "Why are the beds watered at four in the morning?",
    "How fast does light travel in glass?",
)


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    demo = commands.add_parser(
        "demo", help="see it work: three questions, nothing left running", description=_demo.__doc__
    )
    demo.set_defaults(run=_demo)


def _demo(_: argparse.Namespace) -> int:
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
                code = _journey(home.path, sample)
        finally:
            stop(home, DaemonSettings())
    _say_next()
    return code


def _journey(home: Path, sample: Path) -> int:
    """Run real commands as a person would type them; return 0 when all came out as expected."""
    _run(home, "memory", "add", str(sample))
    codes = [_run(home, "ask", question) for question in QUESTIONS]
    _run(home, "questions")
    _run(home, "status")
    return 0 if codes == [0, 0, 3] else 1


def _run(home: Path, *words: str) -> int:
    import subprocess

    from warmline.interfaces.cli.output import BOLD, paint

    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(paint(f"\n$ warmline {shown}", BOLD), flush=True)
    command = [sys.executable, "-m", "warmline", "--home", str(home), *words]
    return subprocess.run(command, check=False).returncode  # noqa: S603  # our own program, no shell


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
