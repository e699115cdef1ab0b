"""What stands before every HTTP handler: credential, size, and the count of who is inside."""

from __future__ import annotations

import hmac
import time

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warmline.errors import BodyTooLargeError, StoreClosedError, UnauthorizedError, WarmlineError
from warmline.interfaces.views import problem

OPEN_PATHS = frozenset({"/healthz"})
MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""A body of 1 MiB may need six times as much in JSON's escapes."""


def problem_response(error: WarmlineError) -> JSONResponse:
    """Answer with an error's problem document."""
    view = problem(error)
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, UnauthorizedError) else None
    return JSONResponse(view.model_dump(), view.status, headers, media_type="application/problem+json")


class Doors:
    """ASGI middleware. Lets in who shows the owner's token, with a bounded body; once closed, nobody.

    Who comes while the daemon leaves would ask a line where nobody answers any more: the next daemon serves them.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self.closed = False
        self.inside = 0
        self.last_left = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            return
        self.inside += 1
        try:
            refusal = self._refusal(scope["path"], dict(scope["headers"]))
            if refusal is not None:
                await problem_response(refusal)(scope, receive, send)
            else:
                await self._app(scope, _Bounded(receive), send)
        finally:
            self.inside -= 1
            self.last_left = time.monotonic()

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> WarmlineError | None:
        if self.closed:
            return StoreClosedError("the daemon is leaving: ask again in a moment")
        if path in OPEN_PATHS:
            return None
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return UnauthorizedError("show the owner's token, from owner.token in the home, as a bearer token")
        size = headers.get(b"content-length", b"0")
        if size.isdigit() and int(size) > MAX_REQUEST_BYTES:
            return _too_large()
        return None


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


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(f"the request has more than {MAX_REQUEST_BYTES:,} bytes")
