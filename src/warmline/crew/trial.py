"""A real question that shows whether an agent works, put to it when a person asks for that."""

from __future__ import annotations

from datetime import datetime

from warmline.ids import new_message_id
from warmline.model import DEFAULT_CONVERSATION, THE_LINE, Kind, Message

TRIAL = "Reply with one short sentence: are you ready to answer questions from the memory?"


def trial_question(now: datetime) -> Message:
    """Make the question; it never reaches the store."""
    id_ = new_message_id(now)
    return Message(id_, DEFAULT_CONVERSATION, THE_LINE, Kind.QUESTION, TRIAL, now, trace=id_)
