"""What is said on a connection, over every kind of transport: order, several at once, tokens, half closes, ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from asking_desk import TOKEN
from lines import ONE_READ, Instance, instance_of
from listening import PATIENCE, PLACES, channel_to, in_thread, receive_line
from warmline.listen.addresses import Address, Via
from warmline.listen.transports import connect_channel
from warmline.settings import ListenSettings

UNKNOWN = "e" * 64


@pytest_asyncio.fixture
async def instance() -> AsyncIterator[Instance]:
    async with instance_of(ListenSettings(in_flight=4, all_in_flight=6)) as opened:
        yield opened


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    return PLACES[request.param](tmp_path)


def query(question: str, **more: object) -> dict[str, object]:
    return {"type": "query", "question": question, **more}


async def test_lines_without_an_id_are_answered_in_order_one_at_a_time(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a"), query("echo b"), {"type": "ping"}, b"nonsense\n", query("echo c"))
    await instance.desk.until_asked(1)
    instance.desk.let_go("a")
    heard = [await wire.hear() for _ in range(5)]
    assert [each.get("answer", each["type"]) for each in heard] == ["a", "b", "pong", "error", "c"]
    assert instance.desk.most_at_once == 1


async def test_lines_with_an_id_are_answered_as_they_are_done(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a", id=1), query("echo b", id="1"), {"type": "ping", "id": 3, "data": "x"})
    assert {(await wire.hear())["id"] for _ in range(2)} == {"1", 3}
    instance.desk.let_go("a")
    assert (await wire.hear())["id"] == 1


async def test_a_line_with_an_id_does_not_wait_for_those_without(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a"), query("echo b"), query("echo c", id="c"))
    assert (await wire.hear())["id"] == "c"
    instance.desk.let_go("a")
    assert [(await wire.hear())["answer"] for _ in range(2)] == ["a", "b"]


async def test_no_more_than_so_many_of_a_connection_are_in_flight(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(*(query(f"hold {number}", id=number) for number in range(9)))
    await instance.desk.until_asked(4)
    for number in range(9):
        instance.desk.let_go(str(number))
    assert sorted([(await wire.hear())["id"] for _ in range(9)]) == list(range(9))
    assert instance.desk.most_at_once == 4


async def test_beyond_what_all_may_have_in_flight_requests_are_refused(instance: Instance, place: Address) -> None:
    address = instance.open(place)
    first, second = await instance.connect(address), await instance.connect(address)
    first.say(*(query(f"hold {number}", id=number) for number in range(4)))
    await instance.desk.until_asked(4)
    second.say(*(query(f"hold {number}", id=number) for number in range(4, 7)))
    refusal = await second.hear()
    assert (refusal["code"], refusal["id"]) == ("too_many_requests", 6)
    assert refusal["retry_after"] > 0
    assert (await second.ask({"type": "ping"}))["type"] == "pong"


async def test_an_old_client_reads_once_and_has_all_that_fits(instance: Instance, place: Address) -> None:
    address = instance.open(place)
    line = json.dumps(query(f"size {ONE_READ - 300}")).encode() + b"\n"

    def ask() -> bytes:
        channel = connect_channel(address, PATIENCE)
        channel.send(line, PATIENCE)
        answer = channel.receive(PATIENCE)
        channel.close()
        return answer

    for _ in range(200):
        assert len(json.loads(await in_thread(ask))["answer"]) == ONE_READ - 300


async def test_the_last_line_needs_no_newline(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(json.dumps(query("echo whole")).encode())
    wire.transport.write_eof()
    assert json.loads(await wire.rest())["answer"] == "whole"


async def test_after_a_half_close_all_that_was_asked_is_answered(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a"), query("echo b"), query("hold c", id="c"))
    wire.transport.write_eof()
    await instance.desk.until_asked(2)
    instance.desk.let_go("a")
    instance.desk.let_go("c")
    answers = [json.loads(line)["answer"] for line in (await wire.rest()).splitlines()]
    assert sorted(answers) == ["a", "b", "c"]


async def test_a_question_and_an_answer_of_a_megabyte_are_whole(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    asked = "é" * 450_000
    assert (await wire.ask(query(f"echo {asked}")))["answer"] == asked
    assert len((await wire.ask(query("size 1048576")))["answer"]) == 1_048_576


async def test_interim_replies_carry_the_id(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("echo abcd", id="x", progress=True, stream=True))
    heard = [await wire.hear() for _ in range(3)]
    assert [each["type"] for each in heard] == ["progress", "text", "response"]
    assert {each["id"] for each in heard} == {"x"}


async def test_the_same_id_gives_the_same_answer_and_another_question_a_conflict(
    instance: Instance, place: Address
) -> None:
    address = instance.open(place)
    first = await (await instance.connect(address)).ask(query("echo a", id="x"))
    again = await instance.connect(address)
    assert await again.ask(query("echo a", id="x")) == first
    assert (await again.ask(query("echo b", id="x")))["code"] == "idempotency_conflict"
    assert (await again.ask({"type": "query", "ticket": first["ticket"], "id": "y"}))["answer"] == "a"


async def test_a_wrong_line_is_told_so_and_the_next_is_answered(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    assert (await wire.ask({"type": "query"}))["code"] == "invalid_input"
    for wrong in (b"\n", b"\x00\xff\n", b"GET / HTTP/1.1\r\n", b"[]\n"):
        assert (await wire.ask(wrong))["code"] == "invalid_input"
    assert (await wire.ask(query("echo a")))["answer"] == "a"


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost:9999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b'"query"\n',
        b"[]\n",
        b"{not json\n",
        b"\n",
    ],
)
async def test_who_begins_with_something_else_hears_nothing(instance: Instance, place: Address, said: bytes) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(said)
    assert await wire.rest() == b""


async def test_nothing_is_asked_that_stands_behind_a_first_line_which_is_none(
    instance: Instance, place: Address
) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(b"{not json\n", query("echo a"), query("echo b", id="b"))
    assert await wire.rest() == b""
    opened = await instance.until_connections(0)
    assert opened.requests == 1
    assert instance.desk.asked == []


async def test_wrong_tokens_count_also_behind_a_question_that_is_worked_on(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a"), *[{"type": "ping", "token": UNKNOWN}] * 50, query("echo b", id="b"))
    await instance.desk.until_asked(1)
    instance.desk.let_go("a")
    first, *refused = (await wire.rest()).splitlines()
    assert json.loads(first)["answer"] == "a"
    assert len(refused) <= ListenSettings().wrong_tokens
    assert len(instance.desk.asked) == 1


async def test_a_fault_of_ours_is_told_as_one_and_its_neighbours_go_on(
    instance: Instance, place: Address, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a", id="a"), query("bug", id="b"))
    assert (await wire.hear())["code"] == "internal"
    instance.desk.let_go("a")
    assert (await wire.hear())["answer"] == "a"
    assert "a fault" in caplog.text


async def test_without_a_token_nothing_is_answered_where_one_is_needed(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place, needs_token=True))
    for said in ({"type": "ping"}, query("echo a"), {"type": "cancel", "ticket": "T1"}):
        assert (await wire.ask(said))["code"] == "unauthorized"
    assert instance.desk.asked == []


async def test_a_token_says_who_speaks_from_then_on(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place))
    assert (await wire.ask(query("echo a")))["author"] == "guest"
    assert (await wire.ask(query("echo a", token=TOKEN)))["author"] == "owner"
    assert (await wire.ask(query("echo a", token=UNKNOWN)))["code"] == "unauthorized"
    assert (await wire.ask(query("echo a")))["author"] == "owner"


async def test_a_credential_that_is_revoked_speaks_no_more_on_an_open_connection(
    instance: Instance, place: Address
) -> None:
    wire = await instance.connect(instance.open(place, needs_token=True))
    assert (await wire.ask({"type": "ping", "token": TOKEN}))["type"] == "pong"
    instance.desk.revoked = True
    assert (await wire.ask({"type": "ping"}))["code"] == "unauthorized"


async def test_who_shows_wrong_tokens_again_and_again_is_ended(instance: Instance, place: Address) -> None:
    wire = await instance.connect(instance.open(place, needs_token=True))
    wire.say(*[{"type": "ping", "token": UNKNOWN}] * 50)
    assert len((await wire.rest()).splitlines()) == ListenSettings().wrong_tokens


async def test_a_client_that_leaves_is_waited_for_no_more(instance: Instance, place: Address) -> None:
    if place.via is Via.TCP:
        pytest.skip("TCP tells one that left from one that speaks no more only when it is spoken to, or after a minute")
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a", id="a"), query("hold b"))
    await instance.desk.until_asked(2)
    wire.transport.abort()
    await instance.desk.until_idle()
    await instance.until_connections(0)
    async with channel_to(instance.listeners.list()[0].address) as channel:
        channel.send(b'{"type":"ping"}\n', PATIENCE)
        assert await in_thread(lambda: receive_line(channel)) == b'{"type":"pong"}\n'


async def test_what_a_client_said_whole_before_it_left_is_asked_and_then_waited_for_no_more(
    instance: Instance, place: Address
) -> None:
    if place.via is Via.TCP:
        pytest.skip("TCP tells one that left from one that speaks no more only when it is spoken to, or after a minute")
    instance.desk.takes.clear()
    wire = await instance.connect(instance.open(place))
    wire.say(query("echo a", id="a"), query("hold b", id="b"))
    await instance.desk.until_asked(2)
    wire.transport.abort()
    await instance.until_connections(0)
    instance.desk.takes.set()
    await instance.desk.until_idle()
    assert instance.desk.answered == ["echo a"]


async def test_a_listener_that_is_closed_still_answers_what_it_was_asked(instance: Instance, place: Address) -> None:
    address = instance.open(place)
    wire, idle = await instance.connect(address), await instance.connect(address)
    wire.say(query("hold a"))
    await instance.desk.until_asked(1)
    await instance.until_connections(2)
    instance.listeners.close(address)
    instance.desk.let_go("a")
    assert json.loads(await wire.rest())["answer"] == "a"
    assert await idle.rest() == b""
    assert instance.listeners.list() == []


async def test_an_instance_that_leaves_ends_its_connections_and_leaves_nothing_behind(
    place: Address, tmp_path: Path
) -> None:
    async with instance_of(ListenSettings()) as instance:
        wire = await instance.connect(instance.open(place))
        wire.say(query("hold a"))
        await instance.desk.until_asked(1)
        running = next(each for each in asyncio.all_tasks() if "Listeners.run" in repr(each))
        running.cancel()
        assert await wire.rest() == b""
        await instance.desk.until_idle()
        await asyncio.wait([running], timeout=PATIENCE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # a test waits for its folder


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_not_for_who_was_revoked_while_it_was_waited_for(
    instance: Instance, place: Address, stream: bool
) -> None:
    wire = await instance.connect(instance.open(place))
    wire.say(query("hold a", token=TOKEN, stream=stream))
    await instance.desk.until_asked(1)
    instance.desk.revoked = True
    instance.desk.let_go("a")
    said = await wire.hear()
    assert (said["type"], said["code"]) == ("error", "unauthorized")
    assert (await wire.ask(query("echo b", token=UNKNOWN)))["code"] == "unauthorized"
