"""The crew answers by its agents' workers, and by the fallback when there is none, or all are down and it may."""

from __future__ import annotations

import asyncio

import pytest

from crewing import INSTEAD, RECOLLECTION, YES, Stage, ask, calm, drafted, plan, question
from warmline.agents import AgentState, Configuration, Mode
from warmline.answerers.scripted import After
from warmline.answerers.scripted_warm import Fates, ScriptedWarmAnswerer
from warmline.errors import AgentError, UnknownAgentError
from warmline.model import Draft, Message, Outcome, Passage, Recollection
from warmline.protocols import Said, unheard
from warmline.settings import AgentSettings

AGAIN = AgentSettings().again


async def test_a_question_is_answered_by_a_worker_in_the_name_of_its_agent() -> None:
    stage = Stage()
    async with stage.at_work(plan()) as crew:
        draft = await drafted(ask(crew))
        assert (draft.text, draft.author, draft.in_place_of) == (YES.text, "claude", None)
        assert len(stage.workers()) == 1
        assert crew.is_warm


async def test_without_agents_the_fallback_answers_as_itself() -> None:
    stage = Stage()
    async with stage.at_work() as crew:
        asked = question()
        assert await drafted(ask(crew, asked)) is INSTEAD
        assert stage.fallback.asked == [asked]
        assert crew.desk(None).name == stage.fallback.name
        assert not crew.is_warm


async def test_the_fallback_answers_before_the_crew_runs_if_there_are_no_agents() -> None:
    assert await drafted(ask(Stage().crew())) is INSTEAD


async def test_the_least_number_of_workers_is_there_before_a_question_comes() -> None:
    stage = Stage()
    async with stage.at_work(plan(min_workers=3, max_workers=5)):
        assert len(stage.alive()) == 3


async def test_workers_are_started_one_after_the_other() -> None:
    ready = asyncio.Event()
    stage = Stage(fates={"claude": Fates(start=ready)})
    async with stage.at_work(plan(min_workers=3, max_workers=3)):
        assert len(stage.hired) == 1
        ready.set()
        await calm()
        assert len(stage.alive()) == 3


async def test_a_burst_starts_no_more_than_the_greatest_number_and_each_has_one_question() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=3)) as crew:
        asking = [ask(crew) for _ in range(20)]
        await calm()
        assert [len(worker.asked) for worker in stage.workers()] == [1, 1, 1]
        go.set()
        assert {(await drafted(each)).text for each in asking} == {"yes"}


async def test_no_more_are_started_than_questions_wait() -> None:
    go = asyncio.Event()
    stage = Stage(script={"claude": [After(go, YES)], "other": [After(go, YES)]})
    async with stage.at_work(plan(max_workers=9), plan("other", min_workers=0, max_workers=9)) as crew:
        asking = [ask(crew) for _ in range(3)]
        await calm()
        assert len(stage.hired) == 3
        go.set()
        await asyncio.gather(*asking)


