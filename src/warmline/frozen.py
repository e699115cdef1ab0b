"""Frozen dataclasses that are made as quickly as others. Knows no noun."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

Noun = TypeVar("Noun")

_OPEN = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}


def quickly_made(noun: type[Noun]) -> type[Noun]:
    """Let a frozen dataclass with slots be made in a third of the time; all else about it stays as it is.

    As it refuses assignments, the `__init__` that dataclasses writes sets each field by a call: half a dozen such
    nouns were a tenth of what a question costs. Here a new object is of a class that refuses nothing until its fields
    are set. None of them may have a default_factory.
    """
    names = [each.name for each in fields(noun)]  # type: ignore[arg-type]  # there is no public name of dataclasses
    lines = [
        f"def __init__(self, {', '.join(names)}):",
        "become(self, Open)",
        *(f"self.{name} = {name}" for name in names),
        "self.__class__ = Frozen",
    ]
    known: dict[str, Any] = {
        "become": object.__dict__["__class__"].__set__,
        "Open": type(noun.__name__, (noun,), _OPEN),
        "Frozen": noun,
    }
    exec("\n ".join(lines), known)  # noqa: S102  # as dataclasses itself does
    made = known["__init__"]
    made.__defaults__ = noun.__init__.__defaults__
    noun.__init__ = made  # type: ignore[method-assign]
    return noun
