"""The seams: what a store, a memory, an answerer, a clock and a service promise to each other.

To change a protocol that has a contract suite in tests/conformance is to change that in the same commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from warmline.frozen import quickly_made
from warmline.model import (
    Acknowledged,
    Batch,
    BatchToken,
    Citation,
    Claim,
    ConversationId,
    CredentialId,
    Draft,
    Due,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Post,
    Question,
    Recollection,
    State,
)
from warmline.parties import Credential


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


@quickly_made
@dataclass(frozen=True, slots=True)
class Accepted:
    """The receipt of an `add`: the question, whether this call made it, which kinds of secrets were masked in it."""

    question: Question
    created: bool
    redacted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Which questions to list: all that match every field given. since is by time of acceptance.

    With any_kind also what is no question, once for each recipient.
    """

    states: frozenset[State] = frozenset()
    since: datetime | None = None
    mailbox: Mailbox | None = None
    any_kind: bool = False


class Store(Protocol):
    """Messages and deliveries, durable, with leases.

    Every verb is one transaction: it happened whole or not at all, and a caller that is cancelled
    leaves no trace beyond that. `add`, `settle`, `done`, `nack`, `bury`, `cancel`, `requeue` and `discard`
    are synced to the disk before they return; `lease`, `extend`, `release`,
    `lapse_all` and `sweep` need not be.
    A verb that NEXT_STATE does not allow raises ConflictError and changes nothing; one that
    presents a lease raises its subclass LeaseLostError unless the delivery is leased under that very
    (deliveries, lease_id). Any verb can raise StoreError. An unknown id raises UnknownMessageError.
    `by` says who wants it, for the audit.
    """

    async def open(self) -> None:
        """Make ready. Raises StoreDamagedError or StoreVersionError, and has then changed nothing."""

    async def close(self) -> None:
        """Finish what was begun and let go of every file and thread. Waiters get StoreClosedError."""

    async def add_mailbox(self, mailbox: Mailbox) -> None:
        """Make sure that this mailbox and its conversation exist."""

    async def add(
        self, message: Message, mailbox: Mailbox, *, by: Credential | None = None, settles: Lease | None = None
    ) -> Accepted:
        """Accept a message with one delivery, at the next position of the mailbox.

        Returns it as it stands: a question may have been answered before its acceptance is told.
        A message whose (conversation, sender, idempotency_key) was accepted before is that message
        again when body, kind, memories and the mailbox it was sent to are the same, wherever it was escalated since;
        otherwise IdempotencyConflictError. A repeat is under no rule, costs nothing, and settles nothing.
        With `by`, the speaker's rules hold, in the same transaction: it inherits the trace of in_reply_to, or
        else of what `by` holds from any mailbox (of several, the one with most hops), and one hop more than the most
        of all these if `by` is no person; past settings.max_hops it raises LoopStoppedError. Then `by`'s limits are
        charged one message: past them it raises BudgetSpentError or RateLimitedError. A refusal charges nothing and
        notes a Stop, and the first one of a Stop posts a notice (a note by THE_LINE, under no rule) to the sender's
        mailbox and to OWNER_MAILBOX (of a loop: also to whoever began the trace), one to each that there is, in the
        refused message's trace and with the hops before it: who goes on while it holds the notice begins nothing new.
        An in_reply_to that the store does not hold (any more) is as none.
        With `settles`, that lease is settled in the same transaction (a note that replies to a note).
        Raises UnknownMailboxError, or ConversationClosedError when the mailbox's conversation was closed.
        """

    async def broadcast(self, message: Message, mailboxes: Sequence[Mailbox], *, by: Credential | None = None) -> Post:
        """Accept a message with one delivery to each of these mailboxes, at least one; otherwise as `add`.

        The same key again gives the same post when body and kind are the same, whoever joined in between. It
        charges one message. `get`, `wait_until_ended`, `cancel`, `requeue` and `discard` do not know what went to
        several: they raise UnknownMessageError.
        """

    async def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> Lease:
        """Wait until a delivery of the mailbox is due, and lease the one with the lowest position.

        Waiters of one mailbox are served in the order in which they came. A caller that is
        cancelled while it waits holds no lease afterwards, and costs its delivery no failure and
        no lapse. In an ordered mailbox nothing is due while a delivery of it is leased, or while one with a
        lower position is delayed. Raises UnknownMailboxError.
        """

    async def receive(
        self,
        mailbox: Mailbox,
        by: Credential,
        limit: int,
        duration: timedelta,
        key: str | None = None,
        *,
        waits: bool = True,
    ) -> Batch:
        """Wait until something is due in the mailbox, and lease at most limit deliveries (one if ordered) as a batch.

        Waits in one line with `lease`; one message wakes one caller. The holder is by.name. The same key of the
        same credential gives the same batch again, as far as it is still leased under it, and it stays leased though
        the first call is cancelled; when nothing is, it waits anew. by's participant is seen now. Without `waits`, a
        batch that has no leases, and is not kept, says that nothing is due. Raises UnknownMailboxError.
        """

    async def due(self, mailbox: Mailbox, known: Due | None = None, *, waits: bool = True) -> Due:
        """Wait until something is ready in the mailbox that is not what is `known` already; tell it, and lease nothing.

        It never stands in the line of `lease` and `receive`: what they are handed at once is not seen here. Of an
        ordered mailbox nothing is ready while they would be handed nothing. Without `waits`, it tells what is ready
        now, known or not. Never polls. Raises UnknownMailboxError.
        """

    async def held(self, token: BatchToken, by: CredentialId) -> Batch:
        """Return a batch as far as it is still leased under its token, with no lease when nothing is.

        Raises UnknownBatchError, also for a batch that another credential received.
        """

    async def open_batches(self, by: CredentialId) -> Sequence[BatchToken]:
        """Return this reader's batches that were not acknowledged and still hold a lease, oldest first."""

    async def acknowledge(self, token: BatchToken, by: CredentialId) -> Acknowledged:
        """Settle what is leased under this token, but for questions, which want an answer.

        A second time it says the same. Raises UnknownBatchError, or LeaseLostError when the batch was never
        acknowledged, nothing of it is leased under the token any more, and something of it is to be handed over
        again from its mailbox: who answered, refused or escalated all of it, one by one, may acknowledge the batch too.
        """

    async def escalate(self, lease: Lease, to: Mailbox, deadline_at: datetime | None) -> None:
        """Release a question into another mailbox, at its next position, with a deadline (None: as it was).

        The same ticket; deliveries, failures and lapses stay as they were. Raises UnknownMailboxError.
        """

    async def erase(self, message_id: MessageId, *, by: CredentialId) -> Post:
        """Empty a message's body, metadata and all words of an answer for good, and cancel its open deliveries.

        A question takes its answer along. What is left says that something stood here, and when it was erased.
        The bytes are overwritten in the file and its WAL before this returns. A second time it says the same.
        """

    async def post(self, message_id: MessageId) -> Post:
        """Return any message with its deliveries, in the order of their mailboxes' names."""

    async def archive(self, before: datetime, *, by: CredentialId) -> int:
        """Move messages all of whose deliveries were settled or cancelled before this time into the archive.

        A question goes with its answer. The newest message stays, and a question whose answer it is.
        `get`, `post`, `erase` and Directory.said find them as before; their idempotency keys are forgotten, and so
        are that time's stops, and its batches of which nothing is held. Returns how many moved.
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

    async def done(self, lease: Lease) -> None:
        """Settle a message that wants no answer: what it asked for is done."""

    async def nack(self, lease: Lease, error: str, delay: timedelta) -> None:
        """Give back with one failure more; due again after delay."""

    async def release(self, lease: Lease) -> None:
        """Give back without blame; due at once."""

    async def bury(self, lease: Lease, error: str) -> None:
        """Set aside as a dead letter with the reason, one failure more."""

    async def cancel(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """End a delivery that is ready or leased; the holder finds out when it next presents its lease."""

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None, *, by: CredentialId) -> Question:
        """Put a dead or expired delivery back: same position, no failures, no lapses, a new deadline."""

    async def discard(self, message_id: MessageId, *, by: CredentialId) -> Question:
        """Give up a dead delivery for good."""

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands."""

    async def wait_until_ended(self, message_id: MessageId) -> Question:
        """Wait until the question's state is one of ENDED; return at once if it is. Never polls."""

    def asker(self, message_id: MessageId) -> tuple[ConversationId, str] | None:
        """Return the conversation and sender of a question that is known, from memory, not to have ended; else None."""

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

    async def count_broken(self, since: datetime) -> int:
        """Count the deliveries that were buried at or after this time because their message was not intact."""

    async def lapse_all(self) -> None:
        """Lapse every lease that `lease` gave, whatever its time: a store's sole owner begins, so its holder is gone.

        Counts as a lapse of each, as in `sweep`. What `receive` handed over stays with its readers.
        """

    async def sweep(self) -> datetime | None:
        """Lapse leases, expire questions and make delayed deliveries due, as far as their time has come.

        A lease that lapses more often than the limit is buried. Returns the time of the next such
        event, or None when nothing is timed. Here, in `bury` and in `lapse_all`, a delivery that died or expired puts
        a notice (a note by THE_LINE in reply to its message, in the same trace) into the mailbox of the message's
        sender (the owner's is OWNER_MAILBOX when the conversation has none), if there is one. Notices put none.
        """

    async def wait_until_sooner(self, than: datetime | None) -> datetime:
        """Wait for a new event for `sweep` that is due before `than` (None: any), and return its time.

        The event may have passed away since: its delivery was settled, say.
        """


