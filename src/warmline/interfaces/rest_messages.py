"""REST for messages: send to one or to all, look, receipts, erase; the dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, Field

from warmline.ids import parse_message_id
from warmline.interfaces.rest_shared import (
    WRITES,
    AnyBridge,
    AnyPlaces,
    Body,
    By,
    Deadline,
    Form,
    InConversation,
    Key,
    ListLimit,
    MessageIdInBody,
    MessageIdInPath,
    Metadata,
    Name,
    Responses,
    Since,
    problems,
)
from warmline.interfaces.views.messages import (
    DeadLettersView,
    PostView,
    ReceiptsView,
    SentView,
    dead_letter_view,
    post_view,
    receipts_view,
    sent_view,
)
from warmline.interfaces.views.questions import CountView
from warmline.model import ConversationId, Kind, State
from warmline.protocols import QuestionFilter

messages = APIRouter(prefix="/v1/messages", tags=["messages"])
dead_letters = APIRouter(prefix="/v1/dead", tags=["messages"])

KNOWN: Responses = {200: {"model": SentView, "description": "the key was known: the same message as it stands"}}


class Sent(Form):
    """What is said, to whomever."""

    body: Body
    conversation: Annotated[InConversation | None, Field(description="the owner's choice; else the speaker's own")] = (
        None
    )
    kind: Annotated[
        Literal[Kind.NOTE, Kind.CONTROL],
        Field(description="control asks a program to do something, such as `shutdown`"),
    ] = Kind.NOTE
    in_reply_to: MessageIdInBody | None = None
    deadline_at: Deadline = None
    metadata: Metadata | None = None


class SentToOne(Sent):
    """A message to one mailbox."""

    to: Name


def _true(said: object) -> object:
    if said is not True:
        raise ValueError("broadcast is true, or not there")  # pydantic would take 1, too
    return said


class SentToAll(Sent):
    """A message to all other participants of a conversation, one delivery each."""

    broadcast: Annotated[Literal[True], BeforeValidator(_true)]


@messages.post("", status_code=201, responses=KNOWN | problems(403, 404, 409, 429, *WRITES))
async def send(
    *,
    sent: SentToOne | SentToAll,
    response: Response,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    idempotency_key: Key = None,
) -> SentView:
    """Put a message on the line. It is durable when this returns: 201, or 200 when the key was known."""
    done = await bridge.messages.send(
        by,
        sent.to if isinstance(sent, SentToOne) else None,
        sent.body,
        conversation=ConversationId(sent.conversation) if sent.conversation else None,
        kind=sent.kind,
        in_reply_to=parse_message_id(sent.in_reply_to) if sent.in_reply_to else None,
        idempotency_key=idempotency_key,
        deadline_at=sent.deadline_at,
        metadata=sent.metadata,
    )
    response.status_code = 201 if done.created else 200
    return sent_view(done, places)


@messages.get("/{message_id}", responses=problems(404))
async def get_message(message_id: MessageIdInPath, by: By, bridge: AnyBridge, places: AnyPlaces) -> PostView:
    """Read a message, question or answer with its receipts."""
    return post_view(await bridge.messages.post(by, message_id), places)


@messages.get("/{message_id}/receipts", responses=problems(404))
async def get_receipts(message_id: MessageIdInPath, by: By, bridge: AnyBridge) -> ReceiptsView:
    """Read what became of a message at each recipient."""
    return receipts_view(await bridge.messages.post(by, message_id))


@messages.delete("/{message_id}", responses=problems(403, 404, 409, 507))
async def erase_message(message_id: MessageIdInPath, by: By, bridge: AnyBridge, places: AnyPlaces) -> PostView:
    """Empty a message for good; what is left says that something stood here. A second time it says the same."""
    return post_view(await bridge.messages.erase(by, message_id), places)


@dead_letters.get("", responses=problems(403))
async def list_dead_letters(by: By, bridge: AnyBridge, since: Since = None, limit: ListLimit = 50) -> DeadLettersView:
    """List everybody's dead letters, newest first: what was given up at a recipient, with the reason."""
    found = await bridge.questions.questions(by, _dead(since), limit)
    return DeadLettersView(dead=[dead_letter_view(each) for each in found])


@dead_letters.get("/count", responses=problems(403))
async def count_dead_letters(by: By, bridge: AnyBridge, since: Since = None) -> CountView:
    """Count everybody's dead letters."""
    return CountView(count=await bridge.questions.count(by, _dead(since)))


def _dead(since: datetime | None) -> QuestionFilter:
    return QuestionFilter(states=frozenset({State.DEAD}), since=since, any_kind=True)
