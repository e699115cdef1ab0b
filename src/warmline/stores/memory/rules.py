"""The speaker's rules in the fake: hops, rates and budgets, and the notices of what was stopped or died."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from warmline.errors import BudgetSpentError, IdempotencyConflictError, LoopStoppedError, RateLimitedError
from warmline.ids import new_message_id
from warmline.limits import Limits
from warmline.model import OWNER, OWNER_MAILBOX, THE_LINE, Due, Kind, Mailbox, Message, MessageId, Question, State
from warmline.parties import Credential, Stop, StopKind
from warmline.protocols import QuestionFilter
from warmline.rates import DAY, HOUR, MINUTE, passes, wait
from warmline.stores.memory.records import Entry, Records, Spent
from warmline.stores.notice_texts import ended_text, stop_text
from warmline.stores.rows import micros

_SECOND = timedelta(seconds=1) // timedelta(microseconds=1)


def admitted(records: Records, message: Message, by: Credential) -> Message:
    """Return the message with the trace that it inherits, and charge the speaker; or stop it.

    Raises LoopStoppedError, BudgetSpentError or RateLimitedError, and has then noted the stop.
    """
    message = _inherited(records, message, by)
    max_hops = records.settings.max_hops
    if not by.is_person and message.hops >= max_hops:
        _stop(records, StopKind.LOOP, message.trace, by, message, _beginner(records, message.trace))
        raise LoopStoppedError(f"this trace holds {max_hops} messages made by machines, the limit: let a person go on")
    if by.limits is not None:
        _charge(records, by, by.limits, message)
    return message if by.is_person else replace(message, hops=message.hops + 1)


def check_same(first: Message, message: Message) -> None:
    """Raises IdempotencyConflictError unless a message under a key that was used is the first one again."""
    if (first.kind, first.body, first.memories) != (message.kind, message.body, message.memories):
        raise other_use()


def other_use() -> IdempotencyConflictError:
    """Make the error of a key that was used for something else."""
    return IdempotencyConflictError("this idempotency key was used for another message: choose a new one")


def end_notice(records: Records, entry: Entry) -> None:
    """Tell the sender of a message that it died or expired."""
    message, delivery = records.messages[entry.message_id], entry.delivery
    if delivery.state not in (State.DEAD, State.EXPIRED) or message.sender == THE_LINE:
        return
    body = ended_text(message.kind, message.id, delivery.mailbox.name, delivery.state, delivery.last_error)
    _notify(records, _mailbox_of(records, message), body, message, about=message.id)


async def due_in(records: Records, mailbox: Mailbox) -> Due:
    """Tell what is ready in a mailbox; of an ordered one, nothing while nothing would be handed over."""
    with records.verb():
        policy = records.box(mailbox).policy
        ready = records.due_entries(mailbox, policy) and records.due_entries(mailbox, replace(policy, ordered=False))
    deliveries = [entry.delivery for entry in ready]
    newest = max((each.position for each in deliveries), default=0)
    return Due(len(deliveries), newest, sum(each.deliveries for each in deliveries))


def matching(records: Records, which: QuestionFilter) -> list[Question]:
    """Return the questions that match every field given, newest first; of one message the newest mailbox first."""
    with records.verb():
        if which.mailbox is not None:
            records.box(which.mailbox)
        tests: list[Callable[[Question], bool]] = [
            lambda each: which.any_kind or each.message.kind is Kind.QUESTION,
            lambda each: not which.states or each.delivery.state in which.states,
            lambda each: which.since is None or each.message.sent_at >= which.since,
            lambda each: which.mailbox is None or each.delivery.mailbox == which.mailbox,
        ]
        questions = map(records.question, records.all_entries())
        found = [each for each in questions if all(test(each) for test in tests)]
    number = {mailbox: number for number, mailbox in enumerate(records.boxes)}
    return sorted(found, key=lambda each: (each.message.id, number[each.delivery.mailbox]), reverse=True)


def _inherited(records: Records, message: Message, by: Credential) -> Message:
    """Return the message with the trace and the hops of the one that it goes on from."""
    batches = [batch for batch in records.batches.values() if batch.reader == by.id]
    held = [records.messages[entry.message_id] for batch in batches for entry in batch.held]
    before = sorted(held, key=lambda each: -each.hops)
    if message.in_reply_to is not None and message.in_reply_to in records.messages:
        before.insert(0, records.messages[message.in_reply_to])
    if not before:
        return replace(message, hops=0)
    return replace(message, trace=before[0].trace, hops=max(each.hops for each in before))


def _charge(records: Records, by: Credential, limits: Limits, message: Message) -> None:
    now = micros(records.clock.now())
    today = now // DAY
    spent = records.spent.setdefault(by.id, Spent())
    used = spent.day_used if spent.day == today else 0
    if used >= limits.per_day:
        _stop(records, StopKind.BUDGET, f"{by.id} {today}", by, message)
        raise BudgetSpentError(
            f"the {limits.per_day} messages of this day are spent", ((today + 1) * DAY - now) / _SECOND
        )
    minute = passes(spent.minute_due_at, now, limits.per_minute, MINUTE)
    hour = passes(spent.hour_due_at, now, limits.per_hour, HOUR)
    if minute is None or hour is None:
        _stop(records, StopKind.RATE, f"{by.id} {now // HOUR}", by, message)
        waits = (
            wait(spent.minute_due_at, now, limits.per_minute, MINUTE),
            wait(spent.hour_due_at, now, limits.per_hour, HOUR),
        )
        raise RateLimitedError("too many messages: wait before the next", max(waits) / _SECOND)
    records.spent[by.id] = Spent(minute, hour, today, used + 1)


def _stop(
    records: Records, kind: StopKind, key: str, by: Credential, message: Message, *concerned: Mailbox | None
) -> None:
    """Count a refusal; tell those concerned of the first."""
    now = records.clock.now()
    known = records.stops.get((kind, key))
    if known is not None:
        records.stops[kind, key] = replace(known, last_at=now, refusals=known.refusals + 1)
        return
    records.stops[kind, key] = Stop(kind, key, by.conversation, by.name, now, now, 1)
    body = stop_text(kind, by, records.settings.max_hops)
    for mailbox in dict.fromkeys((Mailbox(by.conversation, by.name), OWNER_MAILBOX, *concerned)):
        _notify(records, mailbox, body, message)


def _notify(
    records: Records, mailbox: Mailbox | None, body: str, told_of: Message, about: MessageId | None = None
) -> None:
    """Put a notice into a mailbox, if there is one, in the trace of what it tells of."""
    if mailbox is not None and mailbox in records.boxes:
        notice = Message(
            id=new_message_id(records.clock.now()),
            conversation=mailbox.conversation,
            sender=THE_LINE,
            kind=Kind.NOTE,
            body=body,
            sent_at=records.clock.now(),
            trace=told_of.trace,
            hops=told_of.hops,
            in_reply_to=about,
        )
        records.keep(notice, [mailbox])


def _beginner(records: Records, trace: str) -> Mailbox | None:
    first = records.messages.get(MessageId(trace))
    return None if first is None else _mailbox_of(records, first)


def _mailbox_of(records: Records, message: Message) -> Mailbox | None:
    """Return where the sender of a message receives."""
    own = Mailbox(message.conversation, message.sender)
    wanted: Sequence[Mailbox] = (own, OWNER_MAILBOX) if message.sender == OWNER else (own,)
    return next((mailbox for mailbox in wanted if mailbox in records.boxes), None)
