"""Bring the index and the catalog in step with the files: the work of the indexing process.

Index and catalog are two files, and a kill can fall between their commits. So a file number is
noted as garbage before its documents can reach the index, and stops being garbage in the very
transaction that makes it a file; a replaced file's number becomes garbage in that transaction, and
its documents leave the index afterwards. Whenever the process is killed, every file of the catalog
has its documents, and the next run clears what is left over.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tantivy

from warmline.errors import StoreDamagedError, StoreError
from warmline.memory import index
from warmline.memory.catalog import Catalog, FileRow, shown_path
from warmline.memory.documents import FileText
from warmline.memory.dropped import Dropped
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.files import FoundFile, NotTextError, Skipped, read_text, walk
from warmline.memory.report import IndexReport, IndexRequest, OnProgress, Progress, SecretFile
from warmline.security.redaction import find_secrets
from warmline.settings import MemorySettings

INDEX_FOLDER = "index"
ENCRYPTED_INDEX_FOLDER = "index.enc"


@dataclass(slots=True)
class _Tally:
    """A report in the making."""

    roots: list[str] = field(default_factory=list)
    indexed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    lines: int = 0
    size_bytes: int = 0
    secret_files: list[SecretFile] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """What is in the writer and not yet committed."""

    rows: list[FileRow] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    size_bytes: int = 0
    dropped: Dropped | None = None


class Indexer:
    """One run over one memory folder. Holds the index's writer lock until `close`. Raises StoreError.

    An encrypted index was unpacked into its workspace before.
    """

    def __init__(
        self, folder: Path, settings: MemorySettings, on_progress: OnProgress, encrypted: EncryptedIndex | None = None
    ) -> None:
        self._encrypted = encrypted
        self._settings = settings
        self._on_progress = on_progress
        self._catalog = Catalog(folder, encrypted.key if encrypted else None)
        self._is_anew = False
        self._has_committed = False
        self._writer = self._open_writer(encrypted.workspace if encrypted else folder / INDEX_FOLDER)
        self._next_id = 0
        self._tally = _Tally()
        self._batch = _Batch()

    def _open_writer(self, folder: Path) -> tantivy.IndexWriter:
        opened = self._open_index(folder)
        try:
            return opened.writer(self._settings.writer_heap_bytes, self._settings.writer_threads)
        except ValueError as error:
            raise StoreError(
                f"the index in {folder} cannot be written: another process is indexing it, or {error}; try again later"
            ) from error

    def _open_index(self, folder: Path) -> tantivy.Index:
        """Open the index; one that is gone or damaged is made again, and every file is due."""
        try:
            if not index.exists(folder):
                self._begin_anew()
            opened = index.open_index(folder)
            index.snapshot(opened, folder)
        except StoreDamagedError:
            shutil.rmtree(folder)
            self._begin_anew()
            return index.open_index(folder)
        return opened

    def _begin_anew(self) -> None:
        """Forget every file; this run then brings every root up to date, whichever it is asked for."""
        self._catalog.forget_files()
        self._is_anew = True

    def close(self) -> None:
        """Let merges finish, and let go of the lock and the files."""
        self._writer.wait_merging_threads()
        if self._encrypted and self._has_committed:
            self._encrypted.keep()  # what was merged
        self._catalog.close()

    def run(self, request: IndexRequest) -> IndexReport:
        """Do what is asked, and report. What an addition was broken off from leaves, unless it is asked for again."""
        began = time.monotonic()
        for name, path in self._catalog.unfinished().items():
            if request.add.get(name) != str(path):
                self._catalog.remove_root(name)
        self._clear_garbage()
        self._next_id = self._catalog.next_id()
        for name in request.remove:
            self._tally.removed += self._catalog.remove_root(name)
        for name, added in request.add.items():
            self._catalog.add_root(name, Path(added))
        others = self._catalog.root_paths() if self._is_anew else ()
        for name in dict.fromkeys((*request.add, *request.refresh, *others)):
            self._sync(name, [Path(path) for path in request.private])
        self._catalog.finish_roots()
        self._clear_garbage()
        return self._report(time.monotonic() - began)

    def _report(self, seconds: float) -> IndexReport:
        tally = self._tally
        return IndexReport(
            tuple(tally.roots),
            tally.indexed,
            tally.unchanged,
            tally.removed,
            tuple(tally.skipped[: self._settings.max_listed_skips]),
            len(tally.skipped),
            tally.lines,
            tally.size_bytes,
            seconds,
            tuple(tally.secret_files[: self._settings.max_listed_secrets]),
            len(tally.secret_files),
        )

    def _sync(self, root: str, private: Sequence[Path]) -> None:
        self._tally.roots.append(root)
        dropped = Dropped(root, self._catalog.dropped())
        known = self._catalog.files_of(root)
        due = self._find_due(root, known, private)
        progress = Progress(root, 0, len(due), 0)
        self._on_progress(progress)
        emptied: list[str] = []
        for found in due:
            before = known.pop(found.relative, None)
            self._take(root, found, before)
            if before and before.size and not found.size:
                emptied.append(found.relative)
            progress = Progress(root, progress.files_done + 1, len(due), progress.bytes_done + found.size)
            self._on_progress(progress)
        self._tally.removed += len(known)
        self._batch.replaced += [row.id for row in known.values()]
        dropped.add([*emptied, *known], self._settings.max_dropped_files)
        self._batch.dropped = dropped
        self._commit()

    def _find_due(self, root: str, known: dict[str, FileRow], private: Sequence[Path]) -> list[FoundFile]:
        """Return the files to read; takes the unchanged ones out of known."""
        path = self._catalog.root_path(root)
        if not path.exists():
            self._tally.skipped.append(Skipped(str(path), "no longer exists"))
            return []
        due: list[FoundFile] = []
        for found in walk(path, self._settings, private):
            if isinstance(found, Skipped):
                self._tally.skipped.append(found)
                continue
            row = known.get(found.relative)
            if row and (row.size, row.mtime_ns) == (found.size, found.mtime_ns):
                self._tally.unchanged += 1
                del known[found.relative]
            else:
                due.append(found)
        return due

    def _take(self, root: str, found: FoundFile, known: FileRow | None) -> None:
        """Read one file, and put it into the batch unless its bytes are those that are known."""
        try:
            data, stat = read_text(found, self._settings)
        except NotTextError as error:
            self._tally.skipped.append(Skipped(found.absolute, str(error)))
            if known:
                self._tally.removed += 1
                self._batch.replaced.append(known.id)
            return
        digest = hashlib.sha256(data).digest()
        if known and known.digest == digest:
            self._tally.unchanged += 1
            self._catalog.touch_file(known.id, stat.st_size, stat.st_mtime_ns)
            return
        if known:
            self._batch.replaced.append(known.id)
        shown = shown_path(root, found.relative)
        self._look_for_secrets(data, shown)
        text = FileText(data, shown, self._next_id)
        for document in text.documents():
            self._writer.add_document(document)
        self._batch.rows.append(
            FileRow(
                self._next_id, root, found.relative, stat.st_size, stat.st_mtime_ns, digest, int(text.kind), text.lines
            )
        )
        self._next_id += 1
        self._tally.indexed += 1
        self._tally.lines += text.lines
        self._tally.size_bytes += len(data)
        self._batch.size_bytes += len(data)
        if self._batch.size_bytes >= self._settings.batch_bytes:
            self._commit()

    def _look_for_secrets(self, data: bytes, shown: str) -> None:
        """Note a file that holds some: who added it may not have known."""
        kinds = [finding.kind for finding in find_secrets(data.decode())]
        if kinds:
            self._tally.secret_files.append(SecretFile(shown, tuple(dict.fromkeys(kinds)), len(kinds)))

    def _commit(self) -> None:
        """Make the batch part of the memory, in the order that the head of this file gives."""
        batch, self._batch = self._batch, _Batch()
        if batch.rows:
            new = [row.id for row in batch.rows]
            with self._catalog.transaction():
                self._catalog.add_garbage(new)
            self._commit_index()
        news = batch.dropped.news if batch.dropped else None
        if batch.rows or batch.replaced or news:
            with self._catalog.transaction():
                self._catalog.delete_files(batch.replaced)
                self._catalog.insert_files(batch.rows)
                self._catalog.drop_garbage(row.id for row in batch.rows)
                if news:
                    self._catalog.set_dropped(*news, self._settings.max_dropped_files)

    def _clear_garbage(self) -> None:
        numbers = self._catalog.garbage()
        if numbers:
            for number in numbers:
                self._writer.delete_documents_by_term("file", number)
            self._commit_index()
            with self._catalog.transaction():
                self._catalog.drop_garbage(numbers)

    def _commit_index(self) -> None:
        self._writer.commit()
        if self._encrypted:
            self._encrypted.keep()
            self._has_committed = True
