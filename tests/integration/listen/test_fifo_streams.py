"""What connections over named pipes carry, from an instance that says back what it hears."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from echo_instance import (
    LOOPS,
    PATIENCE_SECONDS,
    Collecting,
    Echo,
    EchoInstance,
    at,
    connect,
    descriptors_of,
    echoing,
    hear,
    names_beside,
    ping,
)
from talk import until
from warmline.errors import DisconnectedError
from warmline.listen.fifo.connecting import connect_fifo

MEGABYTE = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line.fifo"


@pytest.fixture(params=LOOPS)
def instance(request: pytest.FixtureRequest, path: Path) -> Iterator[EchoInstance]:
    with echoing(path, loop=request.param) as instance:
        yield instance


def test_a_connection_says_back_what_was_said_and_leaves_nothing(instance: EchoInstance) -> None:
    ping(instance)
    before = descriptors_of(instance)
    for _ in range(50):
        ping(instance)
    assert descriptors_of(instance) == before
    assert names_beside(instance.path) == []


def test_megabytes_come_back_whole_and_in_order(instance: EchoInstance) -> None:
    said = os.urandom(3 * MEGABYTE)
    channel = connect(instance)
    sender = threading.Thread(target=channel.send, args=(said, PATIENCE_SECONDS))
    sender.start()
    assert hear(channel, len(said)) == said
    sender.join()
    channel.close()


def test_many_at_once_each_hear_their_own_words(instance: EchoInstance) -> None:
    channels = [connect(instance) for _ in range(100)]
    for number, channel in enumerate(channels):
        channel.send(b"%06d" % number * 500, PATIENCE_SECONDS)
    for number, channel in reversed(list(enumerate(channels))):
        assert hear(channel, 3000) == b"%06d" % number * 500
        channel.close()


def test_an_instance_that_nobody_hears_stops_reading_and_one_that_is_not_read_stops_a_client(
    instance: EchoInstance,
) -> None:
    channel = connect(instance)
    with pytest.raises(TimeoutError):
        channel.send(bytes(16 * MEGABYTE), 0.3)
    [session] = instance.living
    assert instance.run(session.transport.get_write_buffer_size) < MEGABYTE
    assert not instance.run(session.transport.is_reading)
    ping(instance)
    channel.close()
    until(lambda: not instance.living)


class Counting(Echo):
    """Answers when the peer has ended: with how much it had said."""

    def data_received(self, data: bytes) -> None:
        self.count += len(data)

    def eof_received(self) -> bool:
        asyncio.get_running_loop().call_later(0.05, self._answer)
        return True

    def _answer(self) -> None:
        self.transport.write(b"%d" % self.count)
        self.transport.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_said_all_still_hears_the_answer(path: Path, loop: str) -> None:
    async def ask() -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            transport, client = await connect_fifo(at(path), Collecting)
            transport.write(bytes(200_000))
            transport.write_eof()
            assert await client.lost is None
            return bytes(client.heard)

    with echoing(path, loop=loop, new_session=Counting), asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(ask()) == b"200000"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_on_a_loop_hears_megabytes_and_the_end(path: Path, loop: str) -> None:
    said = os.urandom(MEGABYTE)

    async def talk() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            transport, client = await connect_fifo(at(path), Collecting)
            client.awaited = len(said)
            transport.write(said)
            assert transport.get_write_buffer_size() > 0
            await client.all_heard.wait()
            assert client.heard == said
            echo.run(echo.hang_up)
            assert await client.lost is None
            assert transport.is_closing()

    with echoing(path, loop=loop) as echo, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(talk())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_reads_slowly_hears_all_though_the_instance_has_closed(path: Path, loop: str) -> None:
    said = os.urandom(60_000)  # a pipe holds them

    async def talk() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            transport, client = await connect_fifo(at(path), Collecting)
            transport.pause_reading()
            transport.write(said)
            await asyncio.to_thread(
                until, lambda: echo.run(lambda: sum(each.count for each in echo.living)) == len(said)
            )
            echo.run(echo.hang_up)
            await asyncio.to_thread(until, lambda: transport._writing is None)
            transport.resume_reading()
            assert await client.lost is None
            assert client.heard == said

    with echoing(path, loop=loop) as echo, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(talk())


def test_what_a_client_said_before_it_left_is_heard(instance: EchoInstance) -> None:
    channel = connect(instance)
    until(lambda: len(instance.living) == 1)
    [session] = instance.living
    heard: list[bytes] = []
    instance.run(lambda: setattr(session, "data_received", heard.append))
    channel.send(b"last words", PATIENCE_SECONDS)
    channel.close()
    until(lambda: not instance.living)
    assert b"".join(heard) == b"last words"


def test_a_client_hears_the_end_when_the_instance_ends_the_connection(instance: EchoInstance) -> None:
    channel = connect(instance)
    channel.send(b"a", PATIENCE_SECONDS)
    assert hear(channel, 1) == b"a"
    instance.run(instance.hang_up)
    assert channel.receive(PATIENCE_SECONDS) == b""
    with pytest.raises(DisconnectedError):
        channel.send(b"b", PATIENCE_SECONDS)
    channel.close()
    channel.close()


def test_a_thread_that_waits_for_words_is_woken_when_another_closes(instance: EchoInstance) -> None:
    before = descriptors_of(instance)
    channel = connect(instance)
    ended: list[bytes] = []
    waiter = threading.Thread(target=lambda: ended.append(channel.receive(None)))
    waiter.start()
    until(lambda: channel._inside == 1)
    channel.close()
    waiter.join(PATIENCE_SECONDS)
    assert ended == [b""]
    with pytest.raises(DisconnectedError):
        channel.send(b"more", PATIENCE_SECONDS)
    assert descriptors_of(instance) == before


def test_patience_ends(instance: EchoInstance) -> None:
    channel = connect(instance)
    with pytest.raises(TimeoutError):
        channel.receive(0.01)
    channel.close()
