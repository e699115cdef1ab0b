"""What is heard of an answer while it is written."""

from __future__ import annotations

from datetime import timedelta

from dispatching import DONE, at_once, running
from leaks import AWS, MASKED_AWS
from warmline.errors import AnswererError
from warmline.model import Draft, Message

REST = "It stands in the folder of the old machine, and nobody has looked there since. " * 3
FINISHED = f"The key is {MASKED_AWS} and this is the rest of it, to the end. {REST}"


SAID = ("The key is ", AWS[:7], AWS[7:], " and this is the rest of it, to the end. ", REST)


async def test_what_is_said_of_an_answer_is_heard_masked_and_a_redelivery_begins_anew() -> None:
    async def fails_the_first_time(_question: Message) -> Draft:
        for piece in SAID:
            bench.said(piece)
        if len(bench.heard) == len(SAID):
            raise AnswererError("the model is away")
        return DONE

    async with running(fails_the_first_time) as bench:
        asked = await bench.ask("why?")
        await bench.until_failures(asked, 1)
        bench.clock.advance(timedelta(minutes=2))
        await bench.ended(asked)
        bench.said("too late")
    assert len(bench.heard) == 12
    for delivery, heard in ((1, bench.heard[:6]), (2, bench.heard[6:])):
        *said, last = heard
        texts = [text for _, text in filter(None, said)]
        assert [number for number, _ in filter(None, said)] == [delivery] * len(SAID)
        assert all(FINISHED.startswith(each) for each in texts)
        assert MASKED_AWS in texts[-1]
        assert last is None


async def test_an_answerer_that_says_nothing_is_heard_by_nobody() -> None:
    async with running(at_once) as bench:
        await bench.ended(await bench.ask("why?"))
    assert bench.heard == []
