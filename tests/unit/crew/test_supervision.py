"""What goes wrong with a worker costs its question a try at most, and the agent nothing for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from crewing import RECOLLECTION, YES, Stage, ask, calm, drafted, plan, question
from warmline.agents import AgentState, Configuration
from warmline.answerers.scripted import After, Step
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.errors import AgentError, AnswererError
from warmline.model import Draft, Message, Recollection
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings

SETTINGS = AgentSettings()


def never() -> Step:
    return After(asyncio.Event(), YES)


class Meddler(ScriptedWarmAnswerer):
    """Has something called before its answer is handed on, or after it; nobody else gets to move in between."""

    before: Callable[[], object] = staticmethod(lambda: None)
    at_last: Callable[[], object] = staticmethod(lambda: None)

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        draft = await super().answer(question, recollection, said)
        self.before()
        asyncio.get_running_loop().call_soon(self.at_last)
        return draft


async def test_a_try_that_takes_too_long_is_an_answerers_error_and_the_worker_recovers() -> None:
    stage = Stage(script={"claude": [never(), YES]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        hung = ask(crew)
        await calm()
        await stage.advance(plan().turn_limit)
        with pytest.raises(AnswererError, match="claude did not answer within 0:02:00"):
            await drafted(hung)
        assert (await drafted(ask(crew))).author == "claude"
        (worker,) = stage.workers()
        assert worker.calls.recover == 1
        assert crew.report("claude").restarts == 0


async def test_a_worker_that_does_not_recover_is_ended_and_another_one_answers_the_next() -> None:
    stage = Stage(script={"claude": [never()]}, fates={"claude": Fates(recover=AnswererError("it is stuck"))})
    async with stage.at_work(plan(max_workers=1)) as crew:
        hung = ask(crew)
        await calm()
        stage.script["claude"] = [YES]
        await stage.advance(plan().turn_limit)
        with pytest.raises(AnswererError):
            await drafted(hung)
        assert (await drafted(ask(crew))).author == "claude"
        first, second = stage.workers()
        assert (first.calls.end, first.pid, len(second.asked)) == (1, None, 1)
        assert crew.report("claude").restarts == 1


async def test_a_recovery_that_hangs_is_given_up() -> None:
    stage = Stage(script={"claude": [never()]}, fates={"claude": Fates(recover=asyncio.Event())})
    async with stage.at_work(plan(max_workers=1)) as crew:
        hung = ask(crew)
        await calm()
        await stage.advance(plan().turn_limit)
        assert hung.done()
        await stage.advance(SETTINGS.start + SETTINGS.reply)
        assert len(stage.workers()) == 2
        assert isinstance(hung.exception(), AnswererError)


async def test_another_worker_starts_only_when_the_one_before_it_has_ended() -> None:
    ended = asyncio.Event()
    stage = Stage(fates={"claude": Fates(recover=AnswererError("it is stuck"), end=ended)})
    stage.script["claude"] = [AnswererError("garbage")]
    async with stage.at_work(plan(max_workers=1)) as crew:
        with pytest.raises(AnswererError, match="garbage"):
            await drafted(ask(crew))
        await calm()
        assert len(stage.workers()) == 1
        ended.set()
        await calm()
        assert len(stage.workers()) == 2


async def test_a_cancelled_question_leaves_no_worker_stuck() -> None:
    stage = Stage(script={"claude": [never(), YES]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        hung = ask(crew)
        await calm()
        hung.cancel()
        assert (await drafted(ask(crew))).author == "claude"
        assert stage.workers()[0].calls.recover == 1


async def test_a_question_that_is_cancelled_while_it_waits_is_asked_of_nobody() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        first, waiting, last = ask(crew), ask(crew), ask(crew)
        await calm()
        assert crew.report("claude").waiting == 2
        waiting.cancel()
        await calm()
        assert crew.report("claude").waiting == 1
        go.set()
        await asyncio.gather(first, last)
        assert len(stage.workers()[0].asked) == 2


@pytest.mark.parametrize("when", ["before", "at_last"])
async def test_a_question_that_is_cancelled_as_it_is_handed_over_frees_the_worker(when: str) -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]}, worker=Meddler)
    async with stage.at_work(plan(max_workers=1)) as crew:
        first, handed = ask(crew), ask(crew)
        await calm()
        worker = stage.workers()[0]
        assert isinstance(worker, Meddler)
        setattr(worker, when, handed.cancel)
        go.set()
        await drafted(first)
        await calm()
        assert handed.cancelled()
        assert len(worker.asked) == 1
        assert not crew.report("claude").workers[0].is_busy
        assert (await drafted(ask(crew))).author == "claude"


async def test_a_worker_that_crashes_idle_is_replaced_at_once() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        stage.workers()[0].crash("killed by signal 9")
        await calm()
        assert len(stage.alive()) == 1
        assert (await drafted(ask(crew))).author == "claude"
        assert crew.report("claude").restarts == 1


async def test_a_worker_that_is_gone_before_anybody_noticed_costs_its_question_no_try_and_the_agent_no_rest() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        stage.workers()[0].crash("killed by signal 9")
        async with asyncio.timeout(5):
            assert (await crew.desk(None).answer(question(), RECOLLECTION)).author == "claude"
        assert len(stage.workers()) == 2
        report = crew.report("claude")
        assert (report.state, report.restarts, report.failed) == (AgentState.UP, 1, 0)


async def test_a_worker_that_crashes_with_a_question_costs_it_a_try_and_counts_once() -> None:
    stage = Stage(script={"claude": [never()]})
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        stage.workers()[0].crash("killed by signal 9")
        with pytest.raises(AnswererError, match="killed by signal 9"):
            await drafted(asking)
        await calm()
        report = crew.report("claude")
        assert (report.restarts, report.failed, len(stage.alive())) == (1, 1, 1)


async def test_an_idle_worker_without_a_sign_of_life_is_replaced() -> None:
    fates = Fates(probe=asyncio.Event())
    stage = Stage(fates={"claude": fates})
    async with stage.at_work(plan()) as crew:
        await stage.advance(SETTINGS.probe)
        assert stage.workers()[0].calls.probe == 1
        await stage.advance(2 * SETTINGS.reply)
        assert len(stage.workers()) == 2
        assert crew.report("claude").restarts == 1


async def test_an_idle_worker_that_gives_signs_of_life_is_probed_again_and_again() -> None:
    stage = Stage()
    async with stage.at_work(plan()):
        for count in range(1, 4):
            await stage.advance(SETTINGS.probe)
            assert stage.workers()[0].calls.probe == count


async def test_a_worker_that_answered_a_moment_ago_is_not_probed() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        await stage.advance(SETTINGS.probe / 2)
        await drafted(ask(crew))
        await stage.advance(SETTINGS.probe / 2)
        assert stage.workers()[0].calls.probe == 0
        await stage.advance(SETTINGS.probe)
        assert stage.workers()[0].calls.probe == 1


async def test_a_question_that_comes_during_a_probe_is_answered_after_it() -> None:
    probe = asyncio.Event()
    stage = Stage(fates={"claude": Fates(probe=probe)})
    async with stage.at_work(plan(max_workers=1)) as crew:
        await stage.advance(SETTINGS.probe)
        asking = ask(crew)
        await calm()
        assert not asking.done()
        probe.set()
        assert (await drafted(asking)).author == "claude"


async def test_a_bug_in_an_adapter_costs_its_question_a_try_and_nobody_else_anything() -> None:
    stage = Stage(script={"claude": [KeyError("a bug"), YES]})
    async with stage.at_work(plan()) as crew:
        with pytest.raises(KeyError, match="a bug"):
            await drafted(ask(crew))
        assert (await drafted(ask(crew))).author == "claude"


async def test_a_crew_that_is_cancelled_ends_all_workers_also_those_that_are_starting_or_busy() -> None:
    stage = Stage(script={"busy": [never()]}, fates={"starting": Fates(start=asyncio.Event())})
    async with stage.at_work(plan("busy"), plan("starting"), plan("idle")) as crew:
        asking = ask(crew)
        await calm()
    with pytest.raises(AnswererError):
        await drafted(asking)
    assert len(stage.hired) == 3
    assert not crew.is_warm


async def test_a_crew_that_is_cancelled_awaits_the_ends_that_had_begun_before() -> None:
    ended = asyncio.Event()
    stage = Stage(fates={"claude": Fates(end=ended)})
    crew = stage.crew()
    await crew.apply(Configuration(agents=(plan(),)))
    work = asyncio.create_task(crew.run())
    await calm()
    await crew.apply(Configuration())
    await calm()
    work.cancel()
    await calm()
    assert stage.workers()[0].calls.end == 1
    assert not work.done()
    ended.set()
    async with asyncio.timeout(5):
        await asyncio.wait([work])
    assert stage.alive() == []


async def test_a_worker_that_cannot_be_ended_holds_nobody_up_for_long(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(fates={"claude": Fates(end=asyncio.Event())})
    settings = AgentSettings(end=timedelta(milliseconds=10))
    crew = stage.crew(settings)
    with caplog.at_level(logging.ERROR):
        work = asyncio.create_task(crew.run())
        await crew.apply(Configuration(agents=(plan(),)))
        await calm()
        work.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([work])
    assert work.cancelled()
    assert [record.message for record in caplog.records] == ["worker not ended"]


async def test_each_change_of_state_is_told_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(script={"claude": [YES, AgentError("overloaded"), YES]})
    with caplog.at_level(logging.INFO):
        async with stage.at_work(plan()) as crew:
            await drafted(ask(crew))
            asking = ask(crew)
            await calm()
            await stage.advance(SETTINGS.again)
            await drafted(asking)
    assert [record.message for record in caplog.records] == [
        "worker started",
        "agent up",
        "agent resting",
        "agent up",
        "worker ended",
    ]
    assert all(record.agent == "claude" for record in caplog.records)  # type: ignore[attr-defined]
    pids = [vars(record)["pid"] for record in caplog.records if record.message.startswith("worker")]
    assert pids == [100, 100]
    assert "question" not in "".join(str(vars(record).get("reason")) for record in caplog.records)