async def test_conversations_take_turns() -> None:
    gate = asyncio.Event()
    stage = Stage(script={"claude": [After(gate, YES)]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        asked = [question(conversation) for conversation in ("a", "a", "a", "a", "b", "c")]
        asking = []
        for each in asked:
            asking.append(ask(crew, each))
            await calm()
        gate.set()
        await asyncio.gather(*asking)
        assert [each.conversation for each in stage.workers()[0].asked] == ["a", "a", "b", "c", "a", "a"]


async def test_agents_are_asked_in_the_order_of_the_configuration() -> None:
    go = asyncio.Event()
    stage = Stage(script={name: [After(go, YES)] for name in ("first", "second")})
    async with stage.at_work(plan("first", max_workers=1), plan("second", max_workers=1)) as crew:
        asking = [ask(crew), ask(crew)]
        await calm()
        go.set()
        assert [(await drafted(each)).author for each in asking] == ["first", "second"]


async def test_a_question_for_one_agent_waits_for_that_one() -> None:
    go = asyncio.Event()
    stage = Stage(script={"second": [After(go, YES)]})
    async with stage.at_work(plan("first"), plan("second", max_workers=1)) as crew:
        one, two = ask(crew, agent="second"), ask(crew, agent="second")
        await calm()
        assert not one.done()
        assert stage.workers("first")[0].asked == []
        go.set()
        assert {(await drafted(one)).author, (await drafted(two)).author} == {"second"}
        assert len(stage.workers("second")) == 1


async def test_an_agent_that_hangs_at_its_start_does_not_hold_up_another() -> None:
    stage = Stage(fates={"first": Fates(start=asyncio.Event())})
    async with stage.at_work(plan("first"), plan("second")) as crew:
        assert (await drafted(ask(crew))).author == "second"


async def test_an_agent_that_is_down_does_not_hold_up_another() -> None:
    stage = Stage(fates={"first": Fates(start=AgentError("no login"))})
    async with stage.at_work(plan("first"), plan("second"), fallback=True) as crew:
        await stage.advance(AGAIN)
        assert crew.report("first").state is AgentState.DOWN
        draft = await drafted(ask(crew))
        assert (draft.author, draft.in_place_of) == ("second", None)


async def test_when_all_agents_are_down_the_fallback_answers_and_says_why_if_it_may() -> None:
    stage = Stage(fates={name: Fates(start=AgentError(f"no login for {name}")) for name in ("one", "two")})
    async with stage.at_work(plan("one"), plan("two"), fallback=True) as crew:
        waiting = ask(crew)
        await calm()
        assert not waiting.done()
        await stage.advance(AGAIN)
        draft = await drafted(waiting)
        assert draft.text == INSTEAD.text
        assert draft.author == "scripted"
        assert draft.in_place_of == "one is down: no login for one; two is down: no login for two"
        assert (await drafted(ask(crew, agent="two"))).in_place_of == "two is down: no login for two"


async def test_a_drained_agent_beside_one_that_is_down_does_not_keep_the_fallback_from_answering() -> None:
    stage = Stage(fates={"one": Fates(start=AgentError("no login"))})
    async with stage.at_work(plan("one"), plan("two", drained=True), fallback=True) as crew:
        waiting = ask(crew)
        await stage.advance(AGAIN)
        assert (await drafted(waiting)).in_place_of == "one is down: no login"


async def test_when_all_agents_are_down_and_the_fallback_may_not_a_question_waits_until_one_is_up() -> None:
    fates = Fates(start=AgentError("no login"))
    stage = Stage(fates={"claude": fates})
    async with stage.at_work(plan()) as crew:
        waiting = ask(crew)
        await stage.advance(AGAIN)
        assert crew.report("claude").state is AgentState.DOWN
        assert not waiting.done()
        fates.start = None
        await stage.advance(2 * AGAIN)
        assert (await drafted(waiting)).author == "claude"
        assert crew.report("claude").state is AgentState.UP


async def test_agents_that_cannot_be_used_are_as_if_they_were_down() -> None:
    stage = Stage()
    async with stage.at_work() as crew:
        await crew.apply(Configuration(fallback=True, problems={"claude": "no such program"}))
        assert (await drafted(ask(crew))).in_place_of == "claude cannot be used: no such program"
        await crew.apply(Configuration(fallback=False, problems={"claude": "no such program"}))
        waiting = ask(crew)
        await calm()
        assert not waiting.done()
        await crew.apply(Configuration())
        assert await drafted(waiting) == Draft(Outcome.ANSWERED, INSTEAD.text, author="scripted")


async def test_a_configuration_that_cannot_be_read_is_told_with_each_answer() -> None:
    stage = Stage()
    async with stage.at_work() as crew:
        await crew.apply(Configuration(trouble="line 3 of warmline.toml"))
        assert (await drafted(ask(crew))).in_place_of == "no agent can be used: line 3 of warmline.toml"


async def test_an_agent_that_is_not_there_is_waited_for() -> None:
    stage = Stage()
    async with stage.at_work(fallback=True) as crew:
        waiting = ask(crew, agent="claude")
        await calm()
        assert not waiting.done()
        await crew.apply(Configuration(agents=(plan(),)))
        assert (await drafted(waiting)).author == "claude"
        with pytest.raises(UnknownAgentError, match="no agent is called 'nobody'; there are: claude"):
            crew.report("nobody")


async def test_a_question_of_a_narrower_scope_never_reaches_a_worker_that_holds_more() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT)) as crew:
        await drafted(ask(crew, question()))
        await drafted(ask(crew, question(memories=("notes",))))
        assert [(mode, len(worker.asked)) for _, mode, worker in stage.hired] == [
            (Mode.RESIDENT, 1),
            (Mode.RECALLED, 1),
        ]


