"""Workers that make trouble: whatever they leave behind ends with them, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from guarded import (
    FORKS_ON,
    POLITE,
    PYTHON,
    SCRUBBED,
    STRAY,
    STUBBORN,
    alive_with,
    first_number,
    names_in,
    new_environment,
    no_orphan,
    wait_until_ended,
)
from warmline.errors import WorkerError
from warmline.settings import WarmSettings
from warmline.warm.guarding import Guardian
from warmline.warm.worker import Worker

LIMIT = timedelta(seconds=5)
AT_ONCE = timedelta(0)
SOON = timedelta(milliseconds=50)

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only: looks into /proc and uses pidfds")


def brisk(*, cgroups: bool = False, subreaper: bool = True) -> WarmSettings:
    return WarmSettings(end_of_input=SOON, cgroups=cgroups, subreaper=subreaper)


@pytest.fixture(params=[False, True], ids=["by descent", "by cgroup"])
async def guardian(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Guardian]:
    async with Guardian(tmp_path, brisk(cgroups=request.param)) as guardian:
        if request.param and not guardian.greeting["cgroups"]:
            pytest.skip("no cgroup of version 2 may be written here")
        yield guardian


async def spawned(guardian: Guardian, program: str, environment: dict[str, str] | None = None) -> Worker:
    return await guardian.spawn(
        [*PYTHON, program], environment=new_environment() if environment is None else environment, folder=Path("/")
    )


async def test_a_worker_speaks_over_its_own_pipes(guardian: Guardian) -> None:
    worker = await guardian.spawn(["/bin/cat"], environment={}, folder=Path("/"))
    worker.stdin.write(b"hello\n")
    async with asyncio.timeout(5):
        assert await worker.stdout.readline() == b"hello\n"
    assert await worker.end() == []
    assert worker.status == 0


async def test_a_worker_has_the_environment_that_was_listed_and_its_mark_and_nothing_else(
    guardian: Guardian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKS_FROM_THE_DAEMON", "yes")
    worker = await guardian.spawn(["/usr/bin/env"], environment={"ONE": "1"}, folder=Path("/"))
    async with asyncio.timeout(5):
        lines = (await worker.stdout.read()).decode().splitlines()
    await worker.end()
    assert sorted(line.split("=")[0] for line in lines) == ["ONE", "WARMLINE_WORKER"]


async def test_a_program_that_is_missing_is_refused_and_the_guardian_goes_on(guardian: Guardian) -> None:
    with pytest.raises(WorkerError, match="/no/such/program"):
        await guardian.spawn(["/no/such/program"], environment={}, folder=Path("/"))
    worker = await guardian.spawn(["/bin/true"], environment={}, folder=Path("/"))
    assert await worker.wait(LIMIT) == 0
    assert await worker.end() == []


async def test_a_limit_holds_for_the_worker(guardian: Guardian) -> None:
    worker = await guardian.spawn(
        ["/bin/sh", "-c", "ulimit -n"], environment={}, folder=Path("/"), limits={"NOFILE": 77}
    )
    async with asyncio.timeout(5):
        assert await worker.stdout.readline() == b"77\n"
    await worker.end()


@pytest.mark.parametrize("program", [STRAY, SCRUBBED], ids=["daemonised", "daemonised with a cleared environment"])
async def test_what_a_worker_daemonised_ends_with_it(guardian: Guardian, program: str) -> None:
    worker = await spawned(guardian, program)
    stray = await first_number(worker)
    assert await worker.end() == []
    assert wait_until_ended([worker.pid, stray])


async def test_what_a_worker_daemonised_ends_when_the_worker_dies_by_itself(guardian: Guardian) -> None:
    worker = await spawned(guardian, STRAY)
    stray = await first_number(worker)
    os.kill(worker.pid, signal.SIGKILL)
    assert await worker.wait(LIMIT) == -signal.SIGKILL
    assert wait_until_ended([stray])
    assert await worker.end() == []


async def test_a_worker_tells_how_much_memory_it_holds_until_it_has_ended(guardian: Guardian) -> None:
    worker = await spawned(guardian, POLITE)
    await first_number(worker)
    assert worker.rss_bytes > 1_000_000
    assert await worker.end() == []
    assert worker.rss_bytes == 0


async def test_a_worker_that_minds_term_ends_in_its_own_way(guardian: Guardian) -> None:
    worker = await spawned(guardian, POLITE)
    await first_number(worker)
    assert await worker.end() == []
    assert worker.status == 7


async def test_a_worker_that_ignores_term_is_killed_after_its_grace(guardian: Guardian) -> None:
    worker = await spawned(guardian, STUBBORN)
    await first_number(worker)
    await worker.signal("TERM")
    assert await worker.end(SOON) == []
    assert worker.status == -signal.SIGKILL


async def test_an_interrupt_reaches_the_worker(guardian: Guardian) -> None:
    worker = await spawned(guardian, STUBBORN)
    await first_number(worker)
    await worker.interrupt()
    assert await worker.wait(LIMIT) == -signal.SIGINT
    await worker.end()


async def test_a_worker_that_forks_while_it_is_ended_leaves_nothing(guardian: Guardian) -> None:
    environment = new_environment()
    worker = await spawned(guardian, FORKS_ON, environment)
    await first_number(worker)
    assert await worker.end(AT_ONCE) == []
    assert no_orphan(environment)


async def test_ending_a_worker_does_not_touch_anothers_descendants(guardian: Guardian) -> None:
    one, other = await spawned(guardian, STRAY), await spawned(guardian, STRAY)
    stray, kept = await first_number(one), await first_number(other)
    await one.end()
    assert wait_until_ended([one.pid, stray])
    assert not wait_until_ended([other.pid], 0)
    assert not wait_until_ended([kept], 0)
    assert [held["descendants"] for held in await guardian.held()] == [1]
    await other.end()


async def test_a_worker_that_was_ended_can_be_ended_again(guardian: Guardian) -> None:
    worker = await guardian.spawn(["/bin/true"], environment={}, folder=Path("/"))
    assert await worker.end() == []
    assert await worker.end() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_that_reach_groups_do_not_end_the_guardian(guardian: Guardian, number: signal.Signals) -> None:
    assert guardian.pid is not None
    os.kill(guardian.pid, number)
    worker = await guardian.spawn(["/bin/true"], environment={}, folder=Path("/"))
    await worker.end()
    assert guardian.losses == 0


async def test_twenty_killed_workers_leave_no_orphan(guardian: Guardian) -> None:
    for _ in range(20):
        environment = new_environment()
        worker = await spawned(guardian, STRAY, environment)
        await first_number(worker)
        os.kill(worker.pid, signal.SIGKILL)
        assert await worker.end() == []
        assert alive_with(environment) == []


async def test_at_the_end_of_the_block_nothing_is_left(tmp_path: Path) -> None:
    environment = new_environment()
    async with Guardian(tmp_path, brisk()) as guardian:
        worker = await spawned(guardian, STRAY, environment)
        other = await spawned(guardian, POLITE, environment)
        pids = [guardian.pid or 0, worker.pid, other.pid, await first_number(worker), await first_number(other)]
        worker.close()
        other.close()
    assert wait_until_ended(pids, 0)
    assert alive_with(environment) == []
    assert names_in(tmp_path) == []


async def test_without_a_subreaper_what_was_seen_or_marked_still_ends_with_its_worker(tmp_path: Path) -> None:
    async with Guardian(tmp_path, brisk(subreaper=False)) as guardian:
        assert guardian.greeting["subreaper"] is False
        worker = await spawned(guardian, STRAY)
        stray = await first_number(worker)
        assert await worker.end() == []
        assert wait_until_ended([worker.pid, stray])


async def test_a_cgroup_alone_finds_one_that_nothing_else_could(tmp_path: Path) -> None:
    async with Guardian(tmp_path, brisk(subreaper=False, cgroups=True)) as guardian:
        if not guardian.greeting["cgroups"]:
            pytest.skip("no cgroup of version 2 may be written here")
        worker = await spawned(guardian, SCRUBBED)
        stray = await first_number(worker)
        assert await worker.end() == []
        assert wait_until_ended([stray], 0)


async def test_one_on_demand_starts_with_the_first_worker(tmp_path: Path) -> None:
    async with Guardian(tmp_path, brisk(), on_demand=True) as guardian:
        assert guardian.pid is None
        worker = await guardian.spawn(["/bin/cat"], environment={}, folder=Path("/"))
        assert guardian.pid is not None
        await worker.end()
    assert names_in(tmp_path) == []


async def test_one_on_demand_ends_at_once_what_another_left(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(json.dumps({"pid": 1, "started": 1, "workers": []}))
    async with Guardian(tmp_path, brisk(), on_demand=True) as guardian:
        assert guardian.pid is not None
        assert "1.json" not in names_in(tmp_path)


async def test_a_record_that_cannot_be_written_ends_nobody_and_is_written_when_it_can(tmp_path: Path) -> None:
    async with Guardian(tmp_path, brisk()) as guardian:
        first = await spawned(guardian, STUBBORN)
        record = tmp_path / names_in(tmp_path)[0]
        in_its_way = record.with_suffix(".draft")
        in_its_way.mkdir()
        second = await spawned(guardian, STUBBORN)
        assert len(await guardian.held()) == 2
        assert str(second.pid) not in record.read_text("ascii")
        in_its_way.rmdir()
        assert len(await guardian.held()) == 2
        assert str(second.pid) in record.read_text("ascii")
        assert guardian.losses == 0
        for worker in (first, second):
            await worker.end(AT_ONCE)
