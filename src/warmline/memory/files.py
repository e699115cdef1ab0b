"""Which files below a root are text to remember, and why the others are not.

Knows folders, `.gitignore` and the limits; knows nothing of lines, blocks or the index.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from warmline.errors import InvalidInputError, UnsafePathError
from warmline.settings import MemorySettings


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file below a root, as `stat` saw it. relative is empty when the root itself is the file."""

    relative: str
    absolute: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not read, and why: one line for a person. A skipped folder stands for all below it.

    What is no UTF-8 in a name stands in path as an escape.
    """

    path: str
    reason: str


class NotTextError(Exception):
    """A file met on the way is not text that the memory can hold; says why. Never leaves the indexing process."""


@dataclass(frozen=True, slots=True)
class _Ignore:
    """A `.gitignore` and the folder that it speaks for."""

    folder: str
    spec: GitIgnoreSpec

    def says(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether to ignore path, or None when no line speaks of it."""
        relative = path[len(self.folder) :].lstrip("/")
        return self.spec.check_file(relative + "/" if is_folder else relative).include


def check_root(path: Path) -> Path:
    """Return the real path of a file or folder that can be a root.

    Raises InvalidInputError when it is missing or unreadable, UnsafePathError when it is neither a
    regular file nor a folder.
    """
    try:
        real = path.expanduser().resolve(strict=True)
        mode = real.stat().st_mode
    except FileNotFoundError:
        raise InvalidInputError(f"{path} does not exist; give the path of a file or folder") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{str(path)!r} cannot be used: {reason}; give another path") from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise UnsafePathError(f"{path} is {_describe(mode)}; give a regular file or a folder")
    if not os.access(real, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise InvalidInputError(f"{path} cannot be read by this user; change its mode or give another path")
    return real


def _describe(mode: int) -> str:
    names = (
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_it, name in names if is_it(mode)), "no regular file")


def walk(root: Path, settings: MemorySettings, private: Sequence[Path] = ()) -> Iterator[FoundFile | Skipped]:
    """Yield the files below root in order of name, and what was passed over.

    Hidden entries, links, entries that a `.gitignore` names and the folders of `private` are passed
    over. A root that is a file is yielded whatever a `.gitignore` says.
    """
    if root.is_dir():
        yield from _walk_folder(str(root), "", _ignores_above(root), settings, frozenset(map(str, private)))
        return
    found = root.stat()
    reason = _reason_by_stat(found, settings)
    yield Skipped(str(root), reason) if reason else FoundFile("", str(root), found.st_size, found.st_mtime_ns)


def _printable(path: str) -> str:
    """Return a path that can be written as UTF-8: bytes of its name that are none become escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _walk_folder(
    folder: str, prefix: str, ignores: tuple[_Ignore, ...], settings: MemorySettings, private: frozenset[str]
) -> Iterator[FoundFile | Skipped]:
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Skipped(_printable(folder), f"cannot be read: {error.strerror}")
        return
    ignores += _ignore_of(folder)
    for entry in ordered:
        is_folder = entry.is_dir(follow_symlinks=False)
        reason = _reason_by_name(entry, is_folder, ignores, private)
        if reason:
            yield Skipped(_printable(entry.path), reason)
        elif is_folder and prefix.count("/") >= settings.max_depth:
            yield Skipped(_printable(entry.path), f"more than {settings.max_depth} folders below its root")
        elif is_folder:
            yield from _walk_folder(entry.path, f"{prefix}{entry.name}/", ignores, settings, private)
        else:
            yield _stat(entry, prefix, settings)


def _reason_by_name(
    entry: os.DirEntry[str], is_folder: bool, ignores: Sequence[_Ignore], private: frozenset[str]
) -> str:
    if entry.name.startswith("."):
        return "hidden"
    if entry.is_symlink():
        return "a symbolic link; links are not followed"
    if entry.path in private:
        return "the memory's own home"
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    for ignore in reversed(ignores):
        said = ignore.says(entry.path, is_folder=is_folder)
        if said is not None:
            return "named by .gitignore" if said else ""
    return ""


def _stat(entry: os.DirEntry[str], prefix: str, settings: MemorySettings) -> FoundFile | Skipped:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Skipped(_printable(entry.path), f"cannot be read: {error.strerror}")
    reason = _reason_by_stat(found, settings)
    if reason:
        return Skipped(_printable(entry.path), reason)
    return FoundFile(prefix + entry.name, entry.path, found.st_size, found.st_mtime_ns)


def _reason_by_stat(found: os.stat_result, settings: MemorySettings) -> str:
    if not stat.S_ISREG(found.st_mode):
        return f"{_describe(found.st_mode)}, not a regular file"
    if found.st_size > settings.max_file_bytes:
        return f"{found.st_size:,} bytes, over the limit of {settings.max_file_bytes:,}"
    return ""


def _ignore_of(folder: str) -> tuple[_Ignore, ...]:
    try:
        text = Path(folder, ".gitignore").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return (_Ignore(folder, GitIgnoreSpec.from_lines(text.split("\n"))),)


def _ignores_above(root: Path) -> tuple[_Ignore, ...]:
    """Return the `.gitignore` files between the root and the top of its git working tree, outermost first."""
    if (root / ".git").exists():
        return ()
    above: list[_Ignore] = []
    for folder in root.parents:
        above[:0] = _ignore_of(str(folder))
        if (folder / ".git").exists():
            return tuple(above)
    return ()


def read_text(found: FoundFile, settings: MemorySettings) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a text file, and its stat from before they were read.

    Raises NotTextError with the reason when it is no UTF-8 text within the limits, has changed its
    nature since it was found, or cannot be read.
    """
    try:
        descriptor = os.open(found.absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor has no path
            before = os.fstat(descriptor)
            reason = _reason_by_stat(before, settings)
            data = b"" if reason else file.read(settings.max_file_bytes + 1)
    except OSError as error:
        raise NotTextError(f"cannot be read: {error.strerror}") from error
    reason = reason or _reason_by_content(data, settings)
    if reason:
        raise NotTextError(reason)
    return data, before


def _reason_by_content(data: bytes, settings: MemorySettings) -> str:
    if len(data) > settings.max_file_bytes:
        return f"grew over the limit of {settings.max_file_bytes:,} bytes while it was read"
    if b"\0" in data:
        return "binary: it holds NUL bytes"
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"not valid UTF-8: byte {error.start:,}"
    if len(data) > settings.max_line_bytes and max(map(len, data.split(b"\n"))) > settings.max_line_bytes:
        return f"a line over the limit of {settings.max_line_bytes:,} bytes"
    return ""
