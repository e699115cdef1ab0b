"""A request as one exchange: JSON when it is quick, a stream when it tells progress, over when the client leaves."""

from __future__ import annotations

import asyncio
import json
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import mcp_types as types
import pytest
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from warmline.app import Line
from warmline.errors import StoreClosedError
from warmline.interfaces.mcp import exchange, mount, offering
from warmline.interfaces.mcp.exchange import serve_request
from warmline.interfaces.mcp.mount import mounted
from warmline.interfaces.mcp.offering import Call

Context = ServerRequestContext[Any, Any]
LIMIT_SECONDS = 5
BOTH = "application/json, text/event-stream"


class Client:
    """One request, and what comes back."""

    def __init__(self, body: object, **headers: str) -> None:
        shown = {"content-type": "application/json", "accept": BOTH} | headers
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in shown.items()]
        self.scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw, "query_string": b""}
        self._bodies = [json.dumps(body).encode()]
        self.left = asyncio.Event()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        if self._bodies:
            return {"type": "http.request", "body": self._bodies.pop(), "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.said.put_nowait(message)

    async def ask(self, server: Server[Any]) -> tuple[int, dict[bytes, bytes], bytes]:
        async with asyncio.timeout(LIMIT_SECONDS):
            await serve_request(server, self.scope, self.receive, self.send)
        messages = [self.said.get_nowait() for _ in range(self.said.qsize())]
        body = b"".join(each.get("body", b"") for each in messages[1:])
        return messages[0]["status"], dict(messages[0]["headers"]), body


def asking(**meta: object) -> dict[str, Any]:
    params = {"name": "work", "arguments": {}, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}


def server_of(work: Any) -> Server[Any]:
    async def call_tool(context: Context, _: types.CallToolRequestParams) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(text=await work(context))])

    return Server("test", on_call_tool=call_tool)


async def told(context: Context) -> str:
    await context.session.report_progress(10, message="at it")
    return "done"


async def test_what_is_quick_is_one_json_answer() -> None:
    async def quick(_: Context) -> str:
        return "done"

    status, headers, body = await Client(asking()).ask(server_of(quick))
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    assert json.loads(body)["result"]["content"][0]["text"] == "done"


async def test_what_tells_its_progress_is_a_stream_of_it_and_the_answer() -> None:
    status, headers, body = await Client(asking(progressToken="p")).ask(server_of(told))
    assert (status, headers[b"content-type"]) == (200, b"text/event-stream")
    progress, answer = (json.loads(each.partition(b"data: ")[2]) for each in body.split(b"\r\n\r\n")[:2])
    assert progress["params"] == {"progressToken": "p", "progress": 10.0, "message": "at it"}
    assert (answer["id"], answer["result"]["content"][0]["text"]) == (7, "done")


@pytest.mark.parametrize("meta", [{}, {"progressToken": True}])
async def test_who_wants_no_progress_is_told_none(meta: dict[str, object]) -> None:
    _, headers, _ = await Client(asking(**meta)).ask(server_of(told))
    assert headers[b"content-type"] == b"application/json"


async def test_who_reads_no_stream_gets_the_answer_alone() -> None:
    client = Client(asking(progressToken=1), accept="application/json")
    _, headers, body = await client.ask(server_of(told))
    assert headers[b"content-type"] == b"application/json"
    assert json.loads(body)["id"] == 7


async def test_a_silent_answer_is_kept_alive_as_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(asking())
    goes_on = asyncio.Event()

    async def silent(_: Context) -> str:
        await goes_on.wait()
        return "late"

    monkeypatch.setattr(exchange, "SILENT_SECONDS", 0.001)
    serving = asyncio.create_task(serve_request(server_of(silent), client.scope, client.receive, client.send))
    async with asyncio.timeout(LIMIT_SECONDS):
        assert (await client.said.get())["status"] == 200
        assert (await client.said.get())["body"] == b": \r\n\r\n"
        goes_on.set()
        await serving
    assert b"late" in [client.said.get_nowait() for _ in range(client.said.qsize())][-1]["body"]


async def test_the_work_ends_when_the_client_leaves() -> None:
    client, began, ended = Client(asking()), asyncio.Event(), asyncio.Event()

    async def endless(_: Context) -> str:
        began.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()
        return ""

    serving = asyncio.create_task(serve_request(server_of(endless), client.scope, client.receive, client.send))
    async with asyncio.timeout(LIMIT_SECONDS):
        await began.wait()
        client.left.set()
        await serving
    assert ended.is_set()
    assert client.said.empty()


async def test_an_error_that_nobody_foresaw_goes_through() -> None:
    async def broken(_: Context) -> str:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        await Client(asking()).ask(server_of(broken))


async def test_a_tool_that_waits_tells_how_long_and_ends_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "PROGRESS_SECONDS", 0.001)
    reports: list[tuple[float, str]] = []
    thrice = asyncio.Event()

    async def report(passed: float, doing: str) -> None:
        reports.append((passed, doing))
        if len(reports) == 3:
            thrice.set()

    nothing = cast("Any", SimpleNamespace())
    call = Call(line=nothing, by=nothing, check=lambda: None, key=None, report=report)

    async def work() -> str:
        await thrice.wait()
        return "came"

    async with asyncio.timeout(LIMIT_SECONDS):
        assert await call.patiently(work(), "waiting") == "came"
    assert [doing for _, doing in reports[:3]] == ["waiting"] * 3
    assert reports[0][0] < reports[1][0] < reports[2][0]


async def test_a_server_that_cannot_be_loaded_is_an_error_for_each_request_and_none_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(mount, "import_module", missing)
    async with asyncio.timeout(LIMIT_SECONDS), mounted(cast("Line", None)) as mcp:
        for _ in range(2):
            client = Client(asking())
            with pytest.raises(ImportError, match="could not be loaded"):
                await mcp(client.scope, client.receive, client.send)
    assert "no MCP" in caplog.text


async def test_who_waits_for_the_server_when_the_daemon_leaves_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = asyncio.Event()

    async def to_thread(*_: object) -> None:
        loading.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    client = Client(asking())
    async with asyncio.timeout(LIMIT_SECONDS):
        async with mounted(cast("Line", None)) as mcp:
            waiting = asyncio.ensure_future(mcp(client.scope, client.receive, client.send))
            await loading.wait()
        with pytest.raises(StoreClosedError):
            await waiting