@dataclass(frozen=True, slots=True)
class Refusal:
    """A try that was refused before it reached a store. Nothing in it may come from who tried, but for who that is.

    actor is a credential's id, or UNKNOWN; verb names an operation; error is the name of the class of the error.
    """

    actor: str
    verb: str
    error: str


UNKNOWN = "unknown"
"""Who shows no credential of this line."""


class AuditLog(Protocol):
    """The audit, to which a store adds what its verbs do by itself."""

    def refused(self, refusal: Refusal) -> None:
        """Have a refusal noted. Never blocks and never fails.

        The same within settings.audit.period is one row with its count; of one period there are at most
        settings.audit.max_rows, the last of which counts all others. It is there soon, and once the log was closed.
        """

    async def archive(self, before: datetime) -> int:
        """Move the rows from before, but the newest, into the archive; return how many. The chain goes on."""


class Recall(Protocol):
    """A memory, asked for the passages that may answer a question."""

    async def passages(self, question: str, limit: int, within: frozenset[str] | None = None) -> Recollection:
        """Return at most limit passages, best first, whose lines stand in the files now.

        within names what to search, roots and paths beneath them, None all. What stands elsewhere is neither
        returned nor takes a place in the ranking; a name of nothing, or none at all, finds nothing.
        """


class Verifier(Protocol):
    """A memory, asked whether claims are true."""

    async def verify(self, claims: Sequence[Claim], within: frozenset[str] | None = None) -> Sequence[Citation]:
        """Check each claim against its file; one citation a claim, in the same order. Never raises for a claim.

        within names where to look, roots and paths beneath them, None everywhere: what lies elsewhere is cited as if
        it were not there.
        """


