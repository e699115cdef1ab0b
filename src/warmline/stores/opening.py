"""Opening a store's file: what it must be, its modes, its migrations, and SQLite's errors as ours."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import apsw
from pydantic_core import PydanticSerializationError

from warmline.errors import (
    ConflictError,
    InvalidInputError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreVersionError,
    WarmlineError,
    WrongKeyError,
)
from warmline.security.databases import open_database
from warmline.security.seals import Seals
from warmline.stores.doubt import check_keys
from warmline.stores.ledger import begin
from warmline.stores.queries import load_migrations

APPLICATION_ID = 0x57_41_52_4D
"""WARM, in the file's header: tells our store from any other SQLite file."""

PAGE_BYTES = 2048
"""A question changes a few bytes on a dozen pages: small ones are half as much to write and to sync."""

STATEMENTS = 256
"""How many prepared statements are kept: apsw lets go of what was not run among the last so many, and a batch of
questions runs a few statements again and again. No more, as each is looked for one after the other."""

SEALED_SINCE = 4
"""The version of the store from which on its messages have seals."""

_ANY_TABLE = "select 1 from sqlite_schema limit 1"


def open_writer(path: Path, seals: Seals, *, vfs: str | None = None, key: bytes | None = None) -> apsw.Connection:
    """Open the one connection that writes, on a file that is ours, whole, and of this version.

    The file is made (0600, its folder 0700) or migrated when needed. Raises StoreDamagedError, StoreVersionError,
    WrongKeyError or UnsafeKeyError, and has then changed nothing.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not path.exists() or path.stat().st_size == 0
    if not is_new:
        _check(path, seals, vfs, key)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives -wal and -shm the mode of the file
    path.chmod(0o600)
    try:
        connection = open_database(path, key, vfs=vfs, statements=STATEMENTS)
    except apsw.Error as error:
        raise translated(error) from error
    try:
        connection.set_busy_timeout(5000)
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -8192)
        connection.pragma("temp_store", "memory")
        connection.pragma("secure_delete", "on")  # what is erased, or moved by a migration, leaves no bytes behind
        # Stable plans: without this, a partial index makes SQLite plan anew whenever a parameter is bound.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        _migrate(connection, seals)
        connection.pragma("synchronous", "normal")  # a commit is only written: the writer has the log synced
        connection.pragma("foreign_keys", "on")  # not sooner: dropping a table would look for each row's children
    except apsw.Error as error:
        with suppress(apsw.Error):  # the failure that matters is the first
            connection.close()
        raise translated(error) from error
    return connection


def holds_seals(path: Path, key: bytes | None) -> bool:
    """Tell whether it takes the keys of its seals to open this file: unless it is new, or of a version before them.

    Of a file that cannot be read, it is said that it does.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        connection = _open_to_look(path, None, key)
        try:
            return bool(connection.pragma("user_version") >= SEALED_SINCE)
        finally:
            connection.close()
    except (apsw.Error, WrongKeyError):
        return True


def check_is_new(path: Path, key: bytes | None) -> None:
    """Raises StoreVersionError when a store from before the seals stands beside keys of seals: who put it there?

    To migrate it would seal whatever it holds. One that is still being made, of version 0, is no such store.
    """
    connection = _open_to_look(path, None, key)
    try:
        version = connection.pragma("user_version")
    finally:
        connection.close()
    if 0 < version < SEALED_SINCE:
        raise StoreVersionError(
            f"{path} is of before the seals (version {version}), though this home has sealed a newer one: others may"
            " have put it there. Put the newer one back; if you did, and trust it, move seal.keys away"
        )


