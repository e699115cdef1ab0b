"""The deliveries of one transaction: what it makes of them is written at its end, or when a statement looks at them.

A question that is accepted, leased and answered in one transaction is so one row, written once, in no index but that
of its key: three statements and eight changes of indexes less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from warmline.model import State
from warmline.stores.rows import Row
from warmline.stores.statements import STATEMENTS

_READY, _LEASED, _SETTLED = str(State.READY), str(State.LEASED), str(State.SETTLED)
_HELD = ("position", "failures", "lapses", "lease_lapses_at", "last_error", "deadline_at", "handed_at", "handed_to")
_NEW: Mapping[str, Any] = {
    "state": _READY,
    "deliveries": 0,
    "failures": 0,
    "lapses": 0,
    "lease_id": None,
    "holder": None,
    "lease_lapses_at": None,
    "last_error": None,
    "handed_at": None,
    "handed_to": None,
    "reader": None,
    "ended_at": None,
    "answer_id": None,
}

Key = tuple[str, int]
"""The id of a message, and the number of a mailbox."""


class Deliveries:
    """Those that are fresh: made in this transaction, and not written; and the hot statements on all."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor
        self._fresh: dict[Key, dict[str, Any]] = {}
        self._ready: dict[int, dict[Key, dict[str, Any]]] = {}
        self._none_written: set[int] = set()
        self.changes = 0
        """How often any was made or changed here."""
        self.written = 0
        """How many were written, each by whatever came to look at it."""

    def add(self, message_id: str, mailbox_id: int, position: int, deadline_at: int | None) -> None:
        """Make one, which is ready; its position is higher than that of any other in the mailbox."""
        key = message_id, mailbox_id
        made = {**_NEW, "message_id": message_id, "mailbox_id": mailbox_id}
        made |= {"position": position, "deadline_at": deadline_at}
        self._fresh[key] = made
        self._ready.setdefault(mailbox_id, {})[key] = made
        self.changes += 1

    def ready(self, mailbox_id: int, limit: int) -> list[Row]:
        """Return those that are due, lowest position first: (message id, deliveries, failures, lapses)."""
        rows: list[Row] = []
        if mailbox_id not in self._none_written:
            rows = self._run("lease_first", {"mailbox_id": mailbox_id, "limit": limit})
            if not rows:
                self._none_written.add(mailbox_id)
        for key, _ in zip(self._ready.get(mailbox_id, ()), range(limit - len(rows)), strict=False):
            rows.append((key[0], 0, 0, 0))
        return rows

    def lease(self, values: Mapping[str, Any]) -> None:
        """Lease one that is ready."""
        key = values["message_id"], values["mailbox_id"]
        made = self._fresh.get(key)
        if made is None:
            self._run("lease", values)
            return
        del self._ready[key[1]][key]
        made |= {name: values[name] for name in ("deliveries", "lease_id", "holder", "reader")}
        made["state"], made["lease_lapses_at"] = _LEASED, values["lapses_at"]
        made["handed_at"], made["handed_to"] = values["now_at"], values["holder"]
        self.changes += 1

    def held(self, values: Mapping[str, Any]) -> Row | None:
        """Return what is held of one under exactly this lease, as `HeldRow` has it."""
        made = self._fresh.get((values["message_id"], values["mailbox_id"]))
        if made is None:
            return next(iter(self._run("held", values)), None)
        token = made["state"], made["deliveries"], made["lease_id"]
        if token != (_LEASED, values["deliveries"], values["lease_id"]):
            return None
        return (*[made[name] for name in _HELD], made["reader"])

    def settle(self, values: Mapping[str, Any]) -> None:
        """Settle one that is leased."""
        made = self._fresh.get((values["message_id"], values["mailbox_id"]))
        if made is None:
            self._run("settle", values)
            return
        made["state"], made["ended_at"], made["answer_id"] = _SETTLED, values["now_at"], values["answer_id"]
        made["lease_id"] = made["holder"] = made["lease_lapses_at"] = made["reader"] = None
        self.changes += 1

    def write(self) -> None:
        """Write what is fresh: others look at deliveries now, or change them."""
        if self._fresh:
            self.written += len(self._fresh)
            sql, bound, _ = STATEMENTS["add_delivery"]
            self._cursor.executemany(sql, map(bound, self._fresh.values()))
        self.forget()

    def forget(self) -> None:
        """Know nothing any more: it was written, or something was rolled back."""
        self._fresh.clear()
        self._ready.clear()
        self._none_written.clear()

    def _run(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Run a statement to its end, whatever is not written yet, and return its rows."""
        sql, bound, _ = STATEMENTS[name]
        return self._cursor.execute(sql, bound(values)).fetchall()
