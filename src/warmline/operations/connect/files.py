"""A client's configuration on the disk: read, and written so that nothing of the person's is ever lost.

A file that is a link, read-only or another user's is left alone: who made it so had a reason, and is told what to add.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from warmline.durable import put_in_place, sync, writing_durably
from warmline.errors import ConfigurationError

MAX_BYTES = 256 * 1024 * 1024
"""Of a configuration: ~/.claude.json of those who work much has tens of megabytes."""

MARK = "\ufeff"
"""What some editors write at a file's beginning."""

MAX_BACKUPS = 10_000


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds; None: there is no file. The mark at its beginning is apart."""

    path: Path
    held: bytes | None

    @property
    def mark(self) -> str:
        """Return the mark at its beginning, if there is one."""
        return MARK if self.held is not None and self.held.startswith(MARK.encode()) else ""

    @property
    def text(self) -> str:
        """Return the text behind the mark. Raises ConfigurationError when it is not UTF-8."""
        try:
            return (self.held or b"").decode().removeprefix(MARK)
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self.path} is not UTF-8 (byte {error.start})") from error


def read(path: Path) -> Content:
    """Read a configuration. Raises ConfigurationError when it is there and cannot be read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"{path} is no file")
        if found.st_size > MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_BYTES // 2**20} MiB")
        return Content(path, path.read_bytes())
    except FileNotFoundError:
        return Content(path, None)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror})") from error


def check_writable(path: Path) -> None:
    """Raise ConfigurationError when a program should not, or cannot, write this file anew."""
    if path.is_symlink():
        raise ConfigurationError(f"{path} is a link, to {path.readlink()}: a program does not change what lies there")
    if path.exists():
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise ConfigurationError(f"{path} belongs to another user")
        _check_mode(path)
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder")
    _check_mode(folder)


def _check_mode(path: Path) -> None:
    # The mode, too: root may write everything, and who made it read-only meant it.
    if not (os.access(path, os.W_OK) and path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)):
        raise ConfigurationError(f"{path} is read-only")


def make_folder(path: Path) -> list[Path]:
    """Make the folder of a file, and return those that were made, the uppermost first. Raises ConfigurationError."""
    missing: list[Path] = []
    folder = path.parent
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be made ({error.strerror})") from error
    return missing


def back_up(content: Content) -> Path | None:
    """Keep what a file held beside it, under a name that was free, closed to others. Raises ConfigurationError."""
    if content.held is None:
        return None
    path = content.path
    for number in range(1, MAX_BACKUPS):
        backup = path.with_name(f"{path.name}.before-warmline{f'-{number}' if number > 1 else ''}")
        try:
            with writing_durably(backup, only_new=True) as file:
                file.write(content.held)
        except FileExistsError:
            continue
        except OSError as error:
            backup.unlink(missing_ok=True)
            raise ConfigurationError(f"{backup} cannot be written ({error.strerror})") from error
        return backup
    raise ConfigurationError(f"there are {MAX_BACKUPS} backups beside {path}: remove some")


def replace(was: Content, text: str) -> None:
    """Write a file anew, durably, with the mode that it had. Raises ConfigurationError, and then it is as it was.

    One that was changed since it was read is left alone.
    """
    path = was.path
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with writing_durably(draft, only_new=True) as file:
            if was.held is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write((was.mark + text).encode())
        _check_unchanged(was)
        put_in_place(draft, path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)


def remove(was: Content) -> None:
    """Remove a file. Raises ConfigurationError."""
    _check_unchanged(was)
    try:
        was.path.unlink()
        sync(was.path.parent)
    except OSError as error:
        raise ConfigurationError(f"{was.path} cannot be removed ({error.strerror})") from error


def remove_empty(folders: list[Path]) -> None:
    """Remove those of the folders, each within the one before, that hold nothing."""
    with suppress(OSError):
        for folder in reversed(folders):
            folder.rmdir()


def _check_unchanged(was: Content) -> None:
    """Raise ConfigurationError when another program wrote the file meanwhile; a moment later is not seen."""
    if read(was.path) != was:
        raise ConfigurationError(f"{was.path} was changed by another program meanwhile: do it again")
