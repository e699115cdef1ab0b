"""Where an instance listens, as a value and as a URL: tcp://HOST:PORT, unix:///PATH, fifo:///PATH, shm://NAME."""

from __future__ import annotations

import re
from enum import StrEnum, unique
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from warmline.errors import InvalidInputError

FORMS = "tcp://HOST:PORT, unix:///PATH, fifo:///PATH or shm://NAME"
"""How an address is written."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Of shared memory: a file of the user's runtime folder is called so."""


@unique
class Via(StrEnum):
    """The kinds of transports."""

    TCP = "tcp"
    UNIX = "unix"
    FIFO = "fifo"
    SHM = "shm"


class Address(NamedTuple):
    """A place to listen at. place is HOST:PORT with an IPv6 host in brackets, an absolute path, or a name."""

    via: Via
    place: str

    def __str__(self) -> str:
        return f"{self.via}://{quote(self.place, safe='/:[]%') if self.via is Via.TCP else quote(self.place)}"

    @property
    def path(self) -> Path:
        """The path of a Unix socket or a FIFO."""
        return Path(self.place)

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two halves of a TCP address, the host without brackets."""
        host, _, port = self.place.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)


def parse_address(url: str) -> Address:
    """Read a URL. Raises InvalidInputError, which says what to write."""
    scheme, divider, rest = url.partition("://")
    if not divider or scheme not in set(Via):
        raise InvalidInputError(f"write where to connect as {FORMS}")
    return address_of(Via(scheme), rest if scheme == Via.TCP else unquote(rest))


def address_of(via: Via, place: str) -> Address:
    """Check a place. Raises InvalidInputError."""
    match via:
        case Via.TCP:
            return Address(via, _host_and_port(place))
        case Via.SHM:
            if not NAME.fullmatch(place):
                raise InvalidInputError("shared memory is called by letters, digits, `.`, `_` and `-`, at most 64")
        case Via.UNIX | Via.FIFO:
            if not place.startswith("/") or "\0" in place:
                raise InvalidInputError(f"write an absolute path, such as {via}:///run/user/1000/warmline.line")
    return Address(via, place)


def _host_and_port(place: str) -> str:
    wrong = InvalidInputError("write a host and a port, such as tcp://127.0.0.1:9999")
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or port is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise wrong
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
