"""The simulated model over real sockets, as a client of the Messages dialect sees it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from manual_clock import ManualClock
from model_client import Client, a_model, request

MEMORY = "==> notes/exporter.md <==\n# The exporter\n\nThe exporter listens on port 9187.\nIt reads often."
QUESTION = "Which port does the exporter listen on?"
ANSWER = 'notes/exporter.md:3-3 "The exporter listens on port 9187."'
KEPT = {"type": "ephemeral"}


def kept(text: str, ttl: str = "5m") -> dict[str, object]:
    """Return a message that ends in a breakpoint."""
    return {"role": "user", "content": [{"type": "text", "text": text, "cache_control": {**KEPT, "ttl": ttl}}]}


async def test_a_stream_has_the_events_of_the_dialect_in_their_order() -> None:
    async with a_model() as model:
        heard = await model.ask(f"{MEMORY}\n\n{QUESTION}", stream=True)
    names = [name for name, _ in heard.events()]
    assert [name for name in names if name != "content_block_delta"] == [
        *("message_start", "content_block_start", "ping", "content_block_stop", "message_delta", "message_stop")
    ]
    assert all(data["type"] == name for name, data in heard.events())
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert heard.text() == ANSWER


async def test_the_stream_and_the_document_say_the_same() -> None:
    async with a_model() as model:
        document = (await model.ask(f"{MEMORY}\n\n{QUESTION}")).json()
        events = dict((await model.ask(f"{MEMORY}\n\n{QUESTION}", stream=True)).events())
    assert document["content"] == [{"type": "text", "text": ANSWER}]
    assert document["stop_reason"] == events["message_delta"]["delta"]["stop_reason"] == "end_turn"
    assert document["usage"] == events["message_delta"]["usage"]
    assert document["usage"]["output_tokens"] == 150


READ = {"name": "Read", "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}}}
ORDER = f"Read /srv/exporter.md.\n\n{QUESTION}"


async def test_a_tool_is_called_in_the_dialect_s_events_and_as_a_document() -> None:
    async with a_model() as model:
        document = (await model.ask(ORDER, tools=[READ])).json()
        events = (await model.ask(ORDER, tools=[READ], stream=True)).events()
        told = await model.requests()
    use = {"type": "tool_use", "id": f"toolu_{1:024d}", "name": "Read", "input": {"file_path": "/srv/exporter.md"}}
    assert (document["content"], document["stop_reason"]) == ([use], "tool_use")
    begun = next(data["content_block"] for name, data in events if name == "content_block_start")
    assert begun == use | {"id": f"toolu_{2:024d}", "input": {}}
    deltas = [data["delta"] for name, data in events if name == "content_block_delta"]
    assert {delta["type"] for delta in deltas} == {"input_json_delta"}
    assert json.loads("".join(delta["partial_json"] for delta in deltas)) == use["input"]
    assert dict(events)["message_delta"]["delta"]["stop_reason"] == "tool_use"
    assert [(each["stop_reason"], each["output"] < 50) for each in told] == [("tool_use", True)] * 2


async def test_a_tool_is_not_called_when_there_is_no_room_to_write_its_input() -> None:
    async with a_model() as model:
        document = (await model.ask(ORDER, tools=[READ], max_tokens=5)).json()
    assert document["content"] == [{"type": "text", "text": ""}]
    assert (document["stop_reason"], document["usage"]["output_tokens"]) == ("max_tokens", 5)


async def test_each_request_tells_how_long_its_reply_takes_by_the_stated_speeds() -> None:
    clock = ManualClock()
    speeds = {"fresh_tokens_per_second": 10, "decoded_tokens_per_second": 20}
    async with a_model(clock, instant=False, first_byte=timedelta(seconds=2), **speeds) as model:
        seconds = await _seconds_until_answered(model, clock)
        (told,) = await model.requests()
    assert told["stated_seconds"] == pytest.approx(seconds)
    assert told["stated_seconds"] == pytest.approx(2 + told["fresh"] / 10 + told["output"] / 20)


async def test_what_the_program_says_behind_a_question_is_neither_the_question_nor_the_prefix() -> None:
    own = {"role": "system", "content": "There are these agents."}
    async with a_model() as model:
        for question in ("one?", "two?"):
            await model.ask(kept(MEMORY), {"role": "assistant", "content": "READY"}, kept(question), own)
        heard = await model.ask(kept(MEMORY), {"role": "assistant", "content": "READY"}, kept(QUESTION), own)
        one, two, _ = await model.requests()
    assert one["prefix"] == two["prefix"]
    assert heard.text() == ANSWER


async def test_an_answer_is_cut_at_max_tokens_and_says_so() -> None:
    async with a_model() as model:
        document = (await model.ask(f"{MEMORY}\n\n{QUESTION}", max_tokens=5)).json()
    assert document["content"] == [{"type": "text", "text": ANSWER[:20]}]
    assert (document["stop_reason"], document["usage"]["output_tokens"]) == ("max_tokens", 5)


async def test_a_longer_prompt_with_the_same_beginning_reads_it_from_the_cache() -> None:
    async with a_model() as model:
        first = (await model.ask(kept(MEMORY * 100))).json()["usage"]
        then = (await model.ask(kept(MEMORY * 100), kept(QUESTION))).json()["usage"]
        other = (await model.ask(kept(MEMORY * 100), model="claude-other")).json()["usage"]
    assert first["cache_read_input_tokens"] == other["cache_read_input_tokens"] == 0
    assert then["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 2000
    assert then["cache_creation_input_tokens"] < 50


async def test_the_same_prefix_has_the_same_digest_and_another_one_has_not() -> None:
    ready = {"role": "assistant", "content": "READY"}
    async with a_model() as model:
        for memory, question in ((MEMORY, "one?"), (MEMORY, "two?"), (f"{MEMORY}.", "two?")):
            await model.ask(kept(memory), ready, kept(question))
        one, two, other = await model.requests()
    assert one["prefix"] == two["prefix"] != other["prefix"]
    assert one["prefix_tokens"] == two["prefix_tokens"] > 20


async def test_counts_tell_what_each_model_read_and_wrote_and_can_be_cleared() -> None:
    async with a_model() as model:
        await model.ask(kept(MEMORY))
        await model.ask(kept(MEMORY))
        await model.ask("?", model="claude-other", max_tokens=7)
        counts = await model.counts()
        first = counts["models"]["claude-test"]
        assert (first["requests"], first["answered"], first["output"]) == (2, 2, 300)
        assert first["fresh"] == first["written"] == first["cached"] > 0
        assert counts["models"]["claude-other"]["output"] == 7
        assert counts["requests"] == 3
        assert (await model.call("DELETE", "/simulation/counts")).status == 204
        assert (await model.counts())["requests"] == 0


async def test_the_first_byte_comes_when_the_prompt_is_read_and_the_last_when_the_answer_is_written() -> None:
    clock = ManualClock()
    speeds = {"fresh_tokens_per_second": 10, "cached_tokens_per_second": 100, "decoded_tokens_per_second": 20}
    async with a_model(clock, instant=False, first_byte=timedelta(seconds=2), answer_tokens=40, **speeds) as model:
        tokens = await model.tokens_in(kept(MEMORY))
        assert await _seconds_until_answered(model, clock) == pytest.approx(2 + tokens / 10 + 40 / 20)
        assert await _seconds_until_answered(model, clock) == pytest.approx(2 + tokens / 100 + 40 / 20)


async def _seconds_until_answered(model: Client, clock: ManualClock) -> float:
    """Ask, and move the time to when each next piece is due, until all is there."""
    before = clock.now()
    asking = asyncio.create_task(model.ask(kept(MEMORY)))
    await clock.until_sleepers(1)
    clock.advance(clock.next_due - clock.now())
    assert (await asking).status == 200
    return (clock.now() - before).total_seconds()


async def test_a_streamed_answer_comes_piece_by_piece_while_it_is_written() -> None:
    clock = ManualClock()
    async with a_model(clock, instant=False, first_byte=timedelta(seconds=1), decoded_tokens_per_second=15) as model:
        asking = asyncio.create_task(model.ask(f"{MEMORY}\n\n{QUESTION}", stream=True))
        times = []
        while not asking.done():
            waiting = asyncio.create_task(clock.until_sleepers(1))
            await asyncio.wait([asking, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if clock.sleepers:
                clock.advance(clock.next_due - clock.now())
                times.append(clock.now())
        assert (await asking).text() == ANSWER
    assert len(times) >= 10
    assert (times[-1] - times[0]).total_seconds() == pytest.approx(150 / 15)


async def test_a_prompt_beyond_the_window_is_refused_in_the_api_s_words() -> None:
    async with a_model(window_tokens=100) as model:
        heard = await model.ask("word " * 100)
        tokens = await model.tokens_in("word " * 100)
        counts = await model.counts()
    assert heard.status == 400
    assert heard.json() == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": f"prompt is too long: {tokens} tokens > 100 maximum"},
    }
    assert (counts["requests"], counts["refused"], counts["fresh"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "Invalid JSON"),
        (b"{", 400, "Invalid JSON"),
        (b"\xff\xfe", 400, "Invalid JSON"),
        (b"[" * 60_000, 400, "Invalid JSON"),
        (b"[]", 400, "object"),
        (b"{}", 400, "model: Field required"),
        (request("?", surprise=1), 400, "surprise: Extra inputs are not permitted"),
        (request(), 400, "messages: List should have at least 1 item"),
        (request({"role": "nobody", "content": "?"}), 400, "messages.0.role"),
        (request({"role": "user", "content": 7}), 400, "messages.0.content"),
        (request({"role": "user", "content": [{"text": "no type"}]}), 400, "messages.0.content.0.type: Field required"),
        (request("\ud800"), 400, "Invalid JSON"),
        (request("?", max_tokens=0), 400, "max_tokens"),
        (request("?", stream="perhaps"), 400, "stream"),
        (request("?", model="claude-nobody"), 404, "model: claude-nobody"),
        (b" " * 70_000, 413, "exceeds the maximum size of 65536 bytes"),
    ],
)
async def test_an_odd_request_is_refused_with_what_is_wrong_with_it(body: bytes, status: int, said: str) -> None:
    async with a_model(models=("claude-test",), max_body_bytes=65_536) as model:
        heard = await model.call("POST", "/v1/messages", body)
        assert (await model.ask("?")).status == 200
    assert heard.status == status
    assert said in heard.json()["error"]["message"]


@pytest.mark.parametrize(
    "content", [[], [{"type": "image", "source": {"data": "AAAA"}}], "", "\x00", "~" * 1000, "\n\n\n"]
)
async def test_odd_content_is_answered(content: object) -> None:
    async with a_model() as model:
        heard = await model.ask({"role": "user", "content": content})
    assert (heard.status, heard.text()) == (200, "not in the memory")


async def test_a_path_that_is_not_there_is_refused_in_the_api_s_form() -> None:
    async with a_model() as model:
        assert (await model.call("GET", "/v1/nothing")).json()["error"]["type"] == "not_found_error"
        assert (await model.call("GET", "/v1/messages")).status == 405
        assert (await model.call("HEAD", "/")).status == 200


async def test_the_models_are_those_that_there_are() -> None:
    async with a_model(models=("claude-a", "claude-b")) as model:
        listed = (await model.call("GET", "/v1/models")).json()["data"]
    assert [each["id"] for each in listed] == ["claude-a", "claude-b"]


def test_the_program_prints_its_address_and_leaves_on_sigterm_though_a_reply_hangs() -> None:
    command = [sys.executable, "-m", "warmline.simulation", "--port", "0", "--instant"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            assert program.stderr is not None
            model = Client(json.loads(program.stdout.readline())["address"])
            asyncio.run(model.ask_for_faults({"kind": "stall"}))
            with model.hanging(request("?", stream=True)) as connection:
                assert connection.recv(12) == b"HTTP/1.1 200"
                program.send_signal(signal.SIGTERM)
                assert program.wait(5) == 0
            assert program.stderr.read() == ""
        finally:
            program.kill()


def test_a_port_that_is_taken_is_said_on_one_line() -> None:
    async def beside() -> subprocess.CompletedProcess[str]:
        async with a_model() as model:
            command = [sys.executable, "-m", "warmline.simulation", "--port", str(model.port)]
            return await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=5, check=False
            )

    tried = asyncio.run(beside())
    assert tried.returncode == 1
    assert tried.stderr.startswith("no model at port ")
    assert tried.stderr.count("\n") == 1
