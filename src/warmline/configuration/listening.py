"""Reading `[listen]` in `warmline.toml`: where the instance listens from its start on.

    [listen]
    tcp = "127.0.0.1:9999"
    no_token = true                 # over TCP; whoever comes by the others is the user, and needs none
    unix = "/run/user/1000/warmline.line"
    fifo = "/run/user/1000/warmline.fifo"
    shm = "warmline"

Whether one can listen there is found out by trying. A key that cannot be used is a problem of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warmline.configuration.keys import read_line, read_truth
from warmline.configuration.reading import LISTEN, document_of, read_text, shown
from warmline.errors import ConfigurationError

PLACES = ("tcp", "unix", "fifo", "shm")
"""As the kinds of transports are called."""

_KEYS: Mapping[str, Callable[[object], object]] = {
    **dict.fromkeys(PLACES, read_line),
    "no_token": read_truth,
    "unencrypted": read_truth,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenPlan:
    """Where to listen: places by the kind of transport, as they stand in the file, and what was said about TCP.

    problems holds a line for each thing that cannot be used.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    no_token: bool = False
    unencrypted: bool = False
    problems: tuple[str, ...] = ()


def read(path: Path) -> ListenPlan:
    """Read the file; without one the instance listens nowhere. Never raises for what stands in it, or how it lies."""
    try:
        return parse(read_text(path))
    except ConfigurationError as error:
        return ListenPlan(problems=(f"{path}: {error}",))


def parse(text: str) -> ListenPlan:
    """Read what stands in a file. Raises ConfigurationError when it is no TOML."""
    table = document_of(text).get(LISTEN, {})
    if not isinstance(table, dict):
        return ListenPlan(problems=(f"`{LISTEN}`: write a table, [{LISTEN}]",))
    said: dict[str, Any] = {}
    problems = []
    for key, value in table.items():
        try:
            said[key] = _KEYS.get(key, _no_key)(value)
        except ValueError as error:
            problems.append(f"`{LISTEN}.{shown(key)}`: {error}")
    places = {via: said[via] for via in PLACES if via in said}
    return ListenPlan(
        places=places,
        no_token=said.get("no_token", False),
        unencrypted=said.get("unencrypted", False),
        problems=tuple(problems),
    )


def _no_key(_: object) -> None:
    raise ValueError(f"there is no such key; there are {', '.join(_KEYS)}")
