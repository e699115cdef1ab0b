"""The audit of a home, read in this process, beside a daemon or without one: verified, shown, its head exported.

A head is one JSON object in a file that is to lie where whoever could write the home cannot write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from warmline.durable import write_anew
from warmline.errors import ConflictError, InvalidInputError, NotFoundError, StoreDamagedError
from warmline.home import Home
from warmline.security.key_place import find_key
from warmline.security.keys import read_seals
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.auditing import AuditFilter, Auditing
from warmline.stores.chain import Head
from warmline.stores.opening import open_reader, translated
from warmline.stores.rows import Row, time

FORMAT = "warmline audit head"

FIRST_NUMBER, LAST_NUMBER = 1, 2**63 - 1
"""The numbers that a row of the audit can have."""


@dataclass(frozen=True, slots=True)
class ExportedHead:
    """The last row of the audit when it was exported: its number, its hash, and when it was written."""

    head: Head
    at: datetime


@contextmanager
def auditing(home: Home) -> Iterator[Auditing]:
    """Read a home's audit while the block lasts.

    Raises NotFoundError when nothing was ever said there, UnsafeKeyError or WrongKeyError without the keys of the
    seals or of an encrypted home, or StoreError.
    """
    if not home.store.exists():
        raise NotFoundError(f"there is no store in the home {home.path}: nothing was said there yet")
    seals = read_seals(home.seal_keys)
    key = find_key(home.encryption)
    connection = open_reader(home.store, key=key)
    try:
        yield Auditing(connection, ArchiveFiles(home.archive, key), seals)
    except (apsw.Error, UnicodeDecodeError) as error:
        raise translated(error) from error
    finally:
        connection.close()


def export_head(audit: Auditing, to: Path) -> ExportedHead:
    """Write the head of the audit to a file that only its owner can read, in place of an older head of this audit.

    Raises ConflictError when the file holds a head that this audit does not go on from: that is to be looked into,
    not replaced. Raises InvalidInputError when it holds something else, and NotFoundError when the audit is empty.
    """
    row = audit.head()
    if row is None:
        raise NotFoundError("the audit has no row yet: export its head when something was said")
    if to.exists():
        before = read_head(to).head
        known = audit.row(before.number)
        if known is None or known[-1] != before.hash:
            raise ConflictError(
                f"{to} holds row {before.number} of an audit that this is not, or is no more:"
                " run `warmline audit verify` with it"
            )
    exported = _exported(row)
    shown = {"number": exported.head.number, "hash": exported.head.hash.hex(), "at": exported.at.isoformat()}
    _write(to, json.dumps({"format": FORMAT, **shown}, indent=2) + "\n")
    return exported


def read_head(path: Path) -> ExportedHead:
    """Read what `export_head` wrote. Raises InvalidInputError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror}): name an exported head's file") from error
    try:
        found = json.loads(text)
        head = Head(_number(found["number"]), bytes.fromhex(found["hash"]))
        return ExportedHead(head, datetime.fromisoformat(found["at"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(f"{path} holds no exported head of an audit") from error


def _number(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not FIRST_NUMBER <= found <= LAST_NUMBER:
        raise ValueError(found)
    return found


def entries(audit: Auditing, which: AuditFilter, limit: int) -> list[dict[str, Any]]:
    """Return the newest entries, the line's own and those that old bridges had, in the order of their times.

    Raises StoreDamagedError when a row cannot be read, StoreVersionError for another version of the store.
    An imported one has the old bridge's session as actor, what it did as verb, and a text as detail.
    """
    try:
        own = [_entry(row) for row in audit.rows(which, limit)]
        imported = [_imported(row) for row in audit.imported(which, limit)]
    except (ValueError, OverflowError) as error:  # others wrote a row as the line never does
        raise StoreDamagedError(f"the audit holds a row that is none ({error}): run `warmline audit verify`") from error
    return sorted(own + imported, key=lambda entry: entry["at"] or "")[-limit:]


def _entry(row: Row) -> dict[str, Any]:
    number, at, verb, actor, conversation, subject, refusal, detail, _ = row
    said = None if detail is None else json.loads(detail)
    return {
        "number": number,
        "at": time(at).isoformat(),
        "actor": actor,
        "verb": verb,
        "refusal": refusal,
        "subject": subject,
        "conversation": conversation,
        "detail": said,
        "imported": False,
    }


def _imported(row: Row) -> dict[str, Any]:
    number, at, action, session, conversation, details = row
    shown_at = None if at is None else time(at).isoformat()
    return {
        "number": number,
        "at": shown_at,
        "actor": session,
        "verb": action,
        "refusal": None,
        "subject": None,
        "conversation": conversation,
        "detail": details,
        "imported": True,
    }


def _exported(row: Row) -> ExportedHead:
    return ExportedHead(Head(row[0], row[-1]), time(row[1]).astimezone(UTC))


def _write(to: Path, text: str) -> None:
    try:
        write_anew(to, text.encode("ascii"))
    except OSError as error:
        raise InvalidInputError(f"{to} cannot be written ({error.strerror}): name another file") from error
