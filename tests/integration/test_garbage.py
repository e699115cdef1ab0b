"""What a question leaves behind: nothing that only the garbage collector finds, which stops everybody meanwhile."""

from __future__ import annotations

import asyncio
import gc
import secrets
from pathlib import Path

from warmline import connect_async
from warmline.home import Home
from warmline.interfaces.desk import LineDesk
from warmline.listen.addresses import Address, Via
from warmline.listen.listeners import Listeners
from warmline.operations.bench_parts import Security, open_served_line
from warmline.settings import Settings

QUESTIONS = 30


async def test_a_question_through_the_line_leaves_no_garbage(tmp_path: Path) -> None:
    home, settings = Home(tmp_path / "home"), Settings()
    home.make()
    token = secrets.token_hex(32)
    address = Address(Via.UNIX, str(tmp_path / "line"))
    async with open_served_line(Security.ON, token, home, settings, asyncio.Event()) as line:
        listeners = Listeners(LineDesk(line.bridge, line.audit, line.clock, settings), settings.listen)
        listeners.open(address, needs_token=True)
        async with connect_async(str(address), token=token) as client:
            for _ in range(3):  # what is loaded, or made, for the first
                await client.ask("Which port?")
            gc.collect()
            gc.disable()
            try:
                for _ in range(QUESTIONS):
                    await client.ask("Which port?")
                assert gc.collect() < QUESTIONS
            finally:
                gc.enable()
        listeners.close(address)
