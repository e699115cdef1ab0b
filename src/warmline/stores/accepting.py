"""What every message goes through that is put on the line: its row, and a delivery at each mailbox's next position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from warmline.model import Message
from warmline.stores.rows import Row, message_values, seal_of
from warmline.stores.transaction import Tally, Transaction

_POSITION = Tally("position", "position_take", "mailbox_id", ("last_position",))


class Sent(NamedTuple):
    """A message on its way in, with its columns."""

    message: Message
    values: Mapping[str, Any]

    def with_trace(self, trace: str, hops: int) -> Sent:
        """Return it as it goes on in a trace."""
        return Sent(replace(self.message, trace=trace, hops=hops), {**self.values, "trace": trace, "hops": hops})


def sent(message: Message) -> Sent:
    """Work out the columns of a message."""
    return Sent(message, message_values(message))


def accept(tx: Transaction, new: Sent, mailbox_numbers: Sequence[int]) -> list[int]:
    """Write a message with a delivery to each mailbox; return their positions."""
    message, values = new
    message_id, deadline_at = message.id, values["deadline_at"]
    positions = [next_position(tx, number) for number in mailbox_numbers]
    write_message(tx, values)
    for number, position in zip(mailbox_numbers, positions, strict=True):
        tx.deliveries.add(message_id, number, position, deadline_at)
        tx.news.due[number] = None
    if len(positions) == 1:
        tx.news.opened[message_id] = message
    tx.news.said[message.conversation] = None
    tx.news.event_at(deadline_at)
    return positions


def write_message(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write the row of a message, under its seal; the columns are as `message_values` returns them, and final."""
    tx.run("add_message", {**values, "seal": seal_of(tx.seals, values.values())})


def next_position(tx: Transaction, mailbox_number: int) -> int:
    """Take the next position of a mailbox."""
    (last,) = certain(tx.tallied(_POSITION, mailbox_number))
    tx.tally(_POSITION, mailbox_number, (last + 1,))
    return int(last) + 1


def certain(row: Row | None) -> Row:
    """Return a row that the schema says is there."""
    assert row is not None  # noqa: S101
    return row
