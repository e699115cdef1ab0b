"""Peers that are slow, silent, greedy, broken or many: each is bounded, and the others are served as before."""

from __future__ import annotations

import asyncio
import json
import resource
import select
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from asking_desk import TOKEN
from lines import Instance, instance_of
from listening import PATIENCE, PLACES, channel_to, in_thread, program
from warmline.errors import DaemonError, NotFoundError
from warmline.listen.addresses import Address, Via
from warmline.listen.shared_memory.bell import ring_bell
from warmline.listen.shared_memory.rendezvous import meet
from warmline.settings import ListenSettings

SHORT = timedelta(milliseconds=100)
TICK = timedelta(milliseconds=20)

WRITES_AND_WRITES = """
import sys
from warmline.listen.addresses import parse_address
from warmline.listen.transports import connect_channel
channel = connect_channel(parse_address(sys.argv[1]), 5)
channel.send(b'{"type": "ping"}\\n{"type": "query", "question": "', 5)
print("ready")
while True:
    channel.send(b"and so on ", None)
"""

COMES_IN_NUMBERS = """
import socket, sys
from warmline.listen.addresses import parse_address
host, port = parse_address(sys.argv[1]).host_and_port
peers = []
for number in range(int(sys.argv[2])):
    peer = socket.socket()
    peer.connect((host, port))
    peer.setblocking(False)
    peers.append(peer)
    try:
        peer.send(b'{"type": "query", "que')
    except OSError:
        pass
print("ready")
sys.stdin.read()
"""


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def tcp() -> Address:
    return Address(Via.TCP, "127.0.0.1:0")


def query(question: str, **more: object) -> dict[str, object]:
    return {"type": "query", "question": question, **more}


async def assert_serves(instance: Instance, address: Address) -> None:
    wire = await instance.connect(address)
    assert (await wire.ask(query("echo a")))["answer"] == "a"
    wire.transport.close()


async def test_a_line_that_is_too_long_is_told_so_and_the_connection_ends(place: Address) -> None:
    async with instance_of(ListenSettings(max_line_bytes=10_000)) as instance:
        address = instance.open(place)
        wire = await instance.connect(address)
        wire.say(query("echo a"), b'{"type": "query", "question": "' + b"b" * 3_000_000)
        first, second = (await wire.rest()).splitlines()
        assert json.loads(first)["answer"] == "a"
        assert json.loads(second)["code"] == "body_too_large"
        await assert_serves(instance, address)


async def test_a_line_of_exactly_the_limit_is_read(place: Address) -> None:
    line = json.dumps(query("echo a")).encode()
    async with instance_of(ListenSettings(max_line_bytes=len(line))) as instance:
        wire = await instance.connect(instance.open(place))
        assert (await wire.ask(line + b"\n"))["answer"] == "a"
        assert (await wire.ask(line + b" \n"))["code"] == "body_too_large"


async def test_a_stranger_whose_first_line_does_not_come_is_ended(place: Address) -> None:
    async with instance_of(ListenSettings(first_line_patience=SHORT, watch_period=TICK)) as instance:
        address = instance.open(place)
        silent, slow = await instance.connect(address), await instance.connect(address)
        slow.say(b'{"type": "ping", ')
        assert await silent.rest() == b""
        assert json.loads(await slow.rest())["code"] == "invalid_input"
        await assert_serves(instance, address)


async def test_a_slow_writer_is_told_so_and_ended_once_it_is_slower_than_any_modem(place: Address) -> None:
    limits = ListenSettings(line_patience=SHORT, line_bytes_per_second=10_000, watch_period=TICK)
    async with instance_of(limits) as instance:
        wire = await instance.connect(instance.open(place))
        await wire.ask({"type": "ping"})
        wire.say(b'{"type": "ping", ')
        told = json.loads(await wire.rest())
        assert (told["type"], told["code"]) == ("error", "invalid_input")
        assert "too slowly" in told["error"]


async def test_an_idle_connection_is_ended_and_one_that_waits_for_an_answer_is_not(place: Address) -> None:
    async with instance_of(ListenSettings(idle_patience=SHORT, watch_period=TICK)) as instance:
        address = instance.open(place)
        waiting, idle = await instance.connect(address), await instance.connect(address)
        waiting.say(query("hold a"))
        await instance.desk.until_asked(1)
        await idle.ask({"type": "ping"})
        assert await idle.rest() == b""
        instance.desk.let_go("a")
        assert (await waiting.hear())["answer"] == "a"