Shown = Callable[[str, frozenset[str] | None], Awaitable[str]]
"""From a path as people write it, absolute or `<root name>/<relative>`, to the one by which a memory shows the file.

The file is one of the memory's, within the scope that is named (None: all of it). Raises UnsafePathError,
UnknownRootError or UnknownFileError.
"""

Said = Callable[[str], None]
"""Hears the next piece of an answer's text while it is written; the pieces joined are the draft's text, or less."""


def unheard(_: str) -> None:
    """Nobody listens."""


class Speech(Protocol):
    """What is said of an answer while it is written. Its secrets are masked."""

    @property
    def question(self) -> MessageId:
        """Which question it answers."""

    @property
    def is_over(self) -> bool:
        """Whether no more comes, and what came counts no more: the answer is there, or the try has failed."""

    @property
    def delivery(self) -> int:
        """Which hand-over of the question it is: another one begins anew."""

    def since(self, piece: int) -> Sequence[str]:
        """Return the pieces from this number on, which counts from 0; all joined are how the answer begins, or less."""


Heard = Callable[[Speech], None]
"""Told that more is said, or that it is over."""


def heard_by_nobody(_: Speech) -> None:
    """Nobody listens."""


class Answerer(Protocol):
    """Answers one question at a time from the passages it is given, and what it holds of the memory itself."""

    @property
    def name(self) -> str:
        """The author's name, shown with every answer."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Answer, or say that the evidence is insufficient, or refuse.

        Nothing of one question reaches the next. Raises AnswererError; of its kinds AgentError when it is not the
        question's fault.
        """
