"""The crew answers by its agents' workers, and by the fallback when there is none."""

from __future__ import annotations

from crewing import INSTEAD, YES, Stage, ask, drafted, plan, question


async def test_a_question_is_answered_by_a_worker_in_the_name_of_its_agent() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        draft = await drafted(ask(crew))
        assert (draft.text, draft.author, draft.in_place_of) == (YES.text, "claude", None)
        assert len(stage.workers()) == 1


async def test_without_agents_the_fallback_answers_as_itself() -> None:
    stage = Stage()
    async with stage.at_work() as crew:
        asked = question()
        assert await drafted(ask(crew, asked)) is INSTEAD
        assert stage.fallback.asked == [asked]
        assert crew.desk(None).name == stage.fallback.name
        assert not crew.is_warm
