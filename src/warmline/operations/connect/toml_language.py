"""TOML: our table is put at the end and taken out as it was written; where another program wrote it, by tomlkit."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import tomlkit
from tomlkit.exceptions import TOMLKitError

from warmline.operations.connect.language import Document, Entry, Keys, entry_in


class TomlLanguage:
    """Reads and edits TOML."""

    def read(self, text: str) -> Document:
        """Return what the text says. Raises ValueError."""
        try:
            return tomllib.loads(text)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error

    def put(self, text: str, keys: Keys, entry: Entry, first: Entry) -> str:  # TOML needs no more
        """Put the entry in. Raises ValueError."""
        block = self.snippet(keys, entry)
        old = entry_in(self.read(text), keys)
        if old is None:
            gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
            return text + (gap + block).replace("\n", "\r\n" if "\r\n" in text else "\n")
        if isinstance(old, dict) and (new := _exchanged(text, self.snippet(keys, old), block)) is not None:
            return new
        with _editing(text) as document:
            document[keys[0]][keys[1]] = dict(entry)
        return document.as_string()

    def take(self, text: str, keys: Keys, *, with_holder: bool) -> str:  # one without tables is none
        """Take the entry out. Raises ValueError."""
        old = entry_in(self.read(text), keys)
        if old is None:
            return text
        if isinstance(old, dict):
            block = self.snippet(keys, old)
            for was in ("\n" + block, block):
                if (new := _exchanged(text, was, "")) is not None:
                    return new
        with _editing(text) as document:
            del document[keys[0]][keys[1]]
        return document.as_string()

    def snippet(self, keys: Keys, entry: Entry) -> str:
        """Write the entry as a person adds it by hand."""
        holder = tomlkit.table(is_super_table=True)
        holder.append(keys[1], tomlkit.item(dict(entry)))
        return tomlkit.dumps({keys[0]: holder})


def _exchanged(text: str, old: str, new: str) -> str | None:
    """Return the text with one piece of it exchanged, whichever way it ends lines; None: it does not stand there so."""
    for newline in ("\n", "\r\n"):
        piece = old.replace("\n", newline)
        if text.count(piece) == 1:
            return text.replace(piece, new.replace("\n", newline))
    return None


@contextmanager
def _editing(text: str) -> Iterator[tomlkit.TOMLDocument]:
    try:
        yield tomlkit.parse(text)
    except (TOMLKitError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError("it is written in a way that a program cannot change") from error
