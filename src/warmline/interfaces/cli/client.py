"""The command line's way to the daemon: HTTP over the home's Unix socket, started when it does not run.

Imports only the standard library's http.client: a call costs a script a tenth of a second, not more.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import shlex
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from warmline import __version__, daemon, errors
from warmline.home import OTHERS, Home, find_home

if TYPE_CHECKING:
    from warmline.settings import DaemonSettings

TOKEN_VARIABLE = "WARMLINE_TOKEN"  # noqa: S105  # a name, and no token
"""Speaks as another credential than the owner's."""

TRIES = 5
FIRST_PAUSE_SECONDS = 0.05
REQUEST_SECONDS = 60.0
LONG_SECONDS = 24 * 3600.0
PIECE_BYTES = 64 * 1024
"""Of a stream, read at once."""

MAX_WAIT_SECONDS = 3600.0
"""Of one request that waits; a longer patience is several."""

Result = TypeVar("Result")


class _Connection(http.client.HTTPConnection):
    """An HTTP connection over the home's Unix socket."""

    def __init__(self, home: Home, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._home = home

    def connect(self) -> None:
        self.sock = daemon.connect(self._home, self.timeout)


class Client:
    """Speaks to the daemon of one home. With start=False it raises DaemonError when none runs."""

    def __init__(self, home: Home, *, start: bool = True, token: str | None = None) -> None:
        self.home = home
        self._start = start
        self._token = token
        self._connection: _Connection | None = None
        self._is_abandoned = False

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, wait_seconds: float = 0.0
    ) -> dict[str, Any]:
        """Make a request and return the decoded answer.

        A request whose answer the connection lost is made again: give a key to those that must not
        happen twice. Raises the error that the daemon named, or DaemonError.
        """

        def attempt() -> dict[str, Any]:
            with self._request(method, path, body, _key_header(key), wait_seconds) as response:
                return _decoded(response.status, response.read())

        return self._persist(attempt)

    def wait(self, question_path: str, patience: timedelta) -> dict[str, Any]:
        """Wait for an answer; return the question as it stands when it ends, patience ends, or the daemon leaves."""
        left = patience.total_seconds()
        while True:
            seconds, began = min(left, MAX_WAIT_SECONDS), time.monotonic()
            answer = self.call("GET", f"{question_path}?wait={seconds}", wait_seconds=seconds)
            left -= MAX_WAIT_SECONDS
            if answer["outcome"] is not None or left <= 0 or time.monotonic() - began < seconds:
                return answer

    def open(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        refusals: bool = True,
    ) -> http.client.HTTPResponse:
        """Make a request and return its answer, to be read as it comes and closed by the caller.

        A body of bytes is JSON already.

        Raises as `call`; once the answer has begun, nothing is made again. Without refusals, an answer that is one
        is returned like any other, but for the one that the daemon leaves.
        """

        def attempt() -> http.client.HTTPResponse:
            response = self._request(method, path, body, headers or {}, LONG_SECONDS)
            is_leaving = response.status == http.client.SERVICE_UNAVAILABLE
            if is_leaving or (refusals and response.status >= http.client.BAD_REQUEST):
                _decoded(response.status, response.read())
            return response

        return self._persist(attempt)

    def lines(self, path: str, until: float) -> Iterator[bytes]:
        """Read a stream and yield its lines as they come, until this time of the monotonic clock. Raises as `open`.

        Raises TimeoutError when nothing came until then, and what else the connection raises when it is lost.
        """
        try:
            with self.open("GET", path) as response:
                rest = b""
                while got := self._read_by(response, until):  # not `readline`, to which a cut is an end
                    *lines, rest = (rest + got).split(b"\n")
                    yield from (line + b"\n" for line in lines)
        finally:
            self.close()  # what is left of the answer is not read

    def _read_by(self, response: http.client.HTTPResponse, until: float) -> bytes:
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.settimeout(max(0.001, until - time.monotonic()))
        return response.read1(PIECE_BYTES)

    def stream(self, method: str, path: str, body: object = None) -> Iterator[dict[str, Any]]:
        """Make a request and yield each line of the answer, decoded. Raises as `open`."""
        try:
            with self.open(method, path, body) as response:
                for line in response:
                    yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise errors.DaemonError(f"the daemon was lost: see {self.home.log}, then do it again") from error

    def work(self, method: str, path: str, body: object, show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Have long work done, show its progress, and return its report. Raises as `stream`, and what it came to."""
        report: dict[str, Any] | None = None
        for step in self.stream(method, path, body):
            if "problem" in step:
                raise error_of(step["problem"])
            if "progress" in step:
                show(step["progress"])
            report = step.get("report", report)
        if report is None:
            raise errors.DaemonError(f"the daemon was lost: see {self.home.log}, then do it again")
        return report

    def search(self, question: str, top: int) -> dict[str, Any]:
        """Search the memory."""
        from urllib.parse import urlencode

        try:
            return self.call("GET", f"/v1/memory/search?{urlencode({'q': question, 'top': top})}")
        except UnicodeEncodeError as error:
            raise errors.InvalidInputError("the question holds half a character: send valid UTF-8") from error

    def _persist(self, attempt: Callable[[], Result]) -> Result:
        """Make an attempt, and again while the daemon is lost in between: a restart takes a moment."""
        for pause in (FIRST_PAUSE_SECONDS * 2**n for n in range(TRIES)):
            try:
                return attempt()
            except TimeoutError as error:
                self.close()
                raise errors.DaemonError("the daemon does not answer: see `warmline status`") from error
            except (OSError, http.client.HTTPException):
                self.close()
                if self._is_abandoned:
                    raise
                time.sleep(pause)
            except errors.StoreClosedError:
                self.close()
                self._let_it_leave()
        raise errors.DaemonError(f"the daemon keeps closing the connection: see {self.home.log}")

    def _let_it_leave(self) -> None:
        owner = daemon.owner_of(self.home)
        if owner is not None:
            daemon.wait_until_left(owner, _settings())

    def _request(
        self, method: str, path: str, body: object, headers: Mapping[str, str], wait_seconds: float
    ) -> http.client.HTTPResponse:
        shown = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        connection = self._connected(REQUEST_SECONDS + wait_seconds)
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, sent, {**shown, **headers})
        return connection.getresponse()

    def _connected(self, timeout: float) -> _Connection:
        if self._connection is None or self._connection.sock is None:  # a daemon that leaves says `Connection: close`
            connection = _Connection(self.home, timeout)
            try:
                connection.connect()
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if not self._start:
                    raise errors.DaemonError(
                        f"no daemon runs for {self.home.path}: the first `warmline ask` starts one"
                    ) from error
                daemon.start(self.home, _settings())
                connection.connect()
            self._connection = connection
        self._connection.timeout = timeout
        self._connection.sock.settimeout(timeout)
        return self._connection

    def token(self) -> str:
        """Return the token that says who speaks: the one handed in, else that of WARMLINE_TOKEN, else the owner's.

        Raises InvalidInputError, or DaemonError as `Home.read_token`.
        """
        token = os.environ.get(TOKEN_VARIABLE) if self._token is None else self._token
        if token is None:
            return self.home.read_token()
        if not _is_token(token):
            # Whoever meant to speak as somebody else does not become the owner by a slip.
            raise errors.InvalidInputError(
                f"{TOKEN_VARIABLE} is set and holds no token: give it one, or unset it to speak as the owner"
            )
        return token

    def abandon(self) -> None:
        """End the connection though another thread waits for its answer, which gets an error; nothing is made again."""
        self._is_abandoned = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):  # it was not connected yet, or is not any more
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def token_of(home: Home, name: str) -> str:
    """Return the token of a connected client. Raises InvalidInputError when there is none, or no such client."""
    if "/" in name:  # elsewhere lie tokens that no client may show, such as the owner's
        raise errors.InvalidInputError(f"{name!r} is no client's name: `warmline connect --help` tells them")
    return token_in(home.client_token(name), f"`warmline connect {name}` makes one")


def token_in(file: Path, advice: str) -> str:
    """Return the token that a file holds.

    Raises InvalidInputError, with the advice, when it holds none, and when it is a file that is open to others.
    """
    try:
        with file.open(encoding="ascii") as opened:
            mode, token = os.fstat(opened.fileno()).st_mode, opened.read().strip()
    except (OSError, ValueError):
        mode, token = 0, ""
    if not _is_token(token):
        raise errors.InvalidInputError(f"{file} holds no token that can be read: {advice}")
    if stat.S_ISREG(mode) and mode & OTHERS:
        raise errors.InvalidInputError(
            f"{file} is open to others: run `chmod 600 {shlex.quote(str(file))}`, and consider who has read it"
            " (`warmline credential rotate` makes a new token)"
        )
    return token


def client_for(home: str | None, *, start: bool = True) -> Client:
    """Make a client of the named home, or of the default one, that is closed at exit.

    A daemon of another version is replaced.
    """
    found = find_home(home)
    owner = daemon.owner_of(found)
    if owner is not None and owner.version != __version__:
        daemon.stop(found, _settings())
    client = Client(found, start=start)
    atexit.register(client.close)
    return client


def _settings() -> DaemonSettings:
    """Return how long a daemon takes to start and to leave: who finds one that runs does not load that."""
    from warmline.settings import DaemonSettings

    return DaemonSettings()


def _is_token(text: str) -> bool:
    return bool(text) and all("!" <= character <= "~" for character in text)


def _key_header(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not (key.isascii() and key.isprintable()):
        raise errors.InvalidInputError("the idempotency key must be printable ASCII characters")
    return {"Idempotency-Key": key}


def _decoded(status: int, text: bytes) -> dict[str, Any]:
    if status == http.client.NO_CONTENT:
        return {}
    try:
        said: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise errors.DaemonError(f"the daemon answered {status} without JSON") from error
    if status < http.client.BAD_REQUEST:
        return said
    raise error_of(said)


def error_of(problem: dict[str, Any]) -> errors.WarmlineError:
    """Turn a problem document back into the error that it was made from."""
    detail = str(problem.get("detail", problem))
    name = str(problem.get("type", "")).rpartition(":")[2]
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.WarmlineError):
        return kind(detail)
    if http.client.BAD_REQUEST <= int(problem.get("status", 0)) < http.client.INTERNAL_SERVER_ERROR:
        return errors.InvalidInputError(detail)
    return errors.DaemonError(detail)
