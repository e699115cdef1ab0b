"""Whom a request that came over TCP was meant for, and from which page: what keeps foreign web pages out.

A page of another site can make a browser ask 127.0.0.1, under a name of its own (DNS rebinding) or as a foreign
origin. It can forge neither header. https://datatracker.ietf.org/doc/html/rfc9110#section-7.4
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from warmline.errors import ForbiddenError, InvalidInputError, MisdirectedError

ALWAYS = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?")

Headers = Sequence[tuple[bytes, bytes]]


class Hosts:
    """The names and the port that a listener goes by. A name may begin with `*.`, as certificates have it."""

    def __init__(self, scheme: str, port: int, names: Iterable[str]) -> None:
        self._scheme = scheme
        self._port = port
        self._names = frozenset(name.lower() for name in (*ALWAYS, *names))

    def check(self, headers: Headers, address: str) -> None:
        """Check the headers of a request that reached us at this address of ours.

        Raises InvalidInputError, MisdirectedError or ForbiddenError.
        """
        named = [value for name, value in headers if name == b"host"]
        if len(named) != 1:
            raise InvalidInputError(f"the request has {len(named)} Host headers: send one")
        host = named[0].decode("latin-1").lower()
        if not self._is_ours(host, address):
            raise MisdirectedError(
                "the Host header names another host or port than the daemon's: ask at what `warmline status` shows"
            )
        check_origin(headers, f"{self._scheme}://{host}")

    def _is_ours(self, host: str, address: str) -> bool:
        parts = _HOST.fullmatch(host)
        if parts is None or int(parts[2] or DEFAULT_PORTS[self._scheme]) != self._port:
            return False
        name = parts[1].strip("[]")
        return name in self._names or f"*.{name.partition('.')[2]}" in self._names or _is_same(name, address)


def check_origin(headers: Headers, own: str | None) -> None:
    """Raises ForbiddenError when the request comes from a web page that is not of this origin; None: from any."""
    for name, value in headers:
        if name == b"origin" and (own is None or value.decode("latin-1").lower() != own):
            raise ForbiddenError("the request comes from a web page of another origin: ask from a program instead")


def _is_same(name: str, address: str) -> bool:
    """Tell whether the name is this address, written as a number: such a name cannot be rebound."""
    try:
        return ip_address(name) == ip_address(address)
    except ValueError:
        return False
