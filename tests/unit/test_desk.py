"""What the desk answers, where the test is who answers questions."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from at_the_desk import AtTheDesk, an_answer, at_the_desk
from bridge_cases import OWNER_TOKEN
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    BodyTooLargeError,
    ConflictError,
    FailedError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    StoreClosedError,
    UnauthorizedError,
    UnknownAgentError,
    UnknownMessageError,
    WarmlineError,
)
from warmline.interfaces.desk import ENTER, HEAR
from warmline.listen.messages import (
    Asked,
    Cancel,
    Cancelled,
    Collect,
    Progress,
    Query,
    Response,
    Text,
    Ticket,
)
from warmline.listen.protocol import read_request
from warmline.model import Citation, CitationStatus, MessageId, Outcome, State
from warmline.parties import Right
from warmline.protocols import Refusal

QUESTION = Query("which port?")
AT_ONCE = Query("which port?", wait=0)


@pytest.fixture
async def at() -> AsyncIterator[AtTheDesk]:
    async with at_the_desk() as at:
        yield at


def cited(path: str, first: int, last: int, status: CitationStatus) -> Citation:
    return Citation(path, first, last, "the quote", status)


async def ticket_of(at: AtTheDesk, query: Query = AT_ONCE) -> str:
    reply = await at.ask(query)
    assert isinstance(reply, Ticket)
    return reply.ticket


async def test_a_question_is_answered_with_its_author_and_ticket(at: AtTheDesk) -> None:
    reply = await at.answered(QUESTION, an_answer())
    assert isinstance(reply, Response)
    assert (reply.text, reply.author, reply.outcome) == ("It listens on 9187.", "the test", Outcome.ANSWERED)
    assert (await at.scene.bridge.questions.get(THE_OWNER, MessageId(reply.ticket))).message.body == "which port?"
    assert at.said == []


async def test_sources_are_the_places_that_hold_the_quotes_each_once(at: AtTheDesk) -> None:
    reply = await at.answered(
        QUESTION,
        an_answer(
            "It listens.",
            Outcome.ANSWERED,
            cited("notes/a.md", 3, 4, CitationStatus.VERIFIED),
            cited("notes/a.md", 9, 9, CitationStatus.UNSUPPORTED),
            cited("notes/b.md", 1, 1, CitationStatus.MOVED),
            cited("notes/a.md", 3, 4, CitationStatus.VERIFIED),
            cited("notes/c.md", 1, 2, CitationStatus.CHANGED),
        ),
    )
    assert isinstance(reply, Response)
    assert reply.sources == ("notes/a.md:3-4", "notes/b.md:1-1")
    assert len(reply.citations) == 5


@pytest.mark.parametrize("outcome", [Outcome.INSUFFICIENT_EVIDENCE, Outcome.REFUSED])
async def test_that_the_memory_does_not_say_is_an_answer(at: AtTheDesk, outcome: Outcome) -> None:
    reply = await at.answered(QUESTION, an_answer("It says nothing of that.", outcome))
    assert isinstance(reply, Response)
    assert reply.outcome is outcome


async def test_a_failure_is_an_error_and_never_an_answer(at: AtTheDesk) -> None:
    with pytest.raises(FailedError, match=r"^the model hung$") as failed:
        await at.answered(QUESTION, an_answer("the model hung", Outcome.FAILED))
    with pytest.raises(FailedError, match=r"^the model hung$"):
        await at.ask(Collect(failed.value.ticket))


async def test_what_expired_died_or_was_cancelled_is_an_error_with_the_reason(at: AtTheDesk) -> None:
    async with at.asking(Query("which port?", deadline=60)) as asking:
        await at.scene.pass_time(timedelta(seconds=61))
        with pytest.raises(FailedError, match="before the deadline"):
            await asking
    async with at.asking(QUESTION) as asking:
        await at.scene.store.bury(await at.lease(), "no login")
        with pytest.raises(FailedError, match="given up after too many failures: no login"):
            await asking
    async with at.asking(QUESTION) as asking:
        lease = await at.lease()
        assert await at.ask(Cancel(lease.message.id)) == Cancelled(lease.message.id)
        with pytest.raises(FailedError, match="cancelled"):
            await asking


async def test_patience_that_ends_leaves_a_ticket_which_gives_the_answer_later(at: AtTheDesk) -> None:
    reply = await at.ask(AT_ONCE)
    assert isinstance(reply, Ticket)
    assert reply.state is State.READY
    assert await at.ask(Collect(reply.ticket, wait=0)) == reply
    await at.settle(await at.lease(), an_answer())
    for ticket in (reply.ticket, reply.ticket.lower()):
        collected = await at.ask(Collect(ticket))
        assert isinstance(collected, Response)
        assert (collected.text, collected.ticket) == ("It listens on 9187.", reply.ticket)


async def test_an_answer_that_comes_with_the_acceptance_is_told_at_once_and_only_to_who_waits(at: AtTheDesk) -> None:
    async def answer() -> None:
        assert not at.taken.is_set()
        await at.settle(await at.lease(), an_answer())

    at.store.answers_at_once = answer
    before = at.store.looks
    reply = await at.ask(QUESTION)
    assert isinstance(reply, Response)
    assert (reply.text, at.store.looks) == (an_answer().text, before)
    assert at.taken.is_set()
    at.taken.clear()
    left = await at.ask(AT_ONCE)
    assert isinstance(left, Ticket)
    assert left.state is State.SETTLED
    assert isinstance(await at.ask(Collect(left.ticket, wait=0)), Response)


async def test_the_same_id_and_question_is_the_same_question(at: AtTheDesk) -> None:
    query = Query("which port?", id="one", wait=0)
    first = await ticket_of(at, query)
    assert await ticket_of(at, query) == first
    await at.settle(await at.lease(), an_answer())
    again = await at.ask(Query("which port?", id="one"))
    assert isinstance(again, Response)
    assert again.ticket == first


async def test_without_an_id_or_under_another_it_is_another_question(at: AtTheDesk) -> None:
    names: list[str | int | None] = [None, None, 1, "1", "one", "\u00fc" * 200, "\u00fc" * 199]
    tickets = {await ticket_of(at, Query("which port?", id=name, wait=0)) for name in names}
    assert len(tickets) == len(names)


async def test_another_question_under_the_same_id_is_told_to_take_a_new_one(at: AtTheDesk) -> None:
    await ticket_of(at, Query("which port?", id=1, wait=0))
    with pytest.raises(IdempotencyConflictError, match="UUID"):
        await at.ask(Query("which host?", id=1, wait=0))


async def test_an_id_of_any_size_names_one_question(at: AtTheDesk) -> None:
    query = Query("which port?", id="\u00fc" * 200, wait=0)
    assert await ticket_of(at, query) == await ticket_of(at, query)


async def test_two_credentials_may_use_the_same_id(at: AtTheDesk) -> None:
    first = await ticket_of(at, Query("which port?", id=1, wait=0))
    other = await at.ask(Query("which host?", id=1, wait=0), THE_OWNER)
    assert isinstance(other, Ticket)
    assert other.ticket != first


async def test_progress_tells_first_that_it_is_durable_and_then_that_it_is_worked_on(at: AtTheDesk) -> None:
    async with at.asking(Query("which port?", progress=True)) as asking:
        ticket = at.said[0].ticket  # type: ignore[union-attr]
        assert at.said == [Progress(ticket, State.READY)]  # type: ignore[arg-type]
        lease = await at.lease()
        async with asyncio.timeout(5):
            while len(at.said) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert at.said[1:] == [Progress(ticket, State.LEASED)]  # type: ignore[arg-type]
        await at.settle(lease, an_answer())
        assert isinstance(await asking, Response)
    assert len(at.said) == 2


@dataclass
class Spoken:
    """A speech whose pieces are the test's."""

    question: MessageId
    delivery: int
    pieces: list[str]
    is_over: bool = False

    def since(self, piece: int) -> list[str]:
        return self.pieces[piece:]


