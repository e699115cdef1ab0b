"""Messages, their receipts and batches, as the outside sees them."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from pydantic import BaseModel, Field

from warmline.bridge.batches import Replied
from warmline.bridge.messages import Sent
from warmline.interfaces.fencing import fenced_message
from warmline.interfaces.views.questions import CitationView, InPlaceOf, Places, Redacted, citation_view
from warmline.model import (
    Acknowledged,
    Answer,
    Batch,
    Delivery,
    Due,
    Kind,
    Lease,
    Message,
    Outcome,
    Post,
    Question,
    State,
)
from warmline.security.fence import Fence, Trust
from warmline.security.trust import trust_in, trust_in_answer


@unique
class Receipt(StrEnum):
    """What became of a message at one recipient, in the words of the line."""

    ACCEPTED = "accepted"
    HANDED = "handed"
    READ = "read"
    ANSWERED = "answered"
    EXPIRED = "expired"
    DEAD = "dead"
    CANCELLED = "cancelled"


class DeliveryView(BaseModel):
    """A message at one recipient. `handed` also stands for one that was given back, and waits again."""

    mailbox: str
    conversation: str = Field(description="the mailbox's")
    receipt: Receipt
    position: int = Field(description="within its mailbox, from 1")
    deliveries: int = Field(description="hand-overs so far")
    handed_at: datetime | None = Field(description="of the last hand-over")
    handed_to: str | None
    lease_lapses_at: datetime | None = Field(description="when it comes back, while somebody holds it")
    deadline_at: datetime | None
    failures: int
    lapses: int
    last_error: str | None
    ended_at: datetime | None


class GivenAnswerView(BaseModel):
    """An answer, with citations that were checked."""

    outcome: Outcome
    text: str
    author: str
    in_place_of: InPlaceOf
    trust: Trust = Field(description="how far its author is trusted; unknown: it says what the memory holds")
    citations: list[CitationView]
    timings_ms: dict[str, float]


class MessageView(BaseModel):
    """What was said, by whom, to which conversation."""

    id: str
    conversation: str = Field(description="the sender's")
    sender: str
    trust: Trust = Field(description="how far the sender is trusted; unknown: anybody may have written it")
    kind: Kind
    body: str = Field(description="empty once erased; withheld unless intact")
    intact: bool = Field(description="whether it is what was sent; false when something else wrote into the store")
    metadata: dict[str, Any] | None
    sent_at: datetime
    deadline_at: datetime | None
    in_reply_to: str | None
    trace: str = Field(description="the same for all that followed from one message")
    hops: int = Field(description="machine-made messages in its trace so far")
    erased_at: datetime | None


class PostView(MessageView):
    """A message with a receipt for each recipient."""

    number: int = Field(description="grows in the order in which the line accepted messages")
    receipts: list[DeliveryView]
    answer: GivenAnswerView | None


class SentView(PostView):
    """The receipt of a message, reply or refusal: it as it stands, and what was masked in what was said."""

    redacted: Redacted


class PostsView(BaseModel):
    """Messages, in the order in which the line accepted them."""

    messages: list[PostView]


class DeadLetterView(MessageView):
    """A question or message that was given up at one recipient."""

    receipt: DeliveryView


class DeadLettersView(BaseModel):
    """Dead letters, newest first."""

    dead: list[DeadLetterView]


class ReceiptsView(BaseModel):
    """What became of a message, one entry a recipient."""

    id: str
    receipts: list[DeliveryView]


class HandedView(MessageView):
    """A message as it was handed over."""

    mailbox: str
    deliveries: int = Field(description="hand-overs of it, this one included")
    redelivered: bool = Field(description="it was handed over before, and not acknowledged")
    failures: int
    lapses: int
    fenced: str | None = Field(default=None, description="it as a block for a prompt, when it was asked for so")


class FenceView(BaseModel):
    """The fence of one prompt; see docs/fences.md."""

    nonce: str = Field(description="in every mark of this prompt")
    preamble: str = Field(description="what a model must know before the first block")


class BatchView(BaseModel):
    """What one `receive` handed over. Without messages, token is null: patience has ended."""

    token: str | None
    mailbox: str | None
    conversation: str | None = Field(description="the mailbox's")
    lapses_at: datetime | None = Field(description="what is not settled by then is handed over again")
    messages: list[HandedView]
    fence: FenceView | None = Field(default=None, description="of the fenced texts, when these were asked for")


class DueView(BaseModel):
    """What lies ready in a mailbox. Nothing of it was taken, and nothing of what it says is here."""

    count: int = Field(description="how many messages")
    mark: str = Field(description="show it as `known`, to wait for something else than this")


class AcknowledgedView(BaseModel):
    """What an acknowledgement settled; questions want an answer, and stay held."""

    settled: list[str]
    unanswered: list[str]


def dead_letter_view(dead: Question) -> DeadLetterView:
    """Show a dead letter; its reason is the receipt's last_error."""
    return DeadLetterView(**_said(dead.message), receipt=delivery_view(dead.delivery, dead.message.kind))


