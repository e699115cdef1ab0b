"""The words of which the line has a few each: what a message is for, where a delivery stands, how an answer came out.

They belong to model.py, where everybody finds them, and stand apart so that a client, which needs nothing else of the
model, is light to import.
"""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Kind(StrEnum):
    """What a message is for."""

    QUESTION = "question"
    ANSWER = "answer"
    NOTE = "note"
    STATUS = "status"
    HEARTBEAT = "heartbeat"
    CONTROL = "control"


@unique
class State(StrEnum):
    """Where a delivery stands."""

    READY = "ready"
    LEASED = "leased"
    SETTLED = "settled"
    DEAD = "dead"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@unique
class Event(StrEnum):
    """What can happen to a delivery. *Expire* is the question's deadline, *lapse* the lease's end."""

    LEASE = "lease"
    ACK = "ack"
    NACK = "nack"
    RELEASE = "release"
    LAPSE = "lapse"
    BURY = "bury"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REQUEUE = "requeue"
    DISCARD = "discard"


@unique
class Outcome(StrEnum):
    """How an answer came out. An error is never an answer."""

    ANSWERED = "answered"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    REFUSED = "refused"
    FAILED = "failed"


@unique
class CitationStatus(StrEnum):
    """What a check of the quoted words against the file found.

    VERIFIED: the named lines hold the quote. MOVED: other lines of the same file hold it, and the
    citation now names those. CHANGED: the file holds something like it. UNSUPPORTED: none of these.
    """

    VERIFIED = "verified"
    MOVED = "moved"
    CHANGED = "changed"
    UNSUPPORTED = "unsupported"
