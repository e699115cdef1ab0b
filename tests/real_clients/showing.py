"""A way in for a program that has no credential to show: each of its requests is passed on with one."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_HEAD_BYTES = 65_536


@contextmanager
def showing(token: str, port: int) -> Iterator[str]:
    """Pass on what comes in to this port of 127.0.0.1, under this token; yield where. The names of hosts stay."""

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head, rest = _head(self.request)
            if not head:
                return
            own = str(self.request.getsockname()[1]).encode()
            head = re.sub(rb"(?<=:)%b(?=\r\n)" % own, str(port).encode(), head)
            head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)  # one request a connection
            shown = b"\r\nAuthorization: Bearer %b\r\nConnection: close\r\n\r\n" % token.encode()
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(head + shown + rest)
                there = threading.Thread(target=_pump, args=(self.request, line), daemon=True)
                there.start()
                _pump(line, self.request)
                with contextlib.suppress(OSError):
                    self.request.shutdown(socket.SHUT_RDWR)
                there.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Passing) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


def _head(source: socket.socket) -> tuple[bytes, bytes]:
    """Read the head of a request, without its end, and what came with it."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = source.recv(MAX_HEAD_BYTES)
        if not piece:
            return b"", b""
        read += piece
    head, _, rest = read.partition(b"\r\n\r\n")
    return head, rest


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
