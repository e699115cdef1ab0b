"""What stands before every HTTP handler: who speaks, how much, and the count of who is inside."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warmline.errors import (
    BodyTooLargeError,
    InvalidInputError,
    RateLimitedError,
    StoreClosedError,
    UnauthorizedError,
    WarmlineError,
)
from warmline.interfaces.views.problems import problem
from warmline.parties import Credential

OPEN_PATHS = frozenset({"/healthz"})
TOKEN_IN_BODY = frozenset(
    f"/v1/legacy/{verb}" for verb in ("send_to_partner", "check_messages", "update_my_status", "check_partner_status")
)
"""The old bridge's clients send the token along as an argument, and no header."""

MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""A body of 1 MiB may need six times as much in JSON's escapes."""

TOKEN_NAMES = frozenset({"token", "access_token", "api_key"})


def problem_response(error: WarmlineError) -> JSONResponse:
    """Answer with an error's problem document, and with what HTTP wants said beside it."""
    view = problem(error)
    headers: dict[str, str] = {}
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return JSONResponse(view.model_dump(), view.status, headers, media_type="application/problem+json")


class Doors:
    """ASGI middleware. Lets in who shows a credential that is good now, with a bounded body; once closed, nobody.

    Handlers find who speaks as `request.state.by`; a long answer asks `request.state.check()` whether it still
    may. Who comes while the daemon leaves would ask a line where nobody answers any more: the next daemon
    serves them.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticate: Callable[[str], Credential],
        note_refusal: Callable[[Scope, WarmlineError], None],
    ) -> None:
        self._app = app
        self._note_refusal = note_refusal
        self._authenticate = authenticate
        self.closed = False
        self.inside = 0
        self.last_left = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            return
        self.inside += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self.inside -= 1
            self.last_left = time.monotonic()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._let_in(scope)
        except WarmlineError as refusal:
            self._note_refusal(scope, refusal)
            await problem_response(refusal)(scope, receive, send)
        else:
            await self._app(scope, _Bounded(receive), send)

    def _let_in(self, scope: Scope) -> None:
        """Note in the scope who speaks. Raises the refusal."""
        path, headers = scope["path"], dict(scope["headers"])
        if _names(scope["query_string"]) & TOKEN_NAMES:
            raise InvalidInputError("a token in a URL is kept in logs: revoke it, and show one as a bearer token")
        if self.closed:
            raise StoreClosedError("the daemon is leaving: ask again in a moment")
        if path not in OPEN_PATHS and path not in TOKEN_IN_BODY:
            authenticate = partial(self._authenticate, _bearer(headers.get(b"authorization", b"")))
            scope.setdefault("state", {}).update(by=authenticate(), check=authenticate)
        size = headers.get(b"content-length", b"0")
        if size.isdigit() and int(size) > MAX_REQUEST_BYTES:
            raise _too_large()


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


def _names(query: bytes) -> set[str]:
    return {name.lower() for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise UnauthorizedError("show a credential as a bearer token: the owner's is in owner.token in the home")
    return token.strip().decode("latin-1")


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(f"the request has more than {MAX_REQUEST_BYTES:,} bytes")
