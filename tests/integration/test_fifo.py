"""Connections over named pipes, against an instance that says back what it hears."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from echo_instance import LOOPS, PATIENCE_SECONDS, SWEEPING, Echo, EchoInstance, echoing
from talk import until
from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address, Via
from warmline.listen.fifo.channel import FifoChannel
from warmline.listen.fifo.connecting import connect_fifo
from warmline.listen.fifo.lines import write_open
from warmline.listen.fifo.listener import FifoListener
from warmline.settings import ListenSettings

MEGABYTE = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line.fifo"


@pytest.fixture(params=LOOPS)
def instance(request: pytest.FixtureRequest, path: Path) -> Iterator[EchoInstance]:
    with echoing(path, loop=request.param) as instance:
        yield instance


def at(path: Path) -> Address:
    return Address(Via.FIFO, str(path))


def connect(instance: EchoInstance) -> FifoChannel:
    return FifoChannel(instance.address, PATIENCE_SECONDS)


def hear(channel: FifoChannel, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        piece = channel.receive(PATIENCE_SECONDS)
        assert piece, "the connection ended before it had said all"
        heard += piece
    return heard


def ping(instance: EchoInstance, data: bytes = b"ping\n") -> None:
    """Be served, as ever."""
    channel = connect(instance)
    channel.send(data, PATIENCE_SECONDS)
    assert hear(channel, len(data)) == data
    channel.close()


def names_beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each != path)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def descriptors_of(instance: EchoInstance) -> int:
    """Count them when all connections have ended, and while it does nothing else."""
    until(lambda: not instance.living)
    return instance.run(descriptors)


def write_at(path: Path, data: bytes) -> None:
    """Write to the rendezvous as anything may, in as many pieces as it takes."""
    with path.open("wb", buffering=0) as rendezvous:
        rest = memoryview(data)
        while rest:
            rest = rest[rendezvous.write(rest) :]


# What a connection carries


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


class Collecting(asyncio.Protocol):
    """A client that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.awaited = 0
        self.all_heard = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if len(self.heard) >= self.awaited:
            self.all_heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


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


# Where clients knock


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
            _give_away(path)
    before = path.lstat()
    with pytest.raises(DaemonError, match="left as it is"):
        FifoListener(at(path), ListenSettings())
    assert path.lstat().st_ino == before.st_ino


def _give_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes files of other users")
    os.chown(path, 12345, 12345, follow_symlinks=False)


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
    _give_away(path)
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
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await connect_fifo(at(path), Collecting)

    listener = FifoListener(at(path), ListenSettings())
    before = descriptors()
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(give_up())
    assert names_beside(path) == []
    assert descriptors() == before
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


# Whatever is written there


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\xff\xfe\n" * 1000,
        b"\n" * 100_000,
        b"no newline at all",
        b"x" * 3_000_000,
        b"[" * 4000 + b"\n",
        b'{"type":"open"}\n' * 5000,
        write_open("../escaped", "/etc/passwd"),
        write_open("", "."),
        write_open(".line.fifo.a\0b", ".line.fifo.c"),
        b'{"type":"open","requests":".line.fifo.\\ud800","replies":".line.fifo.x"}\n',
        b'{"type":"query","reply_to":"\\ud800"}\n',
        b'{"type":"query","reply_to":"a\\u0000b"}\n',
        b'{"type":"query","reply_to":"../x"}\n',
        b'{"type":"query","reply_to":"line.fifo"}\n',
        write_open(".line.fifo." + "n" * 300, ".line.fifo." + "m" * 300),
        write_open("line.fifo", "line.fifo"),
    ],
)
def test_garbage_hurts_nobody(instance: EchoInstance, garbage: bytes) -> None:
    before = descriptors_of(instance)
    write_at(instance.path, garbage)
    ping(instance)
    assert descriptors_of(instance) == before
    assert instance.path.is_fifo()


def _made(kind: str, path: Path) -> list[int]:
    """Make what no client would; return descriptors of what is held open."""
    match kind:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case "device":
            if os.geteuid() != 0:
                pytest.skip("only root makes devices")
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        case "link":
            path.symlink_to("elsewhere")
            path = path.with_name("elsewhere")
            os.mkfifo(path, 0o600)
        case _:
            os.mkfifo(path, 0o600)
    if kind == "another's":
        _give_away(path)
    if kind == "wide":
        path.chmod(0o644)
    return [os.open(path, os.O_RDWR)] if kind in {"link", "another's", "wide"} else []


