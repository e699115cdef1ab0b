"""How a client starts the relay: by absolute paths, since it starts it from anywhere, with hardly any environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from warmline.home import Home

STATE_VARIABLE = "XDG_STATE_HOME"


def own_command(home: Home, name: str) -> Sequence[str]:
    """Return the command of the relay that speaks as this client; the home is named where it is not the usual one."""
    return [*own_program(home), "mcp", "--as", name]


def own_program(home: Home) -> Sequence[str]:
    """Return how any command of this home begins."""
    return [*_program(), *_home_words(home, os.environ)]


def _program() -> list[str]:
    """Return this very program, by the name it was installed under: a link of pipx's outlives its next version."""
    started = Path(sys.argv[0])
    found = shutil.which(str(started)) if started.name == "warmline" else None
    if found is not None:
        return [os.path.abspath(found)]  # noqa: PTH100  # what is a link stays one
    script = Path(sys.executable).with_name("warmline")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "warmline"]


def _home_words(home: Home, environment: Mapping[str, str]) -> list[str]:
    """Return how the home is named. A variable of this shell that moves the usual one reaches no client's servers."""
    from platformdirs import user_state_path  # noqa: PLC0415  # as in `find_home`

    is_usual = home.path == user_state_path("warmline") and not environment.get(STATE_VARIABLE)
    return [] if is_usual else ["--home", str(home.path)]
