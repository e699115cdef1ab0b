"""`mcp`: what an agent starts to speak MCP over its standard streams: a light relay to /mcp of the daemon.

It knows nothing of tools. It starts the daemon when none runs, and puts a request whose connection was lost again,
under the same key: so the agent does not notice that a daemon was killed between two calls, or during one.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import secrets
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmline.errors import DaemonError, InvalidInputError, WarmlineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

    from warmline.home import Home
    from warmline.interfaces.cli.client import Client

MAX_IN_FLIGHT = 64
MAX_TRIES = 5
MAX_LINE_BYTES = 8 * 1024 * 1024
LAST_REPLIES_SECONDS = 1.0
"""For what is in flight when the agent ends its input."""

PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603

VERSION_IN_META = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Which parameter the header Mcp-Name repeats (transports of 2026-07-28)."""

_PLAIN = re.compile(r"(?!=\?base64\?)[!-~](?:[ -~]*[!-~])?")

Message = dict[str, Any]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    mcp = commands.add_parser("mcp", help="speak MCP over standard input and output", description=_mcp.__doc__)
    who = mcp.add_mutually_exclusive_group()
    who.add_argument("--as", dest="name", metavar="NAME", help="speak with the credential that `connect` made for it")
    who.add_argument("--token-file", type=Path, metavar="FILE", help="speak with the token in this file")
    mcp.set_defaults(run=_mcp)


def _mcp(arguments: argparse.Namespace) -> int:
    """Speak MCP over standard input and output, as the agent that starts this; `warmline connect` has it start so."""
    from warmline.interfaces.cli.client import Client, client_for

    home = client_for(arguments.home).home
    token = _token(home, arguments.name, arguments.token_file)
    Relay(lambda: Client(home, token=token)).run()
    return 0


def _token(home: Home, name: str | None, file: Path | None) -> str | None:
    """Return the token to show; None: the one of WARMLINE_TOKEN. Never the owner's by default."""
    import os

    from warmline.interfaces.cli.client import TOKEN_VARIABLE

    if name is not None:
        file = home.client_token(name)
    if file is None:
        if TOKEN_VARIABLE in os.environ:
            return None
        raise InvalidInputError("say who speaks: `warmline connect` sets an agent up, with a credential of its own")
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{file} holds no token that can be read: run `warmline connect` again") from error


class Relay:
    """Passes requests on, each on a thread and a connection of its own, and what comes back as it comes."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._key = secrets.token_hex(8)
        self._version: str | None = None
        self._in_flight: dict[str, Client] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MAX_IN_FLIGHT)

    def run(self) -> None:
        """Relay until the input ends, and what is in flight has had a moment more."""
        for number, line in enumerate(sys.stdin.buffer):
            self._take(number, line)
        for thread in list(self._threads):
            thread.join(LAST_REPLIES_SECONDS)

    def _take(self, number: int, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = json.loads(line) if len(line) <= MAX_LINE_BYTES else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._say(_error(None, PARSE_ERROR, f"one JSON object a line is wanted, of at most {MAX_LINE_BYTES} bytes"))
        elif "method" not in message:
            return  # a response: nothing was asked
        elif "id" in message:
            self._room.acquire()
            thread = threading.Thread(target=self._relay, args=(number, message), daemon=True)
            self._threads.add(thread)
            thread.start()
            if message["method"] == "initialize":
                thread.join()  # what follows speaks the version that comes back
        elif message["method"] == "notifications/cancelled":
            self._cancel(message)

    def _cancel(self, message: Message) -> None:
        client = self._in_flight.pop(json.dumps((message.get("params") or {}).get("requestId")), None)
        if client is not None:
            client.abandon()

    def _relay(self, number: int, message: Message) -> None:
        request_id, client = json.dumps(message["id"]), self._connect()
        with self._lock:
            self._in_flight[request_id] = client
        try:
            self._pass_on(client, f"mcp-{self._key}-{number}", message)
        except WarmlineError as error:
            if request_id in self._in_flight:
                self._say(_error(message["id"], INTERNAL_ERROR, str(error)))
        finally:
            client.close()
            with self._lock:
                self._in_flight.pop(request_id, None)
                self._threads.discard(threading.current_thread())
            self._room.release()

    def _pass_on(self, client: Client, key: str, message: Message) -> None:
        """Put the request, again when its answer is lost: it has a key. Progress may be told twice, an answer not."""
        headers = {**self._headers(message), "Idempotency-Key": key}
        for _ in range(MAX_TRIES):
            try:
                with client.open("POST", "/mcp", message, headers, refusals=False) as response:
                    if self._answered(response, message):
                        return
            except (OSError, HTTPException):
                pass
            client.close()
            if json.dumps(message["id"]) not in self._in_flight:
                return  # it was cancelled
        raise DaemonError("the daemon was lost while it answered: call the tool again")

    def _answered(self, response: HTTPResponse, message: Message) -> bool:
        """Say what comes; tell whether the answer was among it."""
        if response.headers.get_content_type() != "text/event-stream":
            said = _reply_of(response, message)
            self._note_version(message, said)
            self._say(said)
            return True
        for line in response:
            if line.startswith(b"data:") and (data := line[5:].strip()):
                said = json.loads(data)
                self._note_version(message, said)
                self._say(said)
                if "id" in said and "method" not in said:
                    return True
        return False

    def _note_version(self, message: Message, said: Message) -> None:
        if message["method"] == "initialize" and "result" in said:
            self._version = said["result"].get("protocolVersion")

    def _headers(self, message: Message) -> dict[str, str]:
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        version = (meta if isinstance(meta, dict) else {}).get(VERSION_IN_META)
        headers = {"Accept": "application/json, text/event-stream"}
        if version is None:
            return headers if self._version is None else {**headers, "MCP-Protocol-Version": self._version}
        named = params.get(NAMED_BY.get(str(message["method"]), ""))
        headers |= {"MCP-Protocol-Version": _header(version), "Mcp-Method": _header(message["method"])}
        return headers if named is None else {**headers, "Mcp-Name": _header(named)}

    def _say(self, message: Mapping[str, Any]) -> None:
        written = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        with self._lock:
            sys.stdout.buffer.write(written)
            sys.stdout.buffer.flush()


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


def _header(value: object) -> str:
    """Write a value as a header; what is no plain ASCII in base64, as the protocol has it."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else f"=?base64?{base64.b64encode(text.encode()).decode()}?="
