"""REST for the users of the old bridge: its five operations by their old names, with their old arguments."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from warmline.interfaces.rest_shared import (
    LIMITS,
    MAX_ID_CHARACTERS,
    NO_NUL,
    WRITES,
    AnyBridge,
    Body,
    By,
    Form,
    Name,
    problems,
)
from warmline.interfaces.views.legacy import (
    LegacyConversationView,
    LegacyMessagesView,
    LegacyReportedView,
    LegacySentView,
    LegacyStatusView,
    Session,
    legacy_messages_view,
)

legacy = APIRouter(prefix="/v1/legacy", tags=["legacy"])

MAX_FILES = 1000


class LegacyRoles(Form):
    """The roles of the two sessions."""

    my_role: Name
    partner_role: Name


class LegacySpeaker(Form):
    """Which session of which conversation speaks. The token is its credential."""

    conversation_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
    session_id: Session
    token: Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


class LegacySent(LegacySpeaker):
    """A message to the other session."""

    message: Body
    action_type: Annotated[str, Field(max_length=200)] = "info"
    files_involved: list[Annotated[str, Field(max_length=4096)]] = Field(default=[], max_length=MAX_FILES)


class LegacyStatus(LegacySpeaker):
    """What this session does now."""

    status: Annotated[str, Field(max_length=LIMITS.max_status_bytes, json_schema_extra=NO_NUL)]


@legacy.post("/create_conversation", responses=problems(403, 409, *WRITES))
async def create_conversation(roles: LegacyRoles, by: By, bridge: AnyBridge) -> LegacyConversationView:
    """Begin a conversation of two sessions; both tokens are shown this once."""
    made = await bridge.legacy.create_conversation(by, roles.my_role, roles.partner_role)
    return LegacyConversationView.model_validate(made)


@legacy.post("/send_to_partner", responses=problems(403, 404, 409, 429, *WRITES))
async def send_to_partner(sent: LegacySent, bridge: AnyBridge) -> LegacySentView:
    """Send a message to the other session."""
    done = await bridge.legacy.send_to_partner(
        sent.conversation_id,
        sent.session_id,
        sent.token,
        sent.message,
        action_type=sent.action_type,
        files_involved=sent.files_involved,
    )
    return LegacySentView.model_validate(done)


@legacy.post("/check_messages", responses=problems(403, 404, 409, *WRITES))
async def check_messages(speaker: LegacySpeaker, bridge: AnyBridge) -> LegacyMessagesView:
    """Read what is new, without waiting.

    The one operation that acknowledges by itself: what this reader was handed by its last call counts as read
    with this call, and not before. `message` is as it was sent; hand a model `preamble` and each `fenced`.
    """
    found = await bridge.legacy.check_messages(speaker.conversation_id, speaker.session_id, speaker.token)
    return await asyncio.to_thread(legacy_messages_view, found)  # long texts would hold others up


@legacy.post("/update_my_status", responses=problems(403, 404, *WRITES))
async def update_my_status(said: LegacyStatus, bridge: AnyBridge) -> LegacyReportedView:
    """Say what this session does now; it is a heartbeat, too."""
    noted = await bridge.legacy.update_my_status(said.conversation_id, said.session_id, said.token, said.status)
    return LegacyReportedView.model_validate(noted)


@legacy.post("/check_partner_status", responses=problems(403, 404, 413))
async def check_partner_status(speaker: LegacySpeaker, bridge: AnyBridge) -> LegacyStatusView:
    """Read what the other session said about itself last."""
    found = await bridge.legacy.check_partner_status(speaker.conversation_id, speaker.session_id, speaker.token)
    return LegacyStatusView.model_validate(found)
