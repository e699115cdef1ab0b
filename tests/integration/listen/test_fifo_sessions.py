"""Questions and answers over named pipes, through listeners and sessions as the daemon has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from asking_desk import AskingDesk
from listening import PATIENCE, channel_to, count_descriptors, in_thread, receive_line
from warmline.errors import DaemonError
from warmline.listen.addresses import Address, Via
from warmline.listen.listeners import Listeners
from warmline.listen.transports import connect_channel
from warmline.settings import ListenSettings


class Place:
    """Listeners that run, and one of them at a FIFO."""

    def __init__(self, folder: Path, settings: ListenSettings) -> None:
        self.folder = folder
        self.address = Address(Via.FIFO, str(folder / "line.fifo"))
        self.desk = AskingDesk()
        self.listeners = Listeners(self.desk, settings)
        self.listeners.open(self.address, needs_token=False)
        self.running = asyncio.create_task(self.listeners.run())

    @property
    def connections(self) -> int:
        return self.listeners.list()[0].connections

    def left_behind(self) -> list[Path]:
        return [*self.folder.glob(".line*"), *self.folder.glob("line.fifo")]

    async def until_alone(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.connections:  # noqa: ASYNC110  # a count says nothing when it changes
                await asyncio.sleep(0.001)

    async def shell(self, script: str) -> bytes:
        """Run a shell's script in the folder of the FIFO, and return what it printed."""
        process = await asyncio.create_subprocess_exec("sh", "-c", script, cwd=self.folder, stdout=-1)
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
        return said


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path, replace(ListenSettings(), connections=20, letter_period=timedelta(milliseconds=5)))
    yield place
    place.running.cancel()
    await asyncio.wait([place.running])
    assert place.left_behind() == []


def query(question: str, **more: object) -> bytes:
    return json.dumps({"type": "query", "question": question, **more}).encode() + b"\n"


async def test_a_question_of_900_kb_and_an_answer_of_1_mb_come_whole(place: Place) -> None:
    async with channel_to(place.address) as channel:
        await in_thread(lambda: channel.send(query("echo " + "q" * 900_000), PATIENCE))
        assert json.loads(await in_thread(lambda: receive_line(channel)))["answer"] == "q" * 900_000
        await in_thread(lambda: channel.send(query("size 1048576"), PATIENCE))
        assert json.loads(await in_thread(lambda: receive_line(channel)))["answer"] == "a" * 1_048_576


async def test_a_client_that_is_gone_no_longer_waits(place: Place) -> None:
    async with channel_to(place.address) as channel:
        channel.send(query("hold it"), PATIENCE)
        await place.desk.until_asked(1)
    await place.desk.until_idle()
    await place.until_alone()


async def test_a_shell_asks_with_one_line_and_reads_the_answer(place: Place) -> None:
    said = await place.shell(
        "mkfifo -m 600 answer\n"
        'printf \'{"type":"query","question":"echo hello","reply_to":"answer"}\\n\' >line.fifo\n'
        "cat answer"
    )
    assert json.loads(said)["answer"] == "hello"
    await place.until_alone()


async def test_a_shell_that_stops_reading_ends_its_wait(place: Place) -> None:
    await place.shell(
        "mkfifo -m 600 answer\n"
        "exec 3<>answer\n"
        'printf \'{"type":"query","question":"hold it","reply_to":"answer"}\\n\' >line.fifo\n'
        "timeout 0.2 cat <&3\n"
    )
    await place.desk.until_idle()
    await place.until_alone()


async def test_letters_at_once_each_get_their_own_answer(place: Place) -> None:
    said = await place.shell(
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do\n"
        '  mkfifo -m 600 "to$n"\n'
        '  { printf \'{"type":"query","question":"echo %s","reply_to":"to%s"}\\n\' $n $n >line.fifo; cat "to$n"; } &\n'
        "done; wait"
    )
    answers = sorted(int(json.loads(line)["answer"]) for line in said.splitlines())
    assert answers == list(range(1, 16))


async def test_beyond_the_most_connections_strangers_make_room(place: Place) -> None:
    before = count_descriptors()
    channels = [await in_thread(lambda: connect_channel(place.address, PATIENCE)) for _ in range(60)]
    assert place.connections <= 20
    async with channel_to(place.address) as channel:
        channel.send(b'{"type":"ping","data":"x"}\n', PATIENCE)
        assert json.loads(await in_thread(lambda: receive_line(channel))) == {"type": "pong", "data": "x"}
    for each in channels:
        each.close()
    await place.until_alone()
    assert count_descriptors() <= before


async def test_the_place_is_taken_once(place: Place) -> None:
    with pytest.raises(DaemonError):
        place.listeners.open(place.address, needs_token=False)
    assert place.address.path.is_fifo()
