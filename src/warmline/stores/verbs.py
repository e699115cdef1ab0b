"""The verbs of a store that change something, each one plain function in one transaction, with no wait inside.

NEXT_STATE is the law. A verb looks before it writes: one that refuses has written nothing. What can be
worked out before or after a batch is: everyone whose verb is in it waits for all of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from warmline.errors import ConflictError, LeaseLostError, UnknownMessageError
from warmline.model import THE_LINE, CredentialId, Delivery, Lease, Mailbox, Message, MessageId, Question, State
from warmline.stores.accepting import next_position, write_message
from warmline.stores.ledger import AuditEntry
from warmline.stores.looking import get, read_message
from warmline.stores.notices import put_end_notices
from warmline.stores.rows import HeldRow, LeaseRow, Row, micros_or_none, time, time_or_none
from warmline.stores.transaction import Box, Transaction

_END_OF_TIME = 2**62
"""In microseconds: after every lease's end."""

_NOT_INTACT = "its seal does not verify: the store holds something else than what was sent"


def add_mailbox(tx: Transaction, mailbox: Mailbox) -> None:
    """Make sure that a mailbox and its conversation exist."""
    values = {"conversation": mailbox.conversation, "name": mailbox.name, "now_at": tx.now}
    tx.run("add_mailbox_conversation", values)
    if tx.one("add_mailbox", values) is not None:
        tx.audit(AuditEntry("add_mailbox", THE_LINE, mailbox.conversation, detail={"name": mailbox.name}))
    tx.boxes_changed(mailbox.conversation)


class Grant(NamedTuple):
    """To whom something is handed over until when; reader is set where it is a batch's."""

    lease_id: str
    holder: str
    lapses_at: int
    reader: CredentialId | None = None


def lease(tx: Transaction, box: Box, holder: str, duration: int) -> LeaseRow | None:
    """Lease the due delivery with the lowest position, or return None. duration is in microseconds."""
    while rows := due(tx, box, 1):
        leased = hand_over(tx, box, rows[0], Grant(os.urandom(8).hex(), holder, tx.now + duration))
        if leased is not None:
            tx.audit(AuditEntry("lease", THE_LINE, leased.conversation, rows[0][0]))
            return leased
    return None


def due(tx: Transaction, box: Box, limit: int) -> list[Row]:
    """Return what may be handed over now, lowest position first: of an ordered mailbox its head, or nothing."""
    if tx.as_left(box).ordered:
        if tx.one("lease_is_blocked", {"mailbox_id": box.number}) is not None:
            return []
        limit = 1
    return tx.deliveries.ready(box.number, limit)


def hand_over(tx: Transaction, box: Box, row: Row, grant: Grant) -> LeaseRow | None:
    """Lease a delivery that is due; or bury it and return None: the line does not know its message."""
    message_id, _, failures, lapses = row
    message = tx.news.opened.get(message_id) or read_message(tx, message_id)
    if message is None or not message.is_intact:
        _bury_broken(tx, box, row, message)
        return None
    values = _lease(tx, box, row, grant)
    tx.news.event_at(grant.lapses_at)
    tx.news.said[message.conversation] = None
    return LeaseRow(message, values, failures, lapses)


def _lease(tx: Transaction, box: Box, row: Row, grant: Grant) -> dict[str, Any]:
    message_id, before, *_ = row
    values = {
        "message_id": message_id,
        "mailbox_id": box.number,
        "deliveries": before + 1,
        "lease_id": grant.lease_id,
        "holder": grant.holder,
        "lapses_at": grant.lapses_at,
        "reader": grant.reader,
        "now_at": tx.now,
    }
    tx.deliveries.lease(values)
    return values


def _bury_broken(tx: Transaction, box: Box, row: Row, message: Message | None) -> None:
    """Set aside what must not be handed over: leased and buried in one step, for nobody held it, and nobody failed."""
    tx.run("bury_broken", {"message_id": row[0], "mailbox_id": box.number, "error": _NOT_INTACT, "now_at": tx.now})
    conversation = None if message is None else message.conversation
    tx.audit(AuditEntry("seal_broken", THE_LINE, conversation, row[0]))
    _ended(tx, [(row[0], box.number)])


