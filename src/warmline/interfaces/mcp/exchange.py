"""One request of the eras that begin with a handshake (2025-11-25 and before), as one HTTP exchange that keeps nothing.

The library serves these through a transport, a dispatcher and a stream for each request; here a request goes straight
to the same kernel. What is ready soon is one JSON answer. What takes longer, or tells its progress, becomes a stream of
events to a client that reads one; when the client leaves, the work ends. There is no stream of the server's own to GET.
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import anyio
import mcp_types as types
import pydantic_core
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_one
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data, progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SILENT_SECONDS = 15.0
"""After which an answer becomes a stream, and a stream that is silent is kept alive: proxies cut at thirty."""

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]

Said = asyncio.Queue[bytes | None]
"""Events on their way to the client; None: the work has ended."""


class RefusedError(Exception):
    """A request that comes to no method. It says what is answered."""

    def __init__(self, status: HTTPStatus, code: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Exchange:
    """What one request's handler speaks to its client through. Satisfies the library's `DispatchContext`."""

    can_send_request = False

    def __init__(self, request: Request, asked: JSONRPCRequest, said: Said) -> None:
        self.transport = TransportContext(kind="streamable-http", can_send_request=False, headers=request.headers)
        self.request_id: types.RequestId | None = asked.id
        self.message_metadata = ServerMessageMetadata(request_context=request)
        self.cancel_requested = anyio.Event()
        self._token = progress_token_from_params(asked.params)
        self._said = said

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Raises NoBackChannelError: who is asked could answer nobody."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Tell the client something, before the answer."""
        told = JSONRPCNotification(jsonrpc="2.0", method=method, params=dict(params) if params else None)
        self._said.put_nowait(_event(told))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far it is, if it wants to know."""
        if self._token is not None:
            how_far = {"progressToken": self._token, "progress": progress, "total": total, "message": message}
            await self.notify("notifications/progress", {k: v for k, v in how_far.items() if v is not None})


async def serve_request(server: Server[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request. An error that no handler foresaw goes through."""
    request = Request(scope, receive)
    try:
        message = await _read(request)
    except ClientDisconnect:
        return
    except RefusedError as refusal:
        error = types.ErrorData(code=refusal.code, message=str(refusal))
        await _answer(JSONRPCError(jsonrpc="2.0", id=None, error=error), refusal.status)(scope, receive, send)
        return
    if not isinstance(message, JSONRPCRequest):
        await Response(status_code=HTTPStatus.ACCEPTED)(scope, receive, send)
        return
    said: Said = asyncio.Queue()
    work = asyncio.create_task(_result(server, request, message, said), name="mcp request")
    work.add_done_callback(lambda _: said.put_nowait(None))
    gone = asyncio.create_task(_until_gone(receive), name="mcp client")
    gone.add_done_callback(lambda _: work.cancel())
    try:
        streamed = await _stream(said, send) if check_accept_headers(request)[1] else await _silently(said)
        if work.cancelled():
            return
        result = work.result()
        if streamed:
            await send({"type": "http.response.body", "body": _event(result), "more_body": False})
        else:
            await _answer(result, HTTPStatus.OK)(scope, receive, send)
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.wait({work, gone})


async def _stream(said: Said, send: Send) -> bool:
    """Send what is said until the work has ended, and tell whether anything had to be."""
    is_begun = False
    while (event := await _next(said)) is not None:
        if not is_begun:
            await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": STREAM_HEADERS})
            is_begun = True
        await send({"type": "http.response.body", "body": event, "more_body": True})
    return is_begun


async def _next(said: Said) -> bytes | None:
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            return await said.get()
    except TimeoutError:
        return b": \r\n\r\n"


async def _silently(said: Said) -> bool:
    while await said.get() is not None:
        pass
    return False


async def _result(
    server: Server[Any], request: Request, asked: JSONRPCRequest, said: Said
) -> JSONRPCResponse | JSONRPCError:
    version = request.headers.get(MCP_PROTOCOL_VERSION_HEADER, types.DEFAULT_NEGOTIATED_VERSION)
    connection = Connection.from_envelope(version, None, None)
    exchange = Exchange(request, asked, said)
    try:
        result = await serve_one(
            server, exchange, asked.method, asked.params, connection=connection, lifespan_state=None
        )
    except (MCPError, ValidationError) as error:
        data = handler_exception_to_error_data(error)
        assert data is not None  # noqa: S101  # it knows both
        return JSONRPCError(jsonrpc="2.0", id=asked.id, error=data)
    return JSONRPCResponse(jsonrpc="2.0", id=asked.id, result=result)


async def _read(request: Request) -> JSONRPCRequest | JSONRPCNotification | None:
    """Return what is asked, or told; None for an answer, which nobody waits for. Raises RefusedError."""
    if request.method != "POST":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, types.INVALID_REQUEST, "POST each message")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, types.INVALID_REQUEST, "send application/json")
    if not check_accept_headers(request)[0]:
        raise RefusedError(HTTPStatus.NOT_ACCEPTABLE, types.INVALID_REQUEST, "accept application/json")
    try:
        message = pydantic_core.from_json(await request.body(), allow_inf_nan=False)
    except ValueError as error:
        text = "that is no JSON in UTF-8, with numbers and depths of human size"
        raise RefusedError(HTTPStatus.BAD_REQUEST, types.PARSE_ERROR, text) from error
    kind: type[JSONRPCRequest | JSONRPCNotification] = JSONRPCNotification
    if isinstance(message, dict) and "id" in message:
        kind = JSONRPCRequest
        if "method" not in message and ("result" in message or "error" in message):
            return None
    try:
        return kind.model_validate(message)
    except ValidationError as error:
        text = "send one JSON-RPC 2.0 object, whose id is a text or a whole number"
        raise RefusedError(HTTPStatus.BAD_REQUEST, types.INVALID_REQUEST, text) from error


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(message: JSONRPCResponse | JSONRPCError, status: HTTPStatus) -> Response:
    headers = {"Allow": "POST"} if status == HTTPStatus.METHOD_NOT_ALLOWED else None
    return Response(_written(message), status, headers, media_type="application/json")


def _event(message: JSONRPCResponse | JSONRPCError | JSONRPCNotification) -> bytes:
    return b"event: message\r\ndata: " + _written(message) + b"\r\n\r\n"


def _written(message: JSONRPCResponse | JSONRPCError | JSONRPCNotification) -> bytes:
    said = message.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return pydantic_core.to_json(said)
