"""The verbs of readers: what `receive` hands over under one token, and what becomes of it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from warmline.errors import LeaseLostError, UnknownBatchError
from warmline.model import (
    Acknowledged,
    BatchToken,
    CredentialId,
    Kind,
    Mailbox,
    Message,
    MessageId,
    State,
)
from warmline.stores import verbs
from warmline.stores.ledger import AuditEntry
from warmline.stores.looking import read_message
from warmline.stores.rows import BatchRow, LeaseRow, Row
from warmline.stores.transaction import Box, Transaction
from warmline.stores.verbs import Grant, due, hand_over

_OPEN = {State.READY, State.LEASED}


@dataclass(frozen=True, slots=True)
class Reception:
    """What a reader asks for. duration is in microseconds."""

    mailbox: Mailbox
    box: Box
    reader: CredentialId
    name: str
    limit: int
    duration: int
    key: str | None


def receive(tx: Transaction, wanted: Reception) -> BatchRow | None:
    """Lease what is due as one batch, or return None. The same key gives what is held under it."""
    token = secrets.token_hex(16)
    grant = Grant(token, wanted.name, tx.now + wanted.duration, wanted.reader)
    leases: list[LeaseRow] = []
    while not leases:
        rows = due(tx, wanted.box, wanted.limit)
        if not rows:
            return None
        if (same := again(tx, wanted)) is not None:
            return same
        handed = [hand_over(tx, wanted.box, row, grant) for row in rows]
        leases = [lease for lease in handed if lease is not None]
    if wanted.key is not None:
        tx.run("receive_forget", {"reader": wanted.reader, "key": wanted.key})
    batch = {
        "token": token,
        "mailbox_id": wanted.box.number,
        "reader": wanted.reader,
        "message_ids": json.dumps([lease.message.id for lease in leases]),
        "now_at": tx.now,
        "key": wanted.key,
    }
    tx.run("receive", batch)
    for lease in leases:
        tx.audit(AuditEntry("receive", wanted.reader, lease.conversation, lease.values["message_id"]))
    tx.news.readers.append(wanted.reader)
    return BatchRow(token, wanted.mailbox, leases, is_new=True)


def take_back(tx: Transaction, batch: BatchRow) -> None:
    """Release what was handed to a reader that had left, and forget the batch.

    One that it held before stays, and so does one that it came back for already, under its key.
    """
    if batch.is_new and tx.one("receive_undone", {"token": batch.token}) is not None:
        for lease in batch.leases:
            verbs.take_back(tx, lease)


def held(tx: Transaction, token: BatchToken, reader: CredentialId) -> BatchRow:
    """Return a batch as far as it is still leased under its token. Raises UnknownBatchError."""
    mailbox_number, conversation, name, message_ids, _, _ = _batch(tx, token, reader)
    leases = []
    for message, (deliveries, holder, lapses_at, failures, lapses) in _leased(
        tx, token, mailbox_number, json.loads(message_ids)
    ):
        values = {"deliveries": deliveries, "lease_id": token, "holder": holder, "lapses_at": lapses_at}
        leases.append(LeaseRow(message, values, failures, lapses))
    return BatchRow(token, Mailbox(conversation, name), leases, is_new=False)


def open_batches(tx: Transaction, reader: CredentialId) -> list[BatchToken]:
    """Return what was not acknowledged and still holds a lease, oldest first."""
    return [BatchToken(token) for _, token in sorted(set(tx.all("batches_open", {"reader": reader})))]


def acknowledge(tx: Transaction, token: BatchToken, reader: CredentialId) -> Acknowledged:
    """Settle what is held and is no question. Raises UnknownBatchError or LeaseLostError."""
    mailbox_number, _, _, message_ids, settled_ids, unanswered_ids = _batch(tx, token, reader)
    if settled_ids is None:
        leased = _leased(tx, token, mailbox_number, json.loads(message_ids))
        if not leased and _comes_again(tx, mailbox_number, json.loads(message_ids)):
            raise LeaseLostError("nothing of this batch is held any more: it is handed over again")
        questions = [message for message, _ in leased if message.kind is Kind.QUESTION]
        settled = [message for message, _ in leased if message.kind is not Kind.QUESTION]
        for message in settled:
            _settle(tx, message, mailbox_number)
        settled_ids = json.dumps([message.id for message in settled])
        unanswered_ids = json.dumps([message.id for message in questions])
        found = {"settled_ids": settled_ids, "unanswered_ids": unanswered_ids}
        tx.run("acknowledge", {"token": token, "now_at": tx.now, **found})
        for message in settled:
            tx.audit(AuditEntry("acknowledge", reader, message.conversation, message.id))
    return Acknowledged(_ids(settled_ids), _ids(unanswered_ids))


def readers(tx: Transaction) -> set[CredentialId]:
    """Return who holds something now."""
    return {CredentialId(reader) for (reader,) in tx.all("readers", {})}


def again(tx: Transaction, wanted: Reception) -> BatchRow | None:
    """Return what the reader holds under the same key."""
    if wanted.key is None:
        return None
    row = tx.one("receive_again", {"reader": wanted.reader, "key": wanted.key})
    if row is None:
        return None
    batch = held(tx, BatchToken(row[0]), wanted.reader)
    if not batch.leases:
        return None
    tx.run("receive_repeated", {"token": batch.token})
    return batch


def _batch(tx: Transaction, token: BatchToken, reader: CredentialId) -> Row:
    row = tx.one("batch", {"token": token, "reader": reader})
    if row is None:
        raise UnknownBatchError("there is no such batch of this reader: receive again")
    return row


def _leased(
    tx: Transaction, token: BatchToken, mailbox_number: int, message_ids: list[str]
) -> list[tuple[Message, Row]]:
    """Return the messages of a batch that are leased under its token, each with its delivery's columns."""
    which = {"mailbox_id": mailbox_number, "token": token}
    rows = [(read_message(tx, each), tx.one("batch_held", {**which, "message_id": each})) for each in message_ids]
    return [(message, delivery) for message, delivery in rows if message is not None and delivery is not None]


def _comes_again(tx: Transaction, mailbox_number: int, message_ids: list[str]) -> bool:
    """Tell whether something of a batch waits or is held anew in its mailbox; what was escalated is not there."""
    keys = [{"message_id": message_id, "mailbox_id": mailbox_number} for message_id in message_ids]
    states = [tx.one("batch_state", key) for key in keys]
    return any(state is not None and state[0] in _OPEN for state in states)


def _settle(tx: Transaction, message: Message, mailbox_number: int) -> None:
    tx.run("settle", {"message_id": message.id, "mailbox_id": mailbox_number, "now_at": tx.now, "answer_id": None})
    tx.news.ended[message.id] = None
    tx.news.due[mailbox_number] = None
    tx.news.said[message.conversation] = None


def _ids(text: str) -> tuple[MessageId, ...]:
    return tuple(MessageId(message_id) for message_id in json.loads(text))
