"""The results of the old bridge's operations, by its names."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from warmline.interfaces.views.questions import Redacted

Session = Literal["a", "b"]


class LegacyConversationView(BaseModel):
    """A conversation of two sessions, with the tokens of both."""

    conversation_id: str
    session_id: Session
    token: str = Field(description="the caller's own")
    session_a_role: str
    session_b_role: str
    session_a_token: str
    session_b_token: str
    created_at: datetime
    expires_at: datetime | None


class LegacySentView(BaseModel):
    """A message that was sent."""

    id: str
    conversation_id: str
    from_session: Session
    to_session: Session
    timestamp: datetime
    redacted: Redacted


class LegacyMessageView(BaseModel):
    """A message that came in."""

    id: str
    from_session: Session
    to_session: Session
    sender: str
    kind: str
    message: str
    metadata: dict[str, Any]
    timestamp: datetime
    deliveries: int = Field(description="above 1: it was handed over before, and not acknowledged")


class LegacyMessagesView(BaseModel):
    """What is new for a session."""

    conversation_id: str
    messages: list[LegacyMessageView]


class LegacyStatusView(BaseModel):
    """What a session said about itself last."""

    conversation_id: str
    session_id: Session
    role: str
    status: str | None
    last_heartbeat: datetime | None


class LegacyReportedView(LegacyStatusView):
    """What a session just said about itself."""

    redacted: Redacted