@pytest.mark.parametrize("kind", ["file", "folder", "link", "device", "another's", "unread", "wide"])
def test_what_is_no_fifo_of_a_client_is_not_opened_nor_touched(instance: EchoInstance, kind: str) -> None:
    requests, replies = (instance.path.with_name(f".line.fifo.{name}") for name in ("requests", "replies"))
    os.mkfifo(requests, 0o600)
    held = [os.open(requests, os.O_RDWR)]
    held += _made(kind, replies)
    before = descriptors_of(instance)
    write_at(instance.path, write_open(requests.name, replies.name))
    ping(instance)
    assert descriptors_of(instance) == before
    assert os.path.lexists(requests)
    for descriptor in held:
        os.close(descriptor)


def test_one_fifo_is_not_taken_for_both_streams(instance: EchoInstance) -> None:
    both = instance.path.with_name(".line.fifo.both")
    os.mkfifo(both, 0o600)
    held = os.open(both, os.O_RDWR)
    write_at(instance.path, write_open(both.name, both.name))
    ping(instance)
    assert both.exists()
    os.close(held)


def test_who_writes_without_end_does_not_keep_others_out(instance: EchoInstance) -> None:
    stop = threading.Event()

    def flood() -> None:
        rendezvous = os.open(instance.path, os.O_WRONLY)
        while not stop.is_set():
            os.write(rendezvous, b"{" * 10_000)
        os.close(rendezvous)

    flooder = threading.Thread(target=flood)
    flooder.start()
    for _ in range(20):
        ping(instance)
    stop.set()
    flooder.join(PATIENCE_SECONDS)


# Letters


def letter_to(name: str) -> bytes:
    return json.dumps({"type": "query", "question": "?", "reply_to": name}).encode() + b"\n"


def test_a_letter_is_answered_to_who_opens_its_fifo_only_later(instance: EchoInstance) -> None:
    answer = instance.path.with_name("answer")
    os.mkfifo(answer, 0o600)
    write_at(instance.path, letter_to("answer"))
    ping(instance)
    with answer.open("rb") as replies:
        assert replies.read() == letter_to("answer")
    assert answer.exists()
    until(lambda: not instance.living)


def test_a_letter_whose_fifo_others_may_open_is_told_so(instance: EchoInstance) -> None:
    answer = instance.path.with_name("answer")
    os.mkfifo(answer)
    answer.chmod(0o644)
    write_at(instance.path, letter_to("answer"))
    with answer.open("rb") as replies:
        assert json.loads(replies.read())["code"] == "unsafe_path"


def test_letters_that_nobody_wants_are_let_go(path: Path) -> None:
    soon = replace(SWEEPING, letter_patience=timedelta(milliseconds=50), letter_period=timedelta(milliseconds=1))
    os.mkfifo(path.with_name("answer"), 0o600)
    with echoing(path, replace(soon, letters=10)) as instance:
        for _ in range(30):
            write_at(path, letter_to("answer"))
        ping(instance)
        assert instance.run(lambda: len(instance.listener._held)) <= 10
        until(lambda: not instance.run(lambda: len(instance.listener._held)))
        ping(instance)


# What is left behind


def test_what_dead_clients_left_is_removed_and_what_is_held_or_of_others_is_not(path: Path) -> None:
    names = [path.with_name(f".line.fifo.{name}") for name in ("dead", "held", "file")]
    os.mkfifo(names[0], 0o600)
    os.mkfifo(names[1], 0o600)
    names[2].write_text("mine")
    os.mkfifo(path.with_name(".line"), 0o600)
    held = os.open(names[1], os.O_RDWR)
    with echoing(path):
        until(lambda: not names[0].exists())
        assert names_beside(path) == [".line", ".line.fifo.file", ".line.fifo.held"]
    assert names[1].exists()
    os.close(held)


def test_a_young_fifo_is_left_until_the_listener_closes(path: Path) -> None:
    made = path.with_name(".line.fifo.young")
    with echoing(path, replace(SWEEPING, leftover_age=timedelta(hours=1))) as instance:
        os.mkfifo(made, 0o600)
        assert instance.run(lambda: instance.listener._rendezvous.sweep(3600)) == 0
        assert made.exists()
    assert not made.exists()


def test_without_a_descriptor_left_clients_wait_and_are_served_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with echoing(path, replace(SWEEPING, accept_pause=timedelta(milliseconds=10))) as instance:
        rendezvous = instance.listener._rendezvous
        opened, failures = rendezvous.open_checked, iter(range(5))

        def open_checked(name: str, flags: int) -> tuple[int, bool]:
            if next(failures, None) is not None:
                raise OSError(24, "Too many open files")
            return opened(name, flags)

        monkeypatch.setattr(rendezvous, "open_checked", open_checked)
        ping(instance)
        assert next(failures, None) is None
