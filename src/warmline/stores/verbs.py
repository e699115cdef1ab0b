"""The verbs of a store, each one plain function in one transaction, with no wait inside.

NEXT_STATE is the law. A verb looks before it writes: one that refuses has written nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from warmline.errors import (
    ConflictError,
    IdempotencyConflictError,
    LeaseLostError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.ids import first_message_id
from warmline.model import Delivery, Lease, Mailbox, Message, MessageId, Question, State
from warmline.protocols import Accepted, QuestionFilter
from warmline.stores.rows import (
    Row,
    message_of,
    message_values,
    micros,
    micros_or_none,
    question_of,
    time,
    time_or_none,
)
from warmline.stores.transaction import Transaction


def mailbox_id(tx: Transaction, mailbox: Mailbox) -> int:
    """Return a mailbox's number. Raises UnknownMailboxError."""
    row = tx.one("mailbox", {"conversation": mailbox.conversation, "name": mailbox.name})
    if row is None:
        raise UnknownMailboxError(f"there is no mailbox {mailbox.name!a} in the conversation {mailbox.conversation!a}")
    return int(row[0])


def add_mailbox(tx: Transaction, mailbox: Mailbox) -> None:
    """Make sure that a mailbox and its conversation exist."""
    values = {"conversation": mailbox.conversation, "name": mailbox.name, "now_at": tx.now}
    tx.run("add_mailbox_conversation", values)
    tx.run("add_mailbox", values)


def add(tx: Transaction, message: Message, mailbox: Mailbox, box: int) -> Accepted:
    """Accept a message at the next position of its mailbox, or find the one of the same key."""
    values = message_values(message)
    if message.idempotency_key is not None:
        same = tx.one("add_same_key", values)
        if same is not None:
            if same[1:] != (message.kind.value, message.body, box):
                raise IdempotencyConflictError("this idempotency key was used for another question: choose a new one")
            return Accepted(get(tx, same[0]), created=False)
    tx.run("add_position", {"mailbox_id": box})
    (position,) = _certain(tx.one("add_position_now", {"mailbox_id": box}))
    tx.run("add_message", values)
    tx.run(
        "add_delivery",
        {"message_id": message.id, "mailbox_id": box, "position": position, "deadline_at": values["deadline_at"]},
    )
    tx.news.due[box] = None
    tx.news.opened.append(message.id)
    tx.news.event_at(micros_or_none(message.deadline_at))
    delivery = Delivery(mailbox=mailbox, position=position, state=State.READY, deadline_at=message.deadline_at)
    return Accepted(Question(message, delivery), created=True)


def lease(tx: Transaction, mailbox: Mailbox, box: int, holder: str, duration: int) -> Lease | None:
    """Lease the due delivery with the lowest position, or return None. duration is in microseconds."""
    row = tx.one("lease_first", {"mailbox_id": box})
    if row is None:
        return None
    message_id, before, failures, lapses = row
    message = message_of(_certain(tx.one("lease_message", {"message_id": message_id})))
    deliveries = before + 1
    lease_id, lapses_at = secrets.token_hex(8), tx.now + duration
    tx.run(
        "lease",
        {
            "message_id": message_id,
            "mailbox_id": box,
            "deliveries": deliveries,
            "lease_id": lease_id,
            "holder": holder,
            "lapses_at": lapses_at,
        },
    )
    tx.news.event_at(lapses_at)
    return Lease(message, mailbox, deliveries, lease_id, holder, time(lapses_at), failures, lapses)


def extend(tx: Transaction, lease: Lease, box: int, duration: int) -> datetime:
    """Return the new end of a lease that has not ended. duration is in microseconds."""
    _, _, _, lapsed_at, _, _ = _held(tx, lease, box)
    if lapsed_at <= tx.now:
        raise _lost(lease)
    lapses_at = tx.now + duration
    _change(tx, "extend", lease, box, lapses_at=lapses_at)
    tx.news.event_at(lapses_at)  # it may be sooner than before
    return time(lapses_at)


def settle(tx: Transaction, lease: Lease, box: int, answer: Message) -> None:
    """Write the answer and settle."""
    position, failures, lapses, _, last_error, deadline_at = _held(tx, lease, box)
    tx.run("add_message", message_values(answer))
    _change(tx, "settle", lease, box, now_at=tx.now, answer_id=answer.id)
    delivery = Delivery(
        mailbox=lease.mailbox,
        position=position,
        state=State.SETTLED,
        deliveries=lease.deliveries,
        failures=failures,
        lapses=lapses,
        last_error=last_error,
        ended_at=time(tx.now),
        deadline_at=time_or_none(deadline_at),
    )
    tx.news.ended[lease.message.id] = Question(lease.message, delivery, answer.answer)


def nack(tx: Transaction, lease: Lease, box: int, error: str, delay: int) -> None:
    """Give back with one failure more. delay is in microseconds."""
    _held(tx, lease, box)
    ready_at = tx.now + delay if delay > 0 else None
    _change(tx, "nack", lease, box, error=error, ready_at=ready_at)
    if ready_at is None:
        tx.news.due[box] = None
    tx.news.event_at(ready_at)


