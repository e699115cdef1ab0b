"""The five tools that the prompts of the old bridge's users name, with their old arguments and results."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from warmline.interfaces.mcp.offering import Arguments, Call, Offers, offering
from warmline.interfaces.mcp.texts import legacy_messages_text
from warmline.interfaces.views.legacy import (
    LegacyConversationView,
    LegacyReportedView,
    LegacySentView,
    LegacyStatusView,
    Session,
)

LEGACY: Offers = {}

MAX_MESSAGES = 5
"""Of one call: what is shown in part could not be had again."""


class Roles(Arguments):
    """The roles of the two sessions."""

    my_role: str
    partner_role: str


class Speaker(Arguments):
    """Which session of which conversation speaks; the token is its credential."""

    conversation_id: str
    session_id: Session
    token: Annotated[str, Field(repr=False)]


class Sent(Speaker):
    """A message to the other session."""

    message: str
    action_type: str = "info"
    files_involved: list[str] = Field(default=[])


class Status(Speaker):
    """What this session does now."""

    status: str


@offering(LEGACY, Roles)
async def create_conversation(call: Call, roles: Roles) -> str:
    """Begin a conversation of two sessions, a and b; both tokens are shown this once. For the line's owner only."""
    made = await call.bridge.legacy.create_conversation(call.by, roles.my_role, roles.partner_role, key=call.key)
    return LegacyConversationView.model_validate(made).model_dump_json()


@offering(LEGACY, Sent)
async def send_to_partner(call: Call, sent: Sent) -> str:
    """Send a message to the other session of a conversation that has the sessions a and b."""
    done = await call.bridge.legacy.send_to_partner(
        sent.conversation_id,
        sent.session_id,
        sent.token,
        sent.message,
        action_type=sent.action_type,
        files_involved=sent.files_involved,
        key=call.key,
    )
    return LegacySentView.model_validate(done).model_dump_json()


@offering(LEGACY, Speaker)
async def check_messages(call: Call, speaker: Speaker) -> str:
    """Read what is new for a session, a few messages at a time. What the last call showed counts as read with this."""
    found = await call.bridge.legacy.check_messages(
        speaker.conversation_id, speaker.session_id, speaker.token, limit=MAX_MESSAGES, key=call.key
    )
    return await asyncio.to_thread(legacy_messages_text, found)


@offering(LEGACY, Status)
async def update_my_status(call: Call, said: Status) -> str:
    """Say what this session does now; it is a heartbeat, too."""
    noted = await call.bridge.legacy.update_my_status(said.conversation_id, said.session_id, said.token, said.status)
    return LegacyReportedView.model_validate(noted).model_dump_json()


@offering(LEGACY, Speaker, reads=True)
async def check_partner_status(call: Call, speaker: Speaker) -> str:
    """Read what the other session said about itself last."""
    found = await call.bridge.legacy.check_partner_status(speaker.conversation_id, speaker.session_id, speaker.token)
    return LegacyStatusView.model_validate(found).model_dump_json()
