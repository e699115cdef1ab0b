"""Named statements out of .sql files, so that SQL stands in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from operator import itemgetter
from types import MappingProxyType
from typing import Any

Binding = Callable[[Mapping[str, Any]], tuple[Any, ...]]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r":(\w+)")


def load_queries(file: str) -> Mapping[str, str]:
    """Read a .sql file of this package: each `-- name: x` begins the statement x.

    Raises ValueError when a name stands twice.
    """
    text = (files("warmline.stores") / file).read_text(encoding="utf-8")
    _, *pieces = _NAME.split(text)
    names, bodies = pieces[::2], pieces[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file} names a statement twice")
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})


def load_all_queries() -> Mapping[str, str]:
    """Read every .sql file of this package. Raises ValueError when a name stands twice."""
    found: dict[str, str] = {}
    for entry in files("warmline.stores").iterdir():
        if entry.name.endswith(".sql"):
            queries = load_queries(entry.name)
            if twice := found.keys() & queries.keys():
                raise ValueError(f"{entry.name} names again what another file names: {sorted(twice)}")
            found |= queries
    return MappingProxyType(found)


def binding_of(sql: str) -> Binding:
    """Return what picks a statement's parameters out of values by name, in the order of their numbers.

    To bind by number costs less than most statements, which to bind by name does not. There may be more values.
    """
    match list(dict.fromkeys(_PARAMETER.findall(sql))):
        case []:
            return lambda _: ()
        case [name]:
            return lambda values: (values[name],)
        case names:
            return itemgetter(*names)


def load_migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations, in order, as (number, script)."""
    folder = files("warmline.stores") / "migrations"
    found = [(int(entry.name[:4]), entry.read_text(encoding="utf-8")) for entry in folder.iterdir()]
    return sorted(found)