def release(tx: Transaction, lease: Lease, box: int) -> None:
    """Give back without blame."""
    _held(tx, lease, box)
    _change(tx, "release", lease, box)
    tx.news.due[box] = None


def bury(tx: Transaction, lease: Lease, box: int, error: str) -> None:
    """Set aside as a dead letter."""
    _held(tx, lease, box)
    _change(tx, "bury", lease, box, error=error, now_at=tx.now)
    tx.news.ended[lease.message.id] = None


def cancel(tx: Transaction, message_id: MessageId) -> Question:
    """End what is ready or leased."""
    _steered(tx, "cancel", message_id, now_at=tx.now)
    tx.news.ended[message_id] = None
    return get(tx, message_id)


def requeue(tx: Transaction, message_id: MessageId, deadline_at: datetime | None) -> Question:
    """Put back what is dead or expired."""
    deadline = micros_or_none(deadline_at)
    box = _steered(tx, "requeue", message_id, deadline_at=deadline)
    tx.news.opened.append(message_id)
    tx.news.due[box] = None
    tx.news.event_at(deadline)
    return get(tx, message_id)


def discard(tx: Transaction, message_id: MessageId) -> Question:
    """Give up what is dead."""
    _steered(tx, "discard", message_id, now_at=tx.now)
    tx.news.ended[message_id] = None
    return get(tx, message_id)


def sweep(tx: Transaction, max_lapses: int) -> int | None:
    """Expire, lapse and make due what has come to its time; return the next such time."""
    values = {"now_at": tx.now, "max_lapses": max_lapses, "error": f"its lease lapsed more than {max_lapses} times"}
    ended = [row for name in ("sweep_expire", "sweep_bury") for row in tx.all(name, values)]
    due = [row for name in ("sweep_lapse", "sweep_make_due") for row in tx.all(name, values)]
    row = tx.one("sweep_next", {})
    tx.news.ended.update((MessageId(message_id), None) for (message_id,) in ended)
    tx.news.due.update((box, None) for (box,) in due)
    return row[0] if row else None


def get(tx: Transaction, message_id: MessageId) -> Question:
    """Read a question. Raises UnknownMessageError."""
    row = tx.one("question", {"id": message_id})
    if row is None:
        raise UnknownMessageError(f"there is no question {message_id}")
    return question_of(row, _answer_to(tx, message_id) if row[15] == State.SETTLED else None)


def questions(tx: Transaction, which: QuestionFilter, limit: int) -> Sequence[Question]:
    """List questions, newest first."""
    rows = tx.all("questions", {**_which(tx, which), "limit": limit})
    return [question_of(row, _answer_to(tx, row[0]) if row[15] == State.SETTLED else None) for row in rows]


def count(tx: Transaction, which: QuestionFilter) -> int:
    """Count questions."""
    row = tx.one("count", _which(tx, which))
    return int(row[0]) if row else 0


def tally(tx: Transaction) -> dict[State, int]:
    """Count deliveries by state."""
    found = {State(state): int(number) for state, number in tx.all("tally", {})}
    return {state: found.get(state, 0) for state in State}


def _which(tx: Transaction, which: QuestionFilter) -> dict[str, object]:
    since = which.since
    return {
        "states": json.dumps(sorted(which.states)) if which.states else None,
        "since_id": first_message_id(since) if since else "",
        "since_at": micros(since) if since else 0,
        "mailbox_id": mailbox_id(tx, which.mailbox) if which.mailbox else None,
    }


def _answer_to(tx: Transaction, message_id: MessageId) -> Message | None:
    row = tx.one("answer", {"id": message_id})
    return message_of(row) if row else None


def _held(tx: Transaction, lease: Lease, box: int) -> Row:
    """Read the delivery that is held under exactly this lease: that is the whole fencing. Raises LeaseLostError."""
    token = {"deliveries": lease.deliveries, "lease_id": lease.lease_id}
    row = tx.one("held", {"message_id": lease.message.id, "mailbox_id": box, **token})
    if row is None:
        raise _lost(lease)
    return row


def _change(tx: Transaction, name: str, lease: Lease, box: int, **values: object) -> None:
    tx.run(name, {"message_id": lease.message.id, "mailbox_id": box, **values})


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"the lease on {lease.message.id} was settled, has lapsed, or was given to another")


def _certain(row: Row | None) -> Row:
    assert row is not None  # noqa: S101  # the schema holds it
    return row


def _steered(tx: Transaction, name: str, message_id: MessageId, **values: object) -> int:
    """Run a statement that needs no lease. Raises UnknownMessageError or ConflictError."""
    row = tx.one(name, {"message_id": message_id, **values})
    if row is not None:
        return row[0]  # type: ignore[no-any-return]  # a number only where the caller reads it
    state = tx.one("state", {"message_id": message_id})
    if state is None:
        raise UnknownMessageError(f"there is no question {message_id}")
    raise ConflictError(f"cannot {name} {message_id}: it is {state[0]}")
