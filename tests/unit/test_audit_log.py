"""The audit's refusals are counted and written together; its old rows leave, and the chain goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import Line
from warmline.errors import StoreFullError
from warmline.model import MEMORY_MAILBOX, State
from warmline.protocols import Refusal
from warmline.settings import AuditSettings, StoreSettings
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.auditing import AuditFilter, Auditing
from warmline.stores.directory import SqliteDirectory
from warmline.stores.opening import open_reader
from warmline.stores.refusals import SqliteAuditLog
from warmline.stores.sqlite import SqliteStore

SETTINGS = AuditSettings()
A_TRY = Refusal("unknown", "enter", "UnauthorizedError")


class Audited:
    """A store with its audit log, and what the audit holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.store = SqliteStore(folder / "store.db", StoreSettings(archive_units=2), self.clock, SEALS)
        self.line = Line(self.store, SqliteDirectory(self.store.database), self.clock, self._same)
        self.log = SqliteAuditLog(self.store.database, self.clock, SETTINGS)

    async def _same(self) -> Line:
        return self.line

    def reading(self) -> Auditing:
        return Auditing(open_reader(self.folder / "store.db"), ArchiveFiles(self.folder / "archive"), SEALS)

    def refusals(self) -> list[tuple[str, str, str, int]]:
        """Return who was refused what with which error, how many times, row by row."""
        rows = [row for row in self.reading().rows(AuditFilter(), 1_000_000) if row[6] is not None]
        return [(row[3], row[2], row[6], json.loads(row[7])["tries"]) for row in rows]


@pytest.fixture
async def audited(tmp_path: Path) -> AsyncIterator[Audited]:
    audited = Audited(tmp_path)
    await audited.store.open()
    await audited.store.add_mailbox(MEMORY_MAILBOX)
    yield audited
    await audited.store.close()


async def test_the_first_refusal_is_written_at_once_and_those_of_a_second_together(audited: Audited) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(audited.log.run())
        audited.log.refused(A_TRY)
        async with asyncio.timeout(5):
            await audited.clock.until_sleepers(1)
        assert audited.refusals() == [("unknown", "enter", "UnauthorizedError", 1)]
        for _ in range(10_000):
            audited.log.refused(A_TRY)
        audited.clock.advance(SETTINGS.period)
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
            await audited.clock.until_sleepers(1)
        assert audited.refusals()[1:] == [("unknown", "enter", "UnauthorizedError", 10_000)]
        running.cancel()


async def test_many_kinds_of_refusals_of_one_period_are_at_most_twenty_rows_and_none_is_lost(audited: Audited) -> None:
    for number in range(1_000):
        audited.log.refused(Refusal(f"credential {number}", "GET /v1/status", "ForbiddenError"))
    await audited.log.close()
    found = audited.refusals()
    assert len(found) == SETTINGS.max_rows == 20
    assert found[-1] == ("various", "various", "various", 981)
    assert sum(tries for *_, tries in found) == 1_000


