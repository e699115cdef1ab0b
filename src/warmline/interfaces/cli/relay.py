"""The relay of `mcp`: passes on what an agent says over its standard streams to /mcp of the daemon, and back.

It knows nothing of tools. It starts the daemon when none runs, and puts a request whose connection was lost again,
under the same key: so the agent does not notice that a daemon was killed between two calls, or during one.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, BinaryIO

from warmline.errors import DaemonError, WarmlineError
from warmline.interfaces.cli.mcp_headers import Message, headers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

    from warmline.interfaces.cli.client import Client

MAX_IN_FLIGHT = 64
MAX_TRIES = 5
MAX_LINE_BYTES = 8 * 1024 * 1024
LAST_REPLIES_SECONDS = 120.0
"""For all that is in flight when the input ends: a start of the daemon, and the longest wait of a tool behind it."""

PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603


@dataclass(slots=True)
class Flight:
    """A request that was not answered yet."""

    name: str
    client: Client
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Let go of it: nothing is said of it any more."""
        self.is_cancelled = True
        self.client.abandon()


class Relay:
    """Passes requests on, each on a thread and a connection of its own, and what comes back as it comes."""

    def __init__(
        self, connect: Callable[[], Client], output: int, *, last_replies_seconds: float = LAST_REPLIES_SECONDS
    ) -> None:
        self._connect = connect
        self._output = output
        self._last_replies_seconds = last_replies_seconds
        self._key = secrets.token_hex(8)
        self._version: object = None
        self._in_flight: dict[str, Flight] = {}
        self._threads: dict[threading.Thread, Flight] = {}
        self._table = threading.Lock()
        self._saying = threading.Lock()

    def run(self, lines: BinaryIO) -> None:
        """Relay until the input ends and all that was asked has its answer, or was cancelled.

        An agent that only leaves is not kept: it takes its end of our output with it, or ends us. Raises DaemonError
        when an answer does not come within the last seconds.
        """
        for number, line in enumerate(_lines(lines)):
            self._take(number, line)
        end = time.monotonic() + self._last_replies_seconds
        asked = [(thread, flight) for thread, flight in list(self._threads.items()) if not flight.is_cancelled]
        for thread, _ in asked:
            thread.join(max(0.0, end - time.monotonic()))
        left = [flight.name for thread, flight in asked if thread.is_alive()]
        if left:
            raise DaemonError(f"no answer came to the request {', '.join(left)}: see `warmline status`")

    def _take(self, number: int, line: bytes) -> None:
        try:
            message = json.loads(line) if len(line) <= MAX_LINE_BYTES else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._say(_error(None, PARSE_ERROR, f"one JSON object a line is wanted, of at most {MAX_LINE_BYTES} bytes"))
        elif isinstance(message.get("method"), str):
            self._take_message(number, message, line)
        elif not message.keys() & {"result", "error"}:  # a response: nothing was asked
            self._say(_error(_id_of(message), INVALID_REQUEST, "a message names its method"))

    def _take_message(self, number: int, message: Message, line: bytes) -> None:
        if message["method"] == "notifications/cancelled":
            params = message.get("params")
            self._cancel(params.get("requestId") if isinstance(params, dict) else None)
        elif "id" in message and _id_of(message) is None:
            self._say(_error(None, INVALID_REQUEST, "an id is a text or a whole number"))
        elif "id" in message:
            self._begin(number, message, line)

    def _begin(self, number: int, message: Message, line: bytes) -> None:
        flight = Flight(_name(message["id"]), self._connect())
        with self._table:
            trouble = "another request has that id" if flight.name in self._in_flight else None
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                trouble = "too many requests are in flight: wait for an answer"
            if trouble is None:
                self._in_flight[flight.name] = flight
        if trouble is not None:
            self._say(_error(message["id"], INVALID_REQUEST, trouble))
            return
        thread = threading.Thread(target=self._relay, args=(number, message, line, flight), daemon=True)
        self._threads[thread] = flight
        thread.start()
        if message["method"] == "initialize":
            thread.join()  # what follows speaks the version that comes back

    def _cancel(self, request_id: object) -> None:
        with self._table:
            flight = self._in_flight.get(_name(request_id))
        if flight is not None:
            flight.cancel()

    def _relay(self, number: int, message: Message, line: bytes, flight: Flight) -> None:
        try:
            self._pass_on(flight, f"mcp-{self._key}-{number}", message, line)
        except WarmlineError as error:
            self._conclude(flight, _error(message["id"], INTERNAL_ERROR, str(error)))
        finally:
            flight.client.close()
            self._forget(flight)
            del self._threads[threading.current_thread()]

    def _pass_on(self, flight: Flight, key: str, message: Message, line: bytes) -> None:
        """Put the request, again when its answer is lost: it has a key. Progress may be told twice, an answer not."""
        headers = {**headers_of(message, self._version), "Idempotency-Key": key}
        for _ in range(MAX_TRIES):
            if flight.is_cancelled:
                return
            try:
                with flight.client.open("POST", "/mcp", line, headers, refusals=False) as response:
                    if self._answered(response, message, flight):
                        return
            except (OSError, HTTPException):
                pass
            flight.client.close()
        raise DaemonError("the daemon was lost while it answered: call the tool again")

    def _answered(self, response: HTTPResponse, message: Message, flight: Flight) -> bool:
        """Say what comes; tell whether the answer was among it."""
        if response.headers.get_content_type() != "text/event-stream":
            said = _reply_of(response, message)
            self._note_version(message, said)
            self._conclude(flight, said)
            return True
        for line in response:
            if line.startswith(b"data:") and (data := line[5:].strip()):
                said = json.loads(data)
                if "id" in said and "method" not in said:
                    self._note_version(message, said)
                    self._conclude(flight, said)
                    return True
                self._say_of(flight, said)
        return False

    def _note_version(self, message: Message, said: Message) -> None:
        if message["method"] == "initialize" and "result" in said:
            self._version = said["result"].get("protocolVersion")

    def _conclude(self, flight: Flight, answer: Message) -> None:
        """Say its answer. Its id is free before: who has the answer may use it again, or put one request more."""
        self._forget(flight)
        self._say_of(flight, answer)

    def _forget(self, flight: Flight) -> None:
        with self._table:
            if self._in_flight.get(flight.name) is flight:
                del self._in_flight[flight.name]

    def _say_of(self, flight: Flight, message: Message) -> None:
        if not flight.is_cancelled:
            self._say(message)

    def _say(self, message: Mapping[str, Any]) -> None:
        """Write a line. Past Python's buffer, whose lock a thread that is stopped at the end could hold."""
        left = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        with self._saying:
            try:
                while left:
                    left = left[os.write(self._output, left) :]
            except OSError:
                os._exit(0)  # nobody hears us any more, and the input, which another thread reads, may never end


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not empty; of an overlong one only the beginning, which is too long as well."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        rest = line
        while not rest.endswith(b"\n") and (rest := source.readline(MAX_LINE_BYTES + 1)):
            pass
        if line.strip():
            yield line


def _reply_of(response: HTTPResponse, message: Message) -> Message:
    """Return the JSON-RPC answer that a response holds; what is none becomes an error."""
    body = response.read()
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if isinstance(said, dict) and said.get("jsonrpc"):
        return {**said, "id": message["id"]}
    detail = said.get("detail") if isinstance(said, dict) else None
    return _error(message["id"], INVALID_REQUEST, str(detail or f"the daemon answered {response.status}"))


def _error(request_id: object, code: int, text: str) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def _id_of(message: Message) -> str | int | None:
    found = message.get("id")
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _name(request_id: object) -> str:
    """Tell 1 from "1"."""
    return json.dumps(request_id)
