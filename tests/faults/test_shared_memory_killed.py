"""Peers of shared memory that are killed with -9 at every step, and one that scribbles over it."""

from __future__ import annotations

import asyncio
import select
import signal
from pathlib import Path

import pytest

from listening import PATIENCE, channel_to, in_thread, program, receive_exactly
from sharing_memory import PLACE, Instance, held
from warmline.errors import DisconnectedError
from warmline.listen.shared_memory.channel import ShmChannel
from warmline.listen.transports import connect_channel

CLIENT = """
import os, signal, socket, sys
from warmline.listen.addresses import parse_address
from warmline.listen.shared_memory import rendezvous
from warmline.listen.shared_memory.channel import ShmChannel
from warmline.listen.transports import connect_channel
address = parse_address("shm://line")
def stay():
    print("ready")
    while True:
        signal.pause()
"""

STEPS = {
    "connected, without having taken the memory": """
with rendezvous.opened_folder() as folder:
    connection = rendezvous.connect_unix(folder / "line.shm", 5)
stay()
""",
    "with the memory, silent": "channel = connect_channel(address, 5); stay()",
    "in the middle of a line": "channel = connect_channel(address, 5); channel.send(b'half a li', 5); stay()",
    "with a slot filled that it never told of": """
channel = connect_channel(address, 5)
channel._rings.writer._publish = lambda written: None
channel._rings.writer.write(b"never")
stay()
""",
    "with the bell not rung": "channel = connect_channel(address, 5); channel._rings.writer.write(b'unrung'); stay()",
    "with a full ring": """
channel = connect_channel(address, 5)
while channel._rings.writer.write(bytes(100_000)): pass
channel._rings.writer.waits_for_room()
stay()
""",
    "waiting for an answer": """
import threading
channel = connect_channel(address, 5)
channel.send(b"question", 5)
threading.Thread(target=channel.receive, args=(None,), daemon=True).start()
stay()
""",
    "half closed": """
channel = connect_channel(address, 5)
channel._rings.writer.end()
channel._connection.send(rendezvous.STROKE)
stay()
""",
    "with its end of the ring damaged": """
channel = connect_channel(address, 5)
channel._rings.writer._words[16] = 1 << 40
stay()
""",
}


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.parametrize("paused", [False, True], ids=["reading", "paused"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_client_that_is_killed_gives_all_back(step: str, paused: bool) -> None:
    async with Instance(paused=paused) as instance:
        before = held()
        async with program(CLIENT + STEPS[step]) as client:
            told = await instance.connection()
            client.kill()
            if paused and step == "half closed":
                told.transport.resume_reading()  # what it had said to its end waits for a reader, even now
            await told.until_event("lost")
            assert client.wait(PATIENCE) == -signal.SIGKILL  # and did not end by itself before
        assert held() == before


async def test_a_client_that_is_killed_with_unread_answers_gives_all_back() -> None:
    async with Instance() as instance:
        before = held()
        async with program(CLIENT + STEPS["with the memory, silent"]) as client:
            told = await instance.connection()
            told.transport.write(bytes(8 * 1024 * 1024))
            await told.until_event("paused")
            client.kill()
            await told.until_event("lost")
            assert isinstance(told.reason, DisconnectedError)
            assert client.wait(PATIENCE) == -signal.SIGKILL
        assert held() == before


async def test_twenty_killed_clients_leave_the_others_served() -> None:
    async with Instance(echoes=True) as instance, channel_to(PLACE) as channel:
        await instance.connection()
        before = held()
        for _ in range(20):
            async with program(CLIENT + STEPS["in the middle of a line"]) as client:
                told = await instance.connection()
            assert client.returncode == -signal.SIGKILL
            await told.until_event("lost")
            await in_thread(lambda: channel.send(b"ping", PATIENCE))
            assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"
        assert held() == before


INSTANCE = """
import asyncio, sys
from warmline.listen.addresses import parse_address
from warmline.listen.shared_memory.listener import ShmListener
from warmline.settings import ListenSettings
class Silent(asyncio.Protocol):
    def connection_made(self, transport):
        transport.pause_reading()
        transport.write(sys.argv[1].encode())
async def stay():
    ShmListener(parse_address("shm://line"), ListenSettings()).open(Silent)
    print("ready")
    await asyncio.get_running_loop().create_future()
asyncio.run(stay())
"""


async def test_a_client_that_waits_for_an_answer_learns_that_the_instance_was_killed() -> None:
    async with program(INSTANCE, "half an ans") as instance, channel_to(PLACE) as channel:
        assert await in_thread(lambda: receive_exactly(channel, 11)) == b"half an ans"
        waiting = asyncio.create_task(in_thread(lambda: channel.receive(None)))
        instance.kill()
        with pytest.raises(DisconnectedError):
            await waiting


async def test_what_the_instance_had_said_is_read_though_it_was_killed() -> None:
    async with program(INSTANCE, "its last words") as instance, channel_to(PLACE) as channel:
        assert isinstance(channel, ShmChannel)
        await in_thread(lambda: select.select([channel._connection], [], [], PATIENCE))  # the bell was rung
        instance.kill()
        await in_thread(lambda: instance.wait(PATIENCE))
        assert channel.receive(PATIENCE) == b"its last words"
        with pytest.raises(DisconnectedError):
            channel.receive(PATIENCE)


async def test_a_client_that_waits_for_room_learns_that_the_instance_was_killed() -> None:
    async with program(INSTANCE, "") as instance, channel_to(PLACE) as channel:
        with pytest.raises(TimeoutError):
            await in_thread(lambda: channel.send(bytes(2_000_000), 0.05))
        waiting = asyncio.create_task(in_thread(lambda: channel.send(bytes(10), None)))
        instance.kill()
        with pytest.raises(DisconnectedError):
            await waiting


async def test_a_client_gives_all_back_when_the_instance_was_killed() -> None:
    before = held()
    async with program(INSTANCE, "") as instance:
        channel = await in_thread(lambda: connect_channel(PLACE, PATIENCE))
        instance.kill()
        with pytest.raises(DisconnectedError):
            await in_thread(lambda: channel.receive(PATIENCE))
        channel.close()
    assert held() == before


SCRIBBLER = (
    CLIENT
    + """
import random
seed = random.Random(int(sys.argv[1]))
print("ready")
while True:
    try:
        channel = connect_channel(address, 5)
        words = channel._rings.writer._words
        for _ in range(2000):
            channel._rings.writer.write(b"x" * seed.randrange(1, 40_000))
            place = seed.choice([16, 17, 24, 32, 33, 40, seed.randrange(len(words)), 512 + 2048 * seed.randrange(64)])
            words[place] = seed.choice([0, 1, 2, seed.randrange(64), 1 << 63, (1 << 64) - 1, seed.getrandbits(64)])
            channel._connection.send(bytes(seed.randrange(1, 50)), socket.MSG_DONTWAIT)
    except (OSError, ValueError, rendezvous.DisconnectedError):
        pass
    channel._rings.close()
    channel._connection.close()
"""
)


@pytest.mark.parametrize("seed", ["1", "2"])
async def test_a_client_that_scribbles_over_the_memory_hurts_only_itself(seed: str) -> None:
    async with Instance(echoes=True) as instance, channel_to(PLACE) as channel:
        before = held()
        async with program(SCRIBBLER, seed):
            refused = 0
            await instance.connection()
            while refused < 20:
                told = await instance.connection()
                await told.until_event("lost")
                refused += isinstance(told.reason, DisconnectedError)
                await in_thread(lambda: channel.send(b"ping" * 20_000, PATIENCE))
                assert await in_thread(lambda: receive_exactly(channel, 80_000)) == b"ping" * 20_000
        while instance.made.qsize():
            await (await instance.connection()).until_event("lost")
        assert held() == before