async def test_refusals_that_cannot_be_written_are_written_later(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreFullError("the disk is full")

    audited.log.refused(A_TRY)
    with monkeypatch.context() as patched:
        patched.setattr(audited.store.database, "write", full)
        await audited.log.close()
    audited.log.refused(A_TRY)
    await audited.log.close()
    assert audited.refusals() == [("unknown", "enter", "UnauthorizedError", 2)]


async def test_old_rows_leave_for_a_file_and_are_verified_and_shown_as_before(audited: Audited) -> None:
    for state in State:
        await audited.line.bring_to(state)
    before = audited.reading().rows(AuditFilter(), 1000)
    audited.clock.advance(timedelta(days=90))
    asked = await audited.line.ask()
    assert await audited.log.archive(audited.clock.now()) == len(before)
    (path,) = (audited.folder / "archive").glob("*")
    assert path.name == f"audit-{1:012d}-{len(before):012d}.jsonl.gz"
    assert path.stat().st_mode & 0o777 == 0o600
    found = audited.reading().verify()
    assert (found.is_whole, found.archived_rows, found.audit_rows) == (True, len(before), len(before) + 2)
    shown = audited.reading().rows(AuditFilter(), 1000)
    assert shown[: len(before)] == before
    assert [row[2] for row in shown[len(before) :]] == ["ask", "archive_audit"]
    assert [row[2] for row in audited.reading().rows(AuditFilter(subject=asked.id), 10)] == ["ask"]
    assert audited.reading().rows(AuditFilter(), 3) == shown[-3:]
    assert audited.reading().row(1) == before[0]


async def test_the_newest_row_stays_so_that_the_chain_can_go_on(audited: Audited) -> None:
    await audited.line.ask()
    audited.clock.advance(timedelta(days=90))
    rows = len(audited.reading().rows(AuditFilter(), 1000))
    assert await audited.log.archive(audited.clock.now()) == rows - 1
    await audited.line.ask()
    assert audited.reading().verify().is_whole


async def test_an_archived_message_that_is_erased_leaves_a_whole_store_and_a_row(audited: Audited) -> None:
    asked = (await audited.line.bring_to(State.SETTLED)).message
    await audited.line.bring_to(State.SETTLED)
    audited.clock.advance(timedelta(days=30))
    await audited.line.ask()
    assert await audited.store.archive(audited.clock.now(), by=BY)
    await audited.store.erase(asked.id, by=BY)
    found = audited.reading().rows(AuditFilter(subject=asked.id), 1000)
    assert (found[-1][2], found[-1][3]) == ("erase", BY)
    await audited.store.erase(asked.id, by=BY)
    assert audited.reading().rows(AuditFilter(subject=asked.id), 1000) == found
    assert audited.reading().verify().is_whole


@pytest.mark.parametrize("is_listed", [False, True])
async def test_a_crash_while_an_archived_message_is_erased_is_made_good_when_it_is_erased_again(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, *, is_listed: bool
) -> None:
    asked = (await audited.line.bring_to(State.SETTLED)).message
    audited.clock.advance(timedelta(days=30))
    await audited.line.ask()
    assert await audited.store.archive(audited.clock.now(), by=BY)

    async def crash(*_: object, **__: object) -> Any:
        raise ZeroDivisionError

    database = audited.store.database
    with monkeypatch.context() as patched:
        if is_listed:
            patched.setattr(database.archive, "_tidy", crash)
        else:
            patched.setattr(database, "write", crash)
        with pytest.raises(ZeroDivisionError):
            await database.archive.erase(asked.id, audited.clock.now(), BY)
    assert len(list((audited.folder / "archive").glob("*"))) == 2
    assert audited.reading().verify().is_whole
    assert ((await audited.store.get(asked.id)).message.body == "") is is_listed
    assert (await audited.store.erase(asked.id, by=BY)).message.body == ""
    assert len(list((audited.folder / "archive").glob("*"))) == 1
    assert audited.reading().verify().is_whole


async def test_a_verb_that_refuses_or_is_repeated_adds_no_row(audited: Audited) -> None:
    lease = await audited.line.bring_to(State.SETTLED)
    ada = await audited.line.join("ada")
    await audited.line.say(ada, MEMORY_MAILBOX, idempotency_key="once")
    before = audited.reading().rows(AuditFilter(), 1000)
    with pytest.raises(Exception, match="settled"):
        await audited.store.release(lease)
    with pytest.raises(Exception, match="settled"):
        await audited.store.cancel(lease.message.id, by=BY)
    await audited.line.say(ada, MEMORY_MAILBOX, idempotency_key="once")
    await audited.line.directory.report(ada.conversation, "ada", audited.clock.now(), None, by=ada.id)
    await audited.store.add_mailbox(MEMORY_MAILBOX)
    await audited.store.sweep()
    assert audited.reading().rows(AuditFilter(), 1000) == before


async def test_a_store_of_another_version_is_not_judged(audited: Audited) -> None:
    await audited.store.close()
    connection = apsw.Connection(str(audited.folder / "store.db"))
    connection.pragma("user_version", 3)
    connection.close()
    with pytest.raises(Exception, match="start the daemon once"):
        audited.reading().verify()
