"""The verbs of the archive on the database: what may leave, leaving, and which file holds what.

The row with the highest number stays, so that no number is given twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from warmline.model import Post
from warmline.stores.posts import post
from warmline.stores.rows import Row
from warmline.stores.transaction import Transaction


def settled(tx: Transaction, before: int, after: int, limit: int) -> list[list[Post]]:
    """Return at most limit units that ended before, of messages with numbers above after, in order.

    A unit is a message and, of a question, its answer; what of it does not verify is withheld.
    """
    rows = tx.all("archive_units", {"before_at": before, "after": after, "limit": limit})
    return [[post(tx, each) for each in ids if each is not None] for ids in rows]


def leave(tx: Transaction, name: str, posts: Sequence[Post]) -> bool:
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
        },
    )
    for conversation, number in {each.message.conversation: each.number for each in posts}.items():
        tx.run("archive_part", {"conversation": conversation, "last_number": number, "file": name})
    tx.run("archive_deliveries", {"ids": json.dumps(ids)})
    tx.run("archive_messages", {"ids": json.dumps(ids)})
    return True


def forget(tx: Transaction, before: int) -> None:
    """Delete what only served messages of that time: batches and stops."""
    tx.run("archive_batches", {"before_at": before})
    tx.run("archive_stops", {"before_at": before})


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
