"""What a type checker sees of the clients. Nobody runs it: `mypy` reads it with the rest."""

from __future__ import annotations

from typing import assert_type

import warmline
from warmline import AsyncLineClient, LineClient, Response, connect, connect_async
from warmline.listen.messages import Cited, Progress, Text
from warmline.model import Outcome


def blocking(url: str) -> None:
    with connect(url, token="...", timeout=1, reconnect=0) as line:  # noqa: S106 - no token, but three dots
        assert_type(line, LineClient)
        response = line.ask("...", wait=1.5, deadline=60, id="name", on_text=hear, on_progress=tell)
        assert_type(response, Response)
        assert_type(response.text, str)
        assert_type(response.outcome, Outcome)
        assert_type(response.citations, tuple[Cited, ...])
        assert_type(line.collect(response.ticket), Response)
        assert_type(line.ping("data"), str | None)
        line.ask("...", wait="long")  # type: ignore[arg-type]
        line.ask("...", 5)  # type: ignore[call-arg]
    assert_type(warmline.connect(url).ask("..."), Response)
    warmline.dial(url)  # type: ignore[attr-defined]


async def with_asyncio(url: str) -> None:
    async with connect_async(url) as line:
        assert_type(line, AsyncLineClient)
        assert_type(await line.ask("...", on_text=hear), Response)
        assert_type(await line.collect("ticket", wait=0), Response)
    assert_type(await connect_async(url), AsyncLineClient)
    (await line.ask("...")).txt  # type: ignore[attr-defined]  # noqa: B018


def hear(text: Text) -> None:
    assert_type(text.offset, int)


def tell(progress: Progress) -> int:
    return len(progress.ticket)
