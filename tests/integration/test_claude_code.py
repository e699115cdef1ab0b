"""The real Claude Code with a simulated model: what only it can show. Skipped, loudly, where it is not named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from warm_claude import NOTHING, ask, real, worker
from warmline.errors import AgentError, AnswererError
from warmline.model import Outcome

LIMIT_SECONDS = 10
ANSWERABLE = "On which port does the exporter listen?"

FAULTS = [
    ({"kind": "status", "status": 400}, "API Error: 400", False),
    ({"kind": "status", "status": 401}, "login", True),
    ({"kind": "status", "status": 403}, "login", True),
    ({"kind": "status", "status": 404}, "no such model", True),
    ({"kind": "status", "status": 429}, "too many requests", True),
    ({"kind": "status", "status": 500}, "cannot be reached", True),
    ({"kind": "status", "status": 529}, "cannot be reached", True),
    ({"kind": "cut"}, "cannot be reached", True),
    ({"kind": "garbage"}, "failed at what it was told", False),
    ({"kind": "no_headers"}, "cannot be reached", True),
]


@pytest.mark.parametrize(("fault", "reason", "is_the_agents"), FAULTS, ids=str)
async def test_a_fault_of_its_provider_is_typed_and_forgotten(
    tmp_path: Path,
    fault: dict[str, object],
    reason: str,
    is_the_agents: bool,
) -> None:
    async with real(tmp_path) as (plan, model), worker(tmp_path, plan) as made:
        await model.ask_for_faults(fault)
        async with asyncio.timeout(LIMIT_SECONDS):
            with pytest.raises(AnswererError, match=reason) as caught:
                await made.answer(ask(ANSWERABLE), NOTHING)
            assert isinstance(caught.value, AgentError) == is_the_agents
            await model.ask_for_faults()
            assert (await made.answer(ask(ANSWERABLE), NOTHING)).outcome is Outcome.ANSWERED


@pytest.mark.parametrize("kind", ["no_headers", "stall", "drip"])
async def test_a_hang_of_its_provider_is_recovered_from(tmp_path: Path, kind: str) -> None:
    async with real(tmp_path, turn_limit=timedelta(minutes=1)) as (plan, model), worker(tmp_path, plan) as made:
        await model.ask_for_faults({"kind": kind})
        hanging = asyncio.create_task(made.answer(ask(ANSWERABLE), NOTHING))
        await asyncio.wait([hanging], timeout=0.2)
        hanging.cancel()
        await asyncio.wait([hanging])
        await model.ask_for_faults()
        async with asyncio.timeout(LIMIT_SECONDS):
            await made.recover()
            assert (await made.answer(ask(ANSWERABLE), NOTHING)).outcome is Outcome.ANSWERED


async def test_the_model_reads_the_same_bytes_before_each_question(tmp_path: Path) -> None:
    async with real(tmp_path) as (plan, model), worker(tmp_path, plan) as made:
        for question in (ANSWERABLE, "What never sleeps?", ANSWERABLE):
            await made.answer(ask(question), NOTHING)
        prefixes = [each["prefix"] for each in await model.requests()]
        assert len(set(prefixes[1:])) == 1


async def test_a_file_that_a_question_mentions_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The code of the zebra crossing is quagga.\n" * 1000, "utf-8")
    async with real(tmp_path) as (plan, model), worker(tmp_path, plan) as made:
        for mark in ("", "@"):
            await made.answer(ask(f"What is the code? See {mark}{secret}"), NOTHING)
            await made.aside(f"What is the code? See {mark}{secret}")
        tokens = [each["fresh"] + each["cached"] for each in await model.requests()]
        assert len(tokens) == 5
        assert max(tokens) - min(tokens) < 1000, "the file is of 10,000 tokens"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_url": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"key_file": None}, "login; give it a key_file"),
    ],
)
async def test_one_that_cannot_answer_does_not_start(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    async with real(tmp_path) as (plan, _), worker(tmp_path, replace(plan, **change), is_started=False) as made:  # type: ignore[arg-type]
        with pytest.raises(AgentError, match=reason):
            await made.start()


async def test_a_wrong_model_is_named_at_its_start(tmp_path: Path) -> None:
    async with (
        real(tmp_path, model="claude-none") as (plan, model),
        worker(tmp_path, plan, is_started=False) as made,
    ):
        await model.ask_for_faults({"kind": "status", "status": 404})
        with pytest.raises(AgentError, match=r"no such model.*claude-none"):
            await made.start()
