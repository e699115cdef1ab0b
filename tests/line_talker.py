"""Somebody who speaks lines to a listener over a plain socket, as a program in any language would."""

from __future__ import annotations

import json
import socket
from typing import Any

from warmline.listen.addresses import Via, parse_address

LIMIT_SECONDS = 5


class Talker:
    """One connection. Every wait is bounded."""

    def __init__(self, url: str) -> None:
        address = parse_address(url)
        self.socket = socket.socket(socket.AF_INET if address.via is Via.TCP else socket.AF_UNIX)
        self.socket.settimeout(LIMIT_SECONDS)
        self.socket.connect(address.host_and_port if address.via is Via.TCP else address.place)
        self._read = self.socket.makefile("rb")

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._read.close()
        self.socket.close()

    def send(self, **said: object) -> None:
        self.socket.sendall(json.dumps(said).encode() + b"\n")

    def hear(self) -> Any:
        """Return what the next line says; None at the end."""
        line = self._read.readline()
        return json.loads(line) if line else None

    def ask(self, question: str, **more: object) -> Any:
        """Ask, and return the next line."""
        self.send(type="query", question=question, **more)
        return self.hear()
