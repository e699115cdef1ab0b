"""Processes on both sides of FIFOs that are killed with -9, and a thousand clients at once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import echo_instance
import fifo_caller
from echo_instance import LOOPS, PATIENCE_SECONDS, at, descriptors_of, echoing, names_beside
from talk import until
from warmline.errors import DisconnectedError
from warmline.listen.fifo.channel import FifoChannel

KILLS_AT_RANDOM = 12
CALLERS = 5
CALLS = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line.fifo"


@contextmanager
def program(module: object, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of the tests until it says that it is there; it is killed in the end, whatever happened."""
    file = str(getattr(module, "__file__", ""))
    with subprocess.Popen([sys.executable, file, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def ping(path: Path) -> None:
    channel = FifoChannel(at(path), PATIENCE_SECONDS)
    channel.send(b"ping", PATIENCE_SECONDS)
    assert channel.receive(PATIENCE_SECONDS) == b"ping"
    channel.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("moment", fifo_caller.MOMENTS)
def test_a_client_killed_at_any_moment_leaves_nothing(path: Path, moment: str, loop: str) -> None:
    with echoing(path, loop=loop) as instance:
        before = descriptors_of(instance)
        with program(fifo_caller, str(path), moment):
            ping(path)
        until(lambda: names_beside(path) == [])
        assert descriptors_of(instance) == before
        ping(path)


def test_clients_killed_whenever_it_falls_leave_nothing(path: Path) -> None:
    with echoing(path) as instance:
        before = descriptors_of(instance)
        for _ in range(KILLS_AT_RANDOM):
            with program(fifo_caller, str(path), "at_random"):
                threading.Event().wait(random.uniform(0, 0.05))
        until(lambda: names_beside(path) == [])
        assert descriptors_of(instance) == before
        ping(path)


def test_clients_notice_that_the_instance_was_killed_and_find_the_next_one(path: Path) -> None:
    with program(echo_instance, str(path)) as instance:
        talking, waiting = (FifoChannel(at(path), PATIENCE_SECONDS) for _ in range(2))
        waiter = threading.Thread(target=instance.wait)
        heard: list[bytes] = []
        listener = threading.Thread(target=lambda: heard.append(waiting.receive(PATIENCE_SECONDS)))
        listener.start()
        waiter.start()
        instance.kill()
        listener.join(PATIENCE_SECONDS)
        waiter.join(PATIENCE_SECONDS)
    assert heard == [b""]
    with pytest.raises(DisconnectedError):
        talking.send(b"are you there?", PATIENCE_SECONDS)
    with pytest.raises(DisconnectedError, match="nobody reads there"):
        FifoChannel(at(path), PATIENCE_SECONDS)
    talking.close()
    waiting.close()
    before = path.stat().st_ino
    with program(echo_instance, str(path)):
        ping(path)
        assert path.stat().st_ino == before
        assert names_beside(path) == []


def test_a_client_in_the_middle_of_connecting_notices_that_the_instance_was_killed(path: Path) -> None:
    with program(echo_instance, str(path)) as instance:
        instance.send_signal(19)  # it stands still: nobody is let in
        failed: list[str] = []

        def connect() -> None:
            try:
                FifoChannel(at(path), PATIENCE_SECONDS)
            except DisconnectedError as error:
                failed.append(str(error))

        client = threading.Thread(target=connect)
        client.start()
        until(lambda: len(names_beside(path)) == 2)
        instance.kill()
        client.join(PATIENCE_SECONDS)
        assert ["has gone" in text for text in failed] == [True]
        assert names_beside(path) == []


def test_who_waits_at_a_dead_instances_rendezvous_is_served_by_the_next(path: Path) -> None:
    with program(echo_instance, str(path)) as instance:
        instance.kill()
        instance.wait(PATIENCE_SECONDS)
    with subprocess.Popen(
        ["sh", "-c", 'mkfifo -m 600 answer; echo \'{"type":"query","reply_to":"answer"}\' >line.fifo; cat answer'],
        cwd=path.parent,
        stdout=subprocess.PIPE,
    ) as shell:
        until(lambda: names_beside(path) == ["answer"])
        with program(echo_instance, str(path)):
            said, _ = shell.communicate(timeout=PATIENCE_SECONDS)
    assert said == b'{"type":"query","reply_to":"answer"}\n'


@pytest.mark.parametrize("loop", LOOPS)
def test_a_thousand_clients_of_several_processes_hear_their_own_words_all_at_once(path: Path, loop: str) -> None:
    with echoing(path, loop=loop) as instance:
        before = descriptors_of(instance)
        callers = [
            subprocess.Popen([sys.executable, fifo_caller.__file__, str(path), "ask", str(CALLS)])
            for _ in range(CALLERS)
        ]
        assert [caller.wait(60) for caller in callers] == [0] * CALLERS
        assert descriptors_of(instance) == before
        assert names_beside(path) == []
