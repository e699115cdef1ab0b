"""What an indexing run is asked, tells on its way, and reports: values that cross the pipe as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.files import Skipped
from warmline.settings import MemorySettings


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What to do, in this order: take roots out, add roots by name, bring these roots up to date.

    private holds folders that are never read. Added roots are brought up to date as well.
    """

    add: Mapping[str, str] = field(default_factory=dict)
    refresh: Sequence[str] = ()
    remove: Sequence[str] = ()
    private: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. files_total counts the files that need reading, as far as they are known by now."""

    root: str
    files_done: int
    files_total: int
    bytes_done: int


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that holds what looks like secrets: as it is shown, of which kinds, each once, and how many."""

    path: str
    kinds: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did. Counts are files; lines and size_bytes are those of the files indexed by this run.

    skipped lists at most settings.max_listed_skips of skipped_count. secret_files lists at most
    settings.max_listed_secrets of secret_file_count, of the files that were indexed by this run.
    """

    roots: tuple[str, ...] = ()
    indexed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    lines: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    secret_files: tuple[SecretFile, ...] = ()
    secret_file_count: int = 0


OnProgress = Callable[[Progress], None]


def request_to_json(
    folder: Path, settings: MemorySettings, request: IndexRequest, encrypted: EncryptedIndex | None = None
) -> dict[str, Any]:
    """Return the one object that an indexing process reads. It may hold the key: it goes through a pipe alone."""
    at_rest = encrypted and {
        "key": encrypted.key.hex(),
        "folder": str(encrypted.folder),
        "workspace": str(encrypted.workspace),
    }
    return {
        "folder": str(folder),
        "settings": asdict(settings),
        "request": asdict(request),
        "encrypted": at_rest,
    }


def request_from_json(
    data: Mapping[str, Any],
) -> tuple[Path, MemorySettings, IndexRequest, EncryptedIndex | None]:
    """Undo `request_to_json`."""
    at_rest = data["encrypted"]
    encrypted = at_rest and EncryptedIndex(
        bytes.fromhex(at_rest["key"]), Path(at_rest["folder"]), Path(at_rest["workspace"])
    )
    return Path(data["folder"]), MemorySettings(**data["settings"]), IndexRequest(**data["request"]), encrypted


def report_from_json(data: Mapping[str, Any]) -> IndexReport:
    """Undo `asdict` of a report."""
    skipped = tuple(Skipped(**entry) for entry in data["skipped"])
    secret_files = tuple(SecretFile(each["path"], tuple(each["kinds"]), each["count"]) for each in data["secret_files"])
    read = {"roots": tuple(data["roots"]), "skipped": skipped, "secret_files": secret_files}
    return IndexReport(**{**data, **read})
