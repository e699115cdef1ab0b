"""The speaker's rules in the fake: hops, rates and budgets, and the notices of what was stopped or died."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from warmline.errors import BudgetSpentError, LoopStoppedError, RateLimitedError
from warmline.ids import new_message_id
from warmline.model import (
    OWNER,
    OWNER_MAILBOX,
    THE_LINE,
    Credential,
    Kind,
    Limits,
    Mailbox,
    Message,
    MessageId,
    State,
    Stop,
    StopKind,
)
from warmline.rates import DAY, HOUR, MINUTE, passes, wait
from warmline.stores.memory.records import Entry, Records, Spent
from warmline.stores.notice_texts import ended_text
from warmline.stores.rows import micros

_SECOND = timedelta(seconds=1) // timedelta(microseconds=1)


def admitted(records: Records, message: Message, by: Credential) -> Message:
    """Return the message with the trace that it inherits, and charge the speaker; or stop it.

    Raises LoopStoppedError, BudgetSpentError or RateLimitedError, and has then noted the stop.
    """
    before = _inherited(records, message, by)
    trace, hops = (before.trace, before.hops) if before else (message.trace, 0)
    message = replace(message, trace=trace, hops=hops if by.is_person else hops + 1)
    if message.hops > records.settings.max_hops:
        _stop(records, StopKind.LOOP, trace, by, _beginner(records, trace))
        raise LoopStoppedError(f"this trace holds {hops} machine-made messages, which is the limit: ask a person")
    if by.limits is not None:
        _charge(records, by, by.limits)
    return message


def end_notice(records: Records, entry: Entry) -> None:
    """Tell the sender of a message that it died or expired."""
    message, delivery = records.messages[entry.message_id], entry.delivery
    if delivery.state not in (State.DEAD, State.EXPIRED) or message.sender == THE_LINE:
        return
    body = ended_text(message.kind, message.id, delivery.mailbox.name, delivery.state, delivery.last_error)
    mailbox = _mailbox_of(records, message)
    if mailbox is not None:
        notice = replace(_notice(records, body, mailbox), trace=message.trace, hops=message.hops)
        records.keep(replace(notice, in_reply_to=message.id), [mailbox])


def _inherited(records: Records, message: Message, by: Credential) -> Message | None:
    """Return the message whose trace this one goes on with."""
    if message.in_reply_to in records.messages:
        return records.messages[message.in_reply_to]
    held = [
        records.messages[entry.message_id]
        for batch in records.batches.values()
        if batch.reader == by.id
        for entry in batch.held
    ]
    return max(held, key=lambda each: each.hops, default=None)


def _charge(records: Records, by: Credential, limits: Limits) -> None:
    now = micros(records.clock.now())
    today = now // DAY
    spent = records.spent.setdefault(by.id, Spent())
    used = spent.day_used if spent.day == today else 0
    if used >= limits.per_day:
        _stop(records, StopKind.BUDGET, f"{by.id} {today}", by)
        raise BudgetSpentError(
            f"the {limits.per_day} messages of this day are spent", ((today + 1) * DAY - now) / _SECOND
        )
    minute = passes(spent.minute_due_at, now, limits.per_minute, MINUTE)
    hour = passes(spent.hour_due_at, now, limits.per_hour, HOUR)
    if minute is None or hour is None:
        _stop(records, StopKind.RATE, f"{by.id} {now // HOUR}", by)
        waits = (
            wait(spent.minute_due_at, now, limits.per_minute, MINUTE),
            wait(spent.hour_due_at, now, limits.per_hour, HOUR),
        )
        raise RateLimitedError("too many messages: wait before the next", max(waits) / _SECOND)
    records.spent[by.id] = Spent(minute, hour, today, used + 1)


def _stop(records: Records, kind: StopKind, key: str, by: Credential, *concerned: Mailbox | None) -> None:
    """Count a refusal; tell those concerned of the first."""
    now = records.clock.now()
    known = records.stops.get((kind, key))
    if known is not None:
        records.stops[kind, key] = replace(known, last_at=now, refusals=known.refusals + 1)
        return
    records.stops[kind, key] = Stop(kind, key, by.conversation, by.name, now, now, 1)
    body = f"The line stopped {by.name!a} in the conversation {by.conversation!a}: {_REASONS[kind]}."
    wanted = dict.fromkeys((Mailbox(by.conversation, by.name), OWNER_MAILBOX, *concerned))
    for mailbox in wanted:
        if mailbox in records.boxes:
            records.keep(_notice(records, body, mailbox), [mailbox])


_REASONS = {
    StopKind.LOOP: "too many machine-made messages followed one another",
    StopKind.RATE: "it sent too many messages in too short a time",
    StopKind.BUDGET: "its messages of this day are spent",
}


def _notice(records: Records, body: str, mailbox: Mailbox) -> Message:
    now = records.clock.now()
    message_id = new_message_id(now)
    return Message(message_id, mailbox.conversation, THE_LINE, Kind.NOTE, body, now, trace=message_id)


def _beginner(records: Records, trace: str) -> Mailbox | None:
    first = records.messages.get(MessageId(trace))
    return None if first is None else _mailbox_of(records, first)


def _mailbox_of(records: Records, message: Message) -> Mailbox | None:
    """Return where the sender of a message receives."""
    own = Mailbox(message.conversation, message.sender)
    wanted: Sequence[Mailbox] = (own, OWNER_MAILBOX) if message.sender == OWNER else (own,)
    return next((mailbox for mailbox in wanted if mailbox in records.boxes), None)
