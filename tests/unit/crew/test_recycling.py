"""Workers are replaced while they are healthy, and end when nobody needs them; who asks notices nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from crewing import YES, Stage, ask, calm, drafted, plan, question
from warmline.agents import AgentState, Mode
from warmline.answerers.scripted import After
from warmline.answerers.scripted_warm import Fates
from warmline.errors import AgentError
from warmline.settings import AgentSettings

SETTINGS = AgentSettings()
MB = 1 << 20


async def test_the_replacement_starts_first_and_the_old_one_answers_until_then() -> None:
    ready = asyncio.Event()
    stage = Stage()
    async with stage.at_work(plan(max_workers=1)) as crew:
        old = stage.workers()[0]
        old.rss_bytes = SETTINGS.max_rss_bytes + MB
        stage.fates["claude"] = Fates(start=ready)
        await stage.advance(SETTINGS.probe)
        assert len(stage.workers()) == 2
        assert (await drafted(ask(crew))).author == "claude"
        assert len(old.asked) == 1
        assert old.pid is not None
        ready.set()
        await calm()
        assert old.pid is None
        assert (await drafted(ask(crew))).author == "claude"
        assert len(old.asked) == 1
        assert (crew.report("claude").recycled, crew.report("claude").restarts) == (1, 0)


async def test_a_busy_worker_that_was_replaced_finishes_its_question_first() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        asking, waiting = ask(crew), ask(crew)
        await calm()
        await crew.restart("claude")
        await calm()
        old, new = stage.workers()
        assert (len(old.asked), len(new.asked)) == (1, 1)
        assert old.pid is not None
        assert crew.report("claude").recycled == 1
        go.set()
        assert {(await drafted(each)).author for each in (asking, waiting)} == {"claude"}
        await calm()
        assert old.pid is None


async def test_workers_are_replaced_one_at_a_time() -> None:
    stage = Stage()
    async with stage.at_work(plan(min_workers=3, max_workers=3)) as crew:
        ready = asyncio.Event()
        stage.fates["claude"] = Fates(start=ready)
        await crew.restart("claude")
        await calm()
        assert len(stage.workers()) == 4
        ready.set()
        await calm()
        assert len(stage.workers()) == 6
        assert [worker.pid is None for worker in stage.workers()] == [True] * 3 + [False] * 3
        assert crew.report("claude").recycled == 3


async def test_another_one_is_replaced_only_when_the_last_one_has_ended() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(min_workers=2)) as crew:
        asking = [ask(crew), ask(crew)]
        await calm()
        await crew.restart("claude")
        await calm()
        assert len(stage.alive()) == 3
        go.set()
        await asyncio.gather(*asking)
        await calm()
        assert len(stage.alive()) == 2
        assert len(stage.workers()) == 4


async def test_the_worker_that_was_used_last_is_used_first_also_after_probes() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(min_workers=3, max_workers=3)) as crew:
        asking = []
        for _ in range(3):
            asking.append(ask(crew))
            await stage.advance(timedelta(seconds=1))
        go.set()
        await asyncio.gather(*asking)
        await stage.advance(SETTINGS.probe)
        await stage.advance(SETTINGS.probe)
        await drafted(ask(crew))
        assert [len(worker.asked) for worker in stage.workers()] == [2, 1, 1]


async def test_a_worker_is_replaced_after_so_many_questions() -> None:
    settings = AgentSettings(max_questions=3)
    stage = Stage()
    async with stage.at_work(plan(), settings=settings) as crew:
        for _ in range(10):
            await drafted(ask(crew))
            await calm()
        assert [len(worker.asked) for worker in stage.workers()] == [3, 3, 3, 1]


async def test_a_worker_is_replaced_when_it_is_old() -> None:
    stage = Stage()
    settings = AgentSettings(max_age=2 * SETTINGS.probe)
    async with stage.at_work(plan(), settings=settings) as crew:
        await stage.advance(SETTINGS.probe)
        assert len(stage.workers()) == 1
        await stage.advance(SETTINGS.probe)
        assert len(stage.workers()) == 2
        assert len(crew.report("claude").workers) == 1


async def test_a_worker_that_is_never_idle_is_looked_at_between_two_questions() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        first, second = ask(crew), ask(crew)
        await calm()
        stage.workers()[0].rss_bytes = SETTINGS.max_rss_bytes + MB
        await stage.advance(SETTINGS.probe)
        assert len(stage.workers()) == 1
        go.set()
        await asyncio.gather(first, second)
        await calm()
        assert len(stage.workers()) == 2
        assert stage.workers()[0].calls.probe == 0


async def test_a_changed_memory_brings_another_worker_that_holds_it() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        stage.generation, stage.holds = 2, "second"
        await stage.advance(SETTINGS.probe)
        assert len(stage.alive()) == 1
        assert stage.workers()[0].pid is None
        assert crew.report("claude").recycled == 1
        hired = len(stage.hired)
        await stage.advance(SETTINGS.probe)
        assert len(stage.hired) == hired


async def test_a_changed_memory_is_read_once_for_all_workers() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT, min_workers=2)):
        stage.generation = 2
        await stage.advance(SETTINGS.probe)
        assert len(stage.hired) == 3


async def test_a_changed_memory_of_which_an_agent_holds_nothing_costs_it_no_worker() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        stage.generation = 2
        await stage.advance(SETTINGS.probe)
        first, dropped = stage.workers()
        assert first.pid is not None
        assert (dropped.calls.start, dropped.calls.end) == (0, 1)
        assert crew.report("claude").recycled == 0
        await stage.advance(SETTINGS.probe)
        assert len(stage.hired) == 2


async def test_a_memory_that_cannot_be_read_is_read_again_and_the_worker_goes_on() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        stage.generation, stage.holds, stage.refusal = 2, "second", AgentError("the disk is away")
        await stage.advance(SETTINGS.probe)
        assert crew.report("claude").state is AgentState.UP
        stage.refusal = None
        await stage.advance(SETTINGS.probe)
        assert crew.report("claude").recycled == 1


async def test_workers_beyond_the_least_number_end_when_they_are_not_needed() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=4)) as crew:
        asking = [ask(crew) for _ in range(4)]
        await calm()
        go.set()
        await asyncio.gather(*asking)
        assert len(stage.alive()) == 4
        for _ in range(20):
            await stage.advance(SETTINGS.probe)
            await drafted(ask(crew))
        assert len(stage.alive()) == 1


async def test_after_a_long_time_without_a_question_no_worker_is_left_and_the_next_question_starts_one() -> None:
    stage = Stage()
    async with stage.at_work(plan(min_workers=2)) as crew:
        assert crew.is_warm
        await stage.advance(SETTINGS.max_idle)
        assert not crew.is_warm
        assert stage.alive() == []
        assert crew.report("claude").state is AgentState.UP
        assert (await drafted(ask(crew))).author == "claude"
        await calm()
        assert len(stage.alive()) == 2


async def test_a_companion_is_started_when_it_is_wanted_and_ends_when_it_is_not() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        await drafted(ask(crew, question(memories=("notes",))))
        assert len(stage.alive()) == 2
        await stage.advance(SETTINGS.shrink)
        assert [worker.pid is None for worker in stage.workers(mode=Mode.RECALLED)] == [True]
        assert len(stage.alive()) == 1


async def test_no_worker_is_started_without_the_memory_for_it_and_one_is_when_there_is() -> None:
    stage = Stage()
    stage.machine.free = SETTINGS.worker_bytes - 1
    async with stage.at_work(plan()) as crew:
        asking = ask(crew)
        await calm()
        assert stage.hired == []
        assert crew.report("claude").reason == "a worker needs 512 MB of memory, and 511 are free"
        stage.machine.free = SETTINGS.worker_bytes
        await stage.advance(SETTINGS.room)
        assert (await drafted(asking)).author == "claude"
        assert crew.report("claude").reason is None


async def test_what_workers_will_need_that_are_starting_is_not_promised_twice() -> None:
    ready = asyncio.Event()
    stage = Stage(fates={name: Fates(start=ready) for name in ("first", "second")})
    stage.machine.free = 2 * SETTINGS.worker_bytes - 1
    async with stage.at_work(plan("first"), plan("second")):
        assert len(stage.hired) == 1
        ready.set()
        await stage.advance(SETTINGS.room)
        assert len(stage.hired) == 2


async def test_a_worker_is_taken_to_need_what_the_last_one_held() -> None:
    stage = Stage()
    async with stage.at_work(plan(max_workers=9)) as crew:
        stage.workers()[0].rss_bytes = 900 * MB
        await stage.advance(SETTINGS.probe)
        stage.machine.free = 899 * MB
        stage.script["claude"] = [YES]
        go = asyncio.Event()
        stage.workers()[0]._answerer._script = [After(go, YES)]
        asking = [ask(crew), ask(crew)]
        await calm()
        assert len(stage.workers()) == 1
        go.set()
        await asyncio.gather(*asking)


async def test_there_are_no_more_workers_than_the_cores_bear() -> None:
    stage = Stage()
    stage.machine.many_cores = 1
    async with stage.at_work(plan("first", min_workers=3, max_workers=9), plan("second", min_workers=3, max_workers=9)):
        assert len(stage.alive()) == SETTINGS.workers_per_core


async def test_a_worker_that_holds_too_much_makes_room_for_its_replacement() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        stage.workers()[0].rss_bytes = SETTINGS.max_rss_bytes + MB
        stage.machine.free = 0
        await stage.advance(SETTINGS.probe)
        assert stage.alive() == []
        stage.machine.free = 64 << 30
        await stage.advance(SETTINGS.room)
        assert len(stage.alive()) == 1
        assert crew.report("claude").state is AgentState.UP


async def test_what_one_worker_held_too_much_is_not_asked_for_the_next() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        stage.workers()[0].rss_bytes = 10 * SETTINGS.max_rss_bytes
        stage.machine.free = SETTINGS.max_rss_bytes
        await stage.advance(SETTINGS.probe)
        assert len(stage.alive()) == 1
        assert crew.report("claude").recycled == 1


async def test_a_machine_that_does_not_know_its_memory_is_not_held_against_an_agent() -> None:
    stage = Stage()
    stage.machine.free = None
    async with stage.at_work(plan()):
        assert len(stage.alive()) == 1


async def test_a_replacement_that_cannot_start_leaves_the_old_one_at_work() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        stage.fates["claude"] = Fates(start=AgentError("overloaded"))
        await crew.restart("claude")
        await calm()
        assert crew.report("claude").state is AgentState.RESTING
        stage.fates["claude"].start = None
        await stage.advance(timedelta(seconds=5))
        assert crew.report("claude").state is AgentState.UP
        assert crew.report("claude").recycled == 1
