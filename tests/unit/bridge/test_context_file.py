"""Questions about one file: they may be answered from that one alone, and from no more than the asker may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge_cases import Scene, bridge_over
from manual_clock import ManualClock
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    UnknownFileError,
    UnknownRootError,
)
from warmline.model import MEMORY_MAILBOX, MEMORY_MAILBOX_NAME
from warmline.parties import Right
from warmline.settings import StoreSettings
from warmline.stores.memory import MemoryStore

FILE = "notes/exporter.md"


async def test_a_question_about_a_file_names_that_file_and_nothing_else(scene: Scene, notes: Path) -> None:
    for written in (FILE, str(notes / "exporter.md")):
        asked = (await scene.bridge.questions.ask(THE_OWNER, "which port?", context_file=written)).question
        assert (asked.delivery.mailbox, asked.message.memories) == (MEMORY_MAILBOX, (FILE,))


@pytest.mark.parametrize("scope", ["notes", FILE])
async def test_a_scope_and_the_file_in_it_meet_in_the_file(scene: Scene, scope: str) -> None:
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset({scope, "other"})))
    asked = (await scene.bridge.questions.ask(scoped, "which port?", context_file=FILE)).question
    assert asked.message.memories == (FILE,)


@pytest.mark.parametrize("scope", [[], ["other"], ["notes/garden.txt"], ["notes/exporter.md.bak"]])
async def test_a_file_out_of_the_askers_scope_is_refused_and_nothing_is_asked(scene: Scene, scope: list[str]) -> None:
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset(scope)))
    with pytest.raises((UnknownRootError, UnknownFileError)):
        await scene.bridge.questions.ask(scoped, "which port?", context_file=FILE)
    assert sum((await scene.bridge.questions.tally()).values()) == 0


async def test_a_file_that_the_memory_does_not_hold_is_refused_and_nothing_is_asked(scene: Scene) -> None:
    for path in ("notes/nowhere.md", "/etc/passwd", "notes", ""):
        with pytest.raises((UnknownRootError, UnknownFileError)):
            await scene.bridge.questions.ask(THE_OWNER, "which port?", context_file=path)
    assert sum((await scene.bridge.questions.tally()).values()) == 0


async def test_who_may_not_ask_the_memory_does_not_learn_what_files_it_holds(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    for grant in (Grant(rights=frozenset({Right.READ})), Grant(mailboxes=frozenset({"code"}))):
        scoped = await scene.more(docs, grant)
        for path in (FILE, "notes/nowhere.md"):
            with pytest.raises(ForbiddenError):
                await scene.bridge.questions.ask(scoped, "which port?", context_file=path)


async def test_nobody_but_the_memory_is_asked_about_a_file(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    with pytest.raises(InvalidInputError, match="memory"):
        await scene.bridge.questions.ask(docs, "which port?", mailbox="code", context_file=FILE)
    for name in (None, MEMORY_MAILBOX_NAME):
        asked = await scene.bridge.questions.ask(docs, "which port?", mailbox=name, context_file=FILE)
        assert asked.question.message.memories == (FILE,)


async def test_an_agent_can_be_asked_about_a_file(scene: Scene) -> None:
    await scene.hire("claude")
    asked = await scene.bridge.questions.ask(THE_OWNER, "which port?", agent="claude", context_file=FILE)
    assert asked.question.message.memories == (FILE,)


async def test_the_same_key_with_another_file_is_another_question(scene: Scene, notes: Path) -> None:
    ask = scene.bridge.questions.ask
    first = await ask(THE_OWNER, "which port?", context_file=FILE, idempotency_key="k")
    again = await ask(THE_OWNER, "which port?", context_file=str(notes / "exporter.md"), idempotency_key="k")
    assert (again.created, again.question.message.id) == (False, first.question.message.id)
    for other in (None, "notes/garden.txt"):
        with pytest.raises(IdempotencyConflictError):
            await ask(THE_OWNER, "which port?", context_file=other, idempotency_key="k")


async def test_who_reads_less_does_not_get_the_answer_of_who_reads_more_by_its_key(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    scoped = await scene.more(docs, Grant(memories=frozenset({"other"})))
    await scene.bridge.questions.ask(docs, "which port?", idempotency_key="k")
    with pytest.raises(IdempotencyConflictError):
        await scene.bridge.questions.ask(scoped, "which port?", idempotency_key="k")


async def test_a_line_without_a_memory_knows_no_file() -> None:
    clock = ManualClock()
    store = MemoryStore(StoreSettings(), clock)
    bridge = bridge_over(store, clock)
    await store.open()
    with pytest.raises(UnknownFileError):
        await bridge.questions.ask(THE_OWNER, "which port?", context_file=FILE)
    await store.close()
