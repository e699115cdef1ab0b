"""Who listens to an answer hears one text, however many tries it takes."""

from __future__ import annotations

import pytest

from crewing import RECOLLECTION, YES, Stage, plan, question
from warmline.answerers.scripted_warm import ScriptedWarmAnswerer
from warmline.crew.heard import Heard
from warmline.errors import AgentError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said, unheard


@pytest.mark.parametrize(
    ("tries", "text"),
    [
        ([["The ", "port"]], "The port"),
        ([["The "], ["The ", "port"]], "The port"),
        ([["The p"], ["The ", "port"]], "The port"),
        ([["The port"], ["The"]], "The port"),
        ([["The "], ["A port"]], "The "),
        ([["The "], ["A port"], ["The port"]], "The port"),
        ([[], ["A port"]], "A port"),
    ],
)
def test_tries_that_begin_alike_join_to_one_text_and_others_are_not_heard(tries: list[list[str]], text: str) -> None:
    pieces: list[str] = []
    heard = Heard(pieces.append)
    for each in tries:
        heard.again()
        for piece in each:
            heard(piece)
    assert "".join(pieces) == text
    assert all(pieces)


class Speaker(ScriptedWarmAnswerer):
    """Says half of its answer before its script goes on."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        said("half ")
        return await super().answer(question, recollection, said)


async def test_an_answer_that_is_begun_anew_by_another_agent_is_not_heard_twice() -> None:
    stage = Stage(script={"first": [AgentError("cut")], "second": [YES]}, worker=Speaker)
    pieces: list[str] = []
    async with stage.at_work(plan("first"), plan("second")) as crew:
        draft = await crew.desk(None).answer(question(), RECOLLECTION, pieces.append)
    assert draft.author == "second"
    assert pieces == ["half "]
