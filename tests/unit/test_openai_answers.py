"""A completion as it is written: from what is said bit by bit, and from an answer that begins anew."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from pydantic import BaseModel

from warmline.interfaces.events import Event
from warmline.interfaces.openai.answers import Writing, text_of
from warmline.interfaces.views.questions import AnswerView, CitationView, SaidView
from warmline.model import Outcome


def answer(text: str, outcome: Outcome = Outcome.ANSWERED, *statuses: str) -> AnswerView:
    cited = [
        CitationView.model_construct(path=f"{status}.md", first_line=1, last_line=2, status=cast("Any", status))
        for status in statuses
    ]
    return AnswerView.model_construct(id="Q", outcome=outcome, text=text, citations=cited)


def said(delivery: int, offset: int, text: str) -> SaidView:
    return SaidView(delivery=delivery, offset=offset, text=text)


async def written(steps: Sequence[BaseModel | None]) -> list[Any]:
    async def stepping() -> AsyncIterator[Event | None]:
        for step in steps:
            yield None if step is None else Event("step", step)

    chunks = Writing("Q", "warmline", "why?").chunks(stepping(), with_usage=True)
    events = [each.decode() async for each in chunks]
    assert events[-1] == "data: [DONE]\n\n"
    return [json.loads(each.removeprefix("data: ")) for each in events[:-1] if each.startswith("data: ")]


def text_in(events: list[Any]) -> str:
    return "".join(each["choices"][0]["delta"].get("content", "") for each in events if each.get("choices"))


async def test_what_is_said_bit_by_bit_is_said_once() -> None:
    events = await written([said(1, 0, "It is "), None, said(1, 6, "9187"), answer("It is 9187.")])
    assert text_in(events) == "It is 9187."
    assert events[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}


async def test_an_answer_that_begins_anew_follows_whole() -> None:
    steps = [said(1, 0, "Wrong"), said(2, 0, "Right"), said(2, 5, " so"), answer("Right so.")]
    assert text_in(await written(steps)) == "Wrong\n\nRight so."


async def test_a_piece_after_a_gap_is_left_to_the_end() -> None:
    assert text_in(await written([said(1, 0, "a"), said(1, 2, "c"), answer("abc")])) == "abc"


async def test_a_failed_question_and_one_without_an_answer_end_with_an_error() -> None:
    for steps in ([said(1, 0, "x"), answer("nobody answered", Outcome.FAILED)], [said(1, 0, "x")]):
        events = await written(steps)
        assert events[-1]["error"]["type"] == "server_error"
        assert not [each for each in events if each.get("choices") and each["choices"][0]["finish_reason"]]


def test_what_was_verified_stands_first_among_the_sources() -> None:
    shown = text_of(answer("So.", Outcome.ANSWERED, "changed", "verified"))
    assert shown == "So.\n\nSources:\n- verified.md:1-2\n- changed.md:1-2 (changed)"
