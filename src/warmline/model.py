"""START HERE: the nouns of the line as frozen values, and the life of a delivery as a table.

Nothing in this file does I/O, reads a clock or knows a database. Everything that affects which
state may follow which lives in NEXT_STATE and nowhere else: stores obey it, one conformance suite
walks every cell of it, and the picture in docs/life-of-a-message.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, NewType

from warmline.frozen import quickly_made
from warmline.words import CitationStatus, Event, Kind, Outcome, State

MessageId = NewType("MessageId", str)
"""A ULID: 26 characters of Crockford's base 32, ordered by the time of creation."""

ConversationId = NewType("ConversationId", str)

CredentialId = NewType("CredentialId", str)
"""A ULID, like a message's."""

BatchToken = NewType("BatchToken", str)
"""Names one hand-over of a batch to one reader, and is the lease id of every delivery in it."""

DEFAULT_CONVERSATION = ConversationId("default")
OWNER = "owner"
MEMORY_MAILBOX_NAME = "memory"
THE_LINE = "warmline"
"""The sender of notices."""

IMPORTED = "imported:"
"""How the trace of a message from an old bridge begins, its own id after it. No sender chooses a trace."""

WITHHELD = "[withheld: the store holds something else than what was sent; see `warmline audit verify`]"
"""The body of a message that is not intact."""

SHUTDOWN = "shutdown"
"""The body of a control message that asks an answerer to finish and leave."""


NEXT_STATE: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.READY: {
            Event.LEASE: State.LEASED,
            Event.CANCEL: State.CANCELLED,
            Event.EXPIRE: State.EXPIRED,
        },
        State.LEASED: {
            Event.ACK: State.SETTLED,
            Event.NACK: State.READY,
            Event.RELEASE: State.READY,
            Event.LAPSE: State.READY,
            Event.BURY: State.DEAD,
            Event.CANCEL: State.CANCELLED,
            Event.EXPIRE: State.EXPIRED,
        },
        State.SETTLED: {},
        State.DEAD: {Event.REQUEUE: State.READY, Event.DISCARD: State.CANCELLED},
        State.EXPIRED: {Event.REQUEUE: State.READY},
        State.CANCELLED: {},
    }
)

ENDED = frozenset({State.SETTLED, State.DEAD, State.EXPIRED, State.CANCELLED})
"""The states in which nobody works on a delivery any more: a wait ends here."""


class Mailbox(NamedTuple):
    """Where a role receives: a name within a conversation. Several workers may lease from one."""

    conversation: ConversationId
    name: str


MEMORY_MAILBOX = Mailbox(DEFAULT_CONVERSATION, MEMORY_MAILBOX_NAME)
OWNER_MAILBOX = Mailbox(DEFAULT_CONVERSATION, OWNER)


def agent_mailbox(agent: str) -> Mailbox:
    """Return where the questions for one agent go: the memory as this one knows it. No participant is called so."""
    return Mailbox(DEFAULT_CONVERSATION, f"{MEMORY_MAILBOX_NAME}/{agent}")


