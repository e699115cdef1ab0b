"""Rows of the audit as lines of an archive file: JSON objects with the columns' names, hashes in hexadecimal."""

from __future__ import annotations

import json

from warmline.stores.rows import Row

AUDIT_FILE = "audit-"
"""How the names of archive files begin that hold rows of the audit; they go on as FIRST-LAST."""

COLUMNS = ("number", "at", "verb", "actor", "conversation", "subject", "refusal", "detail", "hash")

_encode = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode


def audit_line(row: Row) -> bytes:
    """Write a row."""
    return _encode(dict(zip(COLUMNS, row, strict=True))).encode()


def audit_row(line: bytes) -> Row:
    """Read what `audit_line` wrote. Raises ValueError for anything else."""
    found = json.loads(line)
    if not isinstance(found, dict) or tuple(found) != COLUMNS:
        raise ValueError("no row of the audit")
    *columns, hashed = found.values()
    return (*columns, bytes.fromhex(hashed))
