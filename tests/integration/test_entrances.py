"""How an entrance keeps its room, and ends connections whose peers use up the patience with them."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from warmline.interfaces.entrances import Entrance
from warmline.interfaces.hosts import Hosts
from warmline.settings import DoorSettings

SHORT = timedelta(milliseconds=50)
EVER = timedelta(hours=1)
PATIENT = replace(DoorSettings(), watch_period=timedelta(milliseconds=10), head_patience=EVER, body_grace=EVER)
BIG = 16 * 2**20
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


class Application:
    """Answers what it is asked for: `/known` is welcome, `/big` has a long answer, `/held` waits to be let go."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.held = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in {"/known", "/held"}:
            scope["state"]["connection"].welcome()
        if scope["path"] == "/held":
            await self._hold(receive)
        pieces = [b"x" * BIG, b"xx"] if scope["path"] == "/big" else [b"xx"]
        head = [(b"content-length", str(sum(map(len, pieces))).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for piece in pieces:  # the second waits until the first was taken in, or the peer is gone
            await send({"type": "http.response.body", "body": piece, "more_body": piece is not pieces[-1]})
        if scope["path"] == "/big":
            self.left.set()

    async def _hold(self, receive: Receive) -> None:
        await receive()
        self.held.release()
        if (await receive())["type"] == "http.disconnect":
            self.left.set()


Connect = Callable[[], "contextlib.AbstractAsyncContextManager[Peer]"]


class Peer:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, raw: bytes) -> None:
        self._writer.write(raw)

    async def hears(self) -> bytes:
        """Return the next that comes; nothing when the connection has ended."""
        async with asyncio.timeout(5):
            try:
                return await self._reader.read(65536)
            except ConnectionError:
                return b""

    async def hears_all(self) -> bytes:
        said = bytearray()
        while piece := await self.hears():
            said += piece
        return bytes(said)


@asynccontextmanager
async def entrance(limits: DoorSettings, application: Application, room: int = 100) -> AsyncIterator[Connect]:
    """Open an entrance while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application, log_config=None, lifespan="off", ws="none")
        config.load()
        address = listener.getsockname()
        opened = Entrance(listener, room, limits, hosts=Hosts("http", address[1], (address[0],)))
        state = ServerState()
        opened.open(config, state)

        @asynccontextmanager
        async def connect() -> AsyncIterator[Peer]:
            reader, writer = await asyncio.open_connection(*address)
            try:
                yield Peer(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        try:
            yield connect
        finally:
            opened.close()
            await opened.wait_closed()
            for connection in list(state.connections):
                connection.abort()  # type: ignore[union-attr]  # ours are the only ones
            await asyncio.sleep(0)  # for their ends to be noted


async def test_a_peer_that_says_nothing_is_cut_off() -> None:
    async with entrance(replace(PATIENT, head_patience=SHORT), Application()) as connect, connect() as peer:
        assert await peer.hears() == b""


@pytest.mark.parametrize("beginning", [b"\r\n", b"G", HEAD, HEAD + b"X: "])
async def test_a_head_that_does_not_end_is_cut_off(beginning: bytes) -> None:
    async with entrance(replace(PATIENT, head_patience=SHORT), Application()) as connect, connect() as peer:
        peer.say(beginning)
        assert await peer.hears() == b""


async def test_a_head_that_comes_in_pieces_is_answered_once_it_is_whole() -> None:
    async with entrance(PATIENT, Application()) as connect, connect() as peer:
        for piece in (b"GE", b"T / HTTP/1.1\r\nHost: a\r\n\r", b"\nGET /known HTTP/1.1\r\nConnection: close\r\n\r\n"):
            peer.say(piece)
            await turns()
        assert (await peer.hears_all()).count(b"200 OK") == 2


async def test_what_cannot_begin_a_head_is_refused_at_once() -> None:
    async with entrance(PATIENT, Application()) as connect, connect() as peer:
        peer.say(b"\x16\x03\x01")
        assert (await peer.hears()).startswith(b"HTTP/1.1 400")


async def test_peers_who_leave_or_are_silent_are_let_go_when_the_entrance_closes() -> None:
    async with AsyncExitStack() as peers:
        async with entrance(PATIENT, Application()) as connect:
            silent = await peers.enter_async_context(connect())
            async with connect() as left:
                left.say(b"GET")
                await turns()
            await turns()
        assert await silent.hears() == b""


async def test_the_second_heads_patience_is_no_longer_than_the_firsts() -> None:
    limits = replace(PATIENT, head_patience=timedelta(seconds=1))
    async with entrance(limits, Application()) as connect, connect() as peer:
        peer.say(b"GET /known HTTP/1.1\r\n\r\n")
        assert await peer.hears()
        peer.say(HEAD)
        assert await peer.hears() == b""


@pytest.mark.parametrize(("path", "speed"), [("/", 0), ("/known", 10**9)])
async def test_a_body_that_a_stranger_does_not_end_or_one_who_is_known_sends_slowly_is_cut_off(
    path: str, speed: int
) -> None:
    limits = replace(PATIENT, body_grace=SHORT, body_bytes_per_second=speed)
    async with entrance(limits, Application()) as connect, connect() as peer:
        peer.say(f"POST {path} HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nx".encode())
        assert (await peer.hears_all()).endswith(b"xx")


async def test_a_peer_that_sends_its_body_after_the_answer_and_then_nothing_is_cut_off() -> None:
    limits = replace(PATIENT, head_patience=timedelta(seconds=1))
    async with entrance(limits, Application()) as connect, connect() as peer:
        peer.say(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx")
        assert (await peer.hears()).startswith(b"HTTP/1.1 200")
        peer.say(b"x")
        await peer.hears_all()
        assert await peer.hears() == b""


async def test_one_who_is_known_may_take_time_for_a_body() -> None:
    limits = replace(PATIENT, body_grace=SHORT, body_bytes_per_second=0)
    async with entrance(limits, Application()) as connect, connect() as stranger, connect() as known:
        for peer, path in ((known, "/known"), (stranger, "/")):
            peer.say(f"POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\nx".encode())
        await stranger.hears_all()
        known.say(b"xGET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await known.hears_all()).count(b"200 OK") == 2


async def test_a_peer_that_reads_nothing_of_a_long_answer_is_cut_off() -> None:
    application = Application()
    async with entrance(replace(PATIENT, read_patience=SHORT), application) as connect, connect() as peer:
        peer.say(b"GET /big HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            await application.left.wait()


async def test_a_peer_that_reads_on_gets_all_of_a_long_answer() -> None:
    async with entrance(PATIENT, Application()) as connect, connect() as peer:
        peer.say(b"GET /big HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert len(await peer.hears_all()) > BIG


async def test_where_there_is_no_room_the_oldest_stranger_is_cut_off_and_the_known_stay() -> None:
    async with entrance(PATIENT, Application(), room=3) as connect, connect() as known, connect() as old:
        known.say(b"GET /known HTTP/1.1\r\n\r\n")
        assert await known.hears()
        async with connect() as new, connect() as newest:
            assert await old.hears() == b""
            for each in (new, newest, known):
                each.say(b"GET / HTTP/1.1\r\n\r\n")
                assert (await each.hears()).startswith(b"HTTP/1.1 200")


async def test_among_the_known_an_idle_one_makes_room_and_one_that_waits_does_not() -> None:
    application = Application()
    async with entrance(PATIENT, application, room=2) as connect, connect() as waiting, connect() as idle:
        idle.say(b"GET /known HTTP/1.1\r\n\r\n")
        assert await idle.hears()
        waiting.say(b"GET /held HTTP/1.1\r\n\r\n")
        await application.held.acquire()
        async with connect() as new:
            new.say(b"GET /held HTTP/1.1\r\n\r\n")
            assert await idle.hears() == b""
            await application.held.acquire()
            async with connect() as newest:
                assert await newest.hears() == b""


async def test_a_request_whose_peer_left_hears_of_it_although_another_was_sent_ahead() -> None:
    application = Application()
    async with entrance(PATIENT, application) as connect:
        async with connect() as peer:
            peer.say(b"GET /held HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            await application.held.acquire()
        async with asyncio.timeout(5):
            await application.left.wait()


async def test_without_descriptors_peers_wait_and_are_served_when_there_are_some() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with entrance(replace(PATIENT, accept_pause=SHORT), Application()) as connect, AsyncExitStack() as peers:
        with socket.socket() as lowest:
            the_peers_own = lowest.fileno()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (the_peers_own + 1, hard))
            peer = await peers.enter_async_context(connect())
            assert peer_fileno(peer) == the_peers_own
            peer.say(b"GET / HTTP/1.1\r\n\r\n")
            await turns()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (await peer.hears()).startswith(b"HTTP/1.1 200")


async def turns() -> None:
    """Let the entrance take in what was said."""
    for _ in range(20):
        await asyncio.sleep(0)


def peer_fileno(peer: Peer) -> int:
    return int(peer._writer.get_extra_info("socket").fileno())
