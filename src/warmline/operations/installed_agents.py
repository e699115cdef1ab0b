"""Which agents' programs a person has installed, and whether they are logged in there. Nothing of a login is read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warmline.agents import AgentKind
from warmline.errors import AgentError

NPM_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Installable:
    """What there is to know of a kind of agent before it runs. The paths are within a person's home."""

    command: str
    install: str
    folders: tuple[str, ...]
    """Where its own installers put it."""
    login_file: str
    state_file: str
    """JSON whose state_key is set once somebody has logged in, also where the login itself is in a keychain."""
    state_key: str
    key_variable: str


KINDS = {
    AgentKind.CLAUDE: Installable(
        command="claude",
        install="npm install -g @anthropic-ai/claude-code",
        folders=(".local/bin", ".claude/local", ".npm-global/bin"),
        login_file=".claude/.credentials.json",
        state_file=".claude.json",
        state_key="oauthAccount",
        key_variable="ANTHROPIC_API_KEY",
    )
}


def find_program(kind: AgentKind, user_home: Path) -> Path:
    """Return where the agent's program is: on PATH, where its installers put it, or among npm's global ones.

    A link is not followed: its installer moves it to each new version. Raises AgentError when there is none.
    """
    about = KINDS[kind]
    for folder in _folders(about, user_home):
        program = Path(folder).expanduser().absolute() / about.command
        if is_program(program):
            return program
    raise AgentError(f"no program `{about.command}` is installed here: run `{about.install}`, or name it by --program")


def is_program(path: Path) -> bool:
    """Tell whether the file can be run."""
    return path.is_file() and os.access(path, os.X_OK)


def has_login(kind: AgentKind, user_home: Path) -> bool:
    """Tell whether somebody has logged in to the program, as far as its files show."""
    about = KINDS[kind]
    if (user_home / about.login_file).is_file():
        return True
    try:
        state = json.loads((user_home / about.state_file).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and bool(state.get(about.state_key))


def _folders(about: Installable, user_home: Path) -> Iterator[str | Path]:
    yield from filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep))
    yield from (user_home / each for each in about.folders)
    yield from _npm_folder()


def _npm_folder() -> Iterator[Path]:
    """Yield the folder of what npm installed globally; npm itself is asked, since there are many ways to set it."""
    npm = shutil.which("npm")
    if npm is None:
        return
    try:
        done = subprocess.run(  # noqa: S603  # the person's own npm, no shell
            [npm, "prefix", "--global"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return
    if prefix := done.stdout.strip():
        yield Path(prefix) / "bin"
