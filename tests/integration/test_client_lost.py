"""Clients whose instance dies, falls silent, or is something else."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from os import kill
from pathlib import Path
from typing import Any

import pytest

from listening import PLACES
from serving_desk import LIMIT_SECONDS, ServingDesk
from warmline import connect, connect_async
from warmline.errors import DisconnectedError, InvalidInputError, PendingError
from warmline.listen.messages import Progress, Text

BRIEF = 0.2
"""In seconds: a silence that a test can wait for."""


@pytest.fixture(params=PLACES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServingDesk]:
    serving = ServingDesk(str(PLACES[request.param](tmp_path)), tmp_path)
    serving.start()
    yield serving
    serving.close()


def free(url: str, name: str) -> None:
    with connect(url) as line:
        line.ask(f"free {name}", wait=LIMIT_SECONDS)


def test_a_question_outlives_a_killed_instance_and_is_answered_once(desk: ServingDesk) -> None:
    accepted = threading.Event()
    heard: list[Text] = []
    with connect(desk.url) as line, ThreadPoolExecutor(1) as pool:
        held = pool.submit(line.ask, "hold door", wait=30, on_text=heard.append, on_progress=lambda _: accepted.set())
        assert accepted.wait(LIMIT_SECONDS)
        desk.kill()
        desk.start()
        free(desk.url, "door")
        assert held.result(LIMIT_SECONDS).text == "door"
    assert desk.asked().count("hold door") == 1
    assert [text.text for text in heard] == ["so far"], "what was heard before is not said again"


def test_all_threads_of_a_client_outlive_a_killed_instance(desk: ServingDesk) -> None:
    accepted = [threading.Event() for _ in range(8)]

    def hold(number: int) -> str:
        return line.ask(f"hold {number}", wait=30, on_progress=lambda _: accepted[number].set()).text

    with connect(desk.url) as line, ThreadPoolExecutor(8) as pool:
        held = [pool.submit(hold, number) for number in range(8)]
        assert all(event.wait(LIMIT_SECONDS) for event in accepted)
        desk.kill()
        desk.start()
        for number in range(8):
            free(desk.url, str(number))
        assert [each.result(LIMIT_SECONDS) for each in held] == [str(number) for number in range(8)]
    assert sorted(desk.asked()) == sorted([f"{verb} {number}" for verb in ("hold", "free") for number in range(8)])


async def test_all_coroutines_of_a_client_outlive_a_killed_instance(desk: ServingDesk) -> None:
    accepted: asyncio.Queue[Progress] = asyncio.Queue()
    async with connect_async(desk.url) as line, asyncio.timeout(30):
        held = [asyncio.create_task(line.ask(f"hold {number}", on_progress=accepted.put_nowait)) for number in range(8)]
        for _ in held:
            await accepted.get()
        desk.kill()
        desk.start()
        for number in range(8):
            await line.ask(f"free {number}")
        assert [(await each).text for each in held] == [str(number) for number in range(8)]
    assert sorted(desk.asked()) == sorted([f"{verb} {number}" for verb in ("hold", "free") for number in range(8)])


def test_a_client_asks_on_after_its_instance_was_stopped_and_started(desk: ServingDesk) -> None:
    with connect(desk.url) as line:
        assert line.ask("echo before", wait=LIMIT_SECONDS).text == "before"
        desk.stop()
        desk.start()
        assert line.ask("echo after", wait=LIMIT_SECONDS).text == "after"


def test_an_instance_that_stays_away_is_given_up(desk: ServingDesk) -> None:
    with connect(desk.url, reconnect=BRIEF) as line:
        desk.kill()
        with pytest.raises(DisconnectedError, match="cannot be reached"):
            line.ask("echo anybody?")
        with pytest.raises(DisconnectedError, match="cannot be reached"):
            line.ping()


async def test_an_instance_that_stays_away_is_given_up_by_coroutines_too(desk: ServingDesk) -> None:
    async with connect_async(desk.url, reconnect=BRIEF) as line, asyncio.timeout(LIMIT_SECONDS):
        desk.kill()
        for _ in range(2):
            with pytest.raises(DisconnectedError, match="cannot be reached"):
                await line.ask("echo anybody?")


def test_a_patience_that_ends_while_the_instance_is_away_still_gives_the_ticket(desk: ServingDesk) -> None:
    accepted = threading.Event()
    with connect(desk.url) as line, ThreadPoolExecutor(1) as pool:
        held = pool.submit(line.ask, "hold door", wait=1, on_progress=lambda _: accepted.set())
        assert accepted.wait(LIMIT_SECONDS)
        desk.kill()
        with pytest.raises(PendingError) as pending:
            held.result(LIMIT_SECONDS)
        desk.start()
        free(desk.url, "door")
        assert line.collect(pending.value.ticket, wait=LIMIT_SECONDS).text == "door"


def test_a_stopped_instance_is_found_out_by_its_silence_and_answers_when_it_goes_on(desk: ServingDesk) -> None:
    with connect(desk.url, timeout=BRIEF, reconnect=BRIEF) as line:
        kill(desk.pid, signal.SIGSTOP)
        try:
            with pytest.raises(DisconnectedError):
                line.ask("echo are you there?")
        finally:
            kill(desk.pid, signal.SIGCONT)
    with connect(desk.url) as line:
        assert line.ask("echo again", wait=LIMIT_SECONDS).text == "again"


def test_an_instance_that_thinks_for_longer_than_the_timeout_is_not_given_up(desk: ServingDesk) -> None:
    with connect(desk.url, timeout=BRIEF, reconnect=0) as line, ThreadPoolExecutor(1) as pool:
        held = pool.submit(line.ask, "hold door", wait=30)
        with pytest.raises(TimeoutError):
            held.result(3 * BRIEF)
        free(desk.url, "door")
        assert held.result(LIMIT_SECONDS).text == "door"


@contextmanager
def another_program(says: Callable[[socket.socket], object]) -> Iterator[str]:
    """Listen as somebody who is no instance; yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        saying: Future[Any] = pool.submit(_take_all, server, says)
        try:
            yield "tcp://{}:{}".format(*server.getsockname())
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
        saying.result(LIMIT_SECONDS)


