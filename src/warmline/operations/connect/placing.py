"""Putting an entry into a client's configuration and taking it out: first planned and checked, then done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from warmline.errors import ConfigurationError, ForeignEntryError
from warmline.operations.connect import files
from warmline.operations.connect.clients import ENTRY, Client, Scope
from warmline.operations.connect.difference import Masking, difference
from warmline.operations.connect.files import Content
from warmline.operations.connect.language import Document, Entry, Value, entry_in, without
from warmline.operations.connect.record import Place, Record


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of one file. after of None: nothing; an empty text that was made by us: no file."""

    client: Client
    before: Content
    after: str | None
    place: Place
    removes_file: bool = False

    @property
    def path(self) -> Path:
        """Which file it is."""
        return self.before.path

    @property
    def scope(self) -> Scope:
        """Whom the entry is for."""
        return self.place.scope

    @property
    def entry(self) -> Entry:
        """What it says."""
        return self.place.entry

    def difference(self, masked: Masking) -> str:
        """Return what would change, as a unified diff shows it, with secrets masked."""
        if self.after is None:
            return ""
        return difference(str(self.path), self.before.text, "" if self.removes_file else self.after, masked)


def plan_putting(client: Client, path: Path, scope: Scope, entry: Entry, known: Place | None) -> Plan:
    """Plan the entry of a client; nothing is to be done where it stands already.

    Raises ConfigurationError when the file cannot be used or should not be written, and ForeignEntryError when
    it has an entry that we did not put there, or that was edited since.
    """
    before = files.read(path)
    document = _document(client, before)
    there = _entry_in(document, client, path)
    place = Place(
        str(path),
        scope,
        entry,
        made_holder=client.holder not in document,
        made_file=before.held is None,
    )
    if there == entry:
        return Plan(client, before, None, known or replace(place, made_holder=False))
    if there is not None:
        if known is None or known.entry != there:
            raise _foreign(client, path, there, known.entry if known else entry, was_ours=known is not None)
        place = replace(known, entry=entry)
    files.check_writable(path)
    text = before.text
    after = _edited(path, lambda: client.language.put(text, client.keys, entry, client.first))
    _check(client, path, document if text.strip() else dict(client.first), after, entry)
    return Plan(client, before, after, place)


def plan_taking(client: Client, place: Place) -> Plan:
    """Plan to take out what was put in; nothing is to be done where it is gone. Raises as `plan_putting`."""
    path = Path(place.path)
    before = files.read(path)
    document = _document(client, before)
    there = _entry_in(document, client, path)
    if there is None:
        return Plan(client, before, None, place)
    if there != place.entry:
        raise _foreign(client, path, there, place.entry, was_ours=True)
    files.check_writable(path)
    text = before.text
    after = _edited(path, lambda: client.language.take(text, client.keys, with_holder=place.made_holder))
    _check(client, path, document, after, None)
    is_empty = client.language.read(after) == client.first
    return Plan(client, before, after, place, removes_file=place.made_file and is_empty)


def check_absent(client: Client, path: Path, ours: Entry) -> None:
    """Raise ForeignEntryError when an entry of that name stands there, ConfigurationError where none can be read."""
    there = _entry_in(_document(client, files.read(path)), client, path)
    if there is not None:
        raise _foreign(client, path, there, ours, was_ours=False)


def put(plan: Plan, record: Record) -> Path | None:
    """Do as planned, and return the backup, if there was something to keep.

    It is written down before: whatever happens, `plan_taking` finds what there is to take out. Raises
    ConfigurationError, and then the file is as it was.
    """
    name, was = plan.client.name, record.of(plan.client.name)
    if plan.after is None:
        record.keep(name, was.with_place(plan.place))
        return None
    made = files.make_folder(plan.path)
    backup = files.back_up(plan.before)
    place = replace(
        plan.place,
        made_folders=[*plan.place.made_folders, *map(str, made)],
        backups=[*plan.place.backups, *([str(backup)] if backup else [])],
    )
    try:
        record.keep(name, was.with_place(place))
        files.replace(plan.before, plan.after)
    except BaseException:
        if backup:
            backup.unlink(missing_ok=True)
        files.remove_empty(made)
        record.keep(name, was)
        raise
    return backup


def take(plan: Plan, record: Record) -> Path | None:
    """Do as planned, forget the entry, and return the new backup, if one was kept. Raises ConfigurationError.

    Backups of `put` that hold nothing else than the file then does are removed; if there is one, none is made.
    """
    backup: Path | None = None
    if plan.after is not None:
        spare = [each for each in map(Path, plan.place.backups) if _is_spare(plan, plan.after, each)]
        if plan.removes_file:
            files.remove(plan.before)
        else:
            backup = None if spare else files.back_up(plan.before)
            files.replace(plan.before, plan.after)
        for each in spare:
            each.unlink(missing_ok=True)
        files.remove_empty([Path(each) for each in plan.place.made_folders])
    name = plan.client.name
    record.keep(name, record.of(name).without(plan.place.path))
    return backup


def _is_spare(plan: Plan, after: str, backup: Path) -> bool:
    """Tell whether a backup, without our entry in it, is character for character what the file becomes, or empty."""
    client, with_holder = plan.client, plan.place.made_holder
    try:
        kept = files.read(backup)
        if kept.held is None or kept.mark != plan.before.mark:
            return False
        bare = client.language.take(kept.text, client.keys, with_holder=with_holder)
        return not kept.text.strip() or after in {kept.text, bare}
    except (ConfigurationError, ValueError):
        return False


def _document(client: Client, content: Content) -> Document:
    try:
        return client.language.read(content.text)
    except ValueError as error:
        raise ConfigurationError(f"{content.path} is broken ({error})") from error


def _entry_in(document: Document, client: Client, path: Path) -> Value:
    try:
        return entry_in(document, client.keys)
    except ValueError as error:
        raise ConfigurationError(f"{path} cannot be used: {error}") from error


def _edited(path: Path, edit: Callable[[], str]) -> str:
    try:
        return edit()
    except ValueError as error:
        raise ConfigurationError(f"{path} cannot be changed by a program: {error}") from error


def _check(client: Client, path: Path, before: Document, after: str, entry: Entry | None) -> None:
    """Raise ConfigurationError unless the text says what it said before, but for our entry."""
    try:
        said = client.language.read(after)
        is_right = entry_in(said, client.keys) == entry and without(said, client.keys) == without(before, client.keys)
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationError(f"{path} is written in a way that a program cannot change")


def _foreign(client: Client, path: Path, there: Value, ours: Entry, *, was_ours: bool) -> ForeignEntryError:
    how = "was edited since `connect` put it there" if was_ours else "was not put there by this home's `connect`"
    return ForeignEntryError(f"the entry {client.holder}.{ENTRY} in {path} {how}", there=there, ours=dict(ours))