async def test_a_question_whose_scope_holds_all_that_a_worker_holds_reaches_it() -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT, memories=("notes",))) as crew:
        await drafted(ask(crew, question(memories=("notes", "other"))))
        await drafted(ask(crew, question(memories=("other",))))
        assert [(mode, len(worker.asked)) for _, mode, worker in stage.hired] == [
            (Mode.RESIDENT, 1),
            (Mode.RECALLED, 1),
        ]


@pytest.mark.parametrize("memories", [None, ("notes",)])
async def test_a_question_about_one_file_never_reaches_a_worker_that_holds_others(
    memories: tuple[str, ...] | None,
) -> None:
    stage = Stage()
    async with stage.at_work(plan(mode=Mode.RESIDENT, memories=memories)) as crew:
        await drafted(ask(crew, question(memories=("notes/a.md",))))
        assert [(mode, len(worker.asked)) for _, mode, worker in stage.hired] == [
            (Mode.RESIDENT, 0),
            (Mode.RECALLED, 1),
        ]


async def test_a_question_that_a_busy_worker_with_memory_may_have_waits_for_it_and_starts_no_companion() -> None:
    answering = asyncio.Event()
    stage = Stage(script={"claude": [After(answering, YES), YES]})
    async with stage.at_work(plan(mode=Mode.RESIDENT, memories=("notes",), max_workers=1)) as crew:
        asked = [ask(crew, question(memories=("notes",))) for _ in range(2)]
        await calm()
        answering.set()
        assert [(await drafted(each)).text for each in asked] == [YES.text] * 2
        assert [mode for _, mode, _ in stage.hired] == [Mode.RESIDENT]


class Recorder:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def answer(self, question: Message, recollection: Recollection, said: Said) -> Draft:
        del question, said
        self.paths += [passage.path for passage in recollection.passages]
        return YES


async def test_passages_of_memories_that_an_agent_may_not_see_are_not_given_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, recorder = Stage(), Recorder()
    async with stage.at_work(plan(memories=("notes",))) as crew:
        monkeypatch.setattr(stage.workers()[0], "answer", recorder.answer)
        await crew.desk(None).answer(question(), RECOLLECTION)
        assert recorder.paths == ["notes/a.md"]


async def test_passages_that_have_no_room_in_the_models_window_are_not_given_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, recorder = Stage(), Recorder()
    found = [Passage(f"notes/{size}.md", 1, 1, "é" * (size // 2), 1.0) for size in (4000, 1_000_000, 900, 200, 100)]
    async with stage.at_work(plan(window_tokens=10_000)) as crew:
        monkeypatch.setattr(stage.workers()[0], "answer", recorder.answer)
        await crew.desk(None).answer(question(), Recollection(tuple(found), 1.0))
        assert recorder.paths == ["notes/4000.md", "notes/900.md", "notes/100.md"]


async def test_a_leaving_crew_sends_away_who_waits_and_lets_who_is_being_answered_finish() -> None:
    answering = asyncio.Event()
    stage = Stage(script={"claude": [After(answering, YES)]})
    async with stage.at_work(plan(max_workers=1)) as crew:
        first, second = ask(crew), ask(crew)
        await calm()
        crew.leave()
        third = ask(crew)
        await calm()
        assert second.cancelled()
        assert third.cancelled()
        answering.set()
        assert (await drafted(first)).text == YES.text


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