def open_reader(path: Path, *, vfs: str | None = None, key: bytes | None = None) -> apsw.Connection:
    """Open a connection for long reads, which never delay the writer."""
    try:
        connection = open_database(path, key, flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    except apsw.Error as error:
        raise translated(error) from error
    connection.set_busy_timeout(5000)
    return connection


def translated(error: Exception) -> Exception:
    """Turn what went wrong in a verb into the error that says what a caller can do; any other stays as it is."""
    if isinstance(error, apsw.Error):
        return _translated(error)
    if isinstance(error, OverflowError):
        return InvalidInputError("a number is larger than the store can hold: 63 bits and a sign")
    if isinstance(error, UnicodeDecodeError):
        return StoreDamagedError("the store holds bytes that are no text: `warmline audit verify` says where")
    if isinstance(error, (UnicodeEncodeError, PydanticSerializationError)):
        return InvalidInputError("a text holds half a surrogate pair, which is no character: leave it out")
    return error


def _translated(error: apsw.Error) -> WarmlineError:
    if isinstance(error, apsw.ConstraintError):
        return ConflictError(f"this cannot stand beside what the store holds ({error})")
    if isinstance(error, apsw.FullError) or _is_full(error):
        return StoreFullError("the disk that holds the store is full: make room, then try again")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return StoreDamagedError(f"the store is damaged ({error}): restore store.db from a copy")
    return StoreError(f"the store cannot do this now ({type(error).__name__}: {error})")


def _is_full(error: apsw.Error) -> bool:
    """Tell an I/O error that is a full disk, as the last one of this thread's system calls says."""
    return isinstance(error, apsw.IOError) and getattr(error, "os_errno", 0) in {errno.ENOSPC, errno.EDQUOT}


def _check(path: Path, seals: Seals, vfs: str | None, key: bytes | None) -> None:
    """Look at an existing file without changing it."""
    newest = load_migrations()[-1][0]
    try:
        connection = _open_to_look(path, vfs, key)
        try:
            application = connection.pragma("application_id")
            version = connection.pragma("user_version")
            # The making of a store may have been cut off before its first transaction: nothing is in it.
            is_begun = (application, version) == (0, 0) and not connection.execute(_ANY_TABLE).fetchone()
            if application == APPLICATION_ID and version <= newest:
                trouble = _trouble(connection, seals, version)
        finally:
            connection.close()
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreDamagedError(f"{path} is damaged or no SQLite file ({error}): restore it from a copy") from error
    except apsw.Error as error:
        raise translated(error) from error
    if is_begun:
        return
    if application != APPLICATION_ID:
        raise StoreDamagedError(f"{path} is no store of Warmline: move it away, or name another home")
    if version > newest:
        raise StoreVersionError(
            f"{path} was written by a newer Warmline (version {version} of the store, this program knows {newest}):"
            " install the newer one"
        )
    if trouble != "ok":
        raise StoreDamagedError(f"{path} is damaged ({trouble}): restore it from a copy")


def _trouble(connection: apsw.Connection, seals: Seals, version: int) -> str:
    """Return "ok", or what is damaged. Raises UnsafeKeyError when it is whole, and under other keys."""
    trouble = str(connection.pragma("quick_check", 1))
    if trouble == "ok" and version >= SEALED_SINCE:
        check_keys(connection, seals)
    return trouble


def _open_to_look(path: Path, vfs: str | None, key: bytes | None) -> apsw.Connection:
    """Open a file without changing it or what lies beside it.

    What lies beside it was left by a store that was killed. Beside a -wal, SQLite makes a -shm. A
    rollback journal is there only when the store was still being made; it must be undone to be read.
    """
    if path.with_name(f"{path.name}-journal").exists():
        return open_database(path, key, flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    is_alone = not path.with_name(f"{path.name}-wal").exists()
    return open_database(path, key, flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs, immutable=is_alone)


def _migrate(connection: apsw.Connection, seals: Seals) -> None:
    """Bring the schema to the newest version, in one transaction; what it holds is in the ledger from then on."""
    version = connection.pragma("user_version")
    steps = [(number, script) for number, script in load_migrations() if number > version]
    if not steps:
        return
    with connection:
        for number, script in steps:
            connection.execute(script)
            connection.pragma("user_version", number)
        begin(connection, seals)
        connection.pragma("application_id", APPLICATION_ID)
