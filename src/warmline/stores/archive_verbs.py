"""The verbs of the archive on the database: what may leave, leaving, and which file holds what.

The row with the highest number stays, so that no number is given twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from warmline.model import THE_LINE, CredentialId, Message, Post
from warmline.stores.ledger import AuditEntry
from warmline.stores.posts import post
from warmline.stores.rows import Row
from warmline.stores.transaction import Transaction


def settled(tx: Transaction, before: int, after: int, limit: int) -> list[list[Post]]:
    """Return at most limit units that ended before, of messages with numbers above after, in order.

    A unit is a message and, of a question, its answer; what of it does not verify is withheld.
    """
    rows = tx.all("archive_units", {"before_at": before, "after": after, "limit": limit})
    return [[post(tx, each) for each in ids if each is not None] for ids in rows]


def leave(tx: Transaction, name: str, digest: str, posts: Sequence[Post], by: CredentialId) -> bool:
    """List an archive file, and delete what it holds from the database; do nothing when any of it was erased since."""
    ids = [each.message.id for each in posts]
    erased = tx.one("archive_erased", {"ids": json.dumps(ids)})
    if erased != (sum(each.message.erased_at is not None for each in posts),):
        return False
    tx.run(
        "archive_file",
        {
            "name": name,
            "first_number": posts[0].number,
            "last_number": posts[-1].number,
            "first_id": min(ids),
            "last_id": max(ids),
            "posts": len(posts),
            "digest": digest,
        },
    )
    tx.audit(AuditEntry("archive", by, subject=name, detail={"posts": len(posts)}))
    for conversation, number in {each.message.conversation: each.number for each in posts}.items():
        tx.run("archive_part", {"conversation": conversation, "last_number": number, "file": name})
    tx.run("archive_deliveries", {"ids": json.dumps(ids)})
    tx.run("archive_messages", {"ids": json.dumps(ids)})
    return True


def forget(tx: Transaction, before: int, by: CredentialId) -> None:
    """Delete what only served messages of that time: batches and stops."""
    unchanged = tx.changes
    tx.run("archive_batches", {"before_at": before})
    tx.run("archive_stops", {"before_at": before})
    if tx.changes != unchanged:
        tx.audit(AuditEntry("forget", by, detail={"rows": tx.changes - unchanged}))


class Replacement(NamedTuple):
    """An archive file that is to stand in the place of another."""

    old: str
    new: str
    digest: str


def erased(tx: Transaction, files: Replacement, message: Message, by: CredentialId) -> None:
    """List the file that stands in another's place since a message in it was erased."""
    values = {"name": files.new, "digest": files.digest, "replaced": files.old}
    for statement in ("archive_replacing", "archive_replacing_parts", "archive_replaced"):
        tx.run(statement, values)
    tx.audit(AuditEntry("erase", by, message.conversation, message.id))


def old_audit(tx: Transaction, before: int, limit: int) -> list[Row]:
    """Return at most limit rows of the audit, the oldest first, that are from before; never the newest of all."""
    return tx.all("archive_audit", {"before_at": before, "limit": limit})


def leave_audit(tx: Transaction, name: str, digest: str, first: int, last: int) -> None:
    """List an archive file, and delete the rows of the audit that it holds from the database."""
    numbers = {"first_number": first, "last_number": last}
    rows = last - first + 1
    tx.run("archive_file", {"name": name, **numbers, "first_id": "", "last_id": "", "posts": rows, "digest": digest})
    tx.run("archive_audit_leave", numbers)
    tx.audit(AuditEntry("archive_audit", THE_LINE, subject=name, detail={"rows": rows}))


def files(tx: Transaction) -> frozenset[str]:
    """Return the names of all files in use."""
    return frozenset(_names(tx.all("archive_files", {})))


def files_of_id(tx: Transaction, message_id: str) -> list[str]:
    """Return the names of the files that may hold a message."""
    return _names(tx.all("archive_files_of_id", {"id": message_id}))


def files_of_conversation(tx: Transaction, conversation: str, after: int) -> list[str]:
    """Return the names of the files that hold a conversation's messages above a number, by their last numbers."""
    return _names(tx.all("archive_files_of_conversation", {"conversation": conversation, "after": after}))


def _names(rows: Sequence[Row]) -> list[str]:
    return [name for (name,) in rows]
