"""Shared memory between an instance and its clients: the memory, pressure, the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from listening import LOOPS, PATIENCE, Noted, channel_to, in_thread, receive_exactly
from sharing_memory import PLACE, Instance, held
from warmline.errors import DisconnectedError
from warmline.listen.shared_memory.bell import STROKE
from warmline.listen.shared_memory.channel import ShmChannel
from warmline.listen.shared_memory.memory import make_rings, map_rings
from warmline.listen.shared_memory.rendezvous import runtime_folder
from warmline.listen.shared_memory.ring import HEAD_BYTES, Shape
from warmline.listen.shared_memory.transport import ShmTransport
from warmline.listen.transports import connect_channel, connect_transport
from warmline.settings import ListenSettings

SETTINGS = ListenSettings()
RING_BYTES = SETTINGS.slots * (SETTINGS.slot_bytes - 8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return tmp_path / "warmline"


@pytest.fixture
def own_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


# The memory


def test_nobody_can_shrink_the_memory_beneath_the_other() -> None:
    rings, descriptor = make_rings(Shape(2, 4096))
    try:
        for size in (0, 1 << 20):
            with pytest.raises(PermissionError):
                os.ftruncate(descriptor, size)
        with pytest.raises(PermissionError):
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    finally:
        rings.close()
        os.close(descriptor)


def _memory(size: int, seals: int) -> int:
    descriptor = os.memfd_create("other", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


ALL_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@pytest.mark.parametrize(
    ("size", "seals"), [(0, ALL_SEALS), (100, ALL_SEALS), (HEAD_BYTES * 9, ALL_SEALS), (HEAD_BYTES * 9, 0)]
)
def test_a_client_maps_no_memory_that_could_hurt_it(size: int, seals: int) -> None:
    descriptor = _memory(size, seals)
    try:
        with pytest.raises(DisconnectedError):
            map_rings(descriptor)
    finally:
        os.close(descriptor)


def test_a_client_maps_no_file() -> None:
    with Path(__file__).open("rb") as file, pytest.raises(DisconnectedError):
        map_rings(file.fileno())


@pytest.mark.parametrize("said", [b"", b"no memory with it"])
async def test_an_instance_that_passes_no_memory_is_none(own_folder: Path, said: bytes) -> None:
    before = held()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(own_folder / "line.shm"))
        other.listen()

        def pretend() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(said)

        for connect in (lambda: connect_channel(PLACE, PATIENCE), None):
            pretending = asyncio.create_task(in_thread(pretend))
            with pytest.raises(DisconnectedError):
                await (in_thread(connect) if connect else connect_transport(PLACE, Noted))
            await pretending
    assert held() == before


# Pressure


async def test_a_client_gets_no_further_than_one_ring_while_nobody_reads() -> None:
    async with Instance(paused=True) as instance, channel_to(PLACE) as channel:
        told = await instance.connection()
        with pytest.raises(TimeoutError):
            await in_thread(lambda: channel.send(bytes(3 * RING_BYTES), 0.05))
        told.transport.resume_reading()
        await told.until(lambda each: len(each.said) == RING_BYTES)


async def test_who_sends_and_who_receives_wait_beside_each_other() -> None:
    """The one's bell wakes the other too, and neither misses its own: an echo of far more than both rings hold."""
    data = os.urandom(3 * 1024 * 1024)
    async with Instance(echoes=True), channel_to(PLACE) as channel:
        for _ in range(5):
            sending = asyncio.create_task(in_thread(lambda: channel.send(data, PATIENCE)))
            assert await in_thread(lambda: receive_exactly(channel, len(data))) == data
            await sending


async def test_the_smallest_rings_carry_large_messages() -> None:
    data = os.urandom(300_000)
    async with Instance(echoes=True, settings=ListenSettings(slots=2, slot_bytes=128)), channel_to(PLACE) as channel:
        sending = asyncio.create_task(in_thread(lambda: channel.send(data, PATIENCE)))
        assert await in_thread(lambda: receive_exactly(channel, len(data))) == data
        await sending


