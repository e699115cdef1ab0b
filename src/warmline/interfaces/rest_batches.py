"""REST for readers: receive what came in; acknowledge, answer, refuse, escalate or give it back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field

from warmline.errors import UnauthorizedError
from warmline.interfaces.rest_shared import (
    LIMITS,
    MAX_ID_CHARACTERS,
    MAX_NUMBER,
    NUMBER,
    WRITES,
    AnyBridge,
    AnyPlaces,
    Body,
    By,
    Check,
    Form,
    InConversation,
    Key,
    MessageIdInPath,
    Metadata,
    Name,
    Wait,
    problems,
    while_connected,
)
from warmline.interfaces.views.messages import (
    AcknowledgedView,
    BatchView,
    DueView,
    PostView,
    SentView,
    acknowledged_view,
    batch_view,
    due_view,
    post_view,
    sent_view,
)
from warmline.model import BatchToken, Claim, ConversationId, Due, Outcome
from warmline.security.fence import Fence
from warmline.settings import MemorySettings

receiving = APIRouter(prefix="/v1/mailboxes", tags=["mailboxes"])
batches = APIRouter(prefix="/v1/batches", tags=["batches"])

MAX_LEASE_SECONDS = LIMITS.max_receive_lease.total_seconds()
MAX_CLAIMS = MemorySettings().max_claims

LeaseSeconds = Annotated[
    float, Field(ge=1, le=MAX_LEASE_SECONDS, description="how long the messages stay with this reader"), NUMBER
]


class Received(Form):
    """What to receive, and how long to wait for it."""

    mailbox: Annotated[Name | None, Field(description="the speaker's own if absent")] = None
    conversation: Annotated[InConversation | None, Field(description="where several have such a mailbox")] = None
    wait: Annotated[float, Field(ge=0, le=LIMITS.max_wait.total_seconds(), description="seconds, at most"), NUMBER] = 0
    limit: Annotated[int, Field(ge=1, le=LIMITS.max_batch), NUMBER] = 10
    lease_seconds: LeaseSeconds | None = None
    done: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_ID_CHARACTERS, description="the token of a batch to acknowledge first"),
    ] = None
    fenced: Annotated[
        bool, Field(strict=True, description="show each message also as a block for a prompt, under one nonce")
    ] = False


class Extended(Form):
    """How much longer a batch is held, from now."""

    lease_seconds: LeaseSeconds


class Cited(Form):
    """Lines of a file in the memory that hold these words; whether they do is checked."""

    path: Annotated[str, Field(min_length=1, max_length=4096, description="`<root name>/<relative path>`")]
    first_line: Annotated[int, Field(ge=1, le=MAX_NUMBER), NUMBER]
    last_line: Annotated[int, Field(ge=1, le=MAX_NUMBER, description="included"), NUMBER]
    quote: Annotated[str, Field(min_length=1, max_length=MemorySettings().max_quote_bytes)]


class Replied(Form):
    """An answer to a question, or a note back to the sender of a note."""

    body: Body
    citations: list[Cited] = Field(default=[], max_length=MAX_CLAIMS, description="of an answer only")
    outcome: Literal[Outcome.ANSWERED, Outcome.INSUFFICIENT_EVIDENCE] = Outcome.ANSWERED
    metadata: Metadata | None = None


class Refused(Form):
    """Why."""

    reason: Body


class Escalated(Form):
    """To which person."""

    to: Annotated[Name | None, Field(description="the conversation's person, else the owner, if absent")] = None


async def _batch_token(
    token: Annotated[str, Path(max_length=MAX_ID_CHARACTERS, description="from `receive`")],
) -> BatchToken:
    return BatchToken(token)


Token = Annotated[BatchToken, Depends(_batch_token)]
MESSAGE = "/{token}/messages/{message_id}"


@receiving.post("/receive", responses=problems(403, 404, 409, *WRITES))
async def receive(
    *, request: Request, received: Received, by: By, bridge: AnyBridge, check: Check, idempotency_key: Key = None
) -> BatchView:
    """Wait for messages, and hold what comes under a token until it is settled or the lease lapses.

    With the same Idempotency-Key a reader whose response was lost gets the same messages again.
    """
    waiting = bridge.batches.receive(
        by,
        mailbox=received.mailbox,
        conversation=ConversationId(received.conversation) if received.conversation else None,
        patience=timedelta(seconds=received.wait),
        limit=received.limit,
        lease=_lease(received.lease_seconds),
        done=BatchToken(received.done) if received.done else None,
        key=idempotency_key,
    )
    batch = await (while_connected(request, waiting) if received.wait else waiting)
    if batch is not None:
        try:
            check()
        except UnauthorizedError:  # revoked or expired while it waited
            await bridge.batches.release(by, batch.token)
            raise
    if received.fenced:
        return await asyncio.to_thread(batch_view, batch, Fence())  # a hundred long texts would hold others up
    return batch_view(batch)


@receiving.get("/{name}/due", responses=problems(403, 404, 409))
async def due(
    *,
    request: Request,
    name: Annotated[str, Path(max_length=LIMITS.max_name_characters)],
    by: By,
    bridge: AnyBridge,
    check: Check,
    wait: Wait,
    conversation: Annotated[InConversation | None, Query(description="where several have such a mailbox")] = None,
    known: Annotated[str | None, Query(pattern=r"^\d{1,15}\.\d{1,15}\.\d{1,15}$", description="a mark")] = None,
) -> DueView:
    """Wait until messages lie ready in a mailbox, other than what is known; they stay there, unread.

    For what wakes a reader: the wait takes no reader's place, and a mark that is shown again is no reason to wake.
    """
    waiting = bridge.batches.due(
        by,
        mailbox=name,
        conversation=ConversationId(conversation) if conversation else None,
        patience=timedelta(seconds=wait),
        known=Due(*map(int, known.split("."))) if known else None,
    )
    found = await (while_connected(request, waiting) if wait else waiting)
    check()  # it may have been revoked meanwhile
    return due_view(found)


@batches.post("/{token}/acknowledge", responses=problems(403, 404, 409, 507))
async def acknowledge(token: Token, by: By, bridge: AnyBridge) -> AcknowledgedView:
    """Settle the messages of a batch; its questions still want an answer. A second time it says the same."""
    return acknowledged_view(await bridge.batches.acknowledge(by, token))


@batches.post("/{token}/release", status_code=204, responses=problems(403, 404, 409, 507))
async def release_batch(token: Token, by: By, bridge: AnyBridge) -> None:
    """Give back what is left of a batch, without blame; it is due again at once."""
    await bridge.batches.release(by, token)


@batches.post("/{token}/extend", responses=problems(403, 404, 409, *WRITES))
async def extend(token: Token, extended: Extended, by: By, bridge: AnyBridge) -> BatchView:
    """Hold what is left of a batch this much longer, from now."""
    return batch_view(await bridge.batches.extend(by, token, _lease(extended.lease_seconds)))


@batches.post(f"{MESSAGE}/reply", responses=problems(403, 404, 409, 429, *WRITES))
async def reply(
    *, token: Token, message_id: MessageIdInPath, replied: Replied, by: By, bridge: AnyBridge, places: AnyPlaces
) -> SentView:
    """Answer a question, with citations that are checked; or reply to a note. Either is settled with that.

    Shows the question with its answer, or the reply.
    """
    done = await bridge.batches.reply(
        by,
        token,
        message_id,
        replied.body,
        claims=[Claim(each.path, each.first_line, each.last_line, each.quote) for each in replied.citations],
        outcome=replied.outcome,
        metadata=replied.metadata,
    )
    return sent_view(done, places)


@batches.post(f"{MESSAGE}/refuse", responses=problems(403, 404, 409, *WRITES))
async def refuse(
    *, token: Token, message_id: MessageIdInPath, refused: Refused, by: By, bridge: AnyBridge, places: AnyPlaces
) -> SentView:
    """Refuse a question, which its asker learns as the answer; or a note, which dies and tells its sender."""
    return sent_view(await bridge.batches.refuse(by, token, message_id, refused.reason), places)


@batches.post(f"{MESSAGE}/escalate", responses=problems(403, 404, 409, *WRITES))
async def escalate(
    *,
    token: Token,
    message_id: MessageIdInPath,
    by: By,
    bridge: AnyBridge,
    places: AnyPlaces,
    escalated: Escalated | None = None,
) -> PostView:
    """Hand a question on to a person; the ticket stays, and gets that person's answer."""
    to = escalated.to if escalated else None
    return post_view(await bridge.batches.escalate(by, token, message_id, to), places)


@batches.post(f"{MESSAGE}/release", status_code=204, responses=problems(403, 404, 409, 507))
async def release_message(token: Token, message_id: MessageIdInPath, by: By, bridge: AnyBridge) -> None:
    """Give back one message of a batch, without blame; it is due again at once."""
    await bridge.batches.release(by, token, message_id)


def _lease(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