async def test_a_peer_that_reads_nothing_is_ended_and_no_more_is_read_of_it(place: Address) -> None:
    limits = ListenSettings(unsent_bytes=100_000, read_patience=SHORT, watch_period=TICK)
    async with instance_of(limits) as instance:
        address = instance.open(place)
        async with channel_to(address) as deaf:
            line = json.dumps(query("size 1000000")).encode() + b"\n"
            await in_thread(lambda: deaf.send(line * 50, PATIENCE))
            await instance.until_connections(1)
            await instance.until_connections(0)
        assert len(instance.desk.asked) <= 10  # as many as the system's own buffers hold, and one more
        await assert_serves(instance, address)


async def test_a_peer_that_reads_later_gets_all(place: Address) -> None:
    async with instance_of(ListenSettings(unsent_bytes=100_000)) as instance:
        address = instance.open(place)
        async with channel_to(address) as late:
            for number in range(20):
                late.send(json.dumps(query("size 500000", id=number)).encode() + b"\n", PATIENCE)
            heard = [json.loads(line) for line in await in_thread(lambda: receive_lines(late.receive, 20))]
        assert sorted(each["id"] for each in heard) == list(range(20))
        assert {len(each["answer"]) for each in heard} == {500_000}


def receive_lines(receive: Callable[[float | None], bytes], count: int) -> list[bytes]:
    said: list[bytes] = []
    while sum(piece.count(b"\n") for piece in said) < count:
        said.append(receive(PATIENCE))
        assert said[-1]
    return b"".join(said).splitlines()


async def test_who_holds_most_of_half_written_lines_is_ended_when_it_is_too_much(place: Address) -> None:
    async with instance_of(ListenSettings(held_bytes=100_000)) as instance:
        address = instance.open(place)
        modest, greedy = await instance.connect(address), await instance.connect(address)
        modest.say(b'{"type": "query", "question": "echo ' + b"a" * 40_000)
        greedy.say(b'{"type": "query", "question": "echo ' + b"b" * 90_000)
        assert json.loads(await greedy.rest())["code"] == "too_many_requests"
        assert (await modest.ask(b'"}\n'))["answer"] == "a" * 40_000


async def test_strangers_make_room_and_those_who_were_admitted_stay(place: Address) -> None:
    async with instance_of(ListenSettings(connections=3)) as instance:
        address = instance.open(place)
        known = [await instance.connect(address) for _ in range(2)]
        for wire in known:
            await wire.ask({"type": "ping"})
        stranger = await instance.connect(address)
        await instance.until_connections(3)
        newcomer = await instance.connect(address)
        assert (await newcomer.ask({"type": "ping"}))["type"] == "pong"
        assert await stranger.rest() == b""
        refused = await instance.connect(address)
        assert json.loads(await refused.rest())["code"] == "too_many_requests"
        assert (await known[0].ask({"type": "ping"}))["type"] == "pong"


async def test_those_who_were_admitted_and_are_long_quiet_make_room_too(place: Address) -> None:
    async with instance_of(ListenSettings(connections=3, quiet_patience=timedelta(0))) as instance:
        address = instance.open(place)
        leaked, busy, held = [await instance.connect(address) for _ in range(3)]
        for wire in (leaked, busy, held):
            await wire.ask({"type": "ping"})
        busy.say({"type": "query", "question": "hold a"})
        await instance.desk.until_asked(1)
        held.say(b'{"type":"ping","id":1}\n{"type":')
        assert (await held.hear())["id"] == 1
        newcomer = await instance.connect(address)
        assert (await newcomer.ask({"type": "ping"}))["type"] == "pong"
        assert await leaked.rest() == b""
        instance.desk.let_go("a")
        assert (await busy.hear())["answer"] == "a"
        assert (await held.ask(b'"ping"}\n'))["type"] == "pong"