def _take_all(server: socket.socket, says: Callable[[socket.socket], object]) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        with peer, suppress(OSError):
            says(peer)
            while peer.recv(65536):
                pass


NONSENSE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\xff\xfe\x00\n",
    b"[]\n",
    b"{}\n",
    b'{"type":"response"}\n',
    b'{"type":"response","answer":5,"sources":3,"ticket":[],"outcome":{},"author":null,"citations":[7]}\n',
    b'{"type":"error","code":["a"],"error":{}}\n',
    b'{"type":"pong","id":[1]}\n',
    b'{"type":"pong","id":{"a":1}}\n',
    b'{"type":"text","ticket":"T","delivery":"x","offset":null,"text":7}\n',
    b"[" * 100_000 + b"\n",
    b"1" * 10_000 + b"\n",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda said: said[:24].decode("latin-1"))
def test_nonsense_from_the_other_end_is_a_lost_connection(nonsense: bytes) -> None:
    with (
        another_program(lambda peer: peer.sendall(nonsense)) as url,
        connect(url) as line,
        pytest.raises(DisconnectedError, match="cannot be reached"),
    ):
        line.ask("echo who are you?")


@pytest.mark.parametrize("nonsense", NONSENSE[:4], ids=lambda said: said[:24].decode("latin-1"))
async def test_nonsense_is_a_lost_connection_to_coroutines_too(nonsense: bytes) -> None:
    with another_program(lambda peer: peer.sendall(nonsense)) as url:
        async with asyncio.timeout(LIMIT_SECONDS), connect_async(url, reconnect=BRIEF) as line:
            with pytest.raises(DisconnectedError):
                await line.ask("echo who are you?")


def test_silence_from_the_other_end_is_a_lost_connection() -> None:
    with (
        another_program(lambda _peer: None) as url,
        connect(url, timeout=BRIEF, reconnect=BRIEF) as line,
        pytest.raises(DisconnectedError, match="said nothing"),
    ):
        line.ask("echo who are you?")


async def test_silence_is_a_lost_connection_to_coroutines_too() -> None:
    with another_program(lambda _peer: None) as url:
        async with asyncio.timeout(LIMIT_SECONDS), connect_async(url, timeout=BRIEF, reconnect=BRIEF) as line:
            with pytest.raises(DisconnectedError, match="said nothing"):
                await line.ask("echo who are you?")


def test_who_hangs_up_at_once_is_a_lost_connection() -> None:
    def hang_up(peer: socket.socket) -> None:
        peer.shutdown(socket.SHUT_RDWR)

    with (
        another_program(hang_up) as url,
        connect(url, reconnect=BRIEF) as line,
        pytest.raises(DisconnectedError, match="cannot be reached"),
    ):
        line.ask("echo who are you?")


@pytest.mark.parametrize(
    "url", ["", "warmline", "http://127.0.0.1:9999", "unix://relative", "tcp://nowhere", "shm://a/b", "fifo://"]
)
def test_what_is_no_url_of_a_listener_is_told_what_to_write(url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"write|called"):
        connect(url)
    with pytest.raises(InvalidInputError, match=r"write|called"):
        connect_async(url)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "unix:///nowhere/at/all"])
async def test_a_place_where_nobody_listens_is_a_lost_connection_at_once(url: str) -> None:
    with pytest.raises(DisconnectedError, match="no instance answers"):
        connect(url)
    with pytest.raises(DisconnectedError, match="no instance answers"):
        await connect_async(url)
