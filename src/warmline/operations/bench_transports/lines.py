"""Bare transports: a line there and back over TCP, a Unix socket or a pair of named pipes, with calls that block.

`python -m warmline.operations.bench_transports.lines VIA PLACE CLIENTS` is the server, a thread for each client; it
prints its place when clients can connect, and ends with its standard input. The client of a FIFO finds its pipes by a
number, from 0 on.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from warmline.endpoints import connect_unix
from warmline.listen.addresses import Address, Via
from warmline.operations.bench_transports.page import PageClient, listen_unix, serve_page

PIECE_BYTES = 256 * 1024
BACKLOG = 128


class Exchange(Protocol):
    """The client's end."""

    def exchange(self, line: bytes) -> bytes:
        """Send a line, which ends in a newline, and return the one that comes back. Raises OSError, EOFError."""

    def close(self) -> None:
        """Let go of it."""


class SocketExchange:
    """Over TCP or a Unix socket."""

    def __init__(self, address: Address) -> None:
        if address.via is Via.TCP:
            self._socket = socket.create_connection(address.host_and_port)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self._socket = connect_unix(address.path, None)

    def exchange(self, line: bytes) -> bytes:
        """Send a line, and return the one that comes back."""
        self._socket.sendall(line)
        return read_line(self._socket.recv)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class FifoExchange:
    """Over two named pipes of its own."""

    def __init__(self, place: Path, number: int) -> None:
        requests, replies = fifos(place, number)
        self._requests = os.open(requests, os.O_WRONLY)
        self._replies = os.open(replies, os.O_RDONLY)

    def exchange(self, line: bytes) -> bytes:
        """Send a line, and return the one that comes back."""
        write_all(self._requests, line)
        return read_line(lambda most: os.read(self._replies, most))

    def close(self) -> None:
        """Let go of both."""
        os.close(self._requests)
        os.close(self._replies)


def connect(address: Address, number: int) -> Exchange:
    """Connect to the server there, as the client of this number. Raises OSError."""
    match address.via:
        case Via.TCP | Via.UNIX:
            return SocketExchange(address)
        case Via.FIFO:
            return FifoExchange(address.path, number)
        case Via.SHM:
            return PageClient(address.path)


def read_line(receive: Callable[[int], bytes]) -> bytes:
    """Read to the end of a line, behind which nothing comes. Raises EOFError at the end of the stream."""
    piece = receive(PIECE_BYTES)
    pieces = [piece]
    while not piece.endswith(b"\n"):
        if not piece:
            raise EOFError("the other side has left")
        piece = receive(PIECE_BYTES)
        pieces.append(piece)
    return b"".join(pieces) if len(pieces) > 1 else piece


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def fifos(place: Path, number: int) -> tuple[Path, Path]:
    """Name a client's pipes: for its requests, and for their replies."""
    return place.with_name(f"{place.name}.{number}.requests"), place.with_name(f"{place.name}.{number}.replies")


def serve(address: Address, clients: int) -> str:
    """Serve so many clients from now on; return the place where they find it."""
    match address.via:
        case Via.TCP:
            listener = socket.create_server(address.host_and_port, backlog=BACKLOG)
            _start(_accept, listener, _serve_socket)
            return f"127.0.0.1:{listener.getsockname()[1]}"
        case Via.UNIX:
            _start(_accept, listen_unix(address.path), _serve_socket)
        case Via.FIFO:
            for number in range(clients):
                pair = fifos(address.path, number)
                for path in pair:
                    os.mkfifo(path, 0o600)
                _start(_serve_pipes, pair)
        case Via.SHM:
            _start(_accept, listen_unix(address.path), serve_page)
    return address.place


def _accept(listener: socket.socket, serve_one: Callable[[socket.socket], None]) -> None:
    while True:
        connection, _ = listener.accept()
        _start(serve_one, connection)


def _serve_socket(connection: socket.socket) -> None:
    if connection.family == socket.AF_INET:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, suppress(EOFError, ConnectionError):
        while True:
            connection.sendall(read_line(connection.recv))


def _serve_pipes(pair: Iterable[Path]) -> None:
    """Serve one client after another of this number."""
    requests, replies = pair
    while True:
        reading, writing = os.open(requests, os.O_RDONLY), os.open(replies, os.O_WRONLY)
        with suppress(EOFError, BrokenPipeError):
            while True:
                write_all(writing, read_line(lambda most, of=reading: os.read(of, most)))  # type: ignore[misc]
        os.close(reading)
        os.close(writing)


def _start(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def main() -> None:
    """Serve until standard input ends."""
    via, place, clients = sys.argv[1:]
    print(serve(Address(Via(via), place), int(clients)), flush=True)  # noqa: T201  # who started it waits for this
    sys.stdin.read()


if __name__ == "__main__":
    main()
