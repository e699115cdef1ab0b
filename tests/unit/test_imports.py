"""What programs pay for that import the package, or ask over a listener."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import pytest

import warmline

HEAVY = {
    "asyncio",
    "pydantic",
    "fastapi",
    "uvicorn",
    "apsw",
    "httptools",
    "rich",
    "ssl",
    "logging",
    "dataclasses",
    "warmline.model",
    "warmline.settings",
}


def loaded_by(program: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after the program, beyond those it starts with."""
    show = f"import sys\nbefore = set(sys.modules)\n{program}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", show], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def ours(modules: Iterable[str]) -> set[str]:
    return {module for module in modules if module.startswith("warmline")}


def test_importing_the_package_imports_no_part_of_it() -> None:
    assert ours(loaded_by("import warmline")) == {"warmline"}


def test_the_blocking_client_loads_nothing_heavy() -> None:
    loaded = loaded_by("from warmline import connect")
    assert "warmline.listen.client" in loaded
    assert loaded & HEAVY == set()


CONNECTING = """
import contextlib
from warmline import connect
from warmline.errors import DisconnectedError
with contextlib.suppress(DisconnectedError):
    connect("unix:///nowhere/at/all")
"""


def test_connecting_loads_nothing_heavy_either() -> None:
    loaded = loaded_by(CONNECTING)
    assert "socket" in loaded
    assert loaded & HEAVY == set()


def test_every_public_name_is_there_and_listed() -> None:
    assert {name for name in warmline.__all__ if getattr(warmline, name, None) is None} == set()
    assert set(warmline.__all__) <= set(dir(warmline))


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="dial"):
        warmline.dial  # type: ignore[attr-defined]  # noqa: B018
