"""kill -9 of the daemon and of the guardian: no orphan; and what many spawns leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from guarded import (
    PYTHON,
    SCRUBBED,
    STRAY,
    STUBBORN,
    first_number,
    names_in,
    new_environment,
    no_orphan,
    wait_until_ended,
)
from warmline.errors import GuardianError
from warmline.settings import WarmSettings
from warmline.warm.guarding import Guardian
from warmline.warm.line_to_guardian import LineToGuardian

LIMIT = timedelta(seconds=5)
STAND_IN = Path(__file__).parents[1] / "daemon_stand_in.py"

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only: looks into /proc and uses pidfds")


async def killed_daemon(folder: Path) -> tuple[list[int], dict[str, str]]:
    """Start a daemon with workers and kill it; returns the pids of all that it had, and their environment."""
    environment = new_environment()
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, str(STAND_IN), str(folder)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    async with asyncio.timeout(20):
        daemon.stdin.write(json.dumps(environment).encode() + b"\n")
        pids = json.loads(await daemon.stdout.readline())
        daemon.kill()
        await daemon.wait()
    return pids, environment


async def test_twenty_killed_daemons_leave_no_orphan(tmp_path: Path) -> None:
    for _ in range(20):
        pids, environment = await killed_daemon(tmp_path)
        assert wait_until_ended(pids)
        assert no_orphan(environment)
        assert names_in(tmp_path) == []


async def test_twenty_killed_guardians_are_replaced_and_leave_no_orphan(tmp_path: Path) -> None:
    async with Guardian(tmp_path, WarmSettings(cgroups=False)) as guardian:
        for _ in range(20):
            environment = new_environment()
            workers = [
                await guardian.spawn([*PYTHON, program], environment=environment, folder=Path("/"))
                for program in (STRAY, STUBBORN)
            ]
            pids = [worker.pid for worker in workers] + [await first_number(worker) for worker in workers]
            assert guardian.pid is not None
            os.kill(guardian.pid, signal.SIGKILL)
            for worker in workers:
                assert await worker.wait(LIMIT) == -signal.SIGKILL
                await worker.end()
            assert await asyncio.to_thread(wait_until_ended, pids)
            assert await asyncio.to_thread(no_orphan, environment)
        assert guardian.losses == 20


async def test_the_next_guardian_ends_one_with_a_cleared_environment_that_was_recorded(tmp_path: Path) -> None:
    async with Guardian(tmp_path, WarmSettings(cgroups=False)) as guardian:
        worker = await guardian.spawn([*PYTHON, SCRUBBED], environment=new_environment(), folder=Path("/"))
        stray = await first_number(worker)
        assert [held["descendants"] for held in await guardian.held()] == [1]
        assert guardian.pid is not None
        os.kill(guardian.pid, signal.SIGKILL)
        await worker.wait(LIMIT)
        assert await asyncio.to_thread(wait_until_ended, [stray])
        await worker.end()


async def test_a_guardian_ends_a_stopped_one_of_the_same_folder_and_all_that_it_held(tmp_path: Path) -> None:
    async with Guardian(tmp_path, WarmSettings(cgroups=False)) as first:
        worker = await first.spawn([*PYTHON, STRAY], environment=new_environment(), folder=Path("/"))
        pids = [worker.pid, await first_number(worker)]
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        async with Guardian(tmp_path, WarmSettings(cgroups=False)):
            assert wait_until_ended(pids, 0)
            worker.close()
            # The first one's successor would end this one in turn: two of a folder are a mistake of the caller.
            await first.__aexit__(None, None, None)


async def test_a_guardian_that_does_not_answer_is_replaced_with_all_that_it_held(tmp_path: Path) -> None:
    async with Guardian(tmp_path, WarmSettings(cgroups=False, reply=timedelta(seconds=0.3))) as guardian:
        worker = await guardian.spawn([*PYTHON, STRAY], environment=new_environment(), folder=Path("/"))
        pids = [worker.pid, await first_number(worker)]
        assert guardian.pid is not None
        os.kill(guardian.pid, signal.SIGSTOP)
        with pytest.raises(GuardianError, match="does not answer"):
            await guardian.held()
        assert await worker.wait(LIMIT) == -signal.SIGKILL
        await worker.end()
        async with asyncio.timeout(LIMIT.total_seconds()):
            assert await guardian.held() == []
        assert await asyncio.to_thread(wait_until_ended, pids)


async def test_one_that_is_killed_right_before_the_end_of_the_block_leaves_nothing(tmp_path: Path) -> None:
    async with Guardian(tmp_path, WarmSettings(cgroups=False)) as guardian:
        worker = await guardian.spawn([*PYTHON, STRAY], environment=new_environment(), folder=Path("/"))
        pids = [worker.pid, await first_number(worker)]
        worker.close()
        assert guardian.pid is not None
        os.kill(guardian.pid, signal.SIGKILL)
    assert wait_until_ended(pids, 0)
    assert names_in(tmp_path) == []


async def test_the_kernel_kills_the_workers_of_a_killed_guardian_that_has_no_successor(tmp_path: Path) -> None:
    line = await LineToGuardian.start(tmp_path, WarmSettings(cgroups=False))
    with open(os.devnull, "r+b") as nothing:  # noqa: ASYNC230, PTH123  # a device that is always ready
        listening = asyncio.create_task(line.listen(lambda _event: None))
        said = await line.ask(
            "spawn", [nothing.fileno()] * 3, id="1", argv=[*PYTHON, STUBBORN], env={}, cwd="/", limits={}
        )
    os.kill(line.pid, signal.SIGKILL)
    assert wait_until_ended([said["pid"]])
    await listening
    await line.close()


async def test_a_damaged_record_stops_no_guardian(tmp_path: Path) -> None:
    (tmp_path / "0123456789abcdef.json").write_text("{", encoding="ascii")
    async with Guardian(tmp_path, WarmSettings()) as guardian:
        assert guardian.greeting["swept"] == 0


async def test_two_hundred_spawns_leave_descriptors_and_children_level(tmp_path: Path) -> None:
    gc.collect()  # or what earlier tests left goes meanwhile
    async with Guardian(tmp_path, WarmSettings()) as guardian:
        levels = []
        for count in (5, 200):
            for _ in range(count):
                worker = await guardian.spawn(["/bin/true"], environment={}, folder=Path("/"))
                await worker.wait(LIMIT)
                assert await worker.end() == []
            levels.append((open_descriptors(os.getpid()), open_descriptors(guardian.pid or 0), children(guardian.pid)))
        assert levels[0] == levels[1]
        assert levels[1][2] == 0


def open_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int | None) -> int:
    """Count them, zombies too."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # others end while we look
            stats.append(path.read_text("utf-8"))
    return sum(stat.rpartition(")")[2].split()[1] == str(pid) for stat in stats)
