"""The speaker's rules: whose trace a message goes on with, how far machines may go alone, how much one may say.

The same values decide in the store in memory; the arithmetic of rates is rates.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from warmline.errors import BudgetSpentError, LoopStoppedError, RateLimitedError, WarmlineError
from warmline.limits import Limits
from warmline.model import OWNER_MAILBOX, Mailbox, Message
from warmline.parties import Credential, StopKind
from warmline.rates import DAY, HOUR, MINUTE, passes, wait
from warmline.stores.ledger import AuditEntry
from warmline.stores.notice_texts import stop_text
from warmline.stores.notices import mailbox_of_sender, put_notice
from warmline.stores.transaction import Tally, Transaction

_SECOND = 1_000_000
_RATE = Tally("rate", "rate_charge", "credential", ("minute_due_at", "hour_due_at", "day", "day_used"))


@dataclass(frozen=True, slots=True)
class Speech:
    """Who speaks, under which limit of hops; may_hold is False when `by` is known to hold nothing."""

    by: Credential
    max_hops: int
    may_hold: bool


class Refused(NamedTuple):
    """What a verb returns for a message that it did not accept: the stop that it noted must be committed."""

    error: WarmlineError


class Trace(NamedTuple):
    """Where a message stands among those that led to it."""

    trace: str
    hops: int


def admit(tx: Transaction, message: Message, speech: Speech) -> Trace | Refused:
    """Return the trace that a message goes on with, and charge its speaker; or note that it was stopped."""
    by = speech.by
    before = _inherited(tx, message, speech)
    if by.is_person:
        trace = before
    elif before.hops < speech.max_hops:
        trace = Trace(before.trace, before.hops + 1)
    else:
        begun_by = tx.one("trace_begun_by", {"trace": before.trace})
        concerned = (mailbox_of_sender(tx, *begun_by),) if begun_by else ()
        _stop(tx, StopKind.LOOP, before.trace, speech, before, *concerned)
        return Refused(
            LoopStoppedError(f"this trace holds {before.hops} messages made by machines, the limit: let a person go on")
        )
    refused = None if by.limits is None else _charge(tx, by.limits, speech, before)
    return refused or trace


def _inherited(tx: Transaction, message: Message, speech: Speech) -> Trace:
    """Return the trace of what a message replies to, else of what its speaker holds with most hops, else its own.

    The hops are the most of all these: who always replies to one old message comes no further than others.
    """
    if message.in_reply_to is None and not speech.may_hold:
        return Trace(message.trace, 0)
    rows = tx.all("trace_held", {"reader": speech.by.id}) if speech.may_hold else []
    traces = [Trace(trace, hops) for trace, hops, _, _ in sorted(rows, key=lambda row: (-row[1], *row[2:]))]
    if message.in_reply_to is not None:
        traces = [Trace(*row) for row in tx.all("trace_of", {"id": message.in_reply_to})] + traces
    if not traces:
        return Trace(message.trace, 0)
    return Trace(traces[0].trace, max(each.hops for each in traces))


def _charge(tx: Transaction, limits: Limits, speech: Speech, before: Trace) -> Refused | None:
    """Charge one message, or note the stop."""
    credential, now = speech.by.id, tx.now
    minute, hour, day, used = tx.tallied(_RATE, credential) or (None, None, 0, 0)
    today = now // DAY
    used = used if day == today else 0
    if used >= limits.per_day:
        _stop(tx, StopKind.BUDGET, f"{credential} {today}", speech, before)
        seconds = ((today + 1) * DAY - now) / _SECOND
        return Refused(
            BudgetSpentError(f"the {limits.per_day} messages of this day are spent: wait for midnight UTC", seconds)
        )
    minute_after = passes(minute, now, limits.per_minute, MINUTE)
    hour_after = passes(hour, now, limits.per_hour, HOUR)
    if minute_after is None or hour_after is None:
        _stop(tx, StopKind.RATE, f"{credential} {now // HOUR}", speech, before)
        waits = wait(minute, now, limits.per_minute, MINUTE), wait(hour, now, limits.per_hour, HOUR)
        seconds = max(waits) / _SECOND
        return Refused(RateLimitedError(f"too many messages: the next may be sent in {seconds:.1f} s", seconds))
    tx.tally(_RATE, credential, (minute_after, hour_after, today, used + 1))
    return None


def _stop(tx: Transaction, kind: StopKind, key: str, speech: Speech, before: Trace, *concerned: Mailbox) -> None:
    """Count a refusal; tell those concerned of the first."""
    by = speech.by
    stop = {"kind": kind.value, "key": key, "now_at": tx.now}
    if tx.one("stop_again", stop) is not None:
        return
    tx.run("stop", {**stop, "conversation": by.conversation, "participant": by.name})
    tx.audit(AuditEntry("send", by.id, by.conversation, before.trace, refusal=kind.value))
    text = stop_text(kind, by, speech.max_hops)
    for mailbox in dict.fromkeys((Mailbox(by.conversation, by.name), OWNER_MAILBOX, *concerned)):
        put_notice(tx, mailbox, text, trace=before.trace, hops=before.hops)
