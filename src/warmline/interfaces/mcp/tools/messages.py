"""Tools for messages: send, receive, reply, and what became of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from warmline.errors import LeaseLostError, UnauthorizedError, UnknownMessageError
from warmline.ids import parse_message_id
from warmline.interfaces.mcp.offering import MAX_WAIT_SECONDS, Arguments, Call, Offers, Wait, offering
from warmline.interfaces.mcp.texts import batch_text, masked_text, message_text, receipts_text
from warmline.interfaces.views.messages import batch_view, post_view, receipts_view
from warmline.interfaces.views.questions import NOWHERE
from warmline.model import BatchToken, CitationStatus, Claim, MessageId, Outcome

MESSAGES: Offers = {}


class Send(Arguments):
    """A message."""

    to: Annotated[str | None, Field(description="a participant's name, see who_is_here; absent: all others")] = None
    message: Annotated[str, Field(description="what to tell them; it is kept until they read it")]
    in_reply_to: Annotated[str | None, Field(description="the id of the message that this answers")] = None


class Receive(Arguments):
    """What to receive."""

    wait_seconds: Wait = MAX_WAIT_SECONDS
    limit: Annotated[int, Field(ge=1, le=10, description="messages at most")] = 5
    done: Annotated[str | None, Field(description="the batch you have finished with: its messages count as read")] = (
        None
    )


UNSUPPORTED = (
    "Unsupported: the file holds no such words, or is new to the memory; then a person runs `warmline memory refresh`."
)


class Cited(Arguments):
    """Lines of a file in the memory that hold these words; whether they do is checked."""

    path: Annotated[str, Field(description="as the memory shows it")]
    first_line: Annotated[int, Field(ge=1)]
    last_line: Annotated[int, Field(ge=1)]
    quote: str


class Reply(Arguments):
    """An answer to one message of a batch."""

    batch: Annotated[str, Field(description="from receive_messages")]
    message_id: Annotated[str, Field(description="which message of it")]
    text: str
    citations: Annotated[list[Cited], Field(default=[], max_length=50, description="of an answer to a question")]
    outcome: Annotated[
        Literal[Outcome.ANSWERED, Outcome.INSUFFICIENT_EVIDENCE, Outcome.REFUSED],
        Field(description="of an answer to a question; refused: text says why"),
    ] = Outcome.ANSWERED


class Read(Arguments):
    """Which message, and from where on."""

    message_id: Annotated[str, Field(description="of a message that you sent or received")]
    first_character: Annotated[int, Field(ge=0, description="where to go on in a long message")] = 0


class Receipts(Arguments):
    """Of which message."""

    message_id: Annotated[str, Field(description="from send_message or ask")]


@offering(MESSAGES, Send)
async def send_message(call: Call, sent: Send) -> str:
    """Tell another agent or person something, or all others at once. It is kept until they have read it.

    For a question that wants an answer use `ask` with `to`. The id that you get shows with `receipts` what became of
    it.
    """
    done = await call.bridge.messages.send(
        call.by,
        sent.to,
        sent.message,
        in_reply_to=parse_message_id(sent.in_reply_to) if sent.in_reply_to else None,
        idempotency_key=call.key,
    )
    sent_text = f"Sent; it is kept until it is read. message_id: {done.post.message.id}."
    return " ".join(filter(None, (sent_text, masked_text(done.redacted))))


@offering(MESSAGES, Receive)
async def receive_messages(call: Call, wanted: Receive) -> str:
    """Wait for messages and questions to you, and take them as a batch.

    Handle them, answer with `reply`, then call this again with `done` set to the batch: that marks them as read.
    What is not marked comes again. When nothing comes you are told so: call it again only if you are asked to wait.
    """
    waiting = call.bridge.batches.receive(
        call.by,
        patience=timedelta(seconds=wanted.wait_seconds),
        limit=wanted.limit,
        done=BatchToken(wanted.done) if wanted.done else None,
        key=call.key,
    )
    batch = await call.patiently(waiting, "waiting for messages")
    if batch is not None:
        try:
            call.check()
        except UnauthorizedError:  # revoked or expired while it waited
            await call.bridge.batches.release(call.by, batch.token)
            raise
    return await asyncio.to_thread(lambda: batch_text(batch_view(batch).model_dump(mode="json")))


@offering(MESSAGES, Reply)
async def reply(call: Call, said: Reply) -> str:
    """Answer one message of a batch: a question's asker gets it as the answer, with citations that are checked."""
    token, message_id = BatchToken(said.batch), parse_message_id(said.message_id)
    try:
        if said.outcome is Outcome.REFUSED:
            refused = await call.bridge.batches.refuse(call.by, token, message_id, said.text)
            return " ".join(filter(None, ("Refused; the sender is told why.", masked_text(refused.redacted))))
        done = await call.bridge.batches.reply(
            call.by,
            token,
            message_id,
            said.text,
            claims=[Claim(each.path, each.first_line, each.last_line, each.quote) for each in said.citations],
            outcome=said.outcome,
        )
    except LeaseLostError:
        if await _is_answered(call, message_id):
            return "Replied; that question has your answer already."  # a call that comes again is the same call
        raise
    checked = [] if done.post.answer is None else [each.status.value for each in done.post.answer.citations]
    cited = f"Citations: {', '.join(checked)}." if checked else ""
    advice = UNSUPPORTED if CitationStatus.UNSUPPORTED.value in checked else ""
    return " ".join(filter(None, ("Replied.", cited, advice, masked_text(done.redacted))))


@offering(MESSAGES, Read, reads=True)
async def read_message(call: Call, wanted: Read) -> str:
    """Read a message again, whole: for one that receive_messages showed in part. It changes nothing."""
    post = await call.bridge.messages.post(call.by, parse_message_id(wanted.message_id))
    shown = post_view(post, NOWHERE).model_dump(mode="json")
    return await asyncio.to_thread(message_text, shown, wanted.first_character)


@offering(MESSAGES, Receipts, reads=True)
async def receipts(call: Call, wanted: Receipts) -> str:
    """Tell what became of a message or question of yours at each recipient: accepted, handed, read, answered..."""
    post = await call.bridge.messages.post(call.by, parse_message_id(wanted.message_id))
    return receipts_text(receipts_view(post).model_dump(mode="json"))


async def _is_answered(call: Call, message_id: MessageId) -> bool:
    """Tell whether that is a question, and the caller's own answer is there."""
    try:
        post = await call.bridge.messages.post(call.by, message_id)
    except UnknownMessageError:
        return False
    return post.answer is not None and post.answer.author == call.by.name
