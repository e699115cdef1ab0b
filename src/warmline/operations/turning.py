"""Encrypting a home, and decrypting it: all that holds content is written anew beside the old, then takes its place.

What is new is made in HOME/turning.new, synced, and that folder renamed to HOME/turning: from that moment on it is
what holds. Then each thing in it takes its place in the home, one rename after the other, encryption.json last. Killed
before the moment, the old is whole and the next start removes the rest; killed after it, the next start goes on.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

from warmline.durable import sync, writing_durably
from warmline.errors import StoreDamagedError, StoreError, StoreFullError
from warmline.home import Home
from warmline.memory import encrypted_index
from warmline.memory.catalog import CATALOG
from warmline.memory.writing import ENCRYPTED_INDEX_FOLDER, INDEX_FOLDER
from warmline.security.databases import copy_database
from warmline.security.encryption import reading, writing
from warmline.security.key_place import TURNING, KeyPlace
from warmline.stores import archive_files
from warmline.stores.opening import translated

OnProgress = Callable[[int, int], None]
"""Called with the bytes done and all."""

_NEW = "turning.new"
_PIECE_BYTES = 1024 * 1024
_LEFT_BY_SQLITE = ("-wal", "-shm", "-journal")


class _Step(NamedTuple):
    """One file to write anew: from where, to where; bound is the name it is encrypted under, None: a database."""

    source: Path
    target: Path
    bound: str | None


def turn(home: Home, keys: tuple[bytes | None, bytes | None], place: KeyPlace | None, on_progress: OnProgress) -> None:
    """Write all that the home holds anew, from the first key to the second (None: not encrypted), and take it into use.

    place says where the second key is. Wants to be the owner of the home, after `finish`. Raises StoreError, and the
    old is in use then.
    """
    with _translating():
        _write_anew(home, keys, place, on_progress)
    finish(home)


def _write_anew(
    home: Home, keys: tuple[bytes | None, bytes | None], place: KeyPlace | None, on_progress: OnProgress
) -> None:
    new = home.path / _NEW
    new.mkdir(mode=0o700)
    try:
        _write(list(_steps(home, keys, new)), keys, on_progress)
        with writing_durably(new / home.encryption.name) as file:
            file.write((place.to_json() if place else "{}\n").encode())
        for folder in (*(path for path in new.rglob("*") if path.is_dir()), new):
            sync(folder)
        new.rename(home.path / TURNING)
        sync(home.path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def finish(home: Home) -> None:
    """Bring what a killed `turn` has left to its end, and clean up. Wants to be the owner of the home.

    Raises StoreError.
    """
    whole = home.path / TURNING
    with _translating():
        if (home.path / _NEW).exists():
            shutil.rmtree(home.path / _NEW)
        if not whole.exists():
            return
        for place in (home.store, home.archive, home.memory, home.encryption):
            _replace(whole / place.name, place)
        if home.encryption.exists() and home.encryption.read_bytes() == b"{}\n":
            home.encryption.unlink()
        sync(home.path)
        shutil.rmtree(whole)
        sync(home.path)


def _steps(home: Home, keys: tuple[bytes | None, bytes | None], new: Path) -> Iterator[_Step]:
    if home.store.exists():
        yield _Step(home.store, new / home.store.name, None)
    old_suffix, new_suffix = map(archive_files.suffix, keys)
    for source in sorted(home.archive.glob(f"*{old_suffix}")):
        name = source.name.removesuffix(old_suffix)
        yield _Step(source, new / home.archive.name / f"{name}{new_suffix}", archive_files.bound(name))
    memory = new / home.memory.name
    if (home.memory / CATALOG).exists():
        yield _Step(home.memory / CATALOG, memory / CATALOG, None)
    old_ending, new_ending = (encrypted_index.SUFFIX if key else "" for key in keys)
    old_index, new_index = (ENCRYPTED_INDEX_FOLDER if key else INDEX_FOLDER for key in keys)
    for source in sorted((home.memory / old_index).glob(f"*{old_ending}")):
        name = source.name.removesuffix(old_ending)
        if not name.endswith(".lock"):
            yield _Step(source, memory / new_index / f"{name}{new_ending}", encrypted_index.bound(name))


def _write(steps: list[_Step], keys: tuple[bytes | None, bytes | None], on_progress: OnProgress) -> None:
    sizes = [step.source.stat().st_size for step in steps]
    before, total = 0, sum(sizes)
    for step, size in zip(steps, sizes, strict=True):
        done = before

        def show(written: int, done: int = done) -> None:
            on_progress(min(done + written, total), total)

        step.target.parent.mkdir(mode=0o700, exist_ok=True)
        if step.bound is None:
            copy_database(step.source, step.target, keys, show)
        else:
            _copy(step, keys, show)
        before += size
        on_progress(before, total)


def _copy(step: _Step, keys: tuple[bytes | None, bytes | None], show: Callable[[int], None]) -> None:
    name = step.bound or ""
    try:
        with reading(step.source, keys[0], name) as source, writing(step.target, keys[1], name) as target:
            written = 0
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
                written += len(piece)
                show(written)
    except ValueError as error:
        raise StoreDamagedError(f"{step.source} cannot be read ({error}): restore it from a copy") from error


def _replace(source: Path, place: Path) -> None:
    """Put what is new in its place, if that was not done yet."""
    if not source.exists():
        return
    if source.is_dir():
        if place.exists():
            shutil.rmtree(place)
    else:
        for ending in _LEFT_BY_SQLITE:
            place.with_name(f"{place.name}{ending}").unlink(missing_ok=True)
    source.rename(place)


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise translated(error) from error
    except OSError as error:
        kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
        raise kind(f"the home cannot be written anew ({error.filename}: {error.strerror}): mend that first") from error
