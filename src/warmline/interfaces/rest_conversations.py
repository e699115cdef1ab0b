"""REST for conversations: begin, list, show, close; what was said, as a list and as it happens; who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from warmline.bridge.bridge import Bridge
from warmline.errors import UnknownConversationError
from warmline.interfaces.events import KEEP_ALIVE_SECONDS, Changes, Event, event_stream, events_of
from warmline.interfaces.following import PAGE, Following
from warmline.interfaces.rest_shared import (
    LIMITS,
    MAX_NUMBER,
    NO_NUL,
    WRITES,
    AnyBridge,
    AnyPlaces,
    By,
    Check,
    ConversationIdInPath,
    Form,
    InConversation,
    LastEventId,
    Name,
    problems,
)
from warmline.interfaces.views.conversations import (
    ConversationsView,
    ConversationView,
    MailboxesView,
    MailboxView,
    NewConversationView,
    ParticipantsView,
    ReportedView,
    conversation_view,
    mailbox_view,
    new_conversation_view,
    present_view,
    reported_view,
)
from warmline.interfaces.views.messages import PostsView, PostView, post_view
from warmline.interfaces.views.questions import Places
from warmline.model import ConversationId
from warmline.parties import AnsweredBy, Credential, Policy

conversations = APIRouter(prefix="/v1/conversations", tags=["conversations"])
mailboxes = APIRouter(prefix="/v1/mailboxes", tags=["mailboxes"])


class Begun(Form):
    """Who shall be able to reach each other."""

    between: Annotated[list[Name], Field(min_length=1, max_length=LIMITS.max_participants, examples=[["lead", "docs"]])]
    persons: list[Name] = Field(
        default=[], max_length=LIMITS.max_participants, description="participants that are no machines"
    )


class Reported(Form):
    """What a participant says about itself."""

    status: Annotated[
        str,
        Field(max_length=LIMITS.max_status_bytes, description="empty: it only lives", json_schema_extra=NO_NUL),
    ]


class PolicySet(Form):
    """How a mailbox hands over, and who may answer its questions."""

    ordered: Annotated[bool, Field(strict=True)]
    answered_by: AnsweredBy
    conversation: Annotated[InConversation | None, Field(description="where several have such a mailbox")] = None


@conversations.post("", status_code=201, responses=problems(403, 409, *WRITES))
async def begin_conversation(begun: Begun, by: By, bridge: AnyBridge) -> NewConversationView:
    """Begin a conversation. Each participant's token is shown this once."""
    conversation, minted = await bridge.conversations.new(by, begun.between, begun.persons)
    return new_conversation_view(conversation, minted)


@conversations.get("", responses=problems(403))
async def list_conversations(
    by: By, bridge: AnyBridge, limit: Annotated[int, Query(ge=1, le=LIMITS.max_listed)] = 50
) -> ConversationsView:
    """List conversations, newest first: all for who administers, else the speaker's own."""
    found = await bridge.conversations.list(by, limit)
    return ConversationsView(conversations=[conversation_view(each) for each in found])


@conversations.get("/{conversation_id}", responses=problems(404))
async def show_conversation(conversation_id: ConversationIdInPath, by: By, bridge: AnyBridge) -> ConversationView:
    """Show a conversation with its participants."""
    return conversation_view(await bridge.conversations.show(by, conversation_id))


@conversations.post("/{conversation_id}/close", responses=problems(403, 404, 409, 507))
async def close_conversation(conversation_id: ConversationIdInPath, by: By, bridge: AnyBridge) -> ConversationView:
    """Take nothing new in a conversation from now on; what is there stays."""
    return conversation_view(await bridge.conversations.close(by, conversation_id))


@conversations.get("/{conversation_id}/messages", responses=problems(404))
async def list_messages(
    *,
    conversation_id: ConversationIdInPath,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    after: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="messages of a higher number")] = 0,
    limit: Annotated[int, Query(ge=1, le=LIMITS.max_listed)] = 50,
) -> PostsView:
    """List what was said and the speaker may see, in the order in which the line accepted it."""
    found = await bridge.conversations.said(by, conversation_id, after, limit)
    return PostsView(messages=[post_view(post, places) for post in found])


@conversations.get(
    "/{conversation_id}/events",
    response_class=StreamingResponse,
    responses=events_of(message=PostView, receipt=PostView) | problems(404),
)
async def listen_to_conversation(
    *,
    conversation_id: ConversationIdInPath,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    check: Check,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """Follow a conversation from its beginning, or from after Last-Event-ID.

    An event `message` is a message as the list shows it, its id the message's number. An event `receipt`, without
    an id, tells anew what became of a message that this stream showed: of the last 100. What became of others
    while nobody listened is in the list.
    """
    await bridge.conversations.show(by, conversation_id)
    return event_stream(_following(bridge, by, conversation_id, places, _number(last_event_id)), check)


@conversations.get("/{conversation_id}/participants", responses=problems(404))
async def list_participants(conversation_id: ConversationIdInPath, by: By, bridge: AnyBridge) -> ParticipantsView:
    """List who is in a conversation, and who waits for messages now."""
    found = await bridge.conversations.who(by, conversation_id)
    return ParticipantsView(participants=[present_view(each) for each in found])


@conversations.put("/{conversation_id}/status", responses=problems(404, 413))
async def report_status(
    conversation_id: ConversationIdInPath, reported: Reported, by: By, bridge: AnyBridge
) -> ReportedView:
    """Say what the speaker does now, in its own conversation; it is a heartbeat, too."""
    if conversation_id != by.conversation:
        raise UnknownConversationError("a participant reports in its own conversation, and that is another")
    return reported_view(await bridge.conversations.report(by, reported.status))


@mailboxes.get("", responses=problems())
async def list_mailboxes(by: By, bridge: AnyBridge) -> MailboxesView:
    """List the mailboxes of the speaker's conversation and the memory's; all of them for who administers."""
    return MailboxesView(mailboxes=[mailbox_view(state) for state in await bridge.conversations.mailboxes(by)])


@mailboxes.put("/{name}/policy", responses=problems(403, 404, *WRITES))
async def set_policy(
    name: Annotated[str, Path(max_length=LIMITS.max_name_characters)], policy: PolicySet, by: By, bridge: AnyBridge
) -> MailboxView:
    """Say how a mailbox hands over from now on, and who may answer its questions."""
    conversation = ConversationId(policy.conversation) if policy.conversation else None
    wanted = Policy(ordered=policy.ordered, answered_by=policy.answered_by)
    return mailbox_view(await bridge.conversations.set_policy(by, name, conversation, wanted))


async def _following(
    bridge: Bridge, by: Credential, conversation: ConversationId, places: Places, after: int
) -> AsyncIterator[Event | None]:
    changes, following = Changes(), Following(after)
    with bridge.conversations.listening(by, conversation, changes.note):
        while not bridge.is_ending:
            page = await bridge.conversations.said(by, conversation, following.start, PAGE)
            for name, post in following.news(page):
                yield Event(name, post_view(post, places), str(post.number) if name == "message" else None)
            if len(page) < PAGE and not await changes.within(KEEP_ALIVE_SECONDS):
                yield None


def _number(event_id: str | None) -> int:
    """Read a number that this stream gave; what is none was given by nobody, and begins at the beginning."""
    is_number = event_id is not None and event_id.isascii() and event_id.isdigit()
    return min(int(event_id or 0), MAX_NUMBER) if is_number else 0
