"""What became of questions that nobody answered, and giving them another life, by the command line."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bridge_cases import bridge_over
from real_home import RealHome
from talk import Talk
from warmline.bridge.credentials import THE_OWNER
from warmline.clock import SystemClock
from warmline.model import MEMORY_MAILBOX, MessageId
from warmline.security.keys import read_seals
from warmline.settings import StoreSettings
from warmline.stores.sqlite import SqliteStore

QUESTION = "Where does the spare key of the shed hang?"


async def _leave_behind(home: RealHome) -> tuple[MessageId, MessageId]:
    """Put two questions into the store of a home without a daemon: a dead one, and one past its deadline."""
    clock = SystemClock()
    store = SqliteStore(home.home.store, StoreSettings(), clock, read_seals(home.home.seal_keys))
    bridge = bridge_over(store, clock)
    await store.open()
    try:
        dead = (await bridge.questions.ask(THE_OWNER, QUESTION)).question.message.id
        await store.bury(await store.lease(MEMORY_MAILBOX, "test", timedelta(minutes=1)), "the model is away")
        soon = clock.now() + timedelta(milliseconds=50)
        late = (await bridge.questions.ask(THE_OWNER, QUESTION, deadline_at=soon)).question.message.id
        await clock.sleep(timedelta(milliseconds=60))
        await store.sweep()
        return dead, late
    finally:
        await store.close()


@pytest.fixture
def ended(real_home: RealHome, notes: Path) -> tuple[str, str]:
    """A dead and an expired question, in a home whose memory could answer them."""
    assert real_home.run("memory", "add", str(notes)).returncode == 0
    real_home.run("stop")
    return asyncio.run(_leave_behind(real_home))


def test_dead_letters_are_listed_with_their_reason(real_home: RealHome, ended: tuple[str, str]) -> None:
    dead, late = ended
    shown = real_home.run("dead").stdout.decode()
    assert dead in shown
    assert "the model is away" in shown
    assert late not in shown
    failed = real_home.json("ticket", dead, code=1)
    assert (failed["state"], failed["outcome"]) == ("dead", "failed")


@pytest.mark.parametrize("which", [0, 1], ids=["dead", "expired"])
def test_a_requeued_question_is_answered_and_its_ticket_finds_the_answer(
    real_home: RealHome, ended: tuple[str, str], which: int
) -> None:
    question = ended[which]
    assert real_home.run("ticket", question).returncode == 1
    assert real_home.json("requeue", question, "--deadline", "5m")["state"] in {"ready", "leased", "settled"}
    answer = real_home.json("ticket", question, "--wait", "30")
    assert (answer["state"], answer["outcome"]) == ("settled", "answered")
    assert "blue watering can" in answer["text"]


def test_a_dead_question_can_be_given_up_and_then_not_requeued(real_home: RealHome, ended: tuple[str, str]) -> None:
    dead, _ = ended
    assert real_home.json("cancel", dead)["state"] == "cancelled"
    assert real_home.run("requeue", dead).returncode == 1
    assert real_home.json("questions", "--state", "dead", "--count") == {"count": 0}


def test_a_refused_message_is_a_dead_letter_as_status_counts_it_and_can_be_requeued(real_home: RealHome) -> None:
    assert b"no dead letters" in real_home.run("dead").stderr
    talk = Talk(real_home, "--between", "ada,bob")
    sent = talk.json("ada", "send", "bob", "paint the shed")["id"]
    talk.say("bob", "inbox", "--keep")
    talk.say("bob", "refuse", sent, "not my shed")
    assert real_home.json("status")["messages"]["dead"] == real_home.json("dead", "--count")["count"] == 1
    row, reason = real_home.run("dead").stdout.decode().splitlines()
    assert row.split()[:5] == [sent, "note", "ada", "to", "bob"]
    assert row.endswith("paint the shed")
    assert "not my shed" in reason
    (dead,) = real_home.json("dead", "--since", "1h")["dead"]
    assert (dead["id"], dead["receipt"]["receipt"]) == (sent, "dead")
    assert real_home.json("questions", "--count") == {"count": 0}
    assert real_home.json("requeue", sent)["state"] == "ready"
    assert real_home.json("dead") == {"dead": []}
    assert "paint the shed" in talk.say("bob", "inbox")
