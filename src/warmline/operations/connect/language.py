"""What the languages of configuration files have in common: one member, put in and taken out, all else as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Document = dict[str, Any]
Entry = Mapping[str, Any]
Keys = tuple[str, str]
"""The object that holds the servers, and the name of ours in it."""

Value = str | int | float | bool | list[Any] | dict[str, Any] | None


class Language(Protocol):
    """Edits a text. That it then says what it should is checked elsewhere."""

    def read(self, text: str) -> Document:
        """Return what the text says; an empty one says nothing. Raises ValueError with what is wrong with it."""
        ...

    def put(self, text: str, keys: Keys, entry: Entry, first: Entry) -> str:
        """Put the entry in, in the place of one that is there. Of a new file, `first` comes before it.

        Raises ValueError for a text that cannot be edited so.
        """
        ...

    def take(self, text: str, keys: Keys, *, with_holder: bool) -> str:
        """Take the entry out, and with_holder the object that held it, if it is empty then. Raises ValueError."""
        ...

    def snippet(self, keys: Keys, entry: Entry) -> str:
        """Write the entry as a person adds it by hand."""
        ...


def entry_in(document: Document, keys: Keys) -> Value:
    """Return what stands there, None if nothing. Raises ValueError when what should hold it is no object."""
    holder = document.get(keys[0])
    if keys[0] not in document:
        return None
    if not isinstance(holder, dict):
        raise ValueError(f"{keys[0]} in it holds no servers by name")  # noqa: TRY004  # the file is wrong
    found: Value = holder.get(keys[1])
    return found


def without(document: Document, keys: Keys) -> Document:
    """Return the document without the entry, and without an object of servers that holds none."""
    holder = {name: value for name, value in document.get(keys[0], {}).items() if name != keys[1]}
    rest = {name: value for name, value in document.items() if name != keys[0]}
    return {**rest, keys[0]: holder} if holder else rest
