"""A daemon that is told to leave, or just leaves: waits return, nothing is lost, the next asker notices nothing."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from bridge_cases import bridge_over
from real_home import RealHome, wait_until_gone
from warmline.bridge.credentials import THE_OWNER
from warmline.clock import SystemClock
from warmline.errors import WarmlineError
from warmline.memory.catalog import CATALOG
from warmline.model import MEMORY_MAILBOX
from warmline.security.keys import make_seals
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

QUESTION = "Where does the spare key of the shed hang?"


def start(home: RealHome, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "warmline", "--home", str(home.home.path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def is_adding(home: RealHome) -> bool:
    """Tell whether an indexing process has begun an addition and not ended it."""
    try:
        catalog = apsw.Connection(str(home.home.memory / CATALOG), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError:
        return False
    with closing(catalog):
        if catalog.execute("select 1 from pragma_table_info('roots') where name = 'is_whole'").fetchone() is None:
            return False
        return catalog.execute("select 1 from roots where not is_whole").fetchone() is not None


def terminate(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()


def terminate_twice(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    daemon.terminate()


def interrupt(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGINT)


@pytest.mark.parametrize("end", [terminate, terminate_twice, interrupt])
def test_a_signal_under_load_ends_the_daemon_in_order_and_loses_nothing(
    real_home: RealHome, notes: Path, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    daemon = real_home.serve()
    real_home.run("memory", "add", str(notes))
    accepted: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        client = real_home.client()
        for number in range(200):
            try:
                accepted.append(client.call("POST", "/v1/questions", {"question": QUESTION}, key=f"k{number}")["id"])
            except WarmlineError:
                return
            if len(accepted) >= 100:
                enough.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert enough.wait(30)
    end(daemon)
    _, logged = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, logged
    assert b"Traceback" not in logged
    asking.join(timeout=60)
    assert len(accepted) == 200  # those who came too late were served by the next daemon
    client = real_home.client()
    for question_id in accepted:
        answer = client.call("GET", f"/v1/questions/{question_id}?wait=60", wait_seconds=60)
        assert answer["outcome"] == "answered"
        assert answer["receipt"]["failures"] == answer["receipt"]["lapses"] == 0


async def ask_and_hold(home: RealHome) -> str:
    """Put a question on the line of a home without a daemon, due only after the test is over."""
    clock = SystemClock()
    home.home.make()
    store = SqliteStore(home.home.store, StoreSettings(), clock, make_seals(home.home.seal_keys))
    bridge = bridge_over(store, clock)
    await store.open()
    accepted = await bridge.questions.ask(THE_OWNER, QUESTION, idempotency_key="held")
    lease = await store.lease(MEMORY_MAILBOX, "a worker", timedelta(minutes=5))
    await store.nack(lease, "not now", timedelta(minutes=5))
    await store.close()
    return accepted.question.message.id


def test_an_asker_whose_daemon_is_stopped_gets_the_ticket(real_home: RealHome) -> None:
    held = asyncio.run(ask_and_hold(real_home))
    real_home.serve()
    client = real_home.client()
    waiting = [start(real_home, "ticket", held, "--wait", "1m"), start(real_home, "ask", "--key", "held", QUESTION)]
    while client.call("GET", "/v1/status")["waiting"] < len(waiting):
        assert [each.poll() for each in waiting] == [None, None]
    real_home.run("stop")
    for each in waiting:
        shown, said = each.communicate(timeout=30)
        assert each.returncode == 4, said
        assert shown.decode().strip() == held
        assert b"no answer yet" in said
    assert real_home.run("status").returncode == 1  # nobody started it again


def test_asks_beside_a_daemon_that_keeps_leaving_are_all_answered(real_home: RealHome, notes: Path) -> None:
    real_home.run("memory", "add", str(notes))
    for _ in range(3):
        asked = start(real_home, "ask", QUESTION)
        real_home.run("stop")
        _, said = asked.communicate(timeout=60)
        assert asked.returncode in {0, 4}, said
        assert b"warmline: " not in said


def test_asks_beside_a_daemon_that_leaves_when_idle_are_all_answered(real_home: RealHome, notes: Path) -> None:
    real_home.run("memory", "add", str(notes))
    for _ in range(3):
        real_home.run("stop")
        daemon = real_home.serve("--idle-leave", "1ms")
        asked = [start(real_home, "ask", QUESTION) for _ in range(2)]
        for each in asked:
            _, said = each.communicate(timeout=60)
            assert each.returncode == 0, said
        daemon.communicate(timeout=30)


def test_thirty_askers_at_once_start_one_daemon_and_are_all_answered(real_home: RealHome, notes: Path) -> None:
    real_home.run("memory", "add", str(notes))
    real_home.run("stop")
    asked = [start(real_home, "ask", QUESTION) for _ in range(30)]
    for each in asked:
        shown, said = each.communicate(timeout=100)
        assert each.returncode == 0, said
        assert b"blue watering can" in shown
    assert real_home.json("questions", "--state", "settled", "--count") == {"count": 30}
    served = [line.split()[2] for line in real_home.home.log.read_text("utf-8").splitlines()].count("serving")
    assert served == 2  # one for the addition, one for all thirty


def test_a_kill_during_an_addition_leaves_a_memory_that_the_next_one_completes(
    real_home: RealHome, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for number in range(300):
        (books / f"{number}.txt").write_text(
            "".join(f"Line {n} of book {number} says {n * number}.\n" for n in range(500))
        )
    real_home.serve()
    adding = start(real_home, "memory", "add", str(books))
    while not is_adding(real_home):
        assert adding.poll() is None
    real_home.kill()
    _, said = adding.communicate(timeout=30)
    assert adding.returncode == 1
    assert said.count(b"\n") == 1
    report = real_home.json("memory", "add", str(books))
    assert report["indexed"] + report["unchanged"] == 300
    assert real_home.json("memory", "list")["roots"][0]["lines"] == 150_000
    found = real_home.json("memory", "search", "which line says 149201?", "--top", "1")["passages"][0]
    assert (found["path"], found["first_line"]) == ("books/299.txt", 500)


def test_a_daemon_whose_port_is_taken_serves_its_socket_and_says_so(real_home: RealHome) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        real_home.serve("--port", str(taken.getsockname()[1]))
        assert real_home.json("status")["address"] is None
        assert b"its Unix socket; the TCP port is taken" in real_home.run("status").stdout


@pytest.mark.parametrize(("shown", "status"), [("", 401), ("Bearer wrong", 401), ("Bearer ", 401), ("the token", 200)])
def test_the_tcp_door_opens_for_the_token_alone(real_home: RealHome, shown: str, status: int) -> None:
    real_home.serve()
    address = real_home.json("status")["address"]
    token = f"Bearer {real_home.home.read_token()}" if shown == "the token" else shown
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/v1/status", headers={"Authorization": token})
    with connection.getresponse() as response:
        assert response.status == status
    connection.close()


def test_a_daemon_that_stood_still_answers_when_it_goes_on(real_home: RealHome, notes: Path) -> None:
    daemon = real_home.serve()
    real_home.run("memory", "add", str(notes))
    os.kill(daemon.pid, signal.SIGSTOP)
    asked = start(real_home, "ask", QUESTION)
    with pytest.raises(subprocess.TimeoutExpired):
        asked.wait(0.5)
    os.kill(daemon.pid, signal.SIGCONT)
    asked.communicate(timeout=30)
    assert asked.returncode == 0
    daemon.terminate()
    wait_until_gone(daemon.pid)
