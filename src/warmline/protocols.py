"""The seams: what a store, a memory, an answerer, a clock and a service promise to each other.

To change a protocol that has a contract suite in tests/conformance is to change that in the same commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from warmline.model import (
    Citation,
    Claim,
    Draft,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Question,
    Recollection,
    State,
)


class Clock(Protocol):
    """The time of day, and waiting for it."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC, to the microsecond."""

    async def sleep(self, duration: timedelta) -> None:
        """Wait at least this long; return at once when it is not above zero."""


class Service(Protocol):
    """Something that runs until it is cancelled, and leaves no child behind when it returns."""

    async def run(self) -> None:
        """Work. Return only when cancelled, after everything it started has stopped."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receipt of an `add`: the question, and whether this call made it."""

    question: Question
    created: bool


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Which questions to list: all that match every field given. since is by time of acceptance."""

    states: frozenset[State] = frozenset()
    since: datetime | None = None
    mailbox: Mailbox | None = None


class Store(Protocol):
    """Messages and deliveries, durable, with leases.

    Every verb is one transaction: it happened whole or not at all, and a caller that is cancelled
    leaves no trace beyond that. `add`, `settle`, `nack`, `bury`, `cancel`, `requeue` and `discard`
    are synced to the disk before they return; `lease`, `extend`, `release`,
    `lapse_all` and `sweep` need not be.
    A verb that NEXT_STATE does not allow raises ConflictError and changes nothing; one that
    presents a lease raises its subclass LeaseLostError unless the delivery is leased under that very
    (deliveries, lease_id). Any verb can raise StoreError. An unknown id raises UnknownMessageError.
    """

    async def open(self) -> None:
        """Make ready. Raises StoreDamagedError or StoreVersionError, and has then changed nothing."""

    async def close(self) -> None:
        """Finish what was begun and let go of every file and thread. Waiters get StoreClosedError."""

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""

    async def add(self, message: Message, mailbox: Mailbox) -> Accepted:
        """Accept a message with one delivery, at the next position of the mailbox.

        A message whose (conversation, sender, idempotency_key) was accepted before is that message
        again when body, kind and mailbox are the same; otherwise IdempotencyConflictError.
        Raises UnknownMailboxError.
        """

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait until a delivery of the mailbox is due, and lease the one with the lowest position.

        Waiters of one mailbox are served in the order in which they came. A caller that is
        cancelled while it waits holds no lease afterwards, and costs its delivery no failure and
        no lapse. Raises UnknownMailboxError.
        """

    async def extend(self, lease: Lease, duration: timedelta) -> Lease:
        """Return the lease with lapses_at set to now + duration.

        Raises LeaseLostError also when lapses_at has come, swept or not.
        """

    def settle(self, lease: Lease, answer: Message) -> asyncio.Future[None]:
        """Write the answer, whose in_reply_to is the leased message, and settle, in one transaction.

        It is on its way when this returns, so that a lease asked for next travels with it. Succeeds until
        the lease has lapsed in the store, however late by the clock.
        """

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more; due again after delay."""

    async def release(self, lease: Lease) -> None:
        """Give back without blame; due at once."""

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter with the reason, one failure more."""

    async def cancel(self, message_id: MessageId) -> Question:
        """End a delivery that is ready or leased; the holder finds out when it next presents its lease."""

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None) -> Question:
        """Put a dead or expired delivery back: same position, no failures, no lapses, a new deadline."""

    async def discard(self, message_id: MessageId) -> Question:
        """Give up a dead delivery for good."""

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait until the question's state is one of ENDED; return at once if it is. Never polls."""

    def watching(self, message_id: MessageId, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_end on the event loop when the question ends, while the block lasts.

        A hint that costs next to nothing: it may be lost, and does not fire for what has ended before.
        """

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List at most limit questions, newest first."""

    async def count(self, which: QuestionFilter) -> int:
        """Count all questions that match."""

    async def tally(self) -> dict[State, int]:
        """Count the deliveries in every state; every state is a key."""

    async def lapse_all(self) -> None:
        """Lapse every lease, whatever its time: a store's sole owner begins, so all holders are gone.

        Counts as a lapse of each, as in `sweep`.
        """

    async def sweep(self) -> datetime | None:
        """Lapse leases, expire questions and make delayed deliveries due, as far as their time has come.

        A lease that lapses more often than the limit is buried. Returns the time of the next such
        event, or None when nothing is timed.
        """

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for a new event for `sweep` that is due before `than` (None: any), and return its time.

        The event may have passed away since: its delivery was settled, say.
        """


class Recall(Protocol):
    """A memory, asked for the passages that may answer a question."""

    async def passages(self, question: str, limit: int, within: frozenset[str] | None = None) -> Recollection:
        """Return at most limit passages, best first, whose lines stand in the files now.

        within names the roots to search, None all. What stands in others is neither returned nor takes a
        place in the ranking; a name that is no root's, or none at all, finds nothing.
        """


class Verifier(Protocol):
    """A memory, asked whether claims are true."""

    async def verify(self, claims: Sequence[Claim], within: frozenset[str] | None = None) -> Sequence[Citation]:
        """Check each claim against its file; one citation a claim, in the same order. Never raises for a claim.

        within names the roots to look into, None all: what lies in another is cited as if it were not there.
        """


class Answerer(Protocol):
    """Answers one question at a time from the passages it is given."""

    @property
    def name(self) -> str:
        """The author's name, shown with every answer."""

    async def answer(self, question: Message, recollection: Recollection) -> Draft:
        """Answer, or say that the evidence is insufficient, or refuse. Raises AnswererError."""
