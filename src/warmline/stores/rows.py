"""Rows <-> model values, in one place. Times are integer microseconds since 1970 UTC in the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import to_json

from warmline.model import (
    WITHHELD,
    Answer,
    Batch,
    BatchToken,
    Citation,
    CitationStatus,
    ConversationId,
    Delivery,
    Kind,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Outcome,
    Question,
    State,
)
from warmline.security.seals import Seals, form

Row = tuple[Any, ...]

MESSAGE_COLUMNS = 17
"""How many columns a statement reads of a message: those that are sealed, in their order, and the seal."""

MESSAGE = b"message"
"""What the seals of messages are for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_KINDS = frozenset(Kind)


def json_of(value: object) -> str:
    """Write a column that holds JSON. Of an enum, hand in its value: the encoder takes its time over others."""
    return to_json(value).decode()


def micros(at: datetime) -> int:
    """Turn a time into the database's form."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    """Turn a time that may be absent into the database's form."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def time(at: int) -> datetime:
    """Turn the database's form into a time."""
    return _EPOCH + at * _MICROSECOND


def time_or_none(at: int | None) -> datetime | None:
    """Turn the database's form of a time that may be absent into a time."""
    return None if at is None else _EPOCH + at * _MICROSECOND


def message_values(message: Message) -> dict[str, Any]:
    """Return the columns of a message that are sealed, by name, in the order in which they are."""
    return {
        "id": message.id,
        "conversation": message.conversation,
        "sender": message.sender,
        "kind": str(message.kind),
        "body": message.body,
        "sent_at": micros(message.sent_at),
        "trace": message.trace,
        "hops": message.hops,
        "in_reply_to": message.in_reply_to,
        "idempotency_key": message.idempotency_key,
        "deadline_at": micros_or_none(message.deadline_at),
        "answer": None if message.answer is None else answer_to_json(message.answer),
        "memories": None if message.memories is None else json_of(message.memories),
        "metadata": message.metadata,
        "erased_at": micros_or_none(message.erased_at),
        "erased_seal": None,
    }


def seal_of(seals: Seals, sealed: Iterable[object]) -> bytes:
    """Return the seal over the columns of a message."""
    return seals.seal(MESSAGE, form(tuple(sealed)))


class LeaseRow(NamedTuple):
    """A lease as the writer leaves it: the message, the new values, and the counts before."""

    message: Message
    values: Mapping[str, Any]
    failures: int
    lapses: int

    @property
    def conversation(self) -> ConversationId:
        """The conversation of the message."""
        return self.message.conversation


def lease_of(row: LeaseRow, mailbox: Mailbox) -> Lease:
    """Make the lease of a row."""
    values = row.values
    return Lease(
        message=row.message,
        mailbox=mailbox,
        deliveries=values["deliveries"],
        lease_id=values["lease_id"],
        holder=values["holder"],
        lapses_at=time(values["lapses_at"]),
        failures=row.failures,
        lapses=row.lapses,
    )


class HeldRow(NamedTuple):
    """The columns of a delivery that is held. reader is the credential that received it, if one did."""

    position: int
    failures: int
    lapses: int
    lease_lapses_at: int
    last_error: str | None
    deadline_at: int | None
    handed_at: int | None
    handed_to: str | None
    reader: str | None


class BatchRow(NamedTuple):
    """A batch as the writer leaves it; is_new when it was made just now."""

    token: str
    mailbox: Mailbox
    leases: Sequence[LeaseRow]
    is_new: bool


def batch_of(row: BatchRow) -> Batch:
    """Make the batch of a row."""
    return Batch(BatchToken(row.token), row.mailbox, tuple(lease_of(lease, row.mailbox) for lease in row.leases))


