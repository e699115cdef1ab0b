"""The simulated model as a process of its own, while a block lasts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from warmline.errors import DaemonError

LEAVE_SECONDS = 5

ANY_KEY = "none-is-needed"
"""It asks for a key, and takes any."""


@contextmanager
def simulated_model(*options: str) -> Iterator[str]:
    """Yield the address of a simulated model on this machine, its cache empty, which is gone at the block's end.

    Raises DaemonError when it does not start.
    """
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    model = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "warmline.simulation", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C ends whoever wants it, and that ends this after its agents
    )
    try:
        with model:
            try:
                yield _address(model)
            finally:
                _end(model)
    finally:
        model.kill()


def _address(model: subprocess.Popen[bytes]) -> str:
    assert model.stdout is not None  # noqa: S101  # it was asked for
    try:
        return str(json.loads(model.stdout.readline())["address"])
    except (ValueError, KeyError) as error:
        raise DaemonError(
            "the simulated model did not start: run `python -m warmline.simulation` to see why"
        ) from error


def _end(model: subprocess.Popen[bytes]) -> None:
    model.terminate()
    try:
        model.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        model.kill()
