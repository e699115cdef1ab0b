"""The chain of the audit: following it, and telling what was done to it where it breaks. No I/O.

A row is (number, at, verb, actor, conversation, subject, refusal, detail, hash), as in table audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from warmline.security.seals import Seals, form
from warmline.stores.ledger import AUDIT, FIRST_HASH
from warmline.stores.rows import Row


class Head(NamedTuple):
    """A row of the audit, and so all rows up to it."""

    number: int
    hash: bytes


class Fault(NamedTuple):
    """What is wrong where: "audit", with the number of the row, "ledger", "schema", "archive", or another table.

    subject is the name of an archive file, or the id of a message.
    """

    where: str
    text: str
    subject: str | None = None
    number: int | None = None


class Break(NamedTuple):
    """The first row that does not go on from the one before it."""

    before: Head
    row: Row


class Chain:
    """Follows the rows in their order. broken_at is where they stop being a chain, if they do."""

    def __init__(self, seals: Seals, expected: Head | None = None) -> None:
        self._seals = seals
        self._expected = expected
        self._met: bytes | None = None
        self._last = Head(0, FIRST_HASH)
        self.rows = 0
        self.broken_at: Break | None = None

    @property
    def head(self) -> Head | None:
        """The last row."""
        return self._last if self.rows else None

    def take(self, row: Row) -> None:
        """Look at the next row."""
        number, hashed = row[0], row[-1]
        if self.broken_at is None and not _follows(self._seals, self._last, row):
            self.broken_at = Break(self._last, row)
        if self._expected is not None and number == self._expected.number:
            self._met = hashed
        self._last = Head(number, hashed)
        self.rows += 1

    def ends(self, ledger: Head | None) -> list[Fault]:
        """Return what is wrong about where the rows end, by the ledger and by what was expected."""
        faults, (last, hashed), expected = [], self._last, self._expected
        if ledger is not None and last < ledger.number:
            faults.append(_fault(last + 1, f"truncated: the rows {last + 1} to {ledger.number} are gone"))
        if ledger is not None and last > ledger.number:
            faults.append(_fault(ledger.number + 1, "inserted behind the last row that the line wrote"))
        if ledger is not None and last == ledger.number and hashed != ledger.hash:
            faults.append(_fault(last, "edited: the line wrote another last row"))
        if expected is not None and last < expected.number:
            text = f"truncated: the exported head is row {expected.number}, and the audit ends with {last}"
            faults.append(_fault(last + 1, text))
        elif expected is not None and self._met != expected.hash:
            faults.append(_fault(expected.number, "it is not the row whose head was exported"))
        return faults


def diagnosed(seals: Seals, broken: Break, rows_from: Callable[[int], Iterator[Row]], heads: Iterable[int]) -> Fault:
    """Tell what was done where a chain is broken. heads are the numbers that the last row should have, if known."""
    before, row = broken
    number, due = row[0], before.number + 1
    if number < due:
        return _fault(number, f"inserted: the row {due} belongs here")
    if number > due:
        rows = f"the row {due} is" if number == due + 1 else f"the rows {due} to {number - 1} are"
        return _fault(due, f"cut: {rows} gone")
    moved = _true_row(seals, before, row[-1], rows_from(number + 1))
    if moved is not None:
        return _fault(number, _moved(seals, row, moved, next(rows_from(moved.row[0] + 1), None)))
    following = next(rows_from(number + 1), None)
    if following is None or _follows(seals, Head(number, row[-1]), following):
        return _fault(number, "edited")
    last = max((each[0] for each in rows_from(number)), default=number)
    for missing in {head - last for head in heads if head > last}:
        if _fits(seals, row[-1], number + 1 + missing, following, following[-1]):
            return _fault(number, f"cut before it: {missing} rows are gone, and those behind were renumbered")
    return _fault(number, "edited, or what stood here is gone")


class _Moved(NamedTuple):
    """A row that stands elsewhere than it belongs, with the hash that it had there."""

    row: Row
    hash: bytes


def _true_row(seals: Seals, before: Head, hashed: bytes, rows: Iterator[Row]) -> _Moved | None:
    """Look for what belongs behind `before`; it may have left its hash where it was."""
    for row in rows:
        for each in (row[-1], hashed):
            if _fits(seals, before.hash, before.number + 1, row, each):
                return _Moved(row, each)
    return None


def _moved(seals: Seals, row: Row, moved: _Moved, following: Row | None) -> str:
    """Tell whether a row was put in, so that those behind were renumbered, or two have changed their places."""
    number, where = row[0], moved.row[0]
    goes_on = following is not None and _fits(seals, moved.hash, number + 1, following, following[-1])
    are_neighbours = any(_fits(seals, moved.hash, number + 1, row, each) for each in (row[-1], moved.row[-1]))
    if goes_on or (following is None and where == number + 1 and not are_neighbours):
        return f"inserted: the row that belongs here has the number {where} now"
    return f"swapped: the row that belongs here has the number {where}"


def _follows(seals: Seals, before: Head, row: Row) -> bool:
    return row[0] == before.number + 1 and _fits(seals, before.hash, row[0], row, row[-1])


def _fits(seals: Seals, before: bytes, number: int, row: Row, hashed: object) -> bool:
    """Tell whether a row under this number, behind that hash, has this one."""
    return seals.verifies(AUDIT, before + form((number, *row[1:-1])), hashed)


def _fault(number: int, text: str) -> Fault:
    return Fault("audit", text, number=number)