def take_back(tx: Transaction, row: LeaseRow) -> None:
    """Release what was handed to a caller that had left; when it has lapsed meanwhile, that is a release too."""
    tx.run("take_back", row.values)
    reader, subject = row.values["reader"], row.values["message_id"]
    tx.audit(AuditEntry("take_back", reader or THE_LINE, row.conversation, subject))
    tx.news.due[row.values["mailbox_id"]] = None


def extend(tx: Transaction, lease: Lease, box: Box, duration: int) -> datetime:
    """Return the new end of a lease that has not ended. duration is in microseconds."""
    before = held(tx, lease, box)
    if before.lease_lapses_at <= tx.now:
        raise _lost(lease)
    lapses_at = tx.now + duration
    _change(tx, "extend", lease, box, before, lapses_at=lapses_at)
    tx.news.event_at(lapses_at)  # it may be sooner than before
    return time(lapses_at)


def settle(tx: Transaction, lease: Lease, box: Box, answer: Message, values: dict[str, Any]) -> None:
    """Write the answer, whose columns are values, and settle."""
    before = held(tx, lease, box)
    write_message(tx, values)
    _settle(tx, lease, box, before, answer)
    _audit(tx, "settle", lease, before, {"answer": answer.id})


def settle_note(tx: Transaction, lease: Lease, box: Box, before: HeldRow) -> None:
    """Settle what was found `held`, and wants no answer."""
    _settle(tx, lease, box, before, None)


def done(tx: Transaction, lease: Lease, box: Box) -> None:
    """Settle what wants no answer."""
    before = held(tx, lease, box)
    _settle(tx, lease, box, before, None)
    _audit(tx, "done", lease, before)


def nack(tx: Transaction, lease: Lease, box: Box, error: str, delay: int) -> None:
    """Give back with one failure more. delay is in microseconds."""
    before = held(tx, lease, box)
    ready_at = tx.now + delay if delay > 0 else None
    _change(tx, "nack", lease, box, before, error=error, ready_at=ready_at)
    if ready_at is None:
        tx.news.due[box.number] = None
    tx.news.event_at(ready_at)


def release(tx: Transaction, lease: Lease, box: Box) -> None:
    """Give back without blame."""
    _change(tx, "release", lease, box, held(tx, lease, box))
    tx.news.due[box.number] = None


def bury(tx: Transaction, lease: Lease, box: Box, error: str) -> None:
    """Set aside as a dead letter."""
    _change(tx, "bury", lease, box, held(tx, lease, box), error=error, now_at=tx.now)
    _ended(tx, [(lease.message.id, box.number)])


def escalate(tx: Transaction, lease: Lease, box: Box, to: Box, deadline_at: datetime | None) -> None:
    """Give back into another mailbox, at its next position."""
    before = held(tx, lease, box)
    deadline = micros_or_none(deadline_at)
    place = {"to": to.number, "position": next_position(tx, to.number)}
    _change(tx, "escalate", lease, box, before, **place, deadline_at=deadline)
    tx.news.due.update({box.number: None, to.number: None})
    tx.news.event_at(deadline)
    tx.news.said[lease.message.conversation] = None


def cancel(tx: Transaction, message_id: MessageId, by: CredentialId) -> Question:
    """End what is ready or leased."""
    _steered(tx, "cancel", message_id, by, now_at=tx.now)
    tx.news.ended[message_id] = None
    return get(tx, message_id)


def requeue(tx: Transaction, message_id: MessageId, deadline_at: datetime | None, by: CredentialId) -> Question:
    """Put back what is dead or expired."""
    deadline = micros_or_none(deadline_at)
    _steered(tx, "requeue", message_id, by, deadline_at=deadline)
    tx.news.opened[message_id] = None
    tx.news.event_at(deadline)
    return get(tx, message_id)


def discard(tx: Transaction, message_id: MessageId, by: CredentialId) -> Question:
    """Give up what is dead."""
    _steered(tx, "discard", message_id, by, now_at=tx.now)
    tx.news.ended[message_id] = None
    return get(tx, message_id)


def sweep(tx: Transaction, max_lapses: int) -> int | None:
    """Expire, lapse and make due what has come to its time; return the next such time."""
    expired = tx.all("sweep_expire", {"now_at": tx.now})
    _swept(tx, "expire", expired)
    _ended(tx, expired)
    _lapse(tx, max_lapses, tx.now, spared=False)
    due = tx.all("sweep_make_due", {"now_at": tx.now})
    row = tx.one("sweep_next", {})
    tx.news.due.update((number, None) for (number,) in due)
    return row[0] if row else None