async def test_a_stream_brings_what_is_said_from_the_beginning_and_then_the_answer(at: AtTheDesk) -> None:
    hearings = at.scene.bridge.parts.hearings
    ticket = await ticket_of(at)
    lease = await at.lease()
    speech = Spoken(lease.message.id, 1, ["It lis"])
    hearings.heard(speech)
    async with at.asking(Collect(ticket, stream=True)) as asking:
        speech.pieces.append("tens on")
        hearings.heard(speech)
        assert at.said == [Text(ticket, 1, 0, "It lis"), Text(ticket, 1, 6, "tens on")]
        await at.settle(lease, an_answer())
        assert isinstance(await asking, Response)


async def test_one_without_stream_hears_nothing(at: AtTheDesk) -> None:
    async with at.asking(QUESTION) as asking:
        lease = await at.lease()
        at.scene.bridge.parts.hearings.heard(Spoken(lease.message.id, 1, ["It lis"]))
        await at.settle(lease, an_answer())
        await asking
    assert at.said == []


async def test_who_stops_waiting_leaves_the_question_on_the_line(at: AtTheDesk) -> None:
    async with at.asking(Query("which port?", id="one")):
        pass
    assert at.scene.bridge.waiting == 0
    lease = await at.lease()
    await at.settle(lease, an_answer())
    again = await at.ask(Query("which port?", id="one"))
    assert isinstance(again, Response)
    assert again.ticket == lease.message.id


