"""Opening an SQLite file, encrypted or not: every connection of the line is made here.

The cipher is ChaCha20-Poly1305 of SQLite3 Multiple Ciphers, page by page, in the file, its -wal and its journals;
each page has 16 bytes of nonce and 16 of tag. The key is used as it is, so that nothing slow runs at an open.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import apsw

from warmline.durable import sync
from warmline.errors import WrongKeyError
from warmline.security.encryption import derive
from warmline.security.long_paths import vfs_for

CIPHER = "chacha20"

_PLAIN = b"SQLite format 3\0"
_RESERVED_BYTES = 32
_FRACTIONS = bytes((64, 32, 32))  # in the header of every SQLite file
_HEADER_BYTES = 24
_STEPS_PER_LOOK = 20_000
READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def open_database(
    path: Path,
    key: bytes | None,
    *,
    flags: int = READ_WRITE,
    vfs: str | None = None,
    immutable: bool = False,
    statements: int = 100,
) -> apsw.Connection:
    """Open a file under the home's key, or one that is not encrypted under None. `statements` are kept prepared.

    immutable: nothing beside the file is looked at. Raises WrongKeyError, and has then changed nothing, or
    apsw.Error; a file that is none of SQLite's may first show in that it is used.
    """
    is_encrypted = check_encryption(path, key)
    name = f"file:{quote(str(path))}?immutable=1" if immutable else str(path)
    flags |= apsw.SQLITE_OPEN_URI if immutable else 0
    connection = apsw.Connection(name, flags=flags, vfs=vfs or vfs_for(path), statementcachesize=statements)
    if key is None:
        return connection
    try:
        connection.pragma("cipher", CIPHER)
        connection.pragma("key", _raw(key))
        connection.set_busy_timeout(5000)
        connection.pragma("schema_version")  # the first page is read: here a wrong key shows
    except apsw.NotADBError as error:
        connection.close()
        if not is_encrypted:
            raise
        raise WrongKeyError(
            f"the key does not open {path}, or its first page is damaged: name the right key"
        ) from error
    except apsw.Error:
        connection.close()
        raise
    return connection


def check_encryption(path: Path, key: bytes | None) -> bool:
    """Tell whether the file's beginning is that of an encrypted one.

    Raises WrongKeyError for a key without an encrypted file, and for the reverse.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return False
    is_encrypted = not head.startswith(_PLAIN) and head[20:21] == bytes([_RESERVED_BYTES]) and head[21:] == _FRACTIONS
    if is_encrypted and key is None:
        raise WrongKeyError(f"{path} is encrypted, and no key was named: put encryption.json back beside it")
    if head.startswith(_PLAIN) and key is not None:
        raise WrongKeyError(f"{path} is not encrypted, and a key was named: restore the encrypted file")
    return is_encrypted


def copy_database(
    source: Path, target: Path, keys: tuple[bytes | None, bytes | None], on_progress: Callable[[int], None]
) -> None:
    """Write all that a database holds into a new file, from the first key to the second; durable when this returns.

    on_progress is told of the bytes written, now and then. Rows stay as they are; pages that were free are left
    out. Raises WrongKeyError or apsw.Error.
    """
    old, new = keys
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI

    def look() -> bool:
        on_progress(target.stat().st_size if target.exists() else 0)
        return False

    named = f"cipher={CIPHER}&key={_raw(new)}" if new is not None else "key="
    with closing(open_database(source, old, flags=flags, vfs=vfs_for(source, target))) as connection:
        connection.set_progress_handler(look, _STEPS_PER_LOOK)
        connection.execute("vacuum into ?", (f"file:{quote(str(target))}?{named}",))
    target.chmod(0o600)
    sync(target)


def _raw(key: bytes) -> str:
    return f"raw:{derive(key, b'warmline databases').hex()}"
