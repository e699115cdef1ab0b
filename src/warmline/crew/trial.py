"""A real question that shows whether an agent works, put to it when a person asks for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warmline.ids import new_message_id
from warmline.model import DEFAULT_CONVERSATION, THE_LINE, Kind, Message, Outcome

TRIAL = "Reply with one short sentence: are you ready to answer questions from the memory?"


@dataclass(frozen=True, slots=True)
class Tested:
    """How a trial came out. ok: the agent replied, whatever it said; reason says why it did not."""

    ok: bool
    outcome: Outcome | None
    text: str | None
    took_ms: float
    reason: str | None = None


def trial_question(now: datetime) -> Message:
    """Make the question; it never reaches the store."""
    id_ = new_message_id(now)
    return Message(id_, DEFAULT_CONVERSATION, THE_LINE, Kind.QUESTION, TRIAL, now, trace=id_)
