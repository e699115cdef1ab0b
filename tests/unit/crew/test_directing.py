"""What a person tells the crew: another configuration, drain, restart, test."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from crewing import INSTEAD, YES, Stage, ask, calm, drafted, plan
from warmline.agents import AgentKind, AgentState, Configuration, Mode
from warmline.answerers.scripted import After
from warmline.answerers.scripted_warm import Fates
from warmline.errors import AgentError, AnswererError, UnknownAgentError
from warmline.model import Draft, Outcome
from warmline.settings import AgentSettings

SETTINGS = AgentSettings()


async def test_an_agent_that_stands_in_the_configuration_as_before_is_not_touched() -> None:
    stage = Stage()
    async with stage.at_work(plan("one"), plan("two")) as crew:
        await crew.apply(Configuration(agents=(plan("three"), plan("one"))))
        await calm()
        assert len(stage.workers("one")) == 1
        assert stage.workers("one")[0].pid is not None
        assert stage.workers("two")[0].pid is None
        assert [report.name for report in crew.reports()] == ["three", "one"]
        assert (await drafted(ask(crew))).author == "three"


async def test_an_agent_that_is_removed_finishes_its_question() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        await crew.apply(Configuration())
        await calm()
        assert stage.workers()[0].pid is not None
        assert (await drafted(ask(crew))).text == INSTEAD.text
        go.set()
        assert (await drafted(asking)).author == "claude"
        await calm()
        assert stage.alive() == []


async def test_a_worker_of_a_removed_agent_is_not_made_fresh_after_a_question_that_was_cancelled() -> None:
    stage = Stage(script={"claude": [After(asyncio.Event(), YES)]}, fates={"claude": Fates(recover=asyncio.Event())})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        await crew.apply(Configuration())
        asking.cancel()
        await calm()
        assert stage.alive() == []


async def test_an_agent_that_is_removed_while_it_starts_does_not_go_on() -> None:
    stage = Stage(fates={"claude": Fates(start=asyncio.Event())})
    async with stage.at_work(plan()) as crew:
        await crew.apply(Configuration())
        await calm()
        assert stage.workers()[0].calls.end == 1
        assert not crew.is_warm


async def test_a_changed_agent_answers_with_nothing_of_what_it_was() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        await crew.apply(Configuration(agents=(plan(mode=Mode.RESIDENT, memories=("notes",)),)))
        assert (await drafted(ask(crew))).author == "claude"
        old, new = stage.workers()
        assert (old.pid, old.asked, len(new.asked)) == (None, [], 1)


async def test_other_numbers_of_workers_keep_the_workers_that_are_there() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        await crew.apply(Configuration(agents=(plan(min_workers=3, max_workers=3),)))
        await calm()
        assert len(stage.alive()) == len(stage.hired) == 3


async def test_fewer_workers_end_those_that_are_too_many_after_their_questions() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(min_workers=3, max_workers=4)) as crew:
        asking = [ask(crew), ask(crew), ask(crew), ask(crew)]
        await calm()
        stage.fates["claude"] = Fates()
        await crew.apply(Configuration(agents=(plan(min_workers=1, max_workers=1),)))
        await calm()
        assert len(stage.alive()) == 4
        go.set()
        assert {(await drafted(each)).author for each in asking} == {"claude"}
        await calm()
        assert len(stage.alive()) == 1


async def test_a_worker_that_is_one_too_many_when_it_has_started_ends_again() -> None:
    ready = asyncio.Event()
    stage = Stage()
    async with stage.at_work(plan(min_workers=1, max_workers=2)) as crew:
        stage.fates["claude"] = Fates(start=ready)
        await crew.apply(Configuration(agents=(plan(min_workers=2, max_workers=2),)))
        await calm()
        await crew.apply(Configuration(agents=(plan(min_workers=1, max_workers=1),)))
        ready.set()
        await calm()
        assert len(stage.hired) == 2
        assert len(stage.alive()) == 1


async def test_a_drained_agent_is_given_nothing_and_counts_as_not_there() -> None:
    stage = Stage()
    async with stage.at_work(plan(), fallback=True) as crew:
        await crew.apply(Configuration(agents=(plan(drained=True),), fallback=True))
        await calm()
        assert stage.alive() == []
        assert crew.report("claude").state is AgentState.DRAINED
        draft = await drafted(ask(crew))
        assert (draft.text, draft.in_place_of) == (INSTEAD.text, None)
        named = ask(crew, agent="claude")
        await calm()
        assert not named.done()
        await crew.apply(Configuration(agents=(plan(),), fallback=True))
        assert (await drafted(named)).author == "claude"


async def test_questions_that_wait_go_to_the_fallback_when_the_last_agent_is_removed() -> None:
    stage = Stage(fates={"claude": Fates(start=asyncio.Event())})
    async with stage.at_work(plan()) as crew:
        waiting = ask(crew)
        await calm()
        await crew.apply(Configuration())
        assert await drafted(waiting) == replace(INSTEAD, author="scripted")


async def test_a_configuration_that_cannot_be_read_leaves_the_agents_as_they_are() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        await crew.apply(Configuration(trouble="line 3"))
        assert (await drafted(ask(crew))).author == "claude"


async def test_a_restart_tries_an_agent_at_once_that_is_down() -> None:
    fates = Fates(start=AgentError("no login"))
    stage = Stage(fates={"claude": fates})
    async with stage.at_work(plan()) as crew:
        await stage.advance(SETTINGS.again)
        assert crew.report("claude").state is AgentState.DOWN
        fates.start = None
        await crew.restart("claude")
        await calm()
        assert crew.report("claude").state is AgentState.UP
        with pytest.raises(UnknownAgentError):
            await crew.restart("nobody")


async def test_a_restart_gives_up_a_start_that_hangs() -> None:
    fates = Fates(start=asyncio.Event())
    stage = Stage(fates={"claude": fates})
    async with stage.at_work(plan()) as crew:
        fates.start = None
        await crew.restart("claude")
        await calm()
        assert crew.report("claude").state is AgentState.UP


async def test_a_test_puts_a_real_question() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        tested = await crew.test("claude")
        assert (tested.ok, tested.outcome, tested.text, tested.reason) == (True, Outcome.ANSWERED, "yes", None)
        assert len(stage.workers()[0].asked) == 1
        with pytest.raises(UnknownAgentError):
            await crew.test("nobody")


async def test_a_test_of_an_agent_that_cannot_be_used_says_why_at_once() -> None:
    stage = Stage(fates={"claude": Fates(start=AgentError("no such model"))})
    async with stage.at_work(plan(), plan("other"), fallback=True) as crew:
        for _ in range(3):
            async with asyncio.timeout(5):
                tested = await crew.test("claude")
            assert (tested.ok, tested.reason) == (False, "no such model")
        assert len(stage.workers()) == 4
        assert stage.fallback.asked == []
        assert stage.workers("other")[0].asked == []


async def test_a_test_of_an_agent_that_refuses_the_question_says_why() -> None:
    stage = Stage(script={"claude": [AgentError("overloaded")]})
    async with stage.at_work(plan()) as crew:
        tested = await crew.test("claude")
        assert (tested.ok, tested.reason) == (False, "overloaded")
        assert crew.report("claude").state is AgentState.RESTING


async def test_a_test_is_put_to_an_idle_worker_as_a_question_and_not_beside() -> None:
    stage = Stage(fates={"claude": Fates(spare="ready")})
    async with stage.at_work(plan()) as crew:
        tested = await crew.test("claude")
        assert (tested.ok, tested.text) == (True, YES.text)


async def test_a_test_is_put_beside_when_all_workers_are_busy_and_they_can() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]}, fates={"claude": Fates(spare="ready")})
    async with stage.at_work(plan(max_workers=1)) as crew:
        asking = ask(crew)
        await calm()
        tested = await crew.test("claude")
        assert (tested.ok, tested.text) == (True, "ready")
        assert not asking.done()
        go.set()
        await drafted(asking)


async def test_a_test_waits_for_a_worker_that_cannot_be_asked_beside() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES), Draft(Outcome.REFUSED, "no")]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        asking = ask(crew)
        await calm()
        testing = asyncio.create_task(crew.test("claude"))
        await calm()
        assert not testing.done()
        go.set()
        await drafted(asking)
        assert (await testing).outcome is Outcome.REFUSED


async def test_a_test_ends_when_the_agent_is_drained_or_removed_or_takes_too_long() -> None:
    stage = Stage(fates={"claude": Fates(start=asyncio.Event())})
    async with stage.at_work(plan()) as crew:
        testing = asyncio.create_task(crew.test("claude"))
        await calm()
        await crew.apply(Configuration(agents=(plan(drained=True),)))
        assert (await testing).reason == "it is drained"
        await crew.apply(Configuration(agents=(plan(),)))
        testing = asyncio.create_task(crew.test("claude"))
        await calm()
        await crew.apply(Configuration())
        assert (await testing).reason == "it was removed"


async def test_a_test_whose_question_crashes_the_worker_says_so() -> None:
    stage = Stage(script={"claude": [AnswererError("it crashed")]})
    async with stage.at_work(plan()) as crew:
        tested = await crew.test("claude")
        assert (tested.ok, tested.reason) == (False, "it crashed")


async def test_a_report_tells_how_an_agent_stands() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [YES, After(go, YES)]})
    async with stage.at_work(plan(mode=Mode.RESIDENT, max_workers=1, base_url="https://example.org/v1")) as crew:
        await drafted(ask(crew))
        asking, waiting = ask(crew), ask(crew)
        await calm()
        stage.workers()[0].rss_bytes = 300 << 20
        report = crew.report("claude")
        assert (report.name, report.kind, report.mode) == ("claude", AgentKind.CLAUDE, Mode.RESIDENT)
        assert (report.provider, report.state, report.since) == ("example.org", AgentState.UP, stage.clock.now())
        assert (report.waiting, report.answered, report.failed) == (1, 1, 0)
        assert (report.resident_tokens, report.resident_files, report.left_out) == (10, 2, 1)
        assert report.traits == {"version": "scripted"}
        (worker,) = report.workers
        assert (worker.pid, worker.is_busy, worker.questions, worker.rss_bytes) == (100, True, 2, 300 << 20)
        go.set()
        await asyncio.gather(asking, waiting)
