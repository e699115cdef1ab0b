"""How much room a machine has, told from what its system says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from warmline.warm.machine import ThisMachine


def written(root: Path, files: dict[str, str]) -> ThisMachine:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return ThisMachine(root, "linux")


MEMINFO = "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    1000000 kB\n"
IN_GROUP = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "1:name=old:/x\n0::/outer/inner\n"}
OUTER, INNER = "sys/fs/cgroup/outer", "sys/fs/cgroup/outer/inner"


def test_this_very_machine_has_a_core_and_knows_its_memory() -> None:
    machine = ThisMachine()
    assert machine.cores() >= 1
    assert (machine.free_bytes() or 0) > 1 << 20


def test_free_is_what_programs_could_be_given_and_not_what_lies_idle(tmp_path: Path) -> None:
    assert written(tmp_path, {"proc/meminfo": MEMINFO}).free_bytes() == 1_024_000_000


def test_a_container_has_what_its_narrowest_group_has_left(tmp_path: Path) -> None:
    machine = written(
        tmp_path,
        {
            **IN_GROUP,
            f"{INNER}/memory.max": "max\n",
            f"{INNER}/memory.current": "400\n",
            f"{OUTER}/memory.max": "1000\n",
            f"{OUTER}/memory.current": "700\n",
            f"{OUTER}/memory.stat": "anon 500\ninactive_file 200\n",
        },
    )
    assert machine.free_bytes() == 500


def test_a_group_that_is_above_its_limit_has_nothing_left(tmp_path: Path) -> None:
    machine = written(tmp_path, {**IN_GROUP, f"{INNER}/memory.max": "10", f"{INNER}/memory.current": "11"})
    assert machine.free_bytes() == 0


def test_a_share_of_a_core_counts_as_one_and_no_more_than_there_are(tmp_path: Path) -> None:
    assert written(tmp_path, {**IN_GROUP, f"{OUTER}/cpu.max": "50000 100000\n"}).cores() == 1
    everything = ThisMachine().cores()
    assert written(tmp_path, {f"{OUTER}/cpu.max": "max 100000\n"}).cores() == everything
    assert written(tmp_path, {f"{OUTER}/cpu.max": "99900000 100000\n"}).cores() == everything


@pytest.mark.parametrize("files", [{}, {"proc/meminfo": "garbage"}, {"proc/self/cgroup": "0::/nowhere\n"}])
def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path, files: dict[str, str]) -> None:
    machine = written(tmp_path, files)
    assert machine.free_bytes() is None
    assert machine.cores() >= 1


@pytest.mark.skipif(sys.platform == "darwin", reason="it has these numbers")
def test_where_there_is_no_sysctl_its_numbers_are_not_known(tmp_path: Path) -> None:
    assert ThisMachine(tmp_path, "darwin").free_bytes() is None
