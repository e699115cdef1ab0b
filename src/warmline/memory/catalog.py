"""Which roots and files the memory holds, in a small SQLite file beside the index.

The catalog is what is true: a document of the index whose file number is not in the catalog is no
longer, or not yet, part of the memory. The indexing process writes it, everyone may read it. Its
methods must not run in two threads at once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from warmline.errors import StoreDamagedError, StoreError, StoreFullError, StoreVersionError, UnknownRootError
from warmline.scopes import reaches
from warmline.security.databases import open_database

CATALOG = "catalog.sqlite"

_SURROGATE = re.compile("[\ud800-\udfff]")

SCHEMA = """
create table roots (
    name text primary key,
    path text not null unique
) without rowid;
create table files (
    id integer primary key,
    root text not null references roots (name) on delete cascade,
    relative text not null,
    size integer not null,
    mtime_ns integer not null,
    digest blob not null check (length(digest) = 32),
    kind integer not null,
    lines integer not null,
    unique (root, relative)
);
create table garbage (
    id integer primary key -- documents of this file number may be in the index, and must leave it
);
"""

DROPPED = """
create table dropped (
    id integer primary key, -- a later one is newer
    root text not null references roots (name) on delete cascade,
    relative text not null, -- a file that was indexed, and was gone or empty when it was last looked for
    unique (root, relative)
);
"""

WHOLE = "alter table roots add column is_whole integer not null default 1; -- or its first run has not ended yet"

MIGRATIONS = (SCHEMA, DROPPED, WHOLE)
VERSION = len(MIGRATIONS)


@dataclass(frozen=True, slots=True)
class Root:
    """A named file or folder of the memory, and what of it is indexed."""

    name: str
    path: Path
    files: int
    lines: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileRow:
    """One version of one file, as it was indexed under the number id. digest is its SHA-256."""

    id: int
    root: str
    relative: str
    size: int
    mtime_ns: int
    digest: bytes
    kind: int
    lines: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is, or was."""

    root: str
    relative: str
    absolute: str

    @property
    def shown(self) -> str:
        """The path as people see it."""
        return shown_path(self.root, self.relative)


@dataclass(frozen=True, slots=True)
class LiveFile(Place):
    """A file that a search found: where it is, and what it was when it was indexed."""

    size: int
    mtime_ns: int
    kind: int


@contextmanager
def translating(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors on the catalog in this folder into those that say what a caller can do."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreDamagedError(
            f"the memory's catalog is damaged; delete the folder {folder} and add your paths again"
        ) from error
    except apsw.Error as error:
        # Where the disk is full, growing the -shm file is an I/O error.
        if isinstance(error, apsw.FullError) or shutil.disk_usage(folder).free == 0:
            raise StoreFullError("the disk that holds the memory's index is full: make room, then try again") from error
        raise StoreError(f"the memory's catalog cannot be used now ({type(error).__name__}: {error})") from error


def shown_path(root: str, relative: str) -> str:
    """Return `<root name>/<relative>`, or the root's name alone when the root is a file."""
    return f"{root}/{relative}" if relative else root


def split_shown(shown: str) -> tuple[str, str]:
    """Undo `shown_path`: return the root's name and what follows it."""
    root, _, relative = shown.partition("/")
    return root, relative


def _bounds(shown: str) -> dict[str, str]:
    """Return the root, the path beneath it, and between what all lies beneath that: `0` is what comes after `/`.

    What is no such path, whatever it is, has no root.
    """
    root, relative = split_shown(shown)
    if not relative or _SURROGATE.search(shown):
        root = relative = ""
    return {"root": root, "at": relative, "above": f"{relative}/", "below": f"{relative}0"}