def is_memory(mailbox: Mailbox) -> bool:
    """Tell whether the daemon answers it itself, from the memory."""
    return mailbox.conversation == DEFAULT_CONVERSATION and mailbox.name.partition("/")[0] == MEMORY_MAILBOX_NAME


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive lines of one file with their text, as recall found them.

    path is `<root name>/<relative path>` with forward slashes. Lines count from 1, both ends
    included; text is the lines joined by newlines, without the last line's end. score falls with
    rank and means nothing across questions.
    """

    path: str
    first_line: int
    last_line: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Recollection:
    """What a memory found for a question, best passage first.

    confidence is between 0 and 1: how far the best passages look like an answer at all. It can be
    compared across questions and is what decides on insufficient_evidence.
    """

    passages: tuple[Passage, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A whole file of a shard. path is shown as a passage's; line n of text is line n of the file."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of a memory that one warm agent holds: whole files, in the order of their paths.

    digest is the same exactly when the files are, names and texts. tokens is an estimate from above. left_out are the
    paths of files for which there was no room.
    """

    files: tuple[ShardFile, ...]
    tokens: int
    digest: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A citation as an answerer made it, unchecked: these lines of this file hold these words."""

    path: str
    first_line: int
    last_line: int
    quote: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A claim that was checked against the file.

    The digests are lower-case hexadecimal SHA-256 of the file's bytes and of the cited lines' bytes
    at the moment of the check; both are empty when there was no such file or no such lines. redacted: the
    quote was checked as the file has it, and is kept and shown with a secret in it masked. Both digests are then
    empty, too: a short secret could be guessed, and the guess checked against them.
    """

    path: str
    first_line: int
    last_line: int
    quote: str
    status: CitationStatus
    file_digest: str = ""
    span_digest: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What an answerer returns: an answer whose citations are still claims.

    A text of None means: the text is the quotes that were verified, in the claims' order. author is who wrote it, if
    that is not simply the answerer. in_place_of says why that one answered in the place of who should have.
    """

    outcome: Outcome
    text: str | None
    claims: tuple[Claim, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    author: str | None = None
    in_place_of: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question came out: outcome, text, checked citations, who answered, and how long it took.

    timings_ms maps a step's name to milliseconds; usage maps a counter's name (tokens) to a count. in_place_of says, in
    one line, why the author answered in the place of who should have.
    """

    outcome: Outcome
    text: str
    author: str
    citations: tuple[Citation, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)
    in_place_of: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class Message:
    """Something said on the line. It is never changed after it was accepted, but for being erased.

    conversation is the sender's. body is at most settings.max_body_bytes of UTF-8. answer is set exactly when
    kind is ANSWER, and body is then the answer's text. hops counts the machine-made messages in its trace,
    this one included. deadline_at is what the sender asked for. memories names the roots, and paths beneath
    them, that a question may be answered from; None is all. metadata is a small JSON object of the sender's, as
    text. Erased, body is empty and metadata None. is_intact is False when the store holds something else than the
    line wrote there: body, metadata and answer are then withheld, and nobody is handed it. The trace is the id of the
    message that it began with, after IMPORTED for one from an old bridge. All times are aware and in UTC.
    """

    id: MessageId
    conversation: ConversationId
    sender: str
    kind: Kind
    body: str
    sent_at: datetime
    trace: str
    hops: int = 0
    in_reply_to: MessageId | None = None
    idempotency_key: str | None = None
    deadline_at: datetime | None = None
    answer: Answer | None = None
    memories: tuple[str, ...] | None = None
    metadata: str | None = None
    erased_at: datetime | None = None
    is_intact: bool = True


@quickly_made
@dataclass(frozen=True, slots=True)
class Delivery:
    """The mutable half of a message, one a recipient, as it stood at one moment.

    position counts from 1 within the mailbox, in the order of acceptance. deliveries only grows: it
    counts hand-overs. failures and lapses have limits of their own. ready_at is set while a
    delivery in READY waits for a time to come. holder and lease_lapses_at are set exactly while it
    is leased. handed_at and handed_to tell of the last hand-over. ended_at is set exactly in the states of
    ENDED. deadline_at is the message's, or the later one of a requeue or an escalation.
    """

    mailbox: Mailbox
    position: int
    state: State
    deliveries: int = 0
    failures: int = 0
    lapses: int = 0
    ready_at: datetime | None = None
    holder: str | None = None
    lease_lapses_at: datetime | None = None
    last_error: str | None = None
    ended_at: datetime | None = None
    deadline_at: datetime | None = None
    handed_at: datetime | None = None
    handed_to: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Any message with all its deliveries: one a recipient, none for an answer. answer is a settled question's.

    number grows in the order in which the store accepted messages, and is never given twice.
    """

    message: Message
    deliveries: tuple[Delivery, ...]
    number: int
    answer: Answer | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class Question:
    """A message that must be answered, with its one delivery and, once settled, its answer."""

    message: Message
    delivery: Delivery
    answer: Answer | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class Lease:
    """The right to settle one delivery until lapses_at, or until the store lets it lapse.

    (deliveries, lease_id) is the fencing token: every settle, extend, nack, bury and release
    matches both. failures and lapses are those before this hand-over.
    """

    message: Message
    mailbox: Mailbox
    deliveries: int
    lease_id: str
    holder: str
    lapses_at: datetime
    failures: int
    lapses: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one `receive` handed to one reader, lowest position first; every lease's lease_id is the token."""

    token: BatchToken
    mailbox: Mailbox
    leases: tuple[Lease, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """What lies ready in a mailbox: how many deliveries, the highest position, how often they were handed over before.

    Another value than before means that something came, went or came back.
    """

    count: int = 0
    newest: int = 0
    handed: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What an acknowledgement settled, and which questions of the batch still wait for an answer."""

    settled: tuple[MessageId, ...]
    unanswered: tuple[MessageId, ...]
