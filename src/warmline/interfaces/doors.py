"""What stands before every HTTP handler: who speaks, from where, how much, and the count of who is inside."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warmline.errors import (
    BodyTooLargeError,
    InvalidInputError,
    StoreClosedError,
    TooManyRequestsError,
    UnauthorizedError,
    WarmlineError,
)
from warmline.interfaces.connections import Connection
from warmline.interfaces.hosts import check_origin
from warmline.interfaces.problem_responses import problem_response
from warmline.interfaces.tries import Tries
from warmline.parties import Credential
from warmline.settings import DoorSettings

OPEN_PATHS = frozenset({"/healthz"})
"""All that answers without a credential."""

TOKEN_IN_BODY = frozenset(
    f"/v1/legacy/{verb}" for verb in ("send_to_partner", "check_messages", "update_my_status", "check_partner_status")
)
"""The old bridge's clients send the token along as an argument, and no header."""

MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""A body of 1 MiB may need six times as much in JSON's escapes."""

TOKEN_NAMES = frozenset({"token", "access_token", "api_key"})

TOKEN = re.compile(rb"wl_[0-9A-Za-z_-]{43}")
OWNERS_TOKEN = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""A digest looks the same: it is a token when it opens the doors."""

HOW_TO_SPEAK = (
    "show a credential of your own as a bearer token: at the line's shell `warmline credential new NAME` makes one, and"
    " `warmline connect` one for an agent's client"
)

TOKEN_IN_URL = "a token in a URL is kept in logs: revoke it, and show one as a bearer token"  # noqa: S105  # a text


class Doors:
    """ASGI middleware. Lets in who shows a credential that is good now, with a bounded body; once closed, nobody.

    Handlers find who speaks as `request.state.by`; a long answer asks `request.state.check()` whether it still
    may. Who comes while the daemon leaves would ask a line where nobody answers any more: the next daemon
    serves them. Wrong tokens over TCP are answered late; whoever opens the Unix socket can read the owner's.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticate: Callable[[str], Credential],
        note_refusal: Callable[[Scope, WarmlineError], None],
        limits: DoorSettings,
    ) -> None:
        self._app = app
        self._note_refusal = note_refusal
        self._authenticate = authenticate
        self._limits = limits
        self._tries = Tries(limits, time.monotonic)
        self._held_back = 0
        self._reading = 0
        self.closed = False
        self.inside = 0
        self.last_left = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            return
        entrance = scope["state"]["connection"].host
        self.inside += 1
        entrance.inside += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            entrance.inside -= 1
            self.inside -= 1
            self.last_left = time.monotonic()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        receive = _Bounded(receive)
        try:
            self._check(scope)
            if scope["path"] not in OPEN_PATHS:
                token, receive = await self._shown(scope, receive)
                self._let_in(scope, token)
        except WarmlineError as refusal:
            self._note_refusal(scope, refusal)
            response = await self._refused(scope, refusal)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raises the refusal of a request that nobody may make."""
        headers, entrance = scope["headers"], scope["state"]["connection"].host
        if entrance.hosts is None:
            check_origin(headers, None)
        else:
            entrance.hosts.check(headers, scope["server"][0])
            if entrance.inside > self._limits.tcp_requests:
                raise TooManyRequestsError("too many requests are worked on: try again in a moment")
        if _names(scope["query_string"]) & TOKEN_NAMES or TOKEN.search(_url(scope)):
            raise InvalidInputError(TOKEN_IN_URL)

    async def _shown(self, scope: Scope, receive: Receive) -> tuple[str, Receive]:
        """Return the token that the request shows, and its body as it is still to be read. Raises the refusal."""
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(shown) > 1:
            raise InvalidInputError("the request has several Authorization headers: send one")
        if shown:
            return _bearer(shown[0]), receive
        if scope["path"] not in TOKEN_IN_BODY:
            raise UnauthorizedError(HOW_TO_SPEAK)
        return await self._shown_in_body(receive)

    async def _shown_in_body(self, receive: Receive) -> tuple[str, Receive]:
        if self._reading >= self._limits.stranger_bodies:
            raise TooManyRequestsError("too many requests are read: try again in a moment, or show a bearer token")
        self._reading += 1
        try:
            body = await _read(receive)
        finally:
            self._reading -= 1
        return _token_of(body), _again(body, receive)

    def _let_in(self, scope: Scope, token: str) -> None:
        """Note in the scope who speaks. Raises the refusal."""
        authenticate = partial(self._authenticate, token)
        scope["state"].update(shown=True, check=authenticate)
        scope["state"]["by"] = authenticate()
        scope["state"]["connection"].welcome()
        if any(map(self._opens, OWNERS_TOKEN.findall(_url(scope)))):
            raise InvalidInputError(TOKEN_IN_URL)
        if self.closed:
            raise StoreClosedError("the daemon is leaving: ask again in a moment")
        size = dict(scope["headers"]).get(b"content-length", b"0")
        if size.isdigit() and int(size) > MAX_REQUEST_BYTES:
            raise _too_large()

    def _opens(self, token: bytes) -> bool:
        try:
            self._authenticate(token.decode("ascii"))
        except UnauthorizedError:
            return False
        return True

    async def _refused(self, scope: Scope, refusal: WarmlineError) -> JSONResponse:
        """Return what is answered, after a while when a wrong token was shown over TCP. All refusals pass here."""
        connection: Connection = scope["state"]["connection"]
        is_try = isinstance(refusal, UnauthorizedError) and "shown" in scope["state"]
        if not is_try or connection.client is None:
            return problem_response(refusal, scope["path"])
        seconds = self._tries.note(connection.client[0])
        if seconds and self._held_back >= self._limits.delayed_at_once:
            crowd = TooManyRequestsError("too many wrong tokens are being shown: try again later")
            return problem_response(crowd, scope["path"])
        self._held_back += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._held_back -= 1
        return problem_response(refusal, scope["path"])


class _Bounded:
    """A receive that gives at most MAX_REQUEST_BYTES of body."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = MAX_REQUEST_BYTES

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, str(_too_large()))
        return message


async def _read(receive: Receive) -> bytes:
    """Return the whole body. Raises BodyTooLargeError, or UnauthorizedError when the client has left."""
    body, more = bytearray(), True
    while more:
        try:
            message = await receive()
        except HTTPException as error:
            raise _too_large() from error
        if message["type"] == "http.disconnect":
            raise UnauthorizedError("the client left before it said who it is")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body that was read already, and then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def _url(scope: Scope) -> bytes:
    return unquote_to_bytes(scope["raw_path"] + b"?" + scope["query_string"])


def _names(query: bytes) -> set[str]:
    return {name.lower() for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise UnauthorizedError(HOW_TO_SPEAK)
    return token.strip().decode("latin-1")


def _token_of(body: bytes) -> str:
    try:
        token = json.loads(body)["token"]
    except (ValueError, RecursionError, LookupError, TypeError):
        token = None
    if not isinstance(token, str):
        raise UnauthorizedError("show a credential: as a bearer token, or as `token` in a JSON object")
    return token


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(f"the request has more than {MAX_REQUEST_BYTES:,} bytes")
