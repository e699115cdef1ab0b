"""Which hosts and origins are ours."""

from __future__ import annotations

import pytest

from warmline.errors import ForbiddenError, InvalidInputError, MisdirectedError
from warmline.interfaces.hosts import Hosts

HOSTS = Hosts("http", 9276, ("build.example", "*.lan"))
OURS = "192.0.2.7"


def headers(*hosts: str, origin: str | None = None) -> list[tuple[bytes, bytes]]:
    more = [] if origin is None else [(b"origin", origin.encode())]
    return [(b"host", host.encode()) for host in hosts] + more


@pytest.mark.parametrize(
    "host",
    [
        "localhost:9276",
        "LocalHost:9276",
        "127.0.0.1:9276",
        "[::1]:9276",
        "build.example:9276",
        "a.lan:9276",
        f"{OURS}:9276",
    ],
)
def test_our_names_with_our_port_are_ours(host: str) -> None:
    HOSTS.check(headers(host), OURS)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "localhost:80",
            "localhost:09277",
            "evil.example:9276",
            "192.0.2.8:9276",
            "a.b.lan:9276",
            "lan:9276",
        ),
        *(
            "",
            ":9276",
            "localhost:9276.evil.example",
            "localhost:9276@evil",
            "evil localhost:9276",
            "localhost:9276:9276",
        ),
        *("[::2]:9276", "0x7f.1:9276", "127.1:9276", "localhost.:9276"),
    ],
)
def test_another_name_or_port_is_misdirected(host: str) -> None:
    with pytest.raises(MisdirectedError, match="warmline status"):
        HOSTS.check(headers(host), OURS)


def test_the_default_port_may_be_left_out() -> None:
    Hosts("https", 443, ()).check(headers("localhost"), OURS)


@pytest.mark.parametrize("hosts", [(), ("localhost:9276", "localhost:9276")])
def test_no_host_and_two_are_refused(hosts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError):
        HOSTS.check(headers(*hosts), OURS)


def test_the_origin_that_is_ours_is_let_in() -> None:
    HOSTS.check(headers("localhost:9276", origin="http://localhost:9276"), OURS)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "https://localhost:9276",
        "http://localhost",
        "http://127.0.0.1:9276",
        "file://",
    ],
)
def test_another_origin_is_forbidden(origin: str) -> None:
    with pytest.raises(ForbiddenError):
        HOSTS.check(headers("localhost:9276", origin=origin), OURS)
