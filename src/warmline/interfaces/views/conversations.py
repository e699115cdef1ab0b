"""Conversations, who is in them, and mailboxes, as the outside sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from warmline.bridge.conversations import Presence, Reported
from warmline.bridge.credentials import Minted
from warmline.interfaces.views.credentials import MintedView, minted_view
from warmline.interfaces.views.questions import Redacted
from warmline.parties import AnsweredBy, Conversation, MailboxState, Participant


class ParticipantView(BaseModel):
    """A role in a conversation, and what it said about itself last."""

    name: str
    person: bool
    status: str | None
    status_at: datetime | None
    seen_at: datetime | None = Field(description="when it last did anything on the line: asked, sent, received, looked")


class ReportedView(ParticipantView):
    """A participant that just reported, and what was masked in its status."""

    redacted: Redacted


class PresentView(ParticipantView):
    """A participant, and whether it waits for messages now."""

    waiting: bool


class ParticipantsView(BaseModel):
    """Who is in a conversation, by name."""

    participants: list[PresentView]


class ConversationView(BaseModel):
    """Participants that can reach each other."""

    id: str
    created_at: datetime
    closed_at: datetime | None = Field(description="nothing new is accepted from then on")
    participants: list[ParticipantView]


class NewConversationView(ConversationView):
    """A conversation as it was made: the only time that its tokens are shown."""

    credentials: list[MintedView]


class ConversationsView(BaseModel):
    """Conversations, newest first."""

    conversations: list[ConversationView]


class MailboxView(BaseModel):
    """A mailbox: how it hands over, and what lies in it."""

    name: str
    conversation: str
    ordered: bool = Field(description="at most one message is out at a time, and the first blocks until it is settled")
    answered_by: AnsweredBy
    ready: int = Field(description="messages that wait")
    leased: int = Field(description="messages that a reader holds")


class MailboxesView(BaseModel):
    """Mailboxes that the speaker reaches."""

    mailboxes: list[MailboxView]


def participant_view(participant: Participant) -> ParticipantView:
    """Show a participant."""
    return ParticipantView(
        name=participant.name,
        person=participant.is_person,
        status=participant.status,
        status_at=participant.status_at,
        seen_at=participant.seen_at,
    )


def reported_view(reported: Reported) -> ReportedView:
    """Show what a participant just said about itself."""
    return ReportedView(**dict(participant_view(reported.participant)), redacted=list(reported.redacted))


def present_view(presence: Presence) -> PresentView:
    """Show a participant, and whether it waits now."""
    return PresentView(**participant_view(presence.participant).model_dump(), waiting=presence.is_waiting)


def conversation_view(conversation: Conversation) -> ConversationView:
    """Show a conversation."""
    return ConversationView(
        id=conversation.id,
        created_at=conversation.created_at,
        closed_at=conversation.closed_at,
        participants=[participant_view(participant) for participant in conversation.participants],
    )


def new_conversation_view(conversation: Conversation, minted: Sequence[Minted]) -> NewConversationView:
    """Show a conversation with the tokens of its participants."""
    return NewConversationView(
        **conversation_view(conversation).model_dump(), credentials=[minted_view(each) for each in minted]
    )


def mailbox_view(state: MailboxState) -> MailboxView:
    """Show a mailbox."""
    return MailboxView(
        name=state.mailbox.name,
        conversation=state.mailbox.conversation,
        ordered=state.policy.ordered,
        answered_by=state.policy.answered_by,
        ready=state.ready,
        leased=state.leased,
    )
