"""The instances that are measured: one that answers at once, and the real daemon, to be killed and started again."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.listen.addresses import Address, Via
from warmline.operations.bench_apart import started_server
from warmline.operations.bench_line import Speaker
from warmline.operations.bench_parts import UNREACHED, Security
from warmline.operations.bench_transports.held import descriptors, ends_within
from warmline.settings import DaemonSettings

LIMIT_SECONDS = 10.0
"""For a killed daemon to be gone."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One that serves, with a listener of each kind. token is the asker's, whom no rate stops."""

    pid: int
    token: str
    addresses: Mapping[Via, Address]


class Killable:
    """A real daemon with all listeners, which can be killed, and started as every client starts it."""

    def __init__(self, home: Home, token: str, addresses: Mapping[Via, Address]) -> None:
        self._home = home
        self.token = token
        self.addresses = addresses

    @property
    def pid(self) -> int:
        """Of the daemon that serves now. Raises DaemonError when there is none."""
        owner = daemon.owner_of(self._home)
        if owner is None:
            raise DaemonError("the daemon of the bench has left: see above")
        return owner.pid

    def descriptors(self) -> int:
        """Count what it has open: now and then also what it only reads, such as modules right after its start."""
        return descriptors(self.pid)

    def kill(self) -> bool:
        """Kill -9 it; tell whether it was gone within the limit."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        return ends_within(pid, LIMIT_SECONDS)

    def start(self) -> None:
        """Start it again."""
        daemon.start(self._home, DaemonSettings())

    def files(self, via: Via) -> set[str]:
        """Name what others can see of a listener, and of who connects there."""
        return (
            {path.name for path in self.addresses[via].path.parent.iterdir()} if via in {Via.UNIX, Via.FIFO} else set()
        )


@contextmanager
def instant_instance(folder: Path, workers: int) -> Iterator[Instance]:
    """Serve with all of its security, and a scripted answerer that costs nothing."""
    home = Home(folder / "home")
    home.make()
    addresses = _listening(home, folder)
    with started_server(home, Security.ON, workers) as (token, pid):
        yield Instance(pid, token, addresses)


@contextmanager
def killable(folder: Path) -> Iterator[Killable]:
    """Serve a throw-away home by a daemon of its own."""
    home = Home(folder / "killed")
    home.make()
    addresses = _listening(home, folder)
    daemon.start(home, DaemonSettings(port=0))
    try:
        owner = Speaker(home, home.read_token())
        limits = {"per_minute": UNREACHED, "per_hour": UNREACHED, "per_day": UNREACHED}
        asker = owner.call("POST", "/v1/credentials", {"name": "asker", "rights": ["ask"], **limits})
        owner.close()
        yield Killable(home, asker["token"], addresses)
    finally:
        daemon.stop(home, DaemonSettings())


def _listening(home: Home, folder: Path) -> Mapping[Via, Address]:
    """Write into the home's configuration where it listens."""
    places = folder / f"{home.path.name}-places"
    places.mkdir(mode=0o700)
    addresses = {
        Via.TCP: Address(Via.TCP, f"127.0.0.1:{_free_port()}"),
        Via.UNIX: Address(Via.UNIX, str(places / "line")),
        Via.FIFO: Address(Via.FIFO, str(places / "pipe")),
        Via.SHM: Address(Via.SHM, f"bench-{secrets.token_hex(8)}"),
    }
    said = "".join(f'{via} = "{address.place}"\n' for via, address in addresses.items())
    home.configuration.touch(0o600)
    home.configuration.write_text(f"[listen]\n{said}", encoding="utf-8")
    return addresses


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
