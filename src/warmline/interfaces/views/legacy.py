"""The results of the old bridge's operations, by its names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from warmline.interfaces.fencing import fenced_message
from warmline.interfaces.views.questions import Redacted
from warmline.security.fence import Fence, Trust

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
    message: str = Field(description="as it was sent, for programs; a model reads `fenced`")
    fenced: str = Field(description="it as a block for a prompt")
    trust: Trust
    metadata: dict[str, Any]
    timestamp: datetime
    deliveries: int = Field(description="above 1: it was handed over before, and not acknowledged")


class LegacyMessagesView(BaseModel):
    """What is new for a session."""

    conversation_id: str
    preamble: str = Field(description="what a model must know before the first fenced text")
    messages: list[LegacyMessageView]


class LegacyStatusView(BaseModel):
    """What a session said about itself last."""

    conversation_id: str
    session_id: Session
    role: str
    status: str | None
    last_heartbeat: datetime | None


def legacy_messages_view(found: Mapping[str, Any]) -> LegacyMessagesView:
    """Show what is new for a session, each message also as a block of one prompt."""
    fence = Fence()
    messages = [{**each, "fenced": fenced_message(fence, each)} for each in found["messages"]]
    return LegacyMessagesView.model_validate({**found, "preamble": fence.preamble(), "messages": messages})


class LegacyReportedView(LegacyStatusView):
    """What a session just said about itself."""

    redacted: Redacted
