"""The client for asyncio against a desk in another process, over every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from listening import PLACES
from serving_desk import LIMIT_SECONDS, ServingDesk
from warmline import AsyncLineClient, connect_async
from warmline.errors import ConflictError, DisconnectedError, FailedError, InvalidInputError, PendingError
from warmline.listen.messages import Text


@pytest.fixture(params=PLACES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServingDesk]:
    serving = ServingDesk(str(PLACES[request.param](tmp_path)), tmp_path)
    serving.start()
    yield serving
    serving.close()


@pytest.fixture
async def line(desk: ServingDesk) -> AsyncIterator[AsyncLineClient]:
    async with asyncio.timeout(30), connect_async(desk.url) as client:
        yield client


async def test_a_thousand_coroutines_share_one_client_and_each_gets_its_own_answer(line: AsyncLineClient) -> None:
    answers = await asyncio.gather(*(line.ask(f"echo {number}") for number in range(1000)))
    assert [answer.text for answer in answers] == [str(number) for number in range(1000)]


async def test_more_than_an_instance_works_on_at_once_wait_for_room(line: AsyncLineClient) -> None:
    held = [asyncio.create_task(line.ask("hold door")) for _ in range(1100)]
    async with connect_async(repr(line).split()[1].rstrip(">")) as other:
        await other.ask("free door")
    assert {(await each).text for each in held} == {"door"}


async def test_answers_of_a_megabyte_and_questions_of_900_kilobytes_are_whole(line: AsyncLineClient) -> None:
    large = ["é" * 450_000, "x" * 900_000]
    answers = await asyncio.gather(*(line.ask(f"echo {words}") for words in large), line.ask("size 1000000"))
    assert [answer.text for answer in answers] == [*large, "a" * 1_000_000]


async def test_a_patience_that_ends_gives_a_ticket_which_collects_the_answer_later(line: AsyncLineClient) -> None:
    with pytest.raises(PendingError) as pending:
        await line.ask("hold door", wait=0)
    await line.ask("free door")
    assert (await line.collect(pending.value.ticket)).text == "door"
    await line.cancel(pending.value.ticket)


async def test_a_cancelled_question_goes_on_and_is_asked_once(desk: ServingDesk, line: AsyncLineClient) -> None:
    accepted = asyncio.Event()
    asking = asyncio.create_task(line.ask("hold door", id="mine", on_progress=lambda _: accepted.set()))
    await accepted.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await line.ask("free door")
    assert (await line.ask("hold door", id="mine")).text == "door"
    assert desk.asked() == ["hold door", "free door"]


async def test_the_text_is_heard_while_it_is_written(line: AsyncLineClient) -> None:
    heard: list[Text] = []
    assert (await line.ask("stream abc", on_text=heard.append)).text == "abc"
    assert "".join(text.text for text in heard) == "abc"


async def test_errors_and_pings_arrive_as_what_they_are(line: AsyncLineClient) -> None:
    with pytest.raises(FailedError):
        await line.ask("refuse FailedError")
    with pytest.raises(InvalidInputError):
        await line.ask("half a \ud83d character")
    assert await line.ping("data") == "data"


async def test_one_id_is_waited_for_once_at_a_time(line: AsyncLineClient) -> None:
    asking = asyncio.create_task(line.ask("hold door", id=1))
    await line.ask("free other", id="1")
    with pytest.raises(ConflictError):
        await line.ask("hold door", id=1)
    await line.ask("free door")
    assert (await asking).text == "door"


async def test_closing_ends_whoever_waits(desk: ServingDesk) -> None:
    line = await connect_async(desk.url)
    accepted = asyncio.Event()
    asking = asyncio.create_task(line.ask("hold door", on_progress=lambda _: accepted.set()))
    await asyncio.wait_for(accepted.wait(), LIMIT_SECONDS)
    await line.close()
    await line.close()
    with pytest.raises(DisconnectedError, match="closed"):
        await asking
    with pytest.raises(DisconnectedError, match="closed"):
        await line.ping()
