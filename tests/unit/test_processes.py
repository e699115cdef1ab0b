"""The table of processes, and signals that reach one process only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmline.warm import processes
from warmline.warm.processes import Key


@pytest.fixture
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until its input ends."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={processes.MARK: "run-1"}) as process:
        yield process
        process.kill()


def key_of(process: subprocess.Popen[bytes]) -> Key:
    started = processes.started(process.pid)
    assert started is not None
    return Key(process.pid, started)


def test_the_table_holds_a_child_with_its_parent(waiting: subprocess.Popen[bytes]) -> None:
    assert processes.Process(key_of(waiting), os.getpid()) in processes.table()


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="needs ps")
def test_ps_tells_the_same_parents(waiting: subprocess.Popen[bytes]) -> None:
    told = {process.key.pid: process.parent for process in processes.ps_table()}
    assert told[waiting.pid] == os.getpid()
    assert [process.key.pid for process in processes.ps_table(waiting.pid)] == [waiting.pid]


def test_a_signal_reaches_the_process_that_was_meant(waiting: subprocess.Popen[bytes]) -> None:
    assert processes.send(key_of(waiting), signal.SIGTERM)
    assert waiting.wait(5) == -signal.SIGTERM


def test_a_signal_for_an_earlier_holder_of_the_pid_reaches_nobody(waiting: subprocess.Popen[bytes]) -> None:
    pid, started = key_of(waiting)
    assert not processes.send(Key(pid, started - 1), signal.SIGKILL)
    assert waiting.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="environments of others are not read elsewhere")
def test_a_mark_is_read_from_the_environment(waiting: subprocess.Popen[bytes]) -> None:
    assert processes.mark(waiting.pid) == "run-1"


def test_a_process_that_is_gone_has_no_start_and_no_mark(waiting: subprocess.Popen[bytes]) -> None:
    waiting.kill()
    waiting.wait(5)
    assert processes.started(waiting.pid) is None
    assert processes.mark(waiting.pid) is None