def message_of(row: Row, seals: Seals) -> Message:
    """Read the columns of a message, which may be followed by others; what does not verify is withheld."""
    *sealed, seal = row[:MESSAGE_COLUMNS]
    if not seals.verifies(MESSAGE, form(sealed), seal):
        return _withheld(row)
    return Message(
        id=MessageId(row[0]),
        conversation=ConversationId(row[1]),
        sender=row[2],
        kind=Kind(row[3]),
        body=row[4],
        sent_at=time(row[5]),
        trace=row[6],
        hops=row[7],
        in_reply_to=row[8],
        idempotency_key=row[9],
        deadline_at=time_or_none(row[10]),
        answer=None if row[11] is None else answer_from_json(row[4], row[11]),
        memories=None if row[12] is None else tuple(json.loads(row[12])),
        metadata=row[13],
        erased_at=time_or_none(row[14]),
    )


def delivery_of(row: Row) -> Delivery:
    """Read the columns of a mailbox and its delivery."""
    conversation, name, position, state, deliveries, failures, lapses, ready_at, holder, lapses_at, *rest = row
    last_error, ended_at, deadline_at, handed_at, handed_to = rest
    return Delivery(
        mailbox=Mailbox(conversation, name),
        position=position,
        state=State(state),
        deliveries=deliveries,
        failures=failures,
        lapses=lapses,
        ready_at=time_or_none(ready_at),
        holder=holder,
        lease_lapses_at=time_or_none(lapses_at),
        last_error=last_error,
        ended_at=time_or_none(ended_at),
        deadline_at=time_or_none(deadline_at),
        handed_at=time_or_none(handed_at),
        handed_to=handed_to,
    )


def _withheld(row: Row) -> Message:
    """Read as much of a message as tells which one it was: any of its columns may hold anything."""
    message_id, conversation, sender, kind, _, sent_at, trace, hops, in_reply_to, *_ = row
    is_answer = kind == Kind.ANSWER
    return Message(
        id=MessageId(message_id),
        conversation=ConversationId(conversation),
        sender=sender,
        kind=kind_of(kind),
        body=WITHHELD,
        sent_at=time(sent_at) if 0 <= sent_at <= _LAST else _EPOCH,
        trace=trace,
        hops=hops,
        in_reply_to=in_reply_to,
        answer=withheld_answer(sender) if is_answer else None,
        is_intact=False,
    )


def kind_of(text: str) -> Kind:
    """Return the kind of this name; what has no such name is a note."""
    return Kind(text) if text in _KINDS else Kind.NOTE


def withheld_answer(author: str) -> Answer:
    """Return what stands for an answer that is not the one that was written."""
    return Answer(Outcome.FAILED, WITHHELD, author)


def question_of(row: Row, answer: Answer | None, seals: Seals) -> Question:
    """Read the columns of a message, its mailbox and its delivery."""
    delivery = delivery_of(row[MESSAGE_COLUMNS:])
    return Question(message_of(row, seals), delivery, answer)


def answer_to_json(answer: Answer) -> str:
    """Write what an answer is beyond its text, which is its message's body."""
    return json_of(
        {
            "outcome": str(answer.outcome),
            "author": answer.author,
            "citations": [
                (
                    c.path,
                    c.first_line,
                    c.last_line,
                    c.quote,
                    str(c.status),
                    c.file_digest,
                    c.span_digest,
                    c.redacted,
                )
                for c in answer.citations
            ],
            "timings_ms": dict(answer.timings_ms),
            "usage": dict(answer.usage),
            **({} if answer.in_place_of is None else {"in_place_of": answer.in_place_of}),
        }
    )


def emptied(answer: Answer) -> Answer:
    """Return what is left of an erased answer."""
    return replace(answer, text="", citations=(), in_place_of=None)


def answer_from_json(text: str, rest: str) -> Answer:
    """Undo `answer_to_json`."""
    said = json.loads(rest)
    return Answer(
        outcome=Outcome(said["outcome"]),
        text=text,
        author=said["author"],
        citations=tuple(
            Citation(path, first, last, quote, CitationStatus(status), *rest)  # without redacted before version 4
            for path, first, last, quote, status, *rest in said["citations"]
        ),
        timings_ms=said["timings_ms"],
        usage=said["usage"],
        in_place_of=said.get("in_place_of"),
    )
