"""What every listener, transport and channel promises, whatever carries the bytes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from listening import PATIENCE, PLACES, House, Noted, channel_to, count_descriptors, in_thread, program, receive_exactly
from warmline.errors import DaemonError, DisconnectedError
from warmline.listen.addresses import Address, Via
from warmline.listen.transports import connect_channel, connect_transport, listen_at
from warmline.settings import ListenSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: counts descriptors in /proc")

SIZES = (1, 100, 4096, 65_537, 3 * 1024 * 1024)

SPEAKS_AND_STAYS = """
import sys
from warmline.listen.addresses import parse_address
from warmline.listen.transports import connect_channel
channel = connect_channel(parse_address(sys.argv[1]), 5)
channel.send(b"half a li", 5)
print("ready")
sys.stdin.read()
channel.receive(None)
"""

LISTENS_AND_STAYS = """
import asyncio, sys
from warmline.listen.addresses import parse_address
from warmline.listen.transports import listen_at
from warmline.settings import ListenSettings
async def stay():
    listener = listen_at(parse_address(sys.argv[1]), ListenSettings())
    listener.open(asyncio.Protocol)
    print("ready")
    await asyncio.get_running_loop().create_future()
asyncio.run(stay())
"""

Opening = Callable[..., House]


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # shared memory has its place there
    return PLACES[request.param](tmp_path)


@pytest_asyncio.fixture
async def opening(place: Address) -> AsyncIterator[Opening]:
    """Opens listeners at the place, and closes them with all their connections."""
    opened: list[House] = []

    def open_one(*, echoes: bool = False) -> House:
        opened.append(House(place, echoes=echoes))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


def bytes_of(size: int) -> bytes:
    return (b"0123456789abcdefghijklmnopqrstuvwxyz\n" * (size // 37 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_come_whole_and_in_order_both_ways(opening: Opening, size: int) -> None:
    house, sent = opening(echoes=True), bytes_of(size)
    async with channel_to(house.address) as channel:
        sending = asyncio.create_task(in_thread(lambda: channel.send(sent, PATIENCE)))
        assert await in_thread(lambda: receive_exactly(channel, size)) == sent
        await sending
    assert bytes((await house.connection(0)).said) == sent


async def test_many_small_writes_come_in_order(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:

        def send() -> None:
            for number in range(2000):
                channel.send(b"%d," % number, PATIENCE)

        await in_thread(send)
        expected = b"".join(b"%d," % number for number in range(2000))
        noted = await house.connection(0)
        await noted.until(lambda each: len(each.said) >= len(expected))
        assert bytes(noted.said) == expected


@pytest.mark.parametrize("size", SIZES)
async def test_an_asynchronous_client_gets_its_bytes_back_whole(opening: Opening, size: int) -> None:
    house, sent = opening(echoes=True), bytes_of(size)
    transport, client = await connect_transport(house.address, Noted)
    transport.write(sent)
    await client.until(lambda each: len(each.said) >= size)
    assert bytes(client.said) == sent
    transport.close()
    await client.until_event("lost")


async def test_after_a_half_close_the_rest_still_comes(opening: Opening) -> None:
    house = opening()
    transport, client = await connect_transport(house.address, Noted)
    if not transport.can_write_eof():
        pytest.skip(f"NOT TESTED: {house.address.via} has no half close")
    transport.write(b"the question")
    transport.write_eof()
    noted = await house.connection(0)
    await noted.until_event("eof")
    assert bytes(noted.said) == b"the question"
    noted.transport.write(b"the answer")
    noted.transport.close()
    await client.until(lambda each: "eof" in each.events or "lost" in each.events)
    assert bytes(client.said) == b"the answer"
    transport.close()
    await client.until_event("lost")


async def test_a_client_that_closes_is_noticed_after_all_it_said(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:
        await in_thread(lambda: channel.send(b"goodbye", PATIENCE))
    noted = await house.connection(0)
    await noted.until_event("eof", "lost")
    assert bytes(noted.said) == b"goodbye"


async def test_a_client_that_is_killed_is_noticed(opening: Opening) -> None:
    house = opening()
    async with program(SPEAKS_AND_STAYS, str(house.address)) as client:
        noted = await house.connection(0)
        await noted.until(lambda each: bytes(each.said) == b"half a li")
        client.kill()
        await noted.until_event("eof", "lost")


async def test_a_close_ends_the_clients_stream_after_all_that_was_said(opening: Opening) -> None:
    house, said = opening(), bytes_of(300_000)
    async with channel_to(house.address) as channel:
        noted = await house.connection(0)
        noted.transport.write(said)
        noted.transport.close()
        assert await in_thread(lambda: receive_exactly(channel, len(said))) == said
        assert await in_thread(lambda: channel.receive(PATIENCE)) == b""
    await noted.until_event("lost")
    assert noted.events.count("lost") == 1


async def test_an_abort_is_noticed_by_the_client(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:
        noted = await house.connection(0)
        noted.transport.abort()
        await noted.until_event("lost")
        await in_thread(lambda: _assert_ended(channel.receive))


def _assert_ended(receive: Callable[[float | None], bytes]) -> None:
    try:
        assert receive(PATIENCE) == b""
    except DisconnectedError:
        return


async def test_two_hundred_clients_at_once_have_streams_of_their_own(opening: Opening) -> None:
    house = opening(echoes=True)
    channels = [await in_thread(lambda: connect_channel(house.address, PATIENCE)) for _ in range(200)]
    for number, channel in enumerate(channels):
        channel.send(b"I am %03d" % number, PATIENCE)

    def receive_all() -> list[bytes]:
        return [receive_exactly(channel, 8) for channel in channels]

    assert await in_thread(receive_all) == [b"I am %03d" % number for number in range(200)]
    for channel in channels:
        channel.close()


async def test_what_a_client_does_not_read_pauses_the_writer_until_it_does(opening: Opening) -> None:
    house, said = opening(), bytes_of(8 * 1024 * 1024)
    async with channel_to(house.address) as channel:
        noted = await house.connection(0)
        noted.transport.write(said)
        await noted.until_event("paused")
        assert noted.transport.get_write_buffer_size() > 0
        assert await in_thread(lambda: receive_exactly(channel, len(said))) == said
        await noted.until_event("resumed")


async def test_what_the_instance_does_not_read_stops_the_client_until_it_does(opening: Opening) -> None:
    house, said = opening(), bytes_of(16 * 1024 * 1024)
    async with channel_to(house.address) as channel:
        noted = await house.connection(0)
        noted.transport.pause_reading()
        with pytest.raises(TimeoutError):
            await in_thread(lambda: channel.send(said, 0.2))
        before = len(noted.said)
        noted.transport.resume_reading()
        await noted.until(lambda each: len(each.said) > before)
        assert bytes(noted.said) == said[: len(noted.said)]


async def test_connections_leave_no_descriptor_behind(opening: Opening) -> None:
    house = opening(echoes=True)

    async def come_and_go(number: int) -> None:
        async with channel_to(house.address) as channel:
            await in_thread(lambda: channel.send(b"ping", PATIENCE))
            assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"
        await (await house.connection(number)).until_event("lost")

    for number in range(3):
        await come_and_go(number)
    before = count_descriptors()
    for number in range(3, 40):
        await come_and_go(number)
    assert count_descriptors() <= before


async def test_a_closed_listener_leaves_its_connections_and_no_place_behind(opening: Opening) -> None:
    house = opening(echoes=True)
    async with channel_to(house.address) as channel:
        await house.connection(0)
        house.listener.close()
        house.listener.close()
        await in_thread(lambda: channel.send(b"still here", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 10)) == b"still here"
        with pytest.raises(DisconnectedError):
            await in_thread(lambda: connect_channel(house.address, 0.5))
    if house.address.via in {Via.UNIX, Via.FIFO}:
        assert list(house.address.path.parent.iterdir()) == []


async def test_a_place_that_is_taken_is_refused_and_its_listener_goes_on(opening: Opening) -> None:
    house = opening(echoes=True)
    with pytest.raises(DaemonError):
        listen_at(house.address, ListenSettings())
    async with channel_to(house.address) as channel:
        await in_thread(lambda: channel.send(b"ping", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"


async def test_a_place_is_free_again_once_its_listener_was_closed(opening: Opening, place: Address) -> None:
    opening().listener.close()
    house = opening(echoes=True)
    assert house.address.via is place.via
    async with channel_to(house.address) as channel:
        await in_thread(lambda: channel.send(b"ping", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"


async def test_what_a_killed_listener_left_is_replaced(opening: Opening, place: Address) -> None:
    async with program(LISTENS_AND_STAYS, str(place)):
        pass
    house = opening(echoes=True)
    async with channel_to(house.address) as channel:
        await in_thread(lambda: channel.send(b"ping", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"


async def test_a_file_at_the_place_is_never_overwritten(place: Address) -> None:
    if place.via not in {Via.UNIX, Via.FIFO}:
        pytest.skip("it lies at no path that a person names")
    place.path.write_text("my diary", encoding="utf-8")
    with pytest.raises(DaemonError):
        listen_at(place, ListenSettings())
    assert place.path.read_text(encoding="utf-8") == "my diary"


async def test_a_link_at_the_place_is_never_followed_or_replaced(place: Address) -> None:
    if place.via not in {Via.UNIX, Via.FIFO}:
        pytest.skip("it lies at no path that a person names")
    place.path.symlink_to(place.path.parent / "elsewhere")
    with pytest.raises(DaemonError):
        listen_at(place, ListenSettings())
    assert place.path.is_symlink()
    assert not place.path.exists()


async def test_the_place_is_open_to_its_owner_alone_though_the_umask_is_wide(opening: Opening, place: Address) -> None:
    if place.via not in {Via.UNIX, Via.FIFO}:
        pytest.skip("it lies at no path that a person names")
    before = os.umask(0)
    try:
        opening()
    finally:
        os.umask(before)
    assert place.path.stat().st_mode & 0o777 == 0o600


async def test_a_path_of_any_length_will_do(place: Address, tmp_path: Path) -> None:
    if place.via not in {Via.UNIX, Via.FIFO}:
        pytest.skip("it lies at no path that a person names")
    folder = tmp_path.joinpath(*["long" * 30] * 3)
    folder.mkdir(parents=True)
    house = House(PLACES[place.via](folder), echoes=True)
    async with channel_to(house.address) as channel:
        await in_thread(lambda: channel.send(b"ping", PATIENCE))
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"
    transport, client = await connect_transport(house.address, Noted)
    transport.close()
    await client.until_event("lost")
    await house.close()


async def test_nobody_at_the_place_is_a_disconnection(place: Address) -> None:
    nowhere = Address(Via.TCP, "127.0.0.1:1") if place.via is Via.TCP else place
    with pytest.raises(DisconnectedError):
        await in_thread(lambda: connect_channel(nowhere, 0.5))
    with pytest.raises(DisconnectedError):
        await connect_transport(nowhere, Noted)


async def test_patience_with_a_silent_instance_ends(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:
        await house.connection(0)
        with pytest.raises(TimeoutError):
            await in_thread(lambda: channel.receive(0.01))
        (await house.connection(0)).transport.write(b"late")
        assert await in_thread(lambda: receive_exactly(channel, 4)) == b"late"


async def test_a_channel_that_was_closed_says_so(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:
        await house.connection(0)
        channel.close()
        channel.close()
        with pytest.raises(DisconnectedError):
            channel.send(b"too late", PATIENCE)
        with pytest.raises(DisconnectedError):
            channel.receive(PATIENCE)


async def test_a_thread_that_waits_for_an_answer_learns_that_its_channel_was_closed(opening: Opening) -> None:
    house = opening()
    async with channel_to(house.address) as channel:
        noted = await house.connection(0)
        waiting = asyncio.create_task(in_thread(lambda: _assert_ended(channel.receive)))
        await in_thread(lambda: channel.send(b"x", PATIENCE))
        await noted.until(lambda each: bytes(each.said) == b"x")
        channel.close()
        await waiting
