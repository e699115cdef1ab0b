"""The command line against a daemon whose responses are cut off."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmline import daemon
from warmline.home import Home
from warmline.interfaces.cli.main import main

EMPTY: dict[str, object] = {"token": None, "mailbox": None, "conversation": None, "lapses_at": None, "messages": []}


class CuttingDaemon:
    """Answers each connection once; the first gets half an answer. Keeps what was asked."""

    def __init__(self, home: Home) -> None:
        self._listener = daemon.listen_unix(home)
        self._listener.settimeout(5)
        self._thread = threading.Thread(target=self._serve)
        self.requests: list[bytes] = []

    def __enter__(self) -> CuttingDaemon:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=5)
        self._listener.close()

    def _serve(self) -> None:
        body = json.dumps(EMPTY).encode()
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        for answer in (whole[: -len(body) // 2], whole):
            connection, _ = self._listener.accept()
            with connection:
                self.requests.append(_request(connection))
                connection.sendall(answer)


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    read = b""
    while not re.search(rb"\r\n\r\n.*\}$", read, re.DOTALL):
        read += connection.recv(65536)
    return read


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.make()
    yield home
    home.socket.unlink(missing_ok=True)


def test_an_inbox_whose_response_was_cut_off_asks_for_the_same_batch_again(home: Home) -> None:
    with CuttingDaemon(home) as cutting:
        assert main(["--home", str(home.path), "inbox"]) == 4
    keys = [re.findall(rb"(?im)^idempotency-key: (\S+)\r$", request) for request in cutting.requests]
    assert len(keys) == 2
    assert keys[0] == keys[1] != []


def test_each_inbox_asks_for_a_batch_of_its_own(home: Home) -> None:
    keys = set()
    for _ in range(2):
        with CuttingDaemon(home) as cutting:
            assert main(["--home", str(home.path), "inbox"]) == 4
        keys |= {re.findall(rb"(?im)^idempotency-key: (\S+)\r$", request)[0] for request in cutting.requests}
    assert len(keys) == 2


def test_the_token_of_the_environment_speaks_and_the_owners_is_not_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARMLINE_TOKEN", "wl_another")
    with CuttingDaemon(home) as cutting:
        assert main(["--home", str(home.path), "inbox"]) == 4
    assert all(b"Authorization: Bearer wl_another\r\n" in request for request in cutting.requests)
    assert not home.token.exists()