async def test_a_client_that_rings_without_end_and_never_listens_keeps_nobody_waiting() -> None:
    async with Instance(echoes=True) as instance, channel_to(PLACE) as loud, channel_to(PLACE) as channel:
        told = await instance.connection()
        assert isinstance(loud, ShmChannel)
        for _ in range(1000):
            told.transport.write(b"answer")
            assert loud._rings.reader.read() == b"answer"  # without hearing the bell, which its socket is full of
        _ring_until_full(loud._connection)
        await in_thread(lambda: channel.send(b"ping", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"
        await in_thread(lambda: loud.send(b"last", PATIENCE))
        assert await in_thread(lambda: receive_exactly(loud, 4)) == b"last"


async def test_an_instance_that_has_not_heard_the_bell_yet_is_not_gone() -> None:
    async with Instance() as instance, channel_to(PLACE) as channel:
        told = await instance.connection()
        transport = told.transport
        assert isinstance(transport, ShmTransport)
        for _ in range(1000):  # more strokes than the socket takes, while the loop hears none
            channel.send(b"note", PATIENCE)
            assert transport._rings.reader.read() == b"note"


def _ring_until_full(connection: socket.socket) -> None:
    try:
        while True:
            connection.send(bytes(4096), socket.MSG_DONTWAIT)
    except BlockingIOError:
        return


async def test_without_descriptors_clients_wait_until_there_are_some() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Instance(echoes=True) as instance:
        lowest = os.open(os.devnull, os.O_RDONLY)
        os.close(lowest)
        with socket.socket(socket.AF_UNIX) as waiting:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
                waiting.connect(str(runtime_folder() / "line.shm"))
                for _ in range(5):
                    await asyncio.sleep(0)
                assert instance.made.empty()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await instance.connection()
        async with channel_to(PLACE):
            await instance.connection()


# The end


async def test_a_half_close_is_heard_after_all_that_was_said_and_the_other_way_goes_on() -> None:
    async with Instance(paused=True) as instance:
        transport, client = await connect_transport(PLACE, Noted)
        told = await instance.connection()
        transport.write(bytes(RING_BYTES + 1))  # the end comes only when this is in the ring
        transport.write_eof()
        with pytest.raises(RuntimeError):
            transport.write(b"more")
        assert transport.get_write_buffer_size() == 1
        told.transport.resume_reading()
        await told.until_event("eof")
        assert len(told.said) == RING_BYTES + 1
        told.transport.write(b"the answer")
        await client.until(lambda each: each.said == b"the answer")
        transport.close()
        await told.until_event("lost")
        assert told.reason is None


async def test_what_was_said_to_the_end_is_read_even_if_its_reader_had_paused() -> None:
    async with Instance(paused=True) as instance:
        async with channel_to(PLACE) as channel:
            channel.send(b"a note", PATIENCE)
        told = await instance.connection()
        told.transport.resume_reading()
        await told.until_event("lost")
        assert told.said == b"a note"
        assert told.events == ["made", "eof", "lost"]
        assert told.reason is None


async def test_an_abort_is_no_end() -> None:
    async with Instance() as instance, channel_to(PLACE) as channel:
        (await instance.connection()).transport.abort()
        with pytest.raises(DisconnectedError):
            await in_thread(lambda: channel.receive(PATIENCE))
        with pytest.raises(DisconnectedError):
            channel.send(b"?", PATIENCE)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_end_of_a_client_that_heard_nothing_any_more_is_heard_behind_its_last_stroke(loop: str) -> None:
    async def leave() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        rings, descriptor = make_rings(Shape(2, 4096))
        os.close(descriptor)
        noted = Noted()
        ShmTransport(asyncio.get_running_loop(), ours, rings, noted).start()
        ours.send(STROKE)
        theirs.send(STROKE)
        theirs.close()
        await noted.until_event("lost")

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(leave())


async def test_a_protocol_that_raises_loses_its_connection_alone() -> None:
    told_of: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told_of.append(context.get("exception")))
    async with Instance() as instance, channel_to(PLACE) as channel:
        told = await instance.connection()
        told.data_received = _raise  # type: ignore[method-assign]
        channel.send(b"!", PATIENCE)
        await told.until_event("lost")
    assert [type(each) for each in told_of] == [ZeroDivisionError]


def _raise(data: bytes) -> None:
    raise ZeroDivisionError


async def test_the_marks_of_a_transport_say_when_its_protocol_is_told_to_pause() -> None:
    async with Instance(paused=True) as instance:
        transport, client = await connect_transport(PLACE, Noted)
        told = await instance.connection()
        transport.set_write_buffer_limits(high=10)
        assert transport.get_write_buffer_limits() == (2, 10)
        with pytest.raises(ValueError, match="mark"):
            transport.set_write_buffer_limits(high=1, low=2)
        transport.write(bytes(RING_BYTES + 10))
        assert "paused" not in client.events
        transport.write(b"x")
        assert client.events == ["made", "paused"]
        told.transport.resume_reading()
        await client.until_event("resumed")
        transport.close()
        await client.until_event("lost")


def test_a_blocking_client_does_not_pay_for_an_event_loop() -> None:
    code = "import sys, warmline.listen.shared_memory.channel; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE).returncode == 0
