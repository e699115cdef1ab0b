"""An index that is encrypted on the disk, and worked on in a folder in memory: the library that keeps it cannot.

Its segments are written once and never changed, so each of its files is encrypted as one, when a commit has made it
part of the index; meta.json, which lists them, comes last. So the files on the disk are an index as of one commit,
whenever the process is killed.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from warmline.durable import sync
from warmline.errors import StoreDamagedError, StoreError
from warmline.security.encryption import reading, writing

SUFFIX = ".enc"
META = "meta.json"
MANAGED = ".managed.json"
"""The library's list of the files that it may remove."""

_CHANGING = (MANAGED, META)
_PIECE_BYTES = 1024 * 1024

MERGES = 100
"""More than can end, one after the other, while the segments of one commit are encrypted."""


@dataclass(frozen=True, slots=True)
class EncryptedIndex:
    """The index whose encrypted files lie in `folder`, with the folder that it is worked on in."""

    key: bytes
    folder: Path
    workspace: Path

    def unpack(self) -> None:
        """Make the workspace hold what the folder does.

        Raises StoreDamagedError, and leaves an index that cannot be opened, so that it is made again; or OSError.
        """
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(mode=0o700, parents=True)
        try:
            for name in self._kept():
                self._decrypt(name)
        except ValueError as error:
            (self.workspace / META).write_bytes(b"")
            raise StoreDamagedError(f"the index in {self.folder} cannot be decrypted: {error}") from error

    def keep(self) -> None:
        """Bring the folder to the workspace's last commit, durably. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        meta = self._keep_segments()
        sync(self.folder)
        self._encrypt(MANAGED, io.BytesIO((self.workspace / MANAGED).read_bytes()))
        self._encrypt(META, io.BytesIO(meta))
        sync(self.folder)
        wanted = {*_segment_files(meta, self._kept()), *_CHANGING}
        for name in set(self._kept()) - wanted:
            self._place(name).unlink()

    def _keep_segments(self) -> bytes:
        """Encrypt what is not yet; return the meta.json whose files are all there.

        Merges go on meanwhile, and remove what they merged once a new meta.json is there.
        """
        for _ in range(MERGES):
            meta = (self.workspace / META).read_bytes()
            with suppress(FileNotFoundError):
                for name in _segment_files(meta, (path.name for path in self.workspace.iterdir())):
                    if not self._place(name).exists():
                        with (self.workspace / name).open("rb") as plain:
                            self._encrypt(name, plain)
                if (self.workspace / META).read_bytes() == meta:
                    return meta
        raise StoreError(f"the index in {self.workspace} does not come to rest: try again later")

    def _kept(self) -> list[str]:
        if not self.folder.exists():
            return []
        return [path.name.removesuffix(SUFFIX) for path in self.folder.iterdir() if path.name.endswith(SUFFIX)]

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _encrypt(self, name: str, plain: BinaryIO) -> None:
        draft = self.folder / f"{name}.new"
        with writing(draft, self.key, bound(name)) as file:
            shutil.copyfileobj(plain, file, _PIECE_BYTES)
        draft.replace(self._place(name))

    def _decrypt(self, name: str) -> None:
        with reading(self._place(name), self.key, bound(name)) as file, (self.workspace / name).open("wb") as plain:
            shutil.copyfileobj(file, plain, _PIECE_BYTES)


def bound(name: str) -> str:
    """Return the name under which a file of the index is encrypted: it is taken for no other."""
    return f"index/{name}"


def _segment_files(meta: bytes, names: Iterable[str]) -> list[str]:
    """Return those of the names that are files of the segments in this meta.json, none of an older list of deletes."""
    segments = json.loads(meta)["segments"]
    deletes = {
        each["segment_id"].replace("-", ""): each["deletes"] and f"{each['deletes']['opstamp']}.del"
        for each in segments
    }
    split = ((name, *name.partition(".")[::2]) for name in names)
    return [
        name
        for name, segment, kind in split
        if segment in deletes and (not kind.endswith(".del") or kind == deletes[segment])
    ]
