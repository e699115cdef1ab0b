"""A worker that hangs beyond its lease and comes back: its answer is refused, and another's counts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge_cases import bridge_over
from real_home import RealHome
from sealing import SEALS
from speaking import Speaker
from warmline.answerers.scripted import ScriptedAnswerer
from warmline.bridge.bridge import Bridge
from warmline.bridge.credentials import THE_OWNER
from warmline.clock import SystemClock
from warmline.dispatch.dispatcher import Dispatcher, Parts
from warmline.dispatch.timekeeper import Timekeeper
from warmline.errors import LeaseLostError
from warmline.ids import new_message_id
from warmline.model import (
    MEMORY_MAILBOX,
    Answer,
    Citation,
    Claim,
    Draft,
    Kind,
    Lease,
    Message,
    Outcome,
    Recollection,
    State,
)
from warmline.protocols import Said, unheard
from warmline.settings import DispatchSettings, StoreSettings
from warmline.stores.sqlite import SqliteStore

SHORT = timedelta(milliseconds=100)
LONG = timedelta(seconds=30)
PATIENCE = 5
WORKER = Path(__file__).parents[1] / "hanging_worker.py"


def answer_to(lease: Lease, author: str) -> Message:
    now = SystemClock().now()
    return Message(
        id=new_message_id(now),
        conversation=lease.message.conversation,
        sender=author,
        kind=Kind.ANSWER,
        body=f"by {author}",
        sent_at=now,
        trace=lease.message.trace,
        in_reply_to=lease.message.id,
        answer=Answer(Outcome.ANSWERED, f"by {author}", author),
    )


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[tuple[SqliteStore, Bridge]]:
    """A real store in real time, whose leases lapse."""
    clock = SystemClock()
    store = SqliteStore(path / "store.db", StoreSettings(), clock, SEALS)
    bridge = bridge_over(store, clock)
    await store.open()
    timekeeping = asyncio.create_task(Timekeeper(store, clock).run())
    try:
        yield store, bridge
    finally:
        timekeeping.cancel()
        await asyncio.wait({timekeeping}, timeout=5)
        await store.close()


async def test_the_late_answer_is_refused_and_the_question_is_answered_by_another(tmp_path: Path) -> None:
    async with open_store(tmp_path) as (store, bridge), asyncio.timeout(5):
        asked = (await bridge.questions.ask(THE_OWNER, "why?")).question.message.id
        hung = await store.lease(MEMORY_MAILBOX, "hung", SHORT)
        other = await store.lease(MEMORY_MAILBOX, "other", LONG)  # granted once the first has lapsed
        assert (await store.get(asked)).delivery.lapses == 1
        with pytest.raises(LeaseLostError):
            await store.extend(hung, LONG)
        with pytest.raises(LeaseLostError):
            await store.settle(hung, answer_to(hung, "hung"))
        assert (await store.get(asked)).delivery.state is State.LEASED
        await store.settle(other, answer_to(other, "other"))
        with pytest.raises(LeaseLostError):
            await store.settle(hung, answer_to(hung, "hung"))
        ended = await store.wait_until_ended(asked)
    assert ended.answer is not None
    assert (ended.answer.author, ended.delivery.deliveries) == ("other", 2)


class HangsOnce(ScriptedAnswerer):
    """Holds the whole process still over its first question, beyond the lease: nobody extends, as after a SIGSTOP."""

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        if not self.asked:
            threading.Event().wait(3 * SHORT.total_seconds())
        return await super().answer(question, recollection)


class Nothing:
    """A memory of nothing, and a verifier of no claims."""

    async def passages(self, _question: str, _limit: int, _within: frozenset[str] | None = None) -> Recollection:
        return Recollection((), 1.0)

    async def verify(self, _claims: Sequence[Claim], _within: frozenset[str] | None = None) -> Sequence[Citation]:
        return ()


async def test_a_process_that_stood_still_beyond_its_lease_answers_once_and_blames_nobody(tmp_path: Path) -> None:
    drafts = [Draft(Outcome.ANSWERED, "first"), Draft(Outcome.ANSWERED, "second")]
    answerer, nothing, clock = HangsOnce(drafts), Nothing(), SystemClock()
    async with open_store(tmp_path) as (store, bridge), asyncio.timeout(5):
        parts = Parts(store=store, recall=nothing, verifier=nothing, answerer=answerer, clock=clock)
        settings = DispatchSettings(lease=SHORT, workers=1)
        dispatcher = Dispatcher(parts, MEMORY_MAILBOX, settings, holder="one", asked_to_leave=lambda: None)
        dispatching = asyncio.create_task(dispatcher.run())
        asked = (await bridge.questions.ask(THE_OWNER, "why?")).question.message.id
        ended = await store.wait_until_ended(asked)
        await dispatcher.drain()
        await dispatching
    assert ended.answer is not None
    # Late by the clock, the first answer counts if it comes before the store has let the lease lapse.
    counts = (ended.answer.text, ended.delivery.deliveries, ended.delivery.lapses)
    assert counts in {("first", 1, 0), ("second", 2, 1)}
    assert (ended.delivery.failures, len(answerer.asked)) == (0, ended.delivery.deliveries)


@contextmanager
def worker(speaker: Speaker, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that receives one question and answers it."""
    program = [sys.executable, str(WORKER), str(speaker.home.path), str(speaker.token), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@pytest.mark.timeout(60)
def test_a_hung_process_is_refused_over_rest_with_409_and_the_answer_of_another_stands(real_home: RealHome) -> None:
    real_home.serve()
    owner = Speaker(real_home.home, real_home.home.read_token())
    made = owner.ok("POST", "/v1/conversations", {"between": ["ann", "docs"]})
    ann, docs = (Speaker(owner.home, each["token"]) for each in made["credentials"])
    where = ("docs", made["id"])
    more = owner.ok("POST", "/v1/credentials", {"name": "spare", "conversation": made["id"], "reads": ["docs"]})
    spare = Speaker(owner.home, more["token"])
    asked = ann.ok("POST", "/v1/questions", {"to": "docs", "question": "which port?"})["id"]
    with worker(docs, *where, "1", "hang") as hung:
        assert told(hung) == {"id": asked, "deliveries": 1}
        _, status = os.waitpid(hung.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with worker(spare, *where, "30") as other:
            assert told(other) == {"id": asked, "deliveries": 2}, "granted once the lease of the first has lapsed"
            assert told(other)["status"] == 200
            assert other.wait(PATIENCE) == 0
        answer = ann.ok("GET", f"/v1/questions/{asked}?wait=5")
        assert (answer["outcome"], answer["author"], answer["text"]) == ("answered", "spare", f"by {other.pid}")
        hung.send_signal(signal.SIGCONT)
        assert told(hung) == {"status": 409, "type": "urn:warmline:LeaseLostError"}
        assert hung.wait(PATIENCE) == 0
    again = ann.ok("GET", f"/v1/questions/{asked}")
    assert {key: again[key] for key in ("outcome", "author", "text")} == {
        key: answer[key] for key in ("outcome", "author", "text")
    }
