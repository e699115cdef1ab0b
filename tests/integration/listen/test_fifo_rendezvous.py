"""Where clients of named pipes knock: who gets the place, and what becomes of those who come in vain."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from echo_instance import (
    LOOPS,
    PATIENCE_SECONDS,
    Collecting,
    EchoInstance,
    at,
    connect,
    descriptors,
    echoing,
    give_away,
    hear,
    names_beside,
    ping,
)
from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address, Via
from warmline.listen.fifo.channel import FifoChannel
from warmline.listen.fifo.connecting import connect_fifo
from warmline.listen.fifo.listener import FifoListener
from warmline.settings import ListenSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line.fifo"


@pytest.fixture(params=LOOPS)
def instance(request: pytest.FixtureRequest, path: Path) -> Iterator[EchoInstance]:
    with echoing(path, loop=request.param) as instance:
        yield instance


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_can_open_the_rendezvous_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        listener = FifoListener(at(path), ListenSettings())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()
    listener.close()
    assert not path.exists()


def test_a_second_instance_does_not_get_the_place(instance: EchoInstance) -> None:
    with pytest.raises(DaemonError, match="another program listens"):
        FifoListener(instance.address, ListenSettings())
    ping(instance)


def test_a_fifo_that_another_program_reads_is_left_to_it(path: Path) -> None:
    os.mkfifo(path, 0o600)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(DaemonError, match="another program listens"):
        FifoListener(at(path), ListenSettings())
    os.close(reader)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "wide", "another's"])
def test_what_no_instance_left_is_left_as_it_is(path: Path, kind: str) -> None:
    match kind:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case "link":
            os.mkfifo(path.with_name("real"), 0o600)
            path.symlink_to("real")
        case "wide":
            os.mkfifo(path)
            path.chmod(0o622)
        case _:
            os.mkfifo(path, 0o600)
            give_away(path)
    before = path.lstat()
    with pytest.raises(DaemonError, match="left as it is"):
        FifoListener(at(path), ListenSettings())
    assert path.lstat().st_ino == before.st_ino


def test_a_place_that_cannot_be_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="No such file"):
        FifoListener(Address(Via.FIFO, str(tmp_path / "none" / "line")), ListenSettings())
    with pytest.raises(DaemonError, match="too long"):
        FifoListener(Address(Via.FIFO, str(tmp_path / ("n" * 201))), ListenSettings())


def test_a_name_of_full_length_in_a_very_deep_folder_works(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["deep" * 20] * 5)
    folder.mkdir(parents=True)
    with echoing(folder / ("n" * 200)) as instance:
        ping(instance)


def test_a_client_finds_nobody_where_no_instance_is(path: Path) -> None:
    with pytest.raises(DisconnectedError, match="No such file"):
        FifoChannel(at(path), PATIENCE_SECONDS)
    os.mkfifo(path, 0o600)
    with pytest.raises(DisconnectedError, match="nobody reads there"):
        FifoChannel(at(path), PATIENCE_SECONDS)
    path.unlink()
    path.write_text("")
    with pytest.raises(DisconnectedError, match="no FIFO of yours"):
        FifoChannel(at(path), PATIENCE_SECONDS)
    assert names_beside(path) == []


def test_a_client_tells_another_users_fifo_nothing(path: Path) -> None:
    os.mkfifo(path, 0o600)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    give_away(path)
    with pytest.raises(DisconnectedError, match="no FIFO of yours"):
        FifoChannel(at(path), PATIENCE_SECONDS)
    os.close(reader)


def test_a_client_whose_instance_does_not_answer_gives_up_and_leaves_nothing(path: Path) -> None:
    listener = FifoListener(at(path), ListenSettings())
    before = descriptors()
    with pytest.raises(DisconnectedError, match="in time"):
        FifoChannel(at(path), 0.01)
    assert names_beside(path) == []
    assert descriptors() == before
    listener.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_on_a_loop_that_is_cancelled_while_it_connects_leaves_nothing(path: Path, loop: str) -> None:
    async def give_up() -> None:
        before = descriptors()  # within the loop: the first one of uvloop in a process opens two that stay
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await connect_fifo(at(path), Collecting)
        assert names_beside(path) == []
        assert descriptors() == before

    listener = FifoListener(at(path), ListenSettings())
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(give_up())
    listener.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_is_just_connecting_notices_that_the_listener_closed(path: Path, loop: str) -> None:
    async def connect_while_it_closes() -> None:
        asyncio.get_running_loop().call_later(0.02, listener.close)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(DisconnectedError, match="has gone"):
                await connect_fifo(at(path), Collecting)

    listener = FifoListener(at(path), ListenSettings())
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(connect_while_it_closes())
    assert names_beside(path) == []


def test_connections_stay_when_the_listener_closes(instance: EchoInstance) -> None:
    channel = connect(instance)
    instance.run(instance.listener.close)
    assert not instance.path.exists()
    channel.send(b"still here", PATIENCE_SECONDS)
    assert hear(channel, 10) == b"still here"
    channel.close()
