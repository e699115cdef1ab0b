"""The memory as the rest of the program sees it: roots in, passages out."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from warmline.errors import (
    InvalidInputError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    UnsafePathError,
)
from warmline.memory.catalog import Catalog, Root, translating
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.files import FoundFile, NotTextError, check_root, read_text
from warmline.memory.indexing import run_indexer
from warmline.memory.lines import split_lines
from warmline.memory.passages import answer_passages, line_passages
from warmline.memory.paths import check_root_name, followed, real_path, shown_paths, unknown_file
from warmline.memory.recall import Found, Searcher
from warmline.memory.report import IndexReport, IndexRequest, OnProgress
from warmline.memory.shards import masked_by_line, read_shard
from warmline.memory.writing import INDEX_FOLDER
from warmline.model import Recollection, Shard
from warmline.scopes import outermost, reaches
from warmline.settings import MemorySettings

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


def _ignore_progress(_: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """How much the memory holds."""

    roots: int
    files: int
    lines: int
    size_bytes: int


class Memory:
    """The files of one memory folder's roots, searched by line. Satisfies `protocols.Recall`.

    Opening makes the folder (0700) when it is not there, and reads which roots it has. Reading
    happens on one thread of its own, writing in one process at a time; searches go on meanwhile.
    A root's name is the last part of its path, with a number when that is taken. Passages are shown
    as `<root name>/<relative path>`, or `<root name>` when the root is a file. `private` names
    folders, such as the home of the line, that never become part of the memory. Where a reader names roots, or
    paths beneath them, by `within`, the memory is to it as if it held nothing else, but for how rare a word counts as;
    None: all.
    With `encrypted` catalog and index are encrypted under its key; the index is unpacked at the first use.
    Raises StoreDamagedError, StoreVersionError or WrongKeyError when the catalog cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        settings: MemorySettings,
        *,
        private: Sequence[Path] = (),
        encrypted: EncryptedIndex | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._encrypted = encrypted
        self._is_unpacked = encrypted is None
        self._catalog = Catalog(folder, encrypted.key if encrypted else None)
        self._private = tuple(path.resolve() for path in (folder, *private))
        self._roots = self._catalog.root_paths()
        self._searcher = Searcher(self._catalog, encrypted.workspace if encrypted else folder / INDEX_FOLDER, settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memory")
        self._writing = asyncio.Lock()
        self._generation = 0

    async def close(self) -> None:
        """Let go of the files and the thread. Waits for a search in progress, at most a few milliseconds."""
        await self._on_thread(self._catalog.close)
        self._thread.shutdown()

    async def add(self, paths: Sequence[Path], on_progress: OnProgress = _ignore_progress) -> IndexReport:
        """Make each path a root and index it; a path that is one already is brought up to date.

        Nothing is added when one of the paths cannot be, nor when this breaks off or is cancelled. Raises
        InvalidInputError for a path that is missing, unreadable or private, UnsafePathError for one that is neither
        file nor folder.
        """
        checked = [await asyncio.to_thread(self._check, path) for path in paths]
        async with self._writing:
            try:
                return await self._index(IndexRequest(add=self._named(checked)), on_progress)
            except asyncio.CancelledError:
                await asyncio.shield(self._clear())
                raise

    async def refresh(self, name: str | None = None, on_progress: OnProgress = _ignore_progress) -> IndexReport:
        """Bring one root, or all, up to date: changed files are read again, vanished ones dropped.

        Raises UnknownRootError.
        """
        async with self._writing:
            names = tuple(self._roots) if name is None else (self._known(name),)
            return await self._index(IndexRequest(refresh=names), on_progress)

    async def remove(self, name: str) -> IndexReport:
        """Forget a root and everything indexed below it. Raises UnknownRootError."""
        async with self._writing:
            return await self._index(IndexRequest(remove=(self._known(name),)), _ignore_progress)

    async def roots(self, within: frozenset[str] | None = None) -> Sequence[Root]:
        """List the roots by name, with counts of what is indexed. A path in within is as a root of that name."""

        def listed() -> Sequence[Root]:
            roots = self._catalog.roots()
            if within is None:
                return roots
            named = {root.name: root for root in roots}
            found = [named.get(path) or self._catalog.part(path) for path in sorted(outermost(within))]
            return [root for root in found if root is not None]

        return await self._on_thread(listed)

    async def stats(self, within: frozenset[str] | None = None) -> MemoryStats:
        """Count what is indexed."""
        roots = await self.roots(within)
        return MemoryStats(
            len(roots),
            sum(root.files for root in roots),
            sum(root.lines for root in roots),
            sum(root.size_bytes for root in roots),
        )

    async def passages(self, question: str, limit: int, within: frozenset[str] | None = None) -> Recollection:
        """Return at most limit passages of one to three lines, best first, none touching another."""
        found = await self._find(question, limit, within)
        return Recollection(answer_passages(found.lines, limit), found.confidence)

    async def search(self, question: str, limit: int, within: frozenset[str] | None = None) -> Recollection:
        """Return at most limit single lines, best first."""
        found = await self._find(question, limit, within)
        return Recollection(line_passages(found.lines), found.confidence)

    @property
    def generation(self) -> int:
        """Grows whenever an indexing run changed what is indexed, or broke off."""
        return self._generation

    async def shard(self, roots: Sequence[str] | None, max_tokens: int) -> Shard:
        """Return whole files of these roots (None: of all), in the order of their paths, while there is room.

        Which files there are is what the last indexing run found; they are read now, and secrets in them are masked.
        A file that is too large for what room is left is left out, and smaller ones after it may not be. A name that is
        no root's holds nothing.
        """
        within = None if roots is None else frozenset(roots)
        files = await self._on_thread(lambda: self._catalog.all_live(within))
        return await asyncio.to_thread(read_shard, files, max_tokens, self.resolve, self._settings)

    async def paths(self, within: frozenset[str] | None = None) -> Sequence[str]:
        """List the shown paths of all files, in their order."""
        return [file.shown for file in await self._on_thread(lambda: self._catalog.all_live(within))]

    async def lines(self, shown: str, first: int, last: int, within: frozenset[str] | None = None) -> str:
        """Return lines of a file as it is now, from 1, both included, as far as there are so many.

        Secrets are masked, line by line, as the whole file shows them: one of several lines cannot be read in pieces.
        Raises as `shown`, and InvalidInputError for what is no text any more, or ends before the first of them.
        """
        path = self.resolve(await self.shown(shown, within), within)

        def read() -> str:
            data, _ = read_text(FoundFile(shown, str(path), 0, 0), self._settings)
            lines = masked_by_line(b"\n".join(split_lines(data)).decode()).split("\n")
            if first > len(lines):
                raise InvalidInputError(f"{shown!r} has {len(lines):,} lines: there is no line {first:,}")
            return "\n".join(lines[first - 1 : last])

        try:
            return await asyncio.to_thread(read)
        except NotTextError as error:
            raise InvalidInputError(f"{shown!r} cannot be read: {error}") from error

    async def shown(self, path: str, within: frozenset[str] | None = None) -> str:
        """Return the path by which passages of this file are shown. It is absolute, or a shown path already.

        The file is there, indexed, and its real path within. Whether there is anything beyond that is not told.
        Raises UnknownFileError, and of a shown path as `resolve`.
        """
        self._check_length(path)
        real = await asyncio.to_thread(followed if path.startswith("/") else partial(self.resolve, within=within), path)
        return await self._held(real, path, within)

    async def indexed(self, shown: str, within: frozenset[str] | None = None) -> Path:
        """Return the real path of a shown one, whose file is there, indexed, and within.

        What indexing left out, such as what a .gitignore names, is as if it were not there.
        Raises UnknownFileError, and as `resolve`.
        """
        self._check_length(shown)
        real = await asyncio.to_thread(self.resolve, shown, within)
        await self._held(real, shown, within)
        return real

    def _check_length(self, path: str) -> None:
        if not path or "\0" in path or len(path.encode(errors="replace")) > self._settings.max_path_bytes:
            raise UnsafePathError(
                "a path is neither empty nor overlong, and has no NUL byte: name a file of the memory"
            )

    async def _held(self, real: Path, said: str, within: frozenset[str] | None) -> str:
        """Return the shown path under which this file is indexed. Raises UnknownFileError."""
        places = [shown for shown in shown_paths(self._roots, real, said) if reaches(within, shown)]
        held = await self._on_thread(lambda: next(filter(self._catalog.holds, places), None))
        if held is None or not await asyncio.to_thread(_is_file, real):
            raise unknown_file(said)
        return held

    def resolve(self, shown: str, within: frozenset[str] | None = None) -> Path:
        """Return the real path of a shown path, which need not exist.

        Raises UnknownRootError for a root that the memory does not have, UnsafePathError for a path
        that leaves its root by `..`, by being absolute or by a link, or that holds a NUL byte, UnknownFileError
        for one that lies, or leads by a link, to where within does not reach.
        """
        return real_path(self._roots, shown, within)

    def _known(self, name: str) -> str:
        return check_root_name(self._roots, name)

    def _check(self, path: Path) -> Path:
        real = check_root(path)
        for private in self._private:
            if real.is_relative_to(private):
                raise InvalidInputError(f"{path} is part of the line's own home; give another path")
        return real

    def _named(self, paths: Sequence[Path]) -> dict[str, str]:
        """Give every path a name: the one it has already, else the first that is free."""
        taken = {name: str(path) for name, path in self._roots.items()}
        names = {path: name for name, path in taken.items()}
        added: dict[str, str] = {}
        for path in map(str, paths):
            name = names.get(path) or _free_name(Path(path).name or "root", taken)
            taken[name], names[path], added[name] = path, name, path
        return added

    async def _index(self, request: IndexRequest, on_progress: OnProgress) -> IndexReport:
        private = tuple(map(str, self._private))
        request = IndexRequest(request.add, request.refresh, request.remove, private)
        with suppress(StoreDamagedError):  # it is made again
            await self._on_thread(self._unpack)
        has_changed = True  # as far as is known when the run breaks off
        try:
            report = await run_indexer(self._folder, self._settings, request, on_progress, self._encrypted)
            has_changed = bool(report.indexed or report.removed)
            return report
        finally:
            self._generation += has_changed
            self._roots = await self._on_thread(self._catalog.root_paths)

    async def _clear(self) -> None:
        """Take what an addition left out of the index. If that cannot be done, the next run does it."""
        try:
            await self._index(IndexRequest(), _ignore_progress)
        except StoreError as error:
            logger.warning("broken off addition not cleared", extra={"reason": str(error)})

    async def _find(self, question: str, limit: int, within: frozenset[str] | None) -> Found:
        """Search; when files turn out to have changed, or to be back, bring their roots up to date and search again.

        While another run is writing, or when none can write now, what has changed is left out instead.
        """

        def search() -> Found:
            self._unpack()
            return self._searcher.search(question, limit, within)

        try:
            found = await self._on_thread(search)
        except StoreDamagedError as error:
            await self._make_index_again(search, error)
            found = await self._on_thread(search)
        if found.stale and not self._writing.locked():
            async with self._writing:
                try:
                    await self._index(IndexRequest(refresh=found.stale), _ignore_progress)
                except StoreError as error:
                    logger.warning("memory not refreshed", extra={"reason": str(error)})
            found = await self._on_thread(search)
        return found

    async def _make_index_again(self, search: Callable[[], Found], error: StoreDamagedError) -> None:
        """Index all roots anew when the index is of an older version or damaged: it holds nothing but what they do."""
        async with self._writing:
            try:
                await self._on_thread(search)  # somebody else may have made it meanwhile
            except StoreDamagedError:
                logger.warning("index made again", extra={"reason": str(error)})
                await self._index(IndexRequest(refresh=tuple(self._roots)), _ignore_progress)

    def _unpack(self) -> None:
        """Unpack the index, once. Raises StoreDamagedError, StoreFullError or StoreError."""
        if self._encrypted is None or self._is_unpacked:
            return
        try:
            self._encrypted.unpack()
        except StoreDamagedError:
            self._is_unpacked = True
            raise
        except OSError as error:
            kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
            raise kind(f"the index cannot be unpacked into {self._encrypted.workspace}: {error.strerror}") from error
        self._is_unpacked = True

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        def translated() -> _T:
            with translating(self._folder):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, translated)


def _is_file(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file()
    return False


def _free_name(wanted: str, taken: dict[str, str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
