"""The joined parts."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from warmline.app import open_line
from warmline.home import Home
from warmline.settings import Settings

OURS = {"store disk", "store reader_0", "memory_0"}


async def test_a_line_that_ends_by_an_error_leaves_no_thread_of_its_own(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    began: set[str] = set()

    async def fail() -> None:
        async with open_line(Home(tmp_path / "home"), Settings(), asyncio.Event()) as line:
            await line.memory.roots()
            began.update(thread.name for thread in set(threading.enumerate()) - before)
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        await fail()
    assert raised.group_contains(ZeroDivisionError)
    assert began >= OURS
    assert not {thread.name for thread in set(threading.enumerate()) - before} & OURS
