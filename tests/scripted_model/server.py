"""The scripted model behind HTTP. What it does next depends on the request alone: on how many results stand in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from scripted_model.anthropic import SEARCH, Anthropic
from scripted_model.completions import Completions
from scripted_model.dialect import Asked, Call, Dialect, Json
from scripted_model.gemini import Gemini
from scripted_model.responses import Responses

DIALECTS: dict[str, Dialect] = {
    "/v1/messages": Anthropic(),
    "/responses": Responses(),
    "/chat/completions": Completions(),
    "enerateContent": Gemini(),
}
"""By what a path ends with, or holds."""

DONE = "That is all."


class ScriptedModel:
    """Calls these tools one after the other, in every conversation that offers the first of them, then says DONE.

    between is called before each call but the first, with its number, from 1. What it raises is raised at the end: a
    client that hears nothing would only say that it could not send its request.
    """

    def __init__(self, script: Sequence[Call], between: Callable[[int], None] = lambda _: None) -> None:
        self._script = script
        self._between = between
        self._failures: list[Exception] = []
        self._lock = threading.Lock()
        self._number = 0
        self.offered: set[str] = set()
        self.results: tuple[str, ...] = ()
        """What came of the calls, in the conversation that is furthest."""

        self.requests: list[tuple[Json, Asked]] = []
        self.strange: list[str] = []
        """Requests that no dialect is for."""

    def reply(self, path: str, body: Json) -> tuple[str, bytes] | None:
        """Return the reply to a request; None: there is no such path."""
        dialect = next((each for end, each in DIALECTS.items() if end in path), None)
        if dialect is None:
            return None
        with self._lock:
            self._number += 1
            asked = dialect.read(path, body)
            self.requests.append((body, asked))
            self.offered.update(asked.tools)
            if len(asked.results) > len(self.results):
                self.results = asked.results
                if len(asked.results) < len(self._script):
                    self._call_between(len(asked.results))
            call = self._available(self.next(asked), asked)
            if call is None:
                return dialect.say(self._number, DONE, body)
            name = asked.offered(call.tool)
            assert name is not None
            return dialect.call(self._number, name, call.after(asked.results), body)

    def _call_between(self, number: int) -> None:
        try:
            self._between(number)
        except Exception as error:
            self._failures.append(error)
            raise

    def next(self, asked: Asked) -> Call | None:
        """Return what is called next; None: nothing, and it says DONE."""
        return self._script[len(asked.results)] if len(asked.results) < len(self._script) else None

    def _available(self, call: Call | None, asked: Asked) -> Call | None:
        """Return what is called to come to this: itself, if it is offered, or a search for it."""
        if call is None or asked.offered(call.tool) is not None:
            return call
        if SEARCH in asked.tools:
            return Call(SEARCH, {"query": f"+warmline {' '.join({call.tool, *(each.tool for each in self._script)})}"})
        return None

    def __enter__(self) -> Self:
        """Serve."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._failures:
            raise self._failures[0]

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # http.server calls it so
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                reply = model.reply(self.path, json.loads(body or b"{}"))
                if reply is None:
                    model.strange.append(f"POST {self.path}")
                    self._answer(404, "application/json", b"{}")
                else:
                    self._answer(200, *reply)

            def do_GET(self) -> None:  # as above
                model.strange.append(f"GET {self.path}")
                self._answer(404, "application/json", b"{}")

            def do_HEAD(self) -> None:  # as above
                self._answer(200, "application/json", b"")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
