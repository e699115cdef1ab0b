"""The verbs of a store, each one plain function in one transaction, with no wait inside.

NEXT_STATE is the law. A verb looks before it writes: one that refuses has written nothing. What can be
worked out before or after, on the event loop, is: this thread is what everyone waits for.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from warmline.errors import (
    ConflictError,
    IdempotencyConflictError,
    LeaseLostError,
    UnknownMessageError,
)
from warmline.ids import first_message_id
from warmline.model import Delivery, Lease, Mailbox, Message, MessageId, Question, State
from warmline.protocols import QuestionFilter
from warmline.stores.rows import (
    LeaseRow,
    Row,
    message_of,
    micros,
    micros_or_none,
    question_of,
    time,
    time_or_none,
)
from warmline.stores.transaction import Transaction


def mailboxes(tx: Transaction) -> dict[Mailbox, int]:
    """Return every mailbox with its number; numbers never change."""
    return {Mailbox(conversation, name): number for number, conversation, name in tx.all("mailboxes", {})}


def add_mailbox(tx: Transaction, mailbox: Mailbox) -> dict[Mailbox, int]:
    """Make sure that a mailbox and its conversation exist; return all mailboxes."""
    values = {"conversation": mailbox.conversation, "name": mailbox.name, "now_at": tx.now}
    tx.run("add_mailbox_conversation", values)
    tx.run("add_mailbox", values)
    return mailboxes(tx)


def add(tx: Transaction, message: Message, values: dict[str, Any], box: int) -> int | Question:
    """Accept a message, whose columns are values, and return its position; or return the question of the same key."""
    if values["idempotency_key"] is not None:
        same = tx.one("add_same_key", values)
        if same is not None:
            if same[1:] != (values["kind"], values["body"], box):
                raise IdempotencyConflictError("this idempotency key was used for another question: choose a new one")
            return get(tx, same[0])
    tx.run("add_position", {"mailbox_id": box})
    (position,) = _certain(tx.one("add_position_now", {"mailbox_id": box}))
    message_id, deadline_at = message.id, values["deadline_at"]
    tx.run("add_message", values)
    tx.run(
        "add_delivery",
        {"message_id": message_id, "mailbox_id": box, "position": position, "deadline_at": deadline_at},
    )
    tx.news.due[box] = None
    tx.news.opened[message_id] = message
    tx.news.event_at(deadline_at)
    return int(position)


def lease(tx: Transaction, box: int, holder: str, duration: int) -> LeaseRow | None:
    """Lease the due delivery with the lowest position, or return None. duration is in microseconds."""
    row = tx.one("lease_first", {"mailbox_id": box})
    if row is None:
        return None
    message_id, before, failures, lapses = row
    values = {
        "message_id": message_id,
        "mailbox_id": box,
        "deliveries": before + 1,
        "lease_id": secrets.token_hex(8),
        "holder": holder,
        "lapses_at": tx.now + duration,
    }
    tx.run("lease", values)
    tx.news.event_at(tx.now + duration)
    message = tx.news.opened.get(message_id) or _certain(tx.one("lease_message", values))
    return LeaseRow(message, values, failures, lapses)


def extend(tx: Transaction, lease: Lease, box: int, duration: int) -> datetime:
    """Return the new end of a lease that has not ended. duration is in microseconds."""
    _, _, _, lapsed_at, _, _ = _held(tx, lease, box)
    if lapsed_at <= tx.now:
        raise _lost(lease)
    lapses_at = tx.now + duration
    _change(tx, "extend", lease, box, lapses_at=lapses_at)
    tx.news.event_at(lapses_at)  # it may be sooner than before
    return time(lapses_at)


def settle(tx: Transaction, lease: Lease, box: int, answer: Message, values: dict[str, Any]) -> None:
    """Write the answer, whose columns are values, and settle."""
    held = _held(tx, lease, box)
    tx.run("add_message", values)
    _change(tx, "settle", lease, box, now_at=tx.now, answer_id=answer.id)
    tx.news.ended[lease.message.id] = partial(_settled, lease, answer, held, tx.now)


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
    tx.news.opened[message_id] = None
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
    expired = tx.all("sweep_expire", {"now_at": tx.now})
    lapse(tx, max_lapses, tx.now)
    due = tx.all("sweep_make_due", {"now_at": tx.now})
    row = tx.one("sweep_next", {})
    tx.news.ended.update((MessageId(message_id), None) for (message_id,) in expired)
    tx.news.due.update((box, None) for (box,) in due)
    return row[0] if row else None


def lapse(tx: Transaction, max_lapses: int, until: int) -> None:
    """Lapse the leases that end by this time; bury what lapsed too often."""
    error = f"its lease lapsed more than {max_lapses} times"
    values = {"now_at": tx.now, "until_at": until, "max_lapses": max_lapses, "error": error}
    buried = tx.all("sweep_bury", values)
    due = tx.all("sweep_lapse", {"until_at": until})
    tx.news.ended.update((MessageId(message_id), None) for (message_id,) in buried)
    tx.news.due.update((box, None) for (box,) in due)


def get(tx: Transaction, message_id: MessageId) -> Question:
    """Read a question. Raises UnknownMessageError."""
    row = tx.one("question", {"id": message_id})
    if row is None:
        raise UnknownMessageError(f"there is no question {message_id}")
    return question_of(row, _answer_to(tx, message_id) if row[15] == State.SETTLED else None)


def questions(tx: Transaction, which: QuestionFilter, box: int | None, limit: int) -> Sequence[Question]:
    """List questions, newest first."""
    rows = tx.all("questions", {**_which(which, box), "limit": limit})
    return [question_of(row, _answer_to(tx, row[0]) if row[15] == State.SETTLED else None) for row in rows]


def count(tx: Transaction, which: QuestionFilter, box: int | None) -> int:
    """Count questions."""
    row = tx.one("count", _which(which, box))
    return int(row[0]) if row else 0


def tally(tx: Transaction) -> dict[State, int]:
    """Count deliveries by state."""
    found = {State(state): int(number) for state, number in tx.all("tally", {})}
    return {state: found.get(state, 0) for state in State}


def _which(which: QuestionFilter, box: int | None) -> dict[str, object]:
    since = which.since
    return {
        "states": json.dumps(sorted(which.states)) if which.states else None,
        "since_id": first_message_id(since) if since else "",
        "since_at": micros(since) if since else 0,
        "mailbox_id": box,
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


def _settled(lease: Lease, answer: Message, held: Row, now: int) -> Question:
    position, failures, lapses, _, last_error, deadline_at = held
    delivery = Delivery(
        mailbox=lease.mailbox,
        position=position,
        state=State.SETTLED,
        deliveries=lease.deliveries,
        failures=failures,
        lapses=lapses,
        last_error=last_error,
        ended_at=time(now),
        deadline_at=time_or_none(deadline_at),
    )
    return Question(lease.message, delivery, answer.answer)


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
