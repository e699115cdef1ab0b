"""What a verb sees: the connection's statements, and a note of what its caller must be told after the commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apsw

from warmline.model import ConversationId, CredentialId, Mailbox, Message, MessageId
from warmline.parties import AnsweredBy, Credential
from warmline.stores.deliveries import Deliveries
from warmline.stores.ledger import AuditEntry, Ledger
from warmline.stores.rows import Row
from warmline.stores.statements import STATEMENTS
from warmline.stores.waits import ToQuestion


class Tally(NamedTuple):
    """What verb after verb counts up in one row. read finds its columns by the key, write puts them there."""

    read: str
    write: str
    key: str
    columns: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Box:
    """A mailbox as it is kept in memory, as the last batch of verbs left it."""

    number: int
    ordered: bool
    answered_by: AnsweredBy
    is_closed: bool

    def become(self, other: Box) -> None:
        """Take over what may change."""
        self.ordered, self.answered_by, self.is_closed = other.ordered, other.answered_by, other.is_closed


@dataclass(slots=True)
class News:
    """What a transaction changed that somebody may wait for.

    due names the mailboxes in which something became due; opened what was requeued, or accepted for one
    mailbox, with the message; ended what ended, with a way to the question where the verb had it at hand;
    next_event_at is the earliest new event for a sweep; said names the conversations in which something
    was said, handed over or ended; boxes holds the mailboxes that are new or have changed, and credentials
    such credentials under the hashes of their tokens; readers names those who received; stirred names the
    mailboxes of which something was due, handed over since or not.
    """

    due: dict[int, None] = field(default_factory=dict)
    stirred: set[int] = field(default_factory=set)
    opened: dict[MessageId, Message | None] = field(default_factory=dict)
    ended: dict[MessageId, ToQuestion | None] = field(default_factory=dict)
    next_event_at: int | None = None
    said: dict[ConversationId, None] = field(default_factory=dict)
    boxes: dict[Mailbox, Box] = field(default_factory=dict)
    readers: list[CredentialId] = field(default_factory=list)
    credentials: dict[bytes, Credential] = field(default_factory=dict)

    def event_at(self, at: int | None) -> None:
        """Note an event for a sweep."""
        if at is not None and (self.next_event_at is None or at < self.next_event_at):
            self.next_event_at = at


class Transaction:
    """The named statements on one cursor. Lives for one batch of verbs.

    Nothing that it holds may hold it: all that was done in it would stay until the garbage collector comes.

    A row that was read keeps its statement open until the cursor's next one: end the transaction by
    the same cursor.
    """

    __slots__ = (
        "_boxes",
        "_connection",
        "_cursor",
        "_ledger",
        "_tallied",
        "_tallies",
        "_unwritten",
        "deliveries",
        "news",
        "now",
        "seals",
    )

    def __init__(self, cursor: apsw.Cursor, now: int, ledger: Ledger) -> None:
        self._cursor = cursor
        self._connection = cursor.connection
        self._ledger = ledger
        self.seals = ledger.seals
        self.now = now
        self.news = News()
        self._boxes: dict[int, Box] = {}
        self._tallied: dict[tuple[str, object], Row | None] = {}
        self._unwritten: dict[tuple[str, object], Tally] = {}
        self._tallies = 0
        self.deliveries = Deliveries(cursor)

    def one(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """Run a statement and return its only row, or None."""
        return self._execute(name, values).fetchone()

    def all(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Run a statement to its end and return its rows."""
        return self._execute(name, values).fetchall()

    def run(self, name: str, values: Mapping[str, Any]) -> None:
        """Run a statement that returns nothing."""
        self._execute(name, values)

    def _execute(self, name: str, values: Mapping[str, Any]) -> apsw.Cursor:
        """Run a statement, which finds in the tables all that was done before it."""
        sql, bound, looks_at_deliveries = STATEMENTS[name]
        if looks_at_deliveries:
            self.deliveries.write()
        return self._cursor.execute(sql, bound(values))

    def tallied(self, tally: Tally, key: object) -> Row | None:
        """Return the columns of a tally as the verbs before this one left them."""
        at = tally.read, key
        if at not in self._tallied:
            self._tallied[at] = self.one(tally.read, {tally.key: key})
        return self._tallied[at]

    def tally(self, tally: Tally, key: object, columns: Row) -> None:
        """Change a tally; it is written once, however many verbs of this transaction change it."""
        at = tally.read, key
        self._tallied[at] = columns
        self._unwritten[at] = tally
        self._tallies += 1

    def write(self) -> None:
        """Write what was put off; call before the commit."""
        self.deliveries.write()
        for (name, key), tally in self._unwritten.items():
            columns = self._tallied[name, key] or ()
            self.run(tally.write, {tally.key: key, **dict(zip(tally.columns, columns, strict=True))})
        self._unwritten.clear()

    def forget(self) -> None:
        """Know nothing any more that was put off: something was rolled back."""
        self.deliveries.forget()
        self._tallied.clear()
        self._unwritten.clear()

    @property
    def changes(self) -> int:
        """How many rows verbs have changed: what grows meanwhile was changed. What was put off is not among them."""
        return self._connection.total_changes() - self.deliveries.written

    @property
    def written(self) -> tuple[int, int, int, int]:
        """What grows when a verb writes anything, now or later."""
        deliveries = self.deliveries
        changes = self._connection.total_changes() - deliveries.written
        return changes, deliveries.changes, self._tallies, self._ledger.number

    def audit(self, entry: AuditEntry) -> None:
        """Add a row to the audit; it is there if what the verb writes is."""
        self._ledger.note(self.now, entry)

    def boxes_changed(self, conversation: ConversationId) -> None:
        """Note that mailboxes of a conversation are new or have changed."""
        boxes = read_boxes(self, conversation)
        self.news.boxes.update(boxes)
        self._boxes.update((box.number, box) for box in boxes.values())

    def as_left(self, box: Box) -> Box:
        """Return a mailbox as the verbs before this one left it, those of the same batch too."""
        return self._boxes.get(box.number, box)


def read_boxes(tx: Transaction, conversation: ConversationId | None = None) -> dict[Mailbox, Box]:
    """Read the mailboxes, of one conversation or of all. Numbers never change."""
    rows = tx.all("mailboxes_in", {"conversation": conversation}) if conversation else tx.all("mailboxes", {})
    return {
        Mailbox(conversation, name): Box(number, bool(ordered), AnsweredBy(answered_by), bool(is_closed))
        for number, conversation, name, ordered, answered_by, is_closed in rows
    }
