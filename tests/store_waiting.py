"""Tests that wait on a store: begin to, come to the end, or leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, TypeVar

import pytest

from warmline.protocols import Store

T = TypeVar("T")


class HasStore(Protocol):
    """A line, or whatever else holds a store."""

    @property
    def store(self) -> Store: ...


async def begin(line: HasStore, waiting: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start to wait, and return when the store has heard of it."""
    task = asyncio.create_task(waiting)
    await asyncio.sleep(0)
    await line.store.sweep()
    return task


async def end(task: Awaitable[T]) -> T:
    async with asyncio.timeout(5):
        return await task


async def leave(task: asyncio.Task[T]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await end(task)