def lapse_all(tx: Transaction, max_lapses: int) -> None:
    """Lapse every lease but those of batches."""
    _lapse(tx, max_lapses, _END_OF_TIME, spared=True)


def _lapse(tx: Transaction, max_lapses: int, until: int, *, spared: bool) -> None:
    """Lapse the leases that end by this time, or spare those of batches; bury what lapsed too often."""
    error = f"its lease lapsed more than {max_lapses} times"
    which = {"until_at": until, "spared": spared}
    buried = tx.all("sweep_bury", {**which, "now_at": tx.now, "max_lapses": max_lapses, "error": error})
    _swept(tx, "bury", buried)
    _ended(tx, buried)
    lapsed = tx.all("sweep_lapse", which)
    _swept(tx, "lapse", lapsed)
    tx.news.due.update((number, None) for _, number in lapsed)


def held(tx: Transaction, lease: Lease, box: Box) -> HeldRow:
    """Read the delivery that is held under exactly this lease: that is the whole fencing. Raises LeaseLostError."""
    token = {"deliveries": lease.deliveries, "lease_id": lease.lease_id}
    row = tx.deliveries.held({"message_id": lease.message.id, "mailbox_id": box.number, **token})
    if row is None:
        raise _lost(lease)
    return HeldRow._make(row)


def _change(tx: Transaction, name: str, lease: Lease, box: Box, before: HeldRow, **values: object) -> None:
    tx.run(name, {"message_id": lease.message.id, "mailbox_id": box.number, **values})
    _audit(tx, name, lease, before)


def _audit(
    tx: Transaction, verb: str, lease: Lease, before: HeldRow, detail: Mapping[str, object] | None = None
) -> None:
    """Audit what was done under a lease: by its reader, or by the line's own dispatcher."""
    tx.audit(AuditEntry(verb, before.reader or THE_LINE, lease.message.conversation, lease.message.id, detail=detail))


def _swept(tx: Transaction, verb: str, swept: Sequence[Row]) -> None:
    """Audit what the line did to deliveries, given as (message id, mailbox number)."""
    for message_id, _ in swept:
        tx.audit(AuditEntry(verb, THE_LINE, None, message_id))


def _settle(tx: Transaction, lease: Lease, box: Box, before: HeldRow, answer: Message | None) -> None:
    values = {"message_id": lease.message.id, "mailbox_id": box.number}
    tx.deliveries.settle({**values, "now_at": tx.now, "answer_id": answer.id if answer else None})
    tx.news.ended[lease.message.id] = partial(_settled, lease, before, answer, tx.now)
    tx.news.said[lease.message.conversation] = None
    if tx.as_left(box).ordered:
        tx.news.due[box.number] = None


def _settled(lease: Lease, before: HeldRow, answer: Message | None, now: int) -> Question:
    delivery = Delivery(
        mailbox=lease.mailbox,
        position=before.position,
        state=State.SETTLED,
        deliveries=lease.deliveries,
        failures=before.failures,
        lapses=before.lapses,
        last_error=before.last_error,
        ended_at=time(now),
        deadline_at=time_or_none(before.deadline_at),
        handed_at=time_or_none(before.handed_at),
        handed_to=before.handed_to,
    )
    return Question(lease.message, delivery, answer.answer if answer else None)


def _ended(tx: Transaction, ended: Sequence[Row]) -> None:
    """Note deliveries, given as (message id, mailbox number), that died or expired, and tell their senders."""
    for message_id, number in ended:
        tx.news.ended[MessageId(message_id)] = None
        tx.news.due[number] = None  # of an ordered mailbox, the next one may come
    put_end_notices(tx, ended)


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"the lease on {lease.message.id} was settled, has lapsed, or was given to another")


def _steered(tx: Transaction, name: str, message_id: MessageId, by: CredentialId, **values: object) -> None:
    """Run a statement that needs no lease. Raises UnknownMessageError or ConflictError."""
    rows = tx.all("steer", {"message_id": message_id})
    if len(rows) != 1:
        raise UnknownMessageError(f"there is no question {message_id}")
    row = tx.one(name, {"message_id": message_id, **values})
    state, conversation = rows[0]
    if row is None:
        raise ConflictError(f"cannot {name} {message_id}: it is {state}")
    tx.audit(AuditEntry(name, by, conversation, message_id))
    tx.news.due[row[0]] = None
    tx.news.said[conversation] = None
