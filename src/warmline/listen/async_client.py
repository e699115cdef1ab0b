"""The client for asyncio: `async with connect_async("unix:///...") as line`, and then ask, many things at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from warmline.listen.addresses import Address, parse_address
from warmline.listen.async_calling import AsyncCaller
from warmline.listen.calls import cancelled_of, collect, new_id, pong_of, query, response_of
from warmline.listen.lifeline import DEFAULT_RECONNECT, DEFAULT_TIMEOUT, Lifeline
from warmline.listen.messages import Cancel, Id, Ping, Progress, Response, Text


def connect_async(
    url: str, *, token: str | None = None, timeout: float = DEFAULT_TIMEOUT, reconnect: float = DEFAULT_RECONNECT
) -> Connecting:
    """Connect to a running instance, as `warmline.connect` does: in `async with`, or by `await`.

    Raises InvalidInputError at once for a URL that is none; DisconnectedError when it is entered or awaited.
    """
    return Connecting(parse_address(url), token, Lifeline(timeout, reconnect))


class Connecting(AbstractAsyncContextManager["AsyncLineClient"]):
    """A connection that is yet to be made, once: awaited it is a client, and in `async with` one that is closed."""

    def __init__(self, address: Address, token: str | None, lifeline: Lifeline) -> None:
        self._address = address
        self._token = token
        self._lifeline = lifeline
        self._client: AsyncLineClient | None = None

    def __await__(self) -> Generator[object, None, AsyncLineClient]:
        return self._connected().__await__()

    async def __aenter__(self) -> AsyncLineClient:
        self._client = await self._connected()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> AsyncLineClient:
        caller = AsyncCaller(self._address, self._token, self._lifeline)
        return AsyncLineClient(self._address, await caller.open())


class AsyncLineClient:
    """A line to an instance, for coroutines of one loop, several at once; closed by `close` or its `async with`."""

    def __init__(self, address: Address, caller: AsyncCaller) -> None:
        self._address = address
        self._caller = caller

    def __repr__(self) -> str:
        return f"<AsyncLineClient {self._address}{' closed' if self._caller.closed else ''}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ask(
        self,
        question: str,
        *,
        wait: float | None = None,
        deadline: float | None = None,
        agent: str | None = None,
        context_file: str | None = None,
        id: Id | None = None,  # noqa: A002
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Response:
        """Ask, and wait for the answer; all as `LineClient.ask` has it. Cancelled, the question goes on."""
        heard = (on_text is not None, on_progress is not None)
        request = query(question, id, heard, wait=wait, deadline=deadline, agent=agent, context_file=context_file)
        return response_of(await self._caller.call(request, on_text, on_progress))

    async def collect(
        self,
        ticket: str,
        *,
        wait: float | None = None,
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Response:
        """Wait for the answer to a question that was asked before; a wait of 0 only looks. Raises as `ask` does."""
        request = collect(ticket, (on_text is not None, on_progress is not None), wait)
        return response_of(await self._caller.call(request, on_text, on_progress))

    async def cancel(self, ticket: str) -> None:
        """End a question that nobody has answered yet. Raises ConflictError when it has ended, NotFoundError."""
        cancelled_of(await self._caller.call(Cancel(ticket, new_id())))

    async def ping(self, data: str | None = None) -> str | None:
        """Wait for a sign of life, and return data as it came back."""
        return pong_of(await self._caller.call(Ping(new_id(), data=data))).data

    async def close(self) -> None:
        """End the connection. What was accepted goes on, and can be collected by another client. Twice is fine."""
        await self._caller.close()
