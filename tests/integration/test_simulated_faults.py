"""Each fault of the simulated model as a client sees it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from datetime import timedelta

import pytest

from manual_clock import ManualClock
from model_client import LIMIT_SECONDS, Client, a_model, request

DAY = timedelta(days=1)


async def all_of(connection: socket.socket) -> bytes:
    """Read until the other side ends the connection, or breaks it."""
    connection.settimeout(LIMIT_SECONDS)
    said = b""
    while piece := await asyncio.to_thread(connection.recv, 65_536):
        said += piece
    return said


def nothing_more(connection: socket.socket) -> bool:
    """Tell whether neither a byte nor the end has come."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    return False


def all_there(connection: socket.socket) -> bytes:
    """Return what has come and was not read."""
    connection.setblocking(False)
    said = b""
    with suppress(BlockingIOError):
        while piece := connection.recv(65_536):
            said += piece
    return said


async def until_abandoned(model: Client) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await model.counts())["abandoned"] == 0:
            pass


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_a_status_refuses_a_request_in_the_api_s_form_and_costs_nothing(status: int, kind: str) -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "status", "status": status, "retry_after_seconds": 7})
        heard = await model.ask("?", stream=True)
        counts = await model.counts()
    assert (heard.status, heard.json()["error"]["type"]) == (status, kind)
    assert heard.headers["retry-after"] == "7"
    assert (counts["refused"], counts["fresh"], counts["faults"]) == (1, 0, {"status": 1})


async def test_without_headers_nothing_comes_until_the_asker_leaves() -> None:
    clock = ManualClock()
    async with a_model(clock) as model:
        await model.ask_for_faults({"kind": "no_headers", "times": 1})
        with model.hanging(request("?")) as connection:
            assert (await model.ask("?")).status == 200
            clock.advance(DAY)
            assert (await model.ask("?")).status == 200
            assert nothing_more(connection)
        await until_abandoned(model)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_stall_sends_half_of_the_reply_and_then_nothing(stream: bool) -> None:
    clock = ManualClock()
    async with a_model(clock) as model:
        whole = (await model.ask("?", stream=stream)).body
        await model.ask_for_faults({"kind": "stall", "times": 1})
        with model.hanging(request("?", stream=stream)) as connection:
            said = await asyncio.to_thread(connection.recv, 65_536)
            while whole[len(whole) // 4 : len(whole) // 3] not in said:
                said += await asyncio.to_thread(connection.recv, 65_536)
            assert (await model.ask("?")).status == 200  # by now all of the half has come
            said += all_there(connection)
            clock.advance(DAY)
            assert (await model.ask("?")).status == 200
            assert nothing_more(connection)
            assert b"message_stop" not in said
        await until_abandoned(model)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_ends_the_connection_in_the_middle_of_the_reply(stream: bool) -> None:
    async with a_model() as model:
        whole = (await model.ask("?", stream=stream)).body
        await model.ask_for_faults({"kind": "cut"})
        heard = await model.ask("?", stream=stream)
        counts = await model.counts()
    assert (heard.status, heard.is_whole) == (200, False)
    assert len(heard.body) == len(whole) // 2
    assert (counts["abandoned"], counts["answered"]) == (1, 1)


@pytest.mark.parametrize("stream", [True, False])
async def test_garbage_is_a_whole_reply_of_noise(stream: bool) -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "garbage"})
        heard = await model.ask("?", stream=stream)
    assert (heard.status, heard.is_whole) == (200, True)
    with pytest.raises(UnicodeDecodeError):
        heard.body.decode()


