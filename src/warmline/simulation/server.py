"""The simulated model behind HTTP, on 127.0.0.1: the dialect's paths, and `/simulation/...` for who drives it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from warmline.protocols import Clock
from warmline.simulation.counts import Sums
from warmline.simulation.faults import FaultList
from warmline.simulation.messages import ApiError, first_error
from warmline.simulation.model import SimulatedModel
from warmline.simulation.playback import End, Piece, Playback
from warmline.simulation.settings import SimulationSettings

HOST = "127.0.0.1"

LAST_RESPONSES_SECONDS = 1
"""For replies that were cut off by the server's leaving."""


@asynccontextmanager
async def simulated(settings: SimulationSettings, clock: Clock, port: int = 0) -> AsyncIterator[str]:
    """Serve a simulated model, and give its address: `http://127.0.0.1:PORT`. Port 0 is a free one.

    At the end replies that are under way are cut off. Raises OSError when the port is taken.
    """
    with socket.create_server((HOST, port)) as listener:
        # Connections inherit it. asyncio sets it only where the protocol is named, which `create_server` does not do.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        leaving = asyncio.Event()
        paths = _Paths(SimulatedModel(settings, clock), clock, leaving)
        server = _Server(_config(paths.application()), leaving)
        serving = asyncio.create_task(server.serve([listener]), name="simulated model")
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            leaving.set()
            await serving


class _Server(uvicorn.Server):
    """uvicorn without signals of its own and without a clock that ticks ten times a second."""

    def __init__(self, config: uvicorn.Config, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to who started it."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._leaving.wait()


def _config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=LAST_RESPONSES_SECONDS,
    )


class _Paths:
    """What each path does."""

    def __init__(self, model: SimulatedModel, clock: Clock, leaving: asyncio.Event) -> None:
        self._model = model
        self._clock = clock
        self._leaving = leaving

    def application(self) -> Starlette:
        """Return the paths as an application; what fails answers in the dialect's form."""
        return Starlette(
            routes=[
                Route("/", self._alive),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/simulation/counts", self._counts),
                Route("/simulation/counts", self._clear_counts, methods=["DELETE"]),
                Route("/simulation/requests", self._requests),
                Route("/simulation/faults", self._faults),
                Route("/simulation/faults", self._ask_for_faults, methods=["POST"]),
            ],
            exception_handlers={ApiError: _refused, HTTPException: _no_such_path},
        )

    async def _alive(self, _request: Request) -> Response:
        return Response()

    async def _messages(self, request: Request) -> Response:
        came_at = self._clock.now()
        playback, sums = self._model.reply(await self._body(request))
        return _Reply(playback, sums, self._clock, came_at, self._leaving)

    async def _count_tokens(self, request: Request) -> Response:
        return JSONResponse({"input_tokens": self._model.count_tokens(await self._body(request))})

    async def _models(self, _request: Request) -> Response:
        names = self._model.settings.models or tuple(sorted(self._model.counts.models))
        models = [{"type": "model", "id": name, "display_name": name} for name in names]
        return JSONResponse({"data": models, "has_more": False, "first_id": None, "last_id": None})

    async def _counts(self, _request: Request) -> Response:
        return JSONResponse(self._model.counts.view())

    async def _clear_counts(self, _request: Request) -> Response:
        self._model.counts.clear()
        return Response(status_code=204)

    async def _requests(self, _request: Request) -> Response:
        return JSONResponse(self._model.counts.view_of_each())

    async def _faults(self, _request: Request) -> Response:
        return JSONResponse(FaultList(faults=list(self._model.faults.asked_for)).model_dump(mode="json"))

    async def _ask_for_faults(self, request: Request) -> Response:
        try:
            wanted = FaultList.model_validate_json(await self._body(request))
        except ValidationError as error:
            raise ApiError(400, first_error(error)) from error
        self._model.faults.ask_for(wanted.faults)
        return await self._faults(request)

    async def _body(self, request: Request) -> bytes:
        limit = self._model.settings.max_body_bytes
        pieces, size = [], 0
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise ApiError(413, f"Request exceeds the maximum size of {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    retry = error.retry_after_seconds
    headers = {} if retry is None else {"retry-after": str(retry)}
    return Response(error.body(), error.status, headers, "application/json")


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await _refused(request, ApiError(status, f"{request.method} {request.url.path}: there is no such path"))


class _Reply(Response):
    """Plays a reply, each piece at its time, until it ends, or who asked leaves, or the server does."""

    def __init__(self, playback: Playback, sums: Sums, clock: Clock, came_at: datetime, leaving: asyncio.Event) -> None:
        super().__init__()
        self._playback = playback
        self._sums = sums
        self._clock = clock
        self._came_at = came_at
        self._leaving = leaving

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and count how it ended."""
        playing = asyncio.create_task(self._play(send))
        tasks = [playing, asyncio.create_task(_left(receive)), asyncio.create_task(self._leaving.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_whole = playing.done() and playing.result()
            self._sums.answered += is_whole
            self._sums.abandoned += not is_whole
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _play(self, send: Send) -> bool:
        """Send what there is to send, and tell whether it ended as a reply should."""
        if self._playback.status is not None:
            await self._send(send, self._playback.pieces, self._playback.status)
        if self._playback.end is End.HANG:
            await asyncio.Event().wait()
        if self._playback.end is End.WHOLE:
            await send({"type": "http.response.body"})
        # A response that is left open here is one whose connection the server closes.
        return self._playback.end is End.WHOLE

    async def _send(self, send: Send, pieces: Sequence[Piece], status: int) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self._playback.headers.items()]
        for place, piece in enumerate(pieces):
            due = self._came_at + timedelta(seconds=piece.at_seconds)
            await self._clock.sleep(due - self._clock.now())
            if place == 0:
                await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": piece.data, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
