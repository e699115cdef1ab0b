"""Putting what wakes a client beside it, and taking it out: first planned and checked, then done.

A file that is not as we left it is somebody's work: it is left alone, and shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from warmline.errors import ConfigurationError, ForeignEntryError
from warmline.operations.connect import files
from warmline.operations.connect.clients import Client, Person, Scope
from warmline.operations.connect.difference import Masking, difference
from warmline.operations.connect.files import Content
from warmline.operations.connect.language import Entry
from warmline.operations.connect.record import Piece, Record
from warmline.operations.wake.texts import claude_plugin, codex_line, opencode_plugin

WAKEABLE = ("claude", "codex", "opencode")


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one file. after of None: nothing."""

    client: Client
    before: Content
    after: str | None
    piece: Piece
    removes_file: bool = False

    @property
    def path(self) -> Path:
        """Which file it is."""
        return self.before.path

    @property
    def scope(self) -> Scope:
        """Whom it is for: what wakes a client is a person's own."""
        return "user"

    @property
    def entry(self) -> Entry | None:
        """Return None: what wakes is no entry among the servers."""
        return None

    def difference(self, masked: Masking) -> str:
        """Return what would change, as a unified diff shows it, with secrets masked."""
        if self.after is None:
            return ""
        return difference(str(self.path), self.before.text, "" if self.removes_file else self.after, masked)


def pieces_of(client: str, person: Person, relay: Sequence[str], wake: Sequence[str]) -> list[Piece]:
    """Return what wakes a client of WAKEABLE. relay starts the MCP server, wake is the command that waits."""
    if client == "codex":
        file = person.folder_of("CODEX_HOME", ".codex") / "config.toml"
        return [Piece(str(file), codex_line(wake), is_line=True)]
    if client == "opencode":
        folder = person.folder_of("XDG_CONFIG_HOME", ".config") / "opencode" / "plugins"
        return [Piece(str(folder / "warmline.js"), opencode_plugin(wake))]
    folder = person.folder_of("CLAUDE_CONFIG_DIR", ".claude") / "skills" / "warmline"
    return [Piece(str(folder / path), text) for path, text in claude_plugin(relay, wake).items()]


def plan_putting(client: Client, piece: Piece, known: Piece | None) -> Change:
    """Plan a piece; nothing is to be done where it is as it should be already, whoever put it there.

    Raises ConfigurationError when the file cannot be used, and ForeignEntryError when it, or the setting, is another's.
    """
    before = files.read(Path(piece.path))
    old = _ours_in(before, known or piece)
    kept = known or replace(piece, made_file=before.held is None or not piece.is_line)
    if old == piece.text:
        return Change(client, before, None, kept)
    is_free = _setting(before) is None if piece.is_line else before.held is None
    if old is None and not is_free:
        raise _foreign(before, piece, known)
    files.check_writable(before.path)
    after = _exchanged(before.text, old or "", piece)
    return Change(client, before, after, replace(kept, text=piece.text))


def plan_taking(client: Client, piece: Piece) -> Change:
    """Plan to take a piece out; nothing is to be done where it is gone. Raises as `plan_putting`."""
    before = files.read(Path(piece.path))
    if _ours_in(before, piece) is None:
        if before.held is None or (piece.is_line and _setting(before) is None):
            return Change(client, before, None, piece)
        raise _foreign(before, piece, piece)
    files.check_writable(before.path)
    after = _exchanged(before.text, piece.text, replace(piece, text=""))
    return Change(client, before, after, piece, removes_file=not after.strip() and piece.made_file)


def put(change: Change, record: Record) -> None:
    """Do as planned; it is written down before. Raises ConfigurationError, and then the file is as it was."""
    name, was = change.client.name, record.of(change.client.name)
    made = [] if change.after is None else files.make_folder(change.path)
    piece = replace(change.piece, made_folders=[*change.piece.made_folders, *map(str, made)])
    try:
        record.keep(name, was.with_piece(piece))
        if change.after is not None:
            files.replace(change.before, change.after)
    except BaseException:
        files.remove_empty(made)
        record.keep(name, was)
        raise


def take(change: Change, record: Record) -> None:
    """Do as planned, and forget the piece. Raises ConfigurationError."""
    if change.removes_file:
        files.remove(change.before)
        files.remove_empty([Path(each) for each in change.piece.made_folders])
    elif change.after is not None:
        files.replace(change.before, change.after)
    name = change.client.name
    record.keep(name, record.of(name).without_piece(change.piece.path))


def _ours_in(content: Content, known: Piece | None) -> str | None:
    """Return what we put into the file, if it stands there as we did."""
    if known is None:
        return None
    is_there = known.text in content.text if known.is_line else known.text == content.text and content.held is not None
    return known.text if is_there else None


def _exchanged(text: str, old: str, piece: Piece) -> str:
    if not piece.is_line:
        return piece.text
    return text.replace(old, piece.text, 1) if old else piece.text + text


def _setting(content: Content) -> object:
    """Return what `notify` is set to, in TOML. Raises ConfigurationError."""
    try:
        return tomllib.loads(content.text).get("notify")
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{content.path} is broken ({error})") from error


def _foreign(content: Content, piece: Piece, known: Piece | None) -> ForeignEntryError:
    how = "not put there by this home's `connect`" if known is None else "edited since `connect` put it there"
    what = "`notify` in it" if piece.is_line else "it"
    there = _setting(content) if piece.is_line else content.text
    return ForeignEntryError(f"{content.path}: {what} was {how}", there=there, ours=piece.text)
