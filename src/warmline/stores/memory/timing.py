"""What time alone does to the fake's deliveries."""

from __future__ import annotations

from datetime import datetime

from warmline.model import ENDED, Delivery, Event
from warmline.stores.memory.records import Entry, Records
from warmline.stores.memory.rules import end_notice


def sweep(records: Records) -> None:
    """Expire, lapse and make due what has come to its time; in that order, as SQL does."""
    for step in (_expire, _lapse_late, _make_due):
        for entry in records.all_entries():
            if entry.delivery.state not in ENDED:
                step(records, entry)


def next_event(records: Records) -> datetime | None:
    """Return the time of the next event for a sweep."""
    return min((at for entry in records.all_entries() for at in _events(entry.delivery)), default=None)


def lapse(records: Records, entry: Entry) -> None:
    """Lapse a lease; bury what lapsed too often."""
    lapses, limit = entry.delivery.lapses + 1, records.settings.max_lapses
    if lapses > limit:
        records.move(entry, Event.BURY, lapses=lapses, last_error=f"its lease lapsed more than {limit} times")
        end_notice(records, entry)
    else:
        records.move(entry, Event.LAPSE, lapses=lapses)


def has_lapsed(delivery: Delivery, now: datetime) -> bool:
    """Tell whether a lease's time has come, swept or not."""
    return delivery.lease_lapses_at is not None and delivery.lease_lapses_at <= now


def _expire(records: Records, entry: Entry) -> None:
    if entry.delivery.deadline_at is not None and entry.delivery.deadline_at <= records.clock.now():
        records.move(entry, Event.EXPIRE)
        end_notice(records, entry)


def _lapse_late(records: Records, entry: Entry) -> None:
    if has_lapsed(entry.delivery, records.clock.now()):
        lapse(records, entry)


def _make_due(records: Records, entry: Entry) -> None:
    if entry.delivery.ready_at is not None and entry.delivery.ready_at <= records.clock.now():
        records.change(entry, ready_at=None)
        records.due(entry.delivery.mailbox)


def _events(delivery: Delivery) -> list[datetime]:
    if delivery.state in ENDED:
        return []
    return [at for at in (delivery.deadline_at, delivery.lease_lapses_at, delivery.ready_at) if at is not None]
