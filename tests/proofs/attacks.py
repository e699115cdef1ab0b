"""Attacks on the doors, each for some seconds, as a process of its own: `attacks.py NAME HOST PORT SECONDS TOKEN`.

Attackers have machines of their own: here they take what processor time all others leave.
`attacks.py bare` is the least that can be attacked: it closes each connection that it accepts.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator

PEERS = 10_000
SOURCES = 100
"""Addresses 127.0.1.x that the peers come from: one has too few ports."""

PAUSE_SECONDS = 5.0
"""Before a peer that was cut off comes back."""

SLOW_PERIOD_SECONDS = 1.0
HEAD_BYTES = 100 * 1024 * 1024
OPENED_AT_ONCE = 20
TURN_SECONDS = 0.01
"""With these, 2,000 connections a second: as fast as 10,000 peers who pause for five seconds come back."""

HEARD_AT_ONCE = 200

Address = tuple[str, int]


class Crowd:
    """Peers who open connections and send a little now and then; whoever is cut off comes back after a pause."""

    def __init__(self, address: Address, count: int, first: Callable[[], bytes], more: bytes) -> None:
        self._address, self._first, self._more = address, first, more
        self._ready = select.epoll()
        self._peers: dict[int, socket.socket] = {}
        began = time.monotonic()  # they come as evenly as those who were cut off come back
        self._coming = deque(began + PAUSE_SECONDS * number / count for number in range(count))
        self._number = itertools.count()
        self.opened = 0
        self.most = 0

    def rage(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        again = time.monotonic()
        while time.monotonic() < until:
            for _ in range(OPENED_AT_ONCE):
                if self._coming and self._coming[0] <= time.monotonic():
                    self._coming.popleft()
                    self._open()
            self.most = max(self.most, len(self._peers))
            time.sleep(TURN_SECONDS)
            for descriptor, event in self._ready.poll(0, HEARD_AT_ONCE):
                self._look(descriptor, event)
            if self._more and time.monotonic() > again:
                again += SLOW_PERIOD_SECONDS
                for descriptor in list(self._peers):
                    self._say(descriptor, self._more)
        for peer in self._peers.values():
            peer.close()

    def _open(self) -> None:
        peer = socket.socket()
        peer.setblocking(False)
        peer.bind((f"127.0.1.{1 + next(self._number) % SOURCES}", 0))
        peer.connect_ex(self._address)
        self._peers[peer.fileno()] = peer
        self._ready.register(peer.fileno(), select.EPOLLOUT)
        self.opened += 1

    def _look(self, descriptor: int, event: int) -> None:
        if event & (select.EPOLLERR | select.EPOLLHUP):
            self._close(descriptor)
        elif event & select.EPOLLOUT:
            self._ready.modify(descriptor, select.EPOLLIN)
            self._say(descriptor, self._first())
        elif event & select.EPOLLIN:
            try:
                gone = not self._peers[descriptor].recv(65536)
            except OSError:
                gone = True
            if gone:
                self._close(descriptor)

    def _say(self, descriptor: int, what: bytes) -> None:
        if what:
            with contextlib.suppress(BlockingIOError):
                try:
                    self._peers[descriptor].send(what)
                except (ConnectionError, KeyError):
                    self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        peer = self._peers.pop(descriptor, None)
        if peer is not None:
            self._ready.unregister(descriptor)
            peer.close()
            self._coming.append(time.monotonic() + PAUSE_SECONDS)


def crowd(first: Callable[[], bytes], more: bytes = b"", count: int = PEERS) -> Callable[[Address, float], str]:
    def attack(address: Address, seconds: float) -> str:
        peers = Crowd(address, count, first, more)
        peers.rage(seconds)
        return f"{peers.opened:,} connections, {peers.most:,} at once"

    return attack


def long_heads(address: Address, seconds: float) -> str:
    """Send heads of 100 MB, in one header and in many, as far as they are taken."""
    until, sent = time.monotonic() + seconds, 0
    for heads, line in enumerate(itertools.cycle((b"x" * 65536, b"X-A: b\r\n" * 8192))):
        if time.monotonic() > until:
            return f"{heads:,} heads of 100 MB begun, {sent / 2**20:,.0f} MB of them taken"
        with contextlib.suppress(OSError), socket.create_connection(address, 5) as peer:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
            for _ in range(HEAD_BYTES // len(line)):
                peer.sendall(line)
                sent += len(line)
    raise AssertionError


def fuzz(address: Address, seconds: float) -> str:
    """Send requests that were good before bytes of them were changed, cut, doubled or swapped."""
    chance, until = random.Random(7), time.monotonic() + seconds
    for sent, request in enumerate(mutations(chance, address)):
        if time.monotonic() > until:
            return f"{sent:,} malformed requests"
        with contextlib.suppress(OSError), socket.create_connection(address, 5) as peer:
            peer.sendall(request)
            peer.settimeout(0.02)
            while peer.recv(65536):
                pass
    raise AssertionError


def mutations(chance: random.Random, address: Address) -> Iterator[bytes]:
    host = b"Host: %s:%d\r\n" % (address[0].encode(), address[1])
    seeds = [
        b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n",
        b"POST /v1/questions HTTP/1.1\r\n" + host + b"Content-Length: 17\r\n\r\n" + b'{"question":"?"}\n',
        b"POST /v1/legacy/check_messages HTTP/1.1\r\n"
        + host
        + b"Transfer-Encoding: chunked\r\n\r\n4\r\n{}{}\r\n0\r\n\r\n",
        b"GET /v1/questions?wait=1&a=%ff HTTP/1.0\r\n" + host + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n{}{}",
    ]
    marks = (
        b"\r\n",
        b"\0",
        b"\xff",
        b":",
        b" ",
        b"%",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: x\r\n",
    )
    while True:
        request = bytearray(chance.choice(seeds) * chance.choice((1, 1, 1, 3, 30)))
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(request) + 1)
            choice = chance.randrange(4)
            if choice == 0:
                request[place : place + 1] = bytes([chance.randrange(256)])
            elif choice == 1:
                del request[place : place + chance.randint(1, 20)]
            elif choice == 2:
                request[place:place] = chance.choice(marks)
            else:
                request[place:place] = request[: chance.randint(1, 80)]
        yield bytes(request)


def attacks(address: Address, token: str) -> dict[str, Callable[[Address, float], str]]:
    host = f"Host: {address[0]}:{address[1]}\r\n"
    known = f"{host}Authorization: Bearer {token}\r\n"
    wrong = f"GET /v1/mailboxes HTTP/1.1\r\n{host}Authorization: Bearer wl_{'A' * 43}\r\n\r\n".encode()
    legacy = f"POST /v1/legacy/check_messages HTTP/1.1\r\n{host}Content-Length: 8000000\r\n\r\n{{".encode()
    many = f"GET /openapi.json HTTP/1.1\r\n{known}\r\n".encode() * 4
    return {
        "half-open": crowd(lambda: b""),
        "slow-heads": crowd(lambda: b"GET /healthz HTTP/1.1\r\nX: ", b"x"),
        "slow-bodies": crowd(lambda: legacy, b" "),
        "long-heads": long_heads,
        "fuzz": fuzz,
        "wrong-tokens": crowd(lambda: wrong, count=500),
        "slow-readers": crowd(lambda: many, count=50),
    }


def serve_bare() -> None:
    """Say the port; accept and close until ended."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            listener.accept()[0].close()


def main() -> int:
    if sys.argv[1:] == ["bare"]:
        serve_bare()
    name, host, port, seconds, token = sys.argv[1:]
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address = host, int(port)
    sys.stdout.write(attacks(address, token)[name](address, float(seconds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
