"""The verbs that accept, show and erase messages of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from warmline.errors import ConversationClosedError, IdempotencyConflictError, UnknownMessageError
from warmline.model import THE_LINE, CredentialId, Kind, Lease, Message, MessageId, Post, Question
from warmline.stores import looking, verbs
from warmline.stores.accepting import Sent, accept
from warmline.stores.ledger import AuditEntry
from warmline.stores.rows import (
    MESSAGE_COLUMNS,
    Row,
    answer_to_json,
    delivery_of,
    emptied,
    message_of,
    message_values,
    seal_of,
)
from warmline.stores.speaking import Refused, Speech, admit
from warmline.stores.transaction import Box, Transaction

VERBS = dict.fromkeys(Kind, "send") | {Kind.QUESTION: "ask", Kind.CONTROL: "control"}
"""What the audit calls the acceptance of a message, by its kind."""


class Added(NamedTuple):
    """A message as it was accepted, and its position."""

    message: Message
    position: int


def add(
    tx: Transaction, new: Sent, box: Box, speech: Speech | None = None, settles: tuple[Lease, Box] | None = None
) -> Added | Question | Refused:
    """Accept a message with one delivery, and settle what it replies to; or return the question of the same key."""
    if new.message.idempotency_key is not None and (same := _same_key(tx, new)) is not None:
        if tx.all("add_sent_to", {"message_id": same}) != [(box.number,)]:
            raise _other_use()
        return looking.get(tx, same)
    held = None if settles is None else verbs.held(tx, *settles)
    _check_open(tx.as_left(box))
    admitted = new if speech is None else _admitted(tx, new, speech)
    if isinstance(admitted, Refused):
        return admitted
    (position,) = accept(tx, admitted, [box.number])
    settled = None
    if settles is not None and held is not None:
        verbs.settle_note(tx, *settles, held)
        settled = {"settles": settles[0].message.id}
    _audit(tx, VERBS[new.message.kind], new.message, speech, settled)
    return Added(admitted.message, position)


def broadcast(tx: Transaction, new: Sent, boxes: Sequence[Box], speech: Speech | None = None) -> Post | Refused:
    """Accept a message with a delivery to each mailbox; or return the post of the same key."""
    if new.message.idempotency_key is not None and (same := _same_key(tx, new)) is not None:
        return post(tx, same)
    for box in boxes:
        _check_open(tx.as_left(box))
    admitted = new if speech is None else _admitted(tx, new, speech)
    if isinstance(admitted, Refused):
        return admitted
    accept(tx, admitted, [box.number for box in boxes])
    _audit(tx, "broadcast", new.message, speech, {"recipients": len(boxes)})
    return post(tx, new.message.id)


def post(tx: Transaction, message_id: MessageId) -> Post:
    """Read any message with its deliveries. Raises UnknownMessageError."""
    row = tx.one("message", {"message_id": message_id})
    if row is None:
        raise UnknownMessageError(f"there is no message {message_id}")
    deliveries = [delivery_of(each) for each in tx.all("post_deliveries", {"id": message_id})]
    deliveries.sort(key=lambda each: (each.mailbox.name, each.mailbox.conversation))
    return Post(
        message_of(row, tx.seals),
        tuple(deliveries),
        number=row[MESSAGE_COLUMNS],
        answer=looking.answer_to(tx, message_id),
    )


def erase(tx: Transaction, message_id: MessageId, by: CredentialId) -> Post:
    """Empty a message and its answer, and cancel its open deliveries. Raises UnknownMessageError."""
    before = post(tx, message_id)
    if before.message.erased_at is not None:
        return before
    tx.audit(AuditEntry("erase", by, before.message.conversation, message_id))
    for (number,) in tx.all("erase_cancel", {"message_id": message_id, "now_at": tx.now}):
        tx.news.ended[message_id] = None
        tx.news.due[number] = None
    answered = tx.one("answer_id", {"id": message_id})
    rows = [tx.one("message", {"message_id": message_id})]
    if answered is not None:
        rows.append(tx.one("answer", {"id": message_id, "answer_id": answered[0]}))
    for row in filter(None, rows):
        _empty(tx, row)
    return post(tx, message_id)


def _audit(
    tx: Transaction, verb: str, message: Message, speech: Speech | None, detail: Mapping[str, object] | None
) -> None:
    actor = THE_LINE if speech is None else speech.by.id
    tx.audit(AuditEntry(verb, actor, message.conversation, message.id, detail=detail))


def _empty(tx: Transaction, row: Row) -> None:
    """Leave the tombstone of a message, which keeps its old seal. What did not verify does not from now on either."""
    message = message_of(row, tx.seals)
    left = dict(zip(message_values(message), row, strict=False))
    left |= {"body": "", "metadata": None, "erased_at": tx.now}
    if message.answer is not None:
        left["answer"] = answer_to_json(emptied(message.answer))
    seal = row[MESSAGE_COLUMNS - 1]
    if message.is_intact:
        left["erased_seal"] = seal
        seal = seal_of(tx.seals, left.values())
    tx.run("erase", {**left, "seal": seal})
    tx.news.said[message.conversation] = None


def _same_key(tx: Transaction, new: Sent) -> MessageId | None:
    """Return the message that was accepted under the same key. Raises IdempotencyConflictError when it is another."""
    row = tx.one("add_same_key", new.values)
    if row is None:
        return None
    same = message_of(row, tx.seals)
    if not same.is_intact or _said(same) != _said(new.message):
        raise _other_use()
    return same.id


def _said(message: Message) -> tuple[object, ...]:
    """What of a message must be the same under the same key."""
    return message.kind, message.body, message.memories


def _other_use() -> IdempotencyConflictError:
    return IdempotencyConflictError("this idempotency key was used for another message: choose a new one")


def _check_open(box: Box) -> None:
    if box.is_closed:
        raise ConversationClosedError("the conversation was closed: it takes nothing new")


def _admitted(tx: Transaction, new: Sent, speech: Speech) -> Sent | Refused:
    """Return the message as the rules leave it."""
    trace = admit(tx, new.message, speech)
    if isinstance(trace, Refused):
        return trace
    return new if trace == (new.message.trace, new.message.hops) else new.with_trace(*trace)