@pytest.mark.parametrize(
    ("request_", "error", "told"),
    [
        (Query(" "), InvalidInputError, "empty"),
        (Query("a\0b"), InvalidInputError, "NUL"),
        (Query("x" * (1024 * 1024 + 1)), BodyTooLargeError, "more than 1,048,576"),
        (Query("q", wait=-1), InvalidInputError, "`wait` is below zero"),
        (Query("q", wait=math.nan), InvalidInputError, "`wait` is below zero"),
        (Query("q", deadline=0), InvalidInputError, "`deadline` is above 0"),
        (Query("q", deadline=math.inf), InvalidInputError, "at most 2,592,000 seconds"),
        (Query("q", deadline=math.nan), InvalidInputError, "`deadline` is above 0"),
        (Query("q", agent="nobody"), UnknownAgentError, "there is no agent 'nobody'"),
        (Collect("nonsense"), InvalidInputError, "'nonsense' is not an id"),
        (Collect("01ARZ3NDEKTSV4RRFFQ69G5FAV"), UnknownMessageError, "there is no question"),
        (Cancel("nonsense"), InvalidInputError, "'nonsense' is not an id"),
        (Cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV"), UnknownMessageError, "there is no question"),
    ],
)
async def test_what_cannot_be_done_is_told_and_nothing_is_kept(
    at: AtTheDesk, request_: Asked, error: type[WarmlineError], told: str
) -> None:
    with pytest.raises(error, match=told):
        await at.ask(request_)
    assert sum((await at.scene.bridge.questions.tally()).values()) == 0


@pytest.mark.parametrize("seconds", [2_592_001, 31_622_401, 1e300])
async def test_a_deadline_that_is_too_long_is_told_one_limit_however_long_it_is(at: AtTheDesk, seconds: float) -> None:
    request = read_request(json.dumps({"type": "query", "question": "q", "deadline": seconds}).encode())
    assert isinstance(request, Query)
    with pytest.raises(InvalidInputError, match=r"^`deadline` is above 0 and at most 2,592,000 seconds \(30 days\)$"):
        await at.ask(request)


async def test_a_patience_of_any_size_and_a_deadline_of_30_days_are_taken(at: AtTheDesk) -> None:
    async with at.asking(Query("which port?", wait=math.inf, deadline=2_592_000)) as asking:
        await at.settle(await at.lease(), an_answer())
        assert isinstance(await asking, Response)


async def test_a_patience_longer_than_one_wait_goes_on_without_a_word() -> None:
    async with at_the_desk(max_wait=timedelta(milliseconds=1)) as at, at.asking(QUESTION) as asking:
        lease = await at.lease()
        await at.until_looked(3)
        await at.settle(lease, an_answer())
        assert isinstance(await asking, Response)
        assert at.said == []


async def test_one_that_leaves_ends_a_patience_of_many_waits() -> None:
    async with at_the_desk(max_wait=timedelta(milliseconds=1)) as at, at.asking(QUESTION) as asking:
        at.scene.bridge.end_waits()
        assert isinstance(await asking, Ticket)


async def test_an_answered_question_cannot_be_cancelled(at: AtTheDesk) -> None:
    reply = await at.answered(QUESTION, an_answer())
    assert isinstance(reply, Response)
    with pytest.raises(ConflictError):
        await at.ask(Cancel(reply.ticket))


async def test_who_may_not_ask_is_told_and_the_audit_hears_of_it(at: AtTheDesk) -> None:
    (asker,) = await at.scene.begin("asker")
    ticket = await ticket_of(at)
    with pytest.raises(UnknownMessageError):
        await at.ask(Collect(ticket), asker)
    (reader,) = await at.scene.begin("reader")
    mute = await at.scene.more(reader, Grant(rights=frozenset({Right.READ})))
    with pytest.raises(ForbiddenError):
        await at.ask(QUESTION, mute)
    assert at.audit.refusals == [Refusal(mute.id, "query", "ForbiddenError")]


async def test_a_token_says_who_speaks_and_a_wrong_one_is_audited(at: AtTheDesk) -> None:
    assert at.desk.admit(OWNER_TOKEN) == THE_OWNER
    with pytest.raises(UnauthorizedError):
        at.desk.admit("wl_nonsense")
    assert at.audit.refusals == [Refusal("unknown", ENTER, "UnauthorizedError")]


async def test_guests_that_were_revoked_are_not_admitted(at: AtTheDesk) -> None:
    assert at.desk.admit(None) == at.guest
    await at.scene.bridge.credentials.revoke(THE_OWNER, "guest")
    with pytest.raises(UnauthorizedError):
        at.desk.admit(None)


async def test_who_was_revoked_while_it_waited_is_refused_and_audited(at: AtTheDesk) -> None:
    (asker,) = await at.scene.begin("asker")
    for by in (THE_OWNER, at.guest, asker):
        at.desk.check(by)
    await at.scene.bridge.credentials.revoke(THE_OWNER, asker.id)
    with pytest.raises(UnauthorizedError):
        at.desk.check(asker)
    assert at.audit.refusals == [Refusal(asker.id, HEAR, "UnauthorizedError")]
    at.desk.check(at.guest)


async def test_a_guest_that_was_shut_out_hears_nothing_though_others_were_let_in_since(at: AtTheDesk) -> None:
    await at.scene.bridge.credentials.revoke(THE_OWNER, "guest")
    await at.scene.bridge.guests.invite(THE_OWNER, again=True)
    at.desk.check(at.desk.admit(None))
    with pytest.raises(UnauthorizedError):
        at.desk.check(at.guest)


async def test_one_that_leaves_lets_waits_return_and_takes_nothing_new(at: AtTheDesk) -> None:
    async with at.asking(QUESTION) as asking:
        at.scene.bridge.end_waits()
        assert isinstance(await asking, Ticket)
    for request in (QUESTION, Cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV")):
        with pytest.raises(StoreClosedError, match="leaving"):
            await at.ask(request)


async def test_a_request_is_not_to_be_given_up_before_it_is_on_the_line(at: AtTheDesk) -> None:
    masked = Query("which port?" + " of the exporter" * 10_000)  # so long that a thread looks for secrets in it
    asking = asyncio.create_task(at.ask(masked))
    await asyncio.sleep(0)
    assert not at.taken.is_set()
    async with asyncio.timeout(5):
        await at.taken.wait()
    lease = await at.lease()
    assert lease.message.body == masked.question
    at.taken.clear()
    await at.ask(Cancel(lease.message.id))
    assert not at.taken.is_set()
    for ended in (at.ask(Collect(lease.message.id, wait=0)), asking):
        with pytest.raises(FailedError):
            await ended
    assert at.taken.is_set()