async def test_a_slow_drip_sends_all_of_it_some_bytes_at_a_time() -> None:
    clock = ManualClock()
    async with a_model(clock) as model:
        whole = await model.ask("?", stream=True)
        await model.ask_for_faults({"kind": "drip", "pause_seconds": 60})
        begun = clock.now()
        asking = asyncio.create_task(model.ask("?", stream=True))
        while not asking.done():
            waiting = asyncio.create_task(clock.until_sleepers(1))
            await asyncio.wait([asking, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if clock.sleepers:
                clock.advance(clock.next_due - clock.now())
        dripped = await asking
    assert dripped.text() == whole.text()
    assert clock.now() - begun == timedelta(minutes=(len(dripped.body) - 1) // 16)


async def test_each_third_request_fails_and_none_after_the_last_time() -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "status", "every": 3, "times": 2})
        statuses = [(await model.ask("?")).status for _ in range(9)]
    assert statuses == [200, 200, 500, 200, 200, 500, 200, 200, 200]


async def test_a_fault_for_some_words_befalls_only_questions_that_hold_them() -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "status", "status": 529, "containing": "[overload]"})
        earlier = [{"role": "user", "content": "[overload] before"}, {"role": "assistant", "content": "no"}]
        assert (await model.ask("what?")).status == 200
        assert (await model.ask("what? [overload]")).status == 529
        assert (await model.ask(*earlier, "and now?")).status == 200


async def test_no_faults_are_asked_for_by_an_empty_list() -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "cut"}, {"kind": "garbage"})
        assert [each["kind"] for each in (await model.call("GET", "/simulation/faults")).json()["faults"]] == [
            *("cut", "garbage")
        ]
        await model.ask_for_faults()
        assert (await model.ask("?")).is_whole


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no", "Invalid JSON"),
        (b"{}", "faults: Field required"),
        (b'{"faults": [{"kind": "flood"}]}', "faults.0.kind"),
        (b'{"faults": [{"kind": "cut", "often": 1}]}', "faults.0.often: Extra inputs"),
        (b'{"faults": [{"kind": "cut", "every": 0}]}', "faults.0.every"),
        (b'{"faults": [{"kind": "status", "status": 200}]}', "faults.0.status"),
    ],
)
async def test_a_fault_that_is_none_is_refused_and_changes_nothing(body: bytes, said: str) -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "status", "status": 529})
        heard = await model.call("POST", "/simulation/faults", body)
        assert (await model.ask("?")).status == 529
    assert heard.status == 400
    assert said in heard.json()["error"]["message"]


async def test_a_server_that_leaves_ends_what_hangs() -> None:
    async with a_model() as model:
        await model.ask_for_faults({"kind": "stall"})
        connection = model.hanging(request("?", stream=True))
        said = await asyncio.to_thread(connection.recv, 12)
    with connection:
        assert said == b"HTTP/1.1 200"
        assert not (await all_of(connection)).endswith(b"0\r\n\r\n")


async def test_an_asker_who_leaves_in_the_middle_is_counted() -> None:
    clock = ManualClock()
    async with a_model(clock, instant=False) as model:
        with model.hanging(request("?", stream=True)):
            await clock.until_sleepers(1)
        await until_abandoned(model)
        assert clock.sleepers == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_says_what_it_was_told_word_for_word_and_ends_as_it_was_told(stream: bool) -> None:
    said = 'notes/a.md:1-1 "naïve"\n\n[verified]'
    async with a_model() as model:
        await model.ask_for_faults({"kind": "reply", "text": said, "stop_reason": "refusal", "containing": "moon"})
        heard = await model.ask("What of the moon?", stream=stream)
        other = await model.ask("What of the sun?", stream=stream)
    assert heard.text() == said
    assert b'"refusal"' in heard.body
    assert other.text() == "not in the memory"


async def test_a_reply_calls_a_tool_and_the_answer_comes_after_its_result() -> None:
    wanted = {"command": "echo moon"}
    async with a_model() as model:
        await model.ask_for_faults({"kind": "reply", "tool": "Bash", "input": wanted, "containing": "moon", "times": 1})
        heard = await model.ask("What of the moon?")
        [call] = heard.json()["content"]
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": "moon"}
        answered = await model.ask(
            "What of the moon?",
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result, {"type": "text", "text": "What of the moon?"}]},
        )
    assert (heard.json()["stop_reason"], call["name"], call["input"]) == ("tool_use", "Bash", wanted)
    assert answered.json()["stop_reason"] == "end_turn"
