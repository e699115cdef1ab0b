"""Who is on the line, and what each may do: the nouns beside the messages of model.py."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from warmline.limits import Limits
from warmline.model import MEMORY_MAILBOX_NAME, OWNER, THE_LINE, ConversationId, CredentialId, Mailbox

RESERVED_NAMES = frozenset({OWNER, MEMORY_MAILBOX_NAME, THE_LINE})
"""No participant that a credential is made for can be called so, nor what reads the same; see `is_reserved`."""


def is_reserved(name: str) -> bool:
    """Tell whether a name is the line's own, however its letters are typed: in capitals, wide, in circles."""
    return unicodedata.normalize("NFKC", name).casefold() in RESERVED_NAMES


@unique
class AnsweredBy(StrEnum):
    """Who may answer the questions of a mailbox: anyone with the right to, or only a person."""

    ANYONE = "anyone"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a mailbox hands over. ordered: at most one lease out, and the head blocks until settled or buried."""

    ordered: bool = False
    answered_by: AnsweredBy = AnsweredBy.ANYONE


@unique
class Right(StrEnum):
    """What a credential may do. READ receives from its mailboxes; ADMINISTER is the owner's, and covers all."""

    ASK = "ask"
    ANSWER = "answer"
    SEND = "send"
    READ = "read"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True)
class Credential:
    """Who speaks: the participant `name` of a conversation, with rights and scope. Its token is nowhere in here.

    mailboxes names those it may ask and send to, None all of its conversation and the memory's; reads names
    those it may receive from beside its own; memories names the roots, and paths beneath them, that it may be
    answered from, None all. limits of None: exempt. It speaks until expires_at has come, or it was revoked.
    """

    id: CredentialId
    name: str
    conversation: ConversationId
    rights: frozenset[Right]
    created_at: datetime
    mailboxes: frozenset[str] | None = None
    reads: frozenset[str] = frozenset()
    memories: frozenset[str] | None = None
    is_person: bool = False
    limits: Limits | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A role in a conversation. It has a mailbox of its own name.

    status is what it said last about itself; seen_at is when it last spoke by any verb.
    legacy_session is "a" or "b" where the old bridge's clients know this participant by that.
    """

    conversation: ConversationId
    name: str
    is_person: bool = False
    status: str | None = None
    status_at: datetime | None = None
    seen_at: datetime | None = None
    legacy_session: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Participants that can reach each other. Nothing new is accepted once it is closed; what is there stays."""

    id: ConversationId
    created_at: datetime
    closed_at: datetime | None = None
    participants: tuple[Participant, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxState:
    """A mailbox as it stands: its policy, and how many deliveries are due or delayed, and how many handed over."""

    mailbox: Mailbox
    policy: Policy
    ready: int
    leased: int


@unique
class StopKind(StrEnum):
    """Why the line stopped taking messages from somebody."""

    LOOP = "loop"
    RATE = "rate"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Stop:
    """One runaway that was stopped: one row, and one notice to those concerned, however often it was tried again.

    key is the trace of a loop, else the credential and its hour or day.
    """

    kind: StopKind
    key: str
    conversation: ConversationId
    participant: str
    first_at: datetime
    last_at: datetime
    refusals: int
