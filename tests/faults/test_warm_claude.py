"""What an agent may do wrong, by a stand-in that does it: a clear reason each time, and the next question is safe."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leaks import GITHUB
from warm_claude import KEY, NOTHING, ask, key_in, plan_of, stand_in, worker
from warmline.agents import AgentPlan
from warmline.answerers.claude.client import ClaudeAnswerer
from warmline.errors import AgentError, AnswererError
from warmline.model import Draft, Outcome
from warmline.settings import AgentSettings

LIMIT_SECONDS = 5
BRISK = AgentSettings(reply=timedelta(seconds=0.3), start=timedelta(seconds=5))

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only: looks into /proc and uses pidfds")


async def answer(made: ClaudeAnswerer, wanted: str = "") -> Draft:
    async with asyncio.timeout(LIMIT_SECONDS):
        return await made.answer(ask(f"Which port? stand-in: {wanted}" if wanted else "Which port?"), NOTHING)


async def failure_of(made: ClaudeAnswerer, wanted: str) -> AnswererError:
    with pytest.raises(AnswererError) as caught:
        await answer(made, wanted)
    assert "\n" not in str(caught.value)
    return caught.value


async def refused_start(folder: Path, plan: AgentPlan, settings: AgentSettings = BRISK) -> str:
    async with worker(folder, plan, settings=settings, is_started=False) as made:
        with pytest.raises(AgentError) as caught:
            async with asyncio.timeout(LIMIT_SECONDS):
                await made.start()
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "reason", "is_the_agents"),
    [
        ("status 400", "API Error: 400", False),
        ("status 401", "login", True),
        ("status 404", "no such model", True),
        ("status 429", "too many requests", True),
        ("status 500", "cannot be reached", True),
        ("fault server_error", "cannot be reached", True),
        ("fault max_output_tokens", "cut off", False),
        ("empty", "empty", False),
        ("long 2000000", "longer than 1,048,576 bytes", False),
        ("cut-off", "cut off", False),
    ],
)
async def test_what_is_no_answer_is_a_typed_failure_and_is_forgotten(
    tmp_path: Path,
    wanted: str,
    reason: str,
    is_the_agents: bool,
) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        fresh = await answer(made)
        failure = await failure_of(made, wanted)
        assert reason in str(failure)
        assert isinstance(failure, AgentError) == is_the_agents
        assert await answer(made) == fresh


async def test_a_refusal_is_an_outcome(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        draft = await answer(made, "refuse")
        assert (draft.outcome, draft.text) == (Outcome.REFUSED, "I will not.")


async def test_a_crash_is_told_with_the_programs_last_words_and_no_secret(tmp_path: Path) -> None:
    plan = replace(stand_in(tmp_path), key_file=key_in(tmp_path))
    async with worker(tmp_path, plan) as made:
        reason = str(await failure_of(made, f"crash {GITHUB}.{KEY}"))
        assert "signal 9" in reason
        assert "the stand-in was told to, with [redacted github-token].[redacted key]" in reason
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await made.ended() == reason
        assert isinstance(await failure_of(made, ""), AgentError)


async def test_a_program_that_leaves_says_with_which_status(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        assert "status 3" in str(await failure_of(made, "exit 3"))


@pytest.mark.parametrize(("wanted", "reason"), [("garbage", "no JSON"), ("closed-output", "closed its output")])
async def test_one_that_cannot_be_understood_any_more_counts_as_ended(tmp_path: Path, wanted: str, reason: str) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        failure = await failure_of(made, wanted)
        assert reason in str(failure)
        assert not isinstance(failure, AgentError)
        assert "this is no message" not in str(failure), "a question may stand in it"
        async with asyncio.timeout(LIMIT_SECONDS):
            assert reason in await made.ended()
        assert isinstance(await failure_of(made, ""), AgentError)


async def test_a_line_of_5_megabytes_is_read_and_one_above_the_limit_is_an_error(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        assert (await answer(made, "long-line 5000000")).outcome is Outcome.ANSWERED
    async with worker(tmp_path, stand_in(tmp_path), settings=replace(BRISK, max_line_bytes=4_000_000)) as made:
        assert "more than 4,000,000 bytes" in str(await failure_of(made, "long-line 5000000"))


async def test_much_noise_on_the_error_output_holds_nothing_up(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        assert (await answer(made, "noise 5000000")).outcome is Outcome.ANSWERED


async def test_the_result_of_an_earlier_question_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        assert "another question" not in str((await answer(made, "stale")).text)


async def test_what_was_said_before_a_lost_connection_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        draft = await made.answer(ask("stand-in: again"), NOTHING, said.append)
        assert "".join(said) == draft.text == "The memory says it."


@pytest.mark.parametrize(("tools", "behaviour"), [((), "deny"), (("Read",), "allow")])
async def test_a_tool_may_be_used_only_when_the_plan_names_it(
    tmp_path: Path, tools: tuple[str, ...], behaviour: str
) -> None:
    async with worker(tmp_path, stand_in(tmp_path, tools=tools)) as made:
        assert (await answer(made, "use Read")).text == f"The tool: {behaviour}."


async def test_nothing_of_an_agent_around_it_comes_into_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAUDECODE", "CLAUDE_CODE_SSE_PORT", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "1")
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        names = str((await answer(made, "environment")).text).split()
    assert "CLAUDE_CODE_DISABLE_ATTACHMENTS" in names
    assert not {"CLAUDECODE", "CLAUDE_CODE_SSE_PORT", "ANTHROPIC_AUTH_TOKEN"} & set(names)


async def test_one_that_does_not_stop_cannot_be_recovered_and_counts_as_ended(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path, "interrupt"), settings=BRISK) as made:
        answering = asyncio.create_task(answer(made, "hang"))
        await asyncio.wait([answering], timeout=0.05)
        answering.cancel()
        await asyncio.wait([answering])
        async with asyncio.timeout(LIMIT_SECONDS):
            with pytest.raises(AnswererError, match=r"did not stop within 0\.3 s"):
                await made.recover()
            assert "did not stop" in await made.ended()
        assert isinstance(await failure_of(made, ""), AgentError)


async def test_an_interrupt_that_came_too_early_is_said_again(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path, "clear"), settings=BRISK) as made:
        pid, fresh = made.pid, await answer(made)
        answering = asyncio.create_task(answer(made, "hang-late"))
        await asyncio.wait([answering], timeout=0.05)
        answering.cancel()
        await asyncio.wait([answering])
        async with asyncio.timeout(LIMIT_SECONDS):
            await made.recover()
        assert await answer(made) == fresh
        assert made.pid == pid


async def test_a_rewind_that_came_too_early_is_asked_for_again(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path, "clear")) as made:
        pid, fresh = made.pid, await answer(made)
        await answer(made, "end-late")
        assert await answer(made) == fresh
        assert made.pid == pid


async def test_nothing_more_is_told_of_an_answer_that_was_cancelled(tmp_path: Path) -> None:
    heard, said = asyncio.Event(), []

    def hear(piece: str) -> None:
        said.append(piece)
        heard.set()

    async with worker(tmp_path, stand_in(tmp_path)) as made:
        answering = asyncio.create_task(made.answer(ask("stand-in: hang-midway"), NOTHING, hear))
        async with asyncio.timeout(LIMIT_SECONDS):
            await heard.wait()
            answering.cancel()
            await asyncio.wait([answering])
            before = list(said)
            await made.recover()
        assert said == before


async def test_one_that_answers_nothing_is_stopped_in_the_end_though_nobody_asks_for_it(tmp_path: Path) -> None:
    plan = stand_in(tmp_path, turn_limit=timedelta(seconds=0.2))
    async with worker(tmp_path, plan, settings=BRISK) as made:
        assert "did not answer within 0.5 s" in str(await failure_of(made, "hang-midway"))
        assert (await answer(made)).outcome is Outcome.ANSWERED


async def test_a_stopped_process_fails_its_probe_and_is_ended(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path), settings=BRISK) as made:
        assert made.pid is not None
        os.kill(made.pid, signal.SIGSTOP)
        async with asyncio.timeout(LIMIT_SECONDS):
            with pytest.raises(AnswererError, match="did not reply to get_session_cost"):
                await made.probe()


async def test_an_error_aside_is_no_answer(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        with pytest.raises(AnswererError, match="did not answer beside its work"):
            await made.aside("fail aside")


async def test_it_answers_aside_while_another_question_hangs(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path)) as made:
        hanging = asyncio.create_task(answer(made, "hang"))
        await asyncio.wait([hanging], timeout=0.05)
        async with asyncio.timeout(LIMIT_SECONDS):
            assert "9276" in await made.aside("Which port?")
            await made.probe()
        hanging.cancel()
        await asyncio.wait([hanging])


@pytest.mark.parametrize(
    ("lacking", "fresh", "aside"),
    [
        ((), "rewind", "yes"),
        (("rewind",), "clear", "yes"),
        (("rewind", "code"), "clear", "yes"),
        (("aside",), "rewind", "no"),
        (("honesty",), "rewind", "no"),
    ],
)
async def test_what_a_version_lacks_is_told_in_its_traits(
    tmp_path: Path, lacking: tuple[str, ...], fresh: str, aside: str
) -> None:
    async with worker(tmp_path, stand_in(tmp_path, *lacking)) as made:
        assert made.traits == {"version": "9.9.9", "model": "stand-in", "fresh": fresh, "aside": aside}


@pytest.mark.parametrize("lacking", [(), ("rewind",)])
async def test_where_it_can_go_back_it_stays_the_same_process(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    async with worker(tmp_path, stand_in(tmp_path, *lacking)) as made:
        pid = made.pid
        fresh = await answer(made)
        assert await answer(made) == fresh
        assert made.pid == pid


async def test_where_it_cannot_go_back_a_new_process_takes_its_place_unnoticed(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path, "rewind", "clear")) as made:
        pid, ended = made.pid, asyncio.create_task(made.ended())
        fresh = await answer(made)
        assert await answer(made) == fresh
        assert made.pid != pid
        assert not ended.done()
        ended.cancel()


async def test_one_that_asks_and_does_not_listen_is_ended_before_it_fills_the_memory(tmp_path: Path) -> None:
    asked = '{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool"}}'
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\nexec yes '{asked}'\n", "utf-8")
    program.chmod(0o755)
    reason = await refused_start(tmp_path, plan_of(program), replace(BRISK, max_line_bytes=1_000_000))
    assert reason == "it did not start: it asks and asks, and does not hear what it is told"


async def test_without_a_login_it_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    reason = await refused_start(tmp_path, stand_in(tmp_path, "login"))
    assert "give it a key_file with a good key, or log it in (Not logged in)" in reason


async def test_one_that_never_speaks_is_given_up_in_time(tmp_path: Path) -> None:
    settings = replace(BRISK, start=timedelta(seconds=0.3))
    reason = await refused_start(tmp_path, stand_in(tmp_path, "start"), settings)
    assert "not ready within 0.3 s; is " in reason


async def test_one_whose_provider_does_not_answer_at_its_start_says_so(tmp_path: Path) -> None:
    settings = replace(BRISK, start=timedelta(seconds=2))
    reason = await refused_start(tmp_path, stand_in(tmp_path, "provider"), settings)
    assert reason == "it was not ready within 2 s; its provider did not answer, and before: overloaded 529"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo Welcome to the shell; cat", "no JSON: Welcome to the shell"),
        ("exit 4", "ended with status 4"),
        ("echo unknown option: --tools >&2; exit 1", "status 1; it said: unknown option: --tools"),
        ("echo '[]'; cat", "no JSON object"),
        ("exec cat", "is it Claude Code"),
    ],
)
async def test_a_program_that_is_another_is_told_from_claude_code(tmp_path: Path, script: str, reason: str) -> None:
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    told = await refused_start(tmp_path, plan_of(program))
    assert re.search(reason, told), told


async def test_a_program_that_is_no_program_is_named(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text("neither a script nor a binary", "utf-8")
    program.chmod(0o755)
    assert f"its program {program} cannot be started" in await refused_start(tmp_path, plan_of(program))
    assert "is not there" in await refused_start(tmp_path, plan_of(tmp_path / "none"))


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async with worker(tmp_path, stand_in(tmp_path, "start"), is_started=False) as made:
        starting = asyncio.create_task(made.start())
        await asyncio.wait([starting], timeout=0.1)
        starting.cancel()
        await asyncio.wait([starting])