def post_view(post: Post, places: Places) -> PostView:
    """Show a message with its receipts."""
    answer = post.answer or post.message.answer
    return PostView(
        **_said(post.message),
        number=post.number,
        receipts=[delivery_view(delivery, post.message.kind) for delivery in post.deliveries],
        answer=_given_answer_view(answer, places) if answer else None,
    )


def sent_view(sent: Sent | Replied, places: Places) -> SentView:
    """Show what was just said."""
    return SentView(**dict(post_view(sent.post, places)), redacted=list(sent.redacted))


def receipts_view(post: Post) -> ReceiptsView:
    """Show what became of a message."""
    return ReceiptsView(
        id=post.message.id, receipts=[delivery_view(delivery, post.message.kind) for delivery in post.deliveries]
    )


def delivery_view(delivery: Delivery, kind: Kind) -> DeliveryView:
    """Show a message at one recipient."""
    return DeliveryView(
        mailbox=delivery.mailbox.name,
        conversation=delivery.mailbox.conversation,
        receipt=receipt_of(delivery, kind),
        position=delivery.position,
        deliveries=delivery.deliveries,
        handed_at=delivery.handed_at,
        handed_to=delivery.handed_to,
        lease_lapses_at=delivery.lease_lapses_at,
        deadline_at=delivery.deadline_at,
        failures=delivery.failures,
        lapses=delivery.lapses,
        last_error=delivery.last_error,
        ended_at=delivery.ended_at,
    )


def receipt_of(delivery: Delivery, kind: Kind) -> Receipt:
    """Put a delivery's state into the word of a receipt."""
    match delivery.state:
        case State.READY:
            return Receipt.HANDED if delivery.deliveries else Receipt.ACCEPTED
        case State.LEASED:
            return Receipt.HANDED
        case State.SETTLED:
            return Receipt.ANSWERED if kind is Kind.QUESTION else Receipt.READ
        case State.EXPIRED | State.DEAD | State.CANCELLED:
            return Receipt(delivery.state.value)


def batch_view(batch: Batch | None, fence: Fence | None = None) -> BatchView:
    """Show what was handed over, or that patience ended. With a fence, each message is also shown as a block."""
    if batch is None:
        return BatchView(token=None, mailbox=None, conversation=None, lapses_at=None, messages=[])
    return BatchView(
        token=batch.token,
        mailbox=batch.mailbox.name,
        conversation=batch.mailbox.conversation,
        lapses_at=min((lease.lapses_at for lease in batch.leases), default=None),
        messages=[_handed_view(lease, fence) for lease in batch.leases],
        fence=FenceView(nonce=fence.nonce, preamble=fence.preamble()) if fence else None,
    )


def acknowledged_view(done: Acknowledged) -> AcknowledgedView:
    """Show what an acknowledgement settled."""
    return AcknowledgedView(settled=list(done.settled), unanswered=list(done.unanswered))


def _handed_view(lease: Lease, fence: Fence | None) -> HandedView:
    view = HandedView(
        **_said(lease.message),
        mailbox=lease.mailbox.name,
        deliveries=lease.deliveries,
        redelivered=lease.deliveries > 1,
        failures=lease.failures,
        lapses=lease.lapses,
    )
    if fence is not None:
        view.fenced = fenced_message(fence, view.model_dump(mode="json"))
    return view


def _said(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "conversation": message.conversation,
        "sender": message.sender,
        "trust": trust_in(message),
        "kind": message.kind,
        "body": message.body,
        "intact": message.is_intact,
        "metadata": None if message.metadata is None else json.loads(message.metadata),
        "sent_at": message.sent_at,
        "deadline_at": message.deadline_at,
        "in_reply_to": message.in_reply_to,
        "trace": message.trace,
        "hops": message.hops,
        "erased_at": message.erased_at,
    }


def _given_answer_view(answer: Answer, places: Places) -> GivenAnswerView:
    return GivenAnswerView(
        outcome=answer.outcome,
        text=answer.text,
        author=answer.author,
        in_place_of=answer.in_place_of,
        trust=trust_in_answer(answer),
        citations=[citation_view(citation, places) for citation in answer.citations],
        timings_ms=dict(answer.timings_ms),
    )


def due_view(due: Due) -> DueView:
    """Show what is ready."""
    return DueView(count=due.count, mark=f"{due.count}.{due.newest}.{due.handed}")