class Catalog:
    """The open catalog of a memory folder, encrypted under a key. Made when it is not there. Raises WrongKeyError."""

    def __init__(self, folder: Path, key: bytes | None = None) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / CATALOG
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._path = path
        with translating(folder):
            self._connection = open_database(path, key)
            self._prepare()

    def _prepare(self) -> None:
        self._connection.set_busy_timeout(5000)
        version = self._connection.pragma("user_version")
        if version > VERSION:
            raise StoreVersionError(f"{self._path} was written by a newer version; use that version")
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "full")
        self._connection.pragma("foreign_keys", 1)
        if version < VERSION:
            with self._connection:
                for number in range(self._connection.pragma("user_version"), VERSION):
                    self._connection.execute(MIGRATIONS[number])
                    self._connection.pragma("user_version", number + 1)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context whose writes happen all or not at all."""
        return self._connection

    def roots(self) -> list[Root]:
        """List the roots by name."""
        rows = self._connection.execute(
            "select name, path, count(id), coalesce(sum(lines), 0), coalesce(sum(size), 0)"
            " from roots left join files on root = name where is_whole group by name order by name"
        )
        return [Root(name, Path(path), files, lines, size) for name, path, files, lines, size in rows]

    def part(self, shown: str) -> Root | None:
        """Return a file, or a folder with all beneath it, as if it were a root; None when nothing is indexed there."""
        rows = self._connection.execute(
            "select path, count(id), sum(lines), sum(size) from files join roots on name = root"
            " where is_whole and id in (select value from json_each(?)) group by path",
            (json.dumps(self.numbers(shown)),),
        )
        for path, files, lines, size in rows:
            return Root(shown, Path(path, split_shown(shown)[1]), files, lines, size)
        return None

    def numbers(self, shown: str) -> list[int]:
        """Return the numbers of a file, or of all files beneath a folder."""
        rows = self._connection.execute(
            "select id from files where root = :root and relative = :at union all"
            " select id from files where root = :root and relative > :above and relative < :below",
            _bounds(shown),
        )
        return [row[0] for row in rows]

    def holds(self, shown: str) -> bool:
        """Tell whether this is the path of a file that is indexed."""
        if _SURROGATE.search(shown):
            return False
        found = self._connection.execute("select 1 from files where root = ? and relative = ?", split_shown(shown))
        return any(True for _ in found)

    def root_paths(self) -> dict[str, Path]:
        """Return the real path of every whole root by its name."""
        return {
            name: Path(path)
            for name, path in self._connection.execute("select name, path from roots where is_whole order by name")
        }

    def root_path(self, name: str) -> Path:
        """Return the real path of one root. Raises UnknownRootError."""
        for (path,) in self._connection.execute("select path from roots where name = ?", (name,)):
            return Path(path)
        raise UnknownRootError(f"the memory has no root {name!r}; `warmline memory list` shows which it has")

    def add_root(self, name: str, path: Path) -> None:
        """Remember a root, which is no part of the memory before it is whole; one that is there stays as it is."""
        self._connection.execute(
            "insert or ignore into roots (name, path, is_whole) values (?, ?, 0)", (name, str(path))
        )

    def unfinished(self) -> dict[str, Path]:
        """Return the real path of every root that is not whole."""
        rows = self._connection.execute("select name, path from roots where not is_whole")
        return {name: Path(path) for name, path in rows}

    def finish_roots(self) -> None:
        """Make all roots whole, at once."""
        self._connection.execute("update roots set is_whole = 1 where not is_whole")

    def remove_root(self, name: str) -> int:
        """Forget a root; its files become garbage. Returns how many there were."""
        with self._connection:
            ids = [row[0] for row in self._connection.execute("select id from files where root = ?", (name,))]
            self.add_garbage(ids)
            self._connection.execute("delete from roots where name = ?", (name,))
        return len(ids)

    def files_of(self, root: str) -> dict[str, FileRow]:
        """Return the files of a root by their relative paths."""
        rows = self._connection.execute(
            "select id, root, relative, size, mtime_ns, digest, kind, lines from files where root = ?", (root,)
        )
        return {row[2]: FileRow(*row) for row in rows}

    def next_id(self) -> int:
        """Return a file number above every one that documents of the index may have."""
        (row,) = self._connection.execute(
            "select 1 + max(coalesce((select max(id) from files), 0), coalesce((select max(id) from garbage), 0))"
        )
        return int(row[0])

    def insert_files(self, rows: Iterable[FileRow]) -> None:
        """Make these files part of the memory; those at the same places must have been deleted before."""
        self._connection.executemany(
            "insert into files (id, root, relative, size, mtime_ns, digest, kind, lines)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [(r.id, r.root, r.relative, r.size, r.mtime_ns, r.digest, r.kind, r.lines) for r in rows],
        )

    def delete_files(self, ids: Sequence[int]) -> None:
        """Take files out of the memory; their numbers become garbage."""
        self._connection.executemany("delete from files where id = ?", [(number,) for number in ids])
        self.add_garbage(ids)

    def touch_file(self, number: int, size: int, mtime_ns: int) -> None:
        """Note a new stat for a file whose bytes are the same."""
        self._connection.execute("update files set size = ?, mtime_ns = ? where id = ?", (size, mtime_ns, number))

    def dropped(self) -> list[Place]:
        """Return where files were that are gone, or empty, the oldest first."""
        rows = self._connection.execute(
            "select root, path, relative from dropped join roots on name = root order by id"
        )
        return [Place(root, relative, f"{path}/{relative}" if relative else path) for root, path, relative in rows]

    def set_dropped(self, root: str, relatives: Iterable[str], limit: int) -> None:
        """Note which files of this root were dropped, in place of those noted before. Of all roots, the newest stay."""
        self._connection.execute("delete from dropped where root = ?", (root,))
        self._connection.executemany(
            "insert into dropped (root, relative) values (?, ?)", [(root, relative) for relative in relatives]
        )
        self._connection.execute(
            "delete from dropped where id not in (select id from dropped order by id desc limit ?)", (limit,)
        )

    def add_garbage(self, ids: Iterable[int]) -> None:
        """Note file numbers whose documents must leave the index."""
        self._connection.executemany("insert or ignore into garbage (id) values (?)", [(number,) for number in ids])

    def drop_garbage(self, ids: Iterable[int]) -> None:
        """Forget file numbers that became files, or whose documents have left the index."""
        self._connection.executemany("delete from garbage where id = ?", [(number,) for number in ids])

    def garbage(self) -> list[int]:
        """Return the file numbers whose documents must leave the index."""
        return [row[0] for row in self._connection.execute("select id from garbage order by id")]

    def forget_files(self) -> None:
        """Forget every file but no root: the index is gone."""
        with self._connection:
            self._connection.execute("delete from files; delete from garbage")

    def all_live(self, within: frozenset[str] | None) -> list[LiveFile]:
        """Return every file within (None: all), in the order of the shown paths."""
        rows = self._connection.execute(
            "select root, path, relative, size, mtime_ns, kind from files join roots on name = root where is_whole"
        )
        files = [
            LiveFile(root, relative, f"{path}/{relative}" if relative else path, size, mtime_ns, kind)
            for root, path, relative, size, mtime_ns, kind in rows
        ]
        files = [file for file in files if reaches(within, file.shown)]
        return sorted(files, key=lambda file: file.shown)

    def live(self, ids: Iterable[int], within: frozenset[str] | None = None) -> dict[int, LiveFile]:
        """Return those of the file numbers that are part of the memory now, and lie within (None: anywhere).

        A number can have passed to another file since the index was read.
        """
        rows = self._connection.execute(
            "select id, root, path, relative, size, mtime_ns, kind from files join roots on name = root"
            " where is_whole and id in (select value from json_each(?))",
            (json.dumps(list(ids)),),
        )
        files = {
            number: LiveFile(root, relative, f"{path}/{relative}" if relative else path, size, mtime_ns, kind)
            for number, root, path, relative, size, mtime_ns, kind in rows
        }
        return {
            number: file
            for number, file in files.items()
            if within is None or file.root in within or reaches(within, file.shown)
        }
