"""An agent that cannot be used is given nothing for a while, which costs no question a try."""

from __future__ import annotations

import asyncio

import pytest

from crewing import INSTEAD, YES, Stage, ask, calm, drafted, plan, question
from warmline.agents import AgentState
from warmline.answerers.scripted import After
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.errors import AgentError, AnswererError, GuardianError, WorkerError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings

SETTINGS = AgentSettings()


class Picky(ScriptedWarmAnswerer):
    """Blames its provider for whatever is asked in one conversation."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        if question.conversation == "poison":
            raise AgentError("provider broke")
        return await super().answer(question, recollection, said)


async def test_an_error_of_the_agent_is_kept_from_who_asks_and_the_question_is_answered_after_a_rest() -> None:
    stage = Stage(script={"claude": [AgentError("overloaded"), YES]})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        report = crew.report("claude")
        assert (report.state, report.reason, report.waiting) == (AgentState.RESTING, "overloaded", 1)
        assert report.again_at == stage.clock.now() + SETTINGS.again
        assert not asking.done()
        await stage.advance(SETTINGS.again)
        assert (await drafted(asking)).author == "claude"
        assert crew.report("claude").state is AgentState.UP
        assert len(stage.workers()) == 1


async def test_an_agent_that_refuses_again_is_down_its_workers_end_and_it_is_tried_by_a_start() -> None:
    stage = Stage(script={"claude": [AgentError("no login")]})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        await stage.advance(SETTINGS.again)
        report = crew.report("claude")
        assert (report.state, report.reason, report.workers) == (AgentState.DOWN, "no login", ())
        assert report.again_at == stage.clock.now() + 2 * SETTINGS.again
        assert not crew.is_warm
        stage.script["claude"] = [YES]
        await stage.advance(2 * SETTINGS.again)
        assert (await drafted(asking)).author == "claude"
        assert len(stage.workers()) == 2


async def test_workers_that_refuse_at_the_same_time_make_the_agent_rest_once() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, AgentError("overloaded")), YES]})
    async with stage.at_work(plan(min_workers=2)) as crew:
        asking = [ask(crew), ask(crew)]
        await calm()
        go.set()
        await calm()
        assert crew.report("claude").state is AgentState.RESTING
        await stage.advance(SETTINGS.again)
        assert {(await drafted(each)).author for each in asking} == {"claude"}


async def test_a_worker_that_crashes_while_the_agent_rests_changes_nothing_about_that() -> None:
    stage = Stage(script={"claude": [AgentError("overloaded"), YES]})
    async with stage.at_work(plan(min_workers=2), settings=AgentSettings(intensity=0)) as crew:
        asking = ask(crew)
        await calm()
        before = crew.report("claude")
        stage.alive()[0].crash()
        await calm()
        report = crew.report("claude")
        assert (report.state, report.again_at) == (AgentState.RESTING, before.again_at)
        assert len(stage.alive()) == 1
        await stage.advance(SETTINGS.again)
        await drafted(asking)


async def test_an_agent_that_is_down_and_that_nobody_asks_is_tried_with_the_next_question() -> None:
    fates = Fates(start=AgentError("no login"))
    stage = Stage(fates={"claude": fates})
    async with stage.at_work(plan(), fallback=True) as crew:
        for _ in range(30):
            await stage.advance(SETTINGS.max_again)
        tried = len(stage.workers())
        assert tried < 20
        fates.start = None
        await drafted(ask(crew))
        await calm()
        assert len(stage.workers()) == tried + 1
        assert crew.report("claude").state is AgentState.UP


async def test_the_question_goes_to_another_agent_when_one_cannot_be_used() -> None:
    stage = Stage(script={"first": [AgentError("overloaded")]})
    async with stage.at_work(plan("first"), plan("second")) as crew:
        assert (await drafted(ask(crew))).author == "second"


async def test_a_question_at_which_agents_fail_while_others_are_answered_is_to_blame() -> None:
    stage = Stage(worker=Picky)
    async with stage.at_work(plan(max_workers=1)) as crew:
        poison = ask(crew, question("poison"))
        for _ in range(SETTINGS.returns):
            await calm()
            assert not poison.done()
            other = ask(crew, question("other"))
            await stage.advance(SETTINGS.again)
            await stage.advance(SETTINGS.again * 2)
            assert (await drafted(other)).author == "claude"
        with pytest.raises(AnswererError, match="failed 4 times while others were answered: provider broke") as raised:
            await drafted(poison)
        assert not isinstance(raised.value, AgentError)


async def test_a_provider_that_is_gone_for_long_costs_a_question_nothing() -> None:
    stage = Stage(script={"claude": [AgentError("gone")]})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        for _ in range(20):
            await calm()
            await stage.advance(SETTINGS.max_again)
        assert not asking.done()
        asking.cancel()


@pytest.mark.parametrize(
    "error",
    [AgentError("no such model"), WorkerError("no such program"), GuardianError("no guardian"), KeyError("a bug")],
)
async def test_a_start_that_fails_makes_the_agent_rest_with_the_reason(error: Exception) -> None:
    stage = Stage(fates={"claude": Fates(start=error)})
    async with stage.at_work(plan()) as crew:
        report = crew.report("claude")
        assert report.state is AgentState.RESTING
        assert str(error) in (report.reason or "")
        assert len(stage.workers()) == 1
        await stage.advance(SETTINGS.again)
        assert crew.report("claude").state is AgentState.DOWN
        assert len(stage.workers()) == 2


async def test_what_cannot_be_hired_makes_the_agent_rest_with_the_reason() -> None:
    stage = Stage(refusal=WorkerError("no folder"))
    async with stage.at_work(plan()) as crew:
        assert (crew.report("claude").state, crew.report("claude").reason) == (AgentState.RESTING, "no folder")


async def test_a_start_that_hangs_is_given_up() -> None:
    stage = Stage(fates={"claude": Fates(start=asyncio.Event())})
    async with stage.at_work(plan()) as crew:
        assert crew.report("claude").state is AgentState.STARTING
        await stage.advance(SETTINGS.start + SETTINGS.reply)
        assert crew.report("claude").reason == "it did not start within 0:01:05"
        assert stage.workers()[0].calls.end == 1


async def test_a_start_that_hangs_does_not_keep_an_agent_down() -> None:
    fates = Fates()
    stage = Stage(script={"claude": [AgentError("no login")]}, fates={"claude": fates})
    async with stage.at_work(plan(min_workers=2), settings=SETTINGS) as crew:
        fates.start = asyncio.Event()
        stage.workers()[1].crash()
        await calm()
        asking = ask(crew)
        await calm()
        await stage.advance(SETTINGS.again)
        assert crew.report("claude").state is AgentState.DOWN
        assert stage.alive() == [], "one that is being started is given up as well"
        fates.start, stage.script["claude"] = None, [YES]
        await stage.advance(2 * SETTINGS.again)
        assert (await drafted(asking)).author == "claude"


async def test_an_agent_whose_workers_crash_too_often_is_down_and_tried_again_later() -> None:
    stage = Stage()
    async with stage.at_work(plan(), fallback=True) as crew:
        for number in range(SETTINGS.intensity + 1):
            assert crew.report("claude").state is AgentState.UP, number
            stage.alive()[0].crash("segmentation fault")
            await calm()
        report = crew.report("claude")
        assert (report.state, report.reason) == (AgentState.DOWN, "segmentation fault")
        assert stage.alive() == []
        assert (await drafted(ask(crew))).text == INSTEAD.text
        await stage.advance(SETTINGS.again)
        assert crew.report("claude").state is AgentState.UP
        assert len(stage.alive()) == 1


async def test_answers_in_between_keep_an_agent_up_however_often_its_workers_crash() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        for _ in range(3 * SETTINGS.intensity):
            await drafted(ask(crew))
            stage.alive()[0].crash()
            await calm()
        assert crew.report("claude").state is AgentState.UP
