"""What every message goes through that is put on the line: its row, and a delivery at each mailbox's next position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warmline.stores.rows import Row
from warmline.stores.transaction import Transaction


def accept(tx: Transaction, values: dict[str, Any], mailbox_numbers: Sequence[int]) -> list[int]:
    """Write a message, whose columns are values, with a delivery to each mailbox; return their positions."""
    message_id, deadline_at = values["id"], values["deadline_at"]
    positions = [next_position(tx, number) for number in mailbox_numbers]
    tx.run("add_message", values)
    for number, position in zip(mailbox_numbers, positions, strict=True):
        tx.run(
            "add_delivery",
            {"message_id": message_id, "mailbox_id": number, "position": position, "deadline_at": deadline_at},
        )
        tx.news.due[number] = None
    if len(positions) == 1:
        tx.news.opened.append(message_id)
    tx.news.said[values["conversation"]] = None
    tx.news.event_at(deadline_at)
    return positions


def next_position(tx: Transaction, mailbox_number: int) -> int:
    """Take the next position of a mailbox."""
    tx.run("add_position", {"mailbox_id": mailbox_number})
    return int(certain(tx.one("add_position_now", {"mailbox_id": mailbox_number}))[0])


def certain(row: Row | None) -> Row:
    """Return a row that the schema says is there."""
    assert row is not None  # noqa: S101
    return row