async def test_who_shows_no_token_stays_a_stranger(place: Address) -> None:
    async with instance_of(ListenSettings(connections=2)) as instance:
        address = instance.open(place, needs_token=True)
        strangers = [await instance.connect(address) for _ in range(2)]
        for wire in strangers:
            await wire.ask({"type": "ping"})
        owner = await instance.connect(address)
        assert (await owner.ask({"type": "ping", "token": TOKEN}))["type"] == "pong"
        assert await strangers[0].rest() == b""


async def test_five_thousand_strangers_keep_nobody_out(tcp: Address) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 6000:
        pytest.skip(f"NOT TESTED: {hard} descriptors are too few for 5,000 peers")
    async with instance_of(ListenSettings(connections=64)) as instance:
        address = instance.open(tcp)
        served = await instance.connect(address)
        await served.ask({"type": "ping"})

        async def come_and_go() -> None:
            async with program(COMES_IN_NUMBERS, str(address), "5000"):
                pass

        coming = asyncio.create_task(come_and_go())
        asked = 0
        while not coming.done():
            assert (await served.ask(query("echo a")))["answer"] == "a"
            asked += 1
        await coming
        assert asked > 50
        await assert_serves(instance, address)
        served.transport.close()
        await instance.until_connections(0)


async def test_a_client_that_is_killed_while_it_writes_leaves_nothing(place: Address) -> None:
    async with instance_of(ListenSettings(max_line_bytes=2**40, held_bytes=2**40)) as instance:
        address = instance.open(place)

        async with program(WRITES_AND_WRITES, str(address)):
            pass
        await instance.until_connections(0)
        await assert_serves(instance, address)


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: shared memory is for Linux")
async def test_who_leaves_with_the_bell_unheard_and_just_rung_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with instance_of(ListenSettings()) as instance:
        address = instance.open(Address(Via.SHM, "line"))
        connection, rings = await in_thread(lambda: meet(address, PATIENCE))
        rings.writer.write(b'{"type":"ping"}\n')
        ring_bell(connection)
        await in_thread(lambda: select.select([connection], [], [], PATIENCE))
        ring_bell(connection)
        connection.close()
        rings.close()
        await instance.until_connections(0)


async def test_a_system_without_descriptors_is_asked_again(tmp_path: Path) -> None:
    async with instance_of(ListenSettings(accept_pause=TICK)) as instance:
        address = instance.open(PLACES[Via.UNIX](tmp_path))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        peers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (peers[-1].fileno() + 1, hard))
            for peer in peers:
                peer.settimeout(PATIENCE)
                peer.connect(address.place)
            peers[0].sendall(b'{"type":"ping"}\n')
            for _ in range(10):
                await asyncio.sleep(0)
            assert instance.listeners.list()[0].connections == 0
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await in_thread(lambda: peers[0].recv(100)) == b'{"type":"pong"}\n'
            await instance.until_connections(3)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for peer in peers:
                peer.close()


async def test_the_last_descriptors_are_left_to_others(tmp_path: Path) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with instance_of(ListenSettings(spare_descriptors=soft)) as instance:
        address = instance.open(PLACES[Via.UNIX](tmp_path))
        wires = [await instance.connect(address) for _ in range(16)]
        for wire in wires:
            await wire.ask({"type": "ping"})
        refused = await instance.connect(address)
        assert json.loads(await refused.rest())["code"] == "too_many_requests"


async def test_no_more_than_so_many_listeners_are_open(tmp_path: Path) -> None:
    async with instance_of(ListenSettings(listeners=2)) as instance:
        for number in range(2):
            instance.open(Address(Via.UNIX, str(tmp_path / f"{number}.sock")))
        with pytest.raises(DaemonError):
            instance.open(Address(Via.UNIX, str(tmp_path / "3.sock")))
        assert [each.address.path.name for each in instance.listeners.list()] == ["0.sock", "1.sock"]
        with pytest.raises(NotFoundError):
            instance.listeners.close(Address(Via.UNIX, str(tmp_path / "3.sock")))


async def test_a_list_counts_connections_and_requests(place: Address) -> None:
    async with instance_of(ListenSettings()) as instance:
        address = instance.open(place, needs_token=True)
        wire = await instance.connect(address)
        for _ in range(3):
            await wire.ask({"type": "ping", "token": TOKEN})
        opened = instance.listeners.list()[0]
        assert (opened.address, opened.needs_token) == (address, True)
        assert (opened.connections, opened.requests) == (1, 3)
