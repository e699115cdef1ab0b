"""The blocking client against a desk in another process, over every transport."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from desk_process import CITATION
from listening import PLACES
from serving_desk import LIMIT_SECONDS, ServingDesk
from warmline import LineClient, connect
from warmline.errors import (
    BodyTooLargeError,
    ConflictError,
    DisconnectedError,
    FailedError,
    IdempotencyConflictError,
    InvalidInputError,
    LoopStoppedError,
    PendingError,
    RateLimitedError,
    UnauthorizedError,
    UnknownMessageError,
    WarmlineError,
)
from warmline.listen.addresses import Via
from warmline.listen.messages import Progress, Text
from warmline.model import Outcome, State

TOKEN = "wl_" + "5e" * 24


@pytest.fixture(params=PLACES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServingDesk]:
    serving = ServingDesk(str(PLACES[request.param](tmp_path)), tmp_path)
    serving.start()
    yield serving
    serving.close()


@pytest.fixture
def line(desk: ServingDesk) -> Iterator[LineClient]:
    with connect(desk.url) as client:
        yield client


def test_a_question_gets_its_answer_with_sources_and_citations(line: LineClient) -> None:
    response = line.ask("echo what holds the door?", wait=LIMIT_SECONDS)
    assert response.text == "what holds the door?"
    assert response.outcome is Outcome.ANSWERED
    assert response.sources == ("notes/a.md:3-4",)
    assert response.citations == (CITATION,)


def test_an_answer_of_a_megabyte_and_a_question_of_900_kilobytes_are_whole(line: LineClient) -> None:
    assert line.ask("size 1000000", wait=LIMIT_SECONDS).text == "a" * 1_000_000
    words = "é" * 450_000
    assert line.ask(f"echo {words}", wait=LIMIT_SECONDS).text == words


def test_several_threads_share_one_client_and_each_gets_its_own_answers(line: LineClient) -> None:
    def ask(number: int) -> list[str]:
        return [line.ask(f"echo {number}.{turn}", wait=LIMIT_SECONDS).text for turn in range(25)]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    assert answers == [[f"{number}.{turn}" for turn in range(25)] for number in range(16)]


def test_threads_that_wait_are_answered_while_another_thread_asks(desk: ServingDesk, line: LineClient) -> None:
    accepted = [threading.Event() for _ in range(4)]

    def hold(number: int) -> str:
        return line.ask(f"hold {number}", wait=LIMIT_SECONDS, on_progress=lambda _: accepted[number].set()).text

    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(hold, number) for number in range(4)]
        assert all(event.wait(LIMIT_SECONDS) for event in accepted)
        for number in reversed(range(4)):
            line.ask(f"free {number}", wait=LIMIT_SECONDS)
            assert held[number].result(LIMIT_SECONDS) == str(number)


def test_large_questions_of_many_threads_all_arrive(line: LineClient) -> None:
    def ask(number: int) -> bool:
        words = f"{number:03}" + "x" * 900_000
        return line.ask(f"echo {words}", wait=30).text == words

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, range(12)))


def test_a_patience_that_ends_gives_a_ticket_which_collects_the_answer_later(line: LineClient) -> None:
    with pytest.raises(PendingError) as pending:
        line.ask("hold door", wait=0)
    ticket = pending.value.ticket
    with pytest.raises(PendingError):
        line.collect(ticket, wait=0.01)
    line.ask("free door", wait=LIMIT_SECONDS)
    assert line.collect(ticket, wait=LIMIT_SECONDS).text == "door"


def test_the_same_id_is_asked_once_and_brings_the_same_answer(desk: ServingDesk, line: LineClient) -> None:
    first = line.ask("echo once", wait=LIMIT_SECONDS, id="the-id")
    with connect(desk.url) as other:
        assert other.ask("echo once", wait=LIMIT_SECONDS, id="the-id") == first
        with pytest.raises(IdempotencyConflictError):
            other.ask("echo another", wait=LIMIT_SECONDS, id="the-id")
    assert desk.asked() == ["echo once"]


def test_an_id_that_is_waited_for_is_refused_to_another_thread(line: LineClient) -> None:
    accepted = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(line.ask, "hold it", wait=LIMIT_SECONDS, id=1, on_progress=lambda _: accepted.set())
        assert accepted.wait(LIMIT_SECONDS)
        with pytest.raises(ConflictError, match="same id"):
            line.ask("hold it", id=1)
        line.ask("free it", id="1", wait=LIMIT_SECONDS)
        assert held.result(LIMIT_SECONDS).text == "it"


def test_the_text_is_heard_while_it_is_written(line: LineClient) -> None:
    heard: list[Text] = []
    told: list[Progress] = []
    response = line.ask("stream abc", wait=LIMIT_SECONDS, on_text=heard.append, on_progress=told.append)
    assert "".join(text.text for text in heard) == response.text == "abc"
    assert told == [Progress(response.ticket, State.READY)]


def test_a_listener_of_one_thread_may_ask_on_the_same_client(line: LineClient) -> None:
    inner: list[str] = []
    line.ask("stream a", wait=LIMIT_SECONDS, on_text=lambda text: inner.append(line.ask(f"echo {text.text}!").text))
    assert inner == ["a!"]


@pytest.mark.parametrize("kind", [UnknownMessageError, LoopStoppedError, BodyTooLargeError, FailedError])
def test_an_error_of_the_instance_arrives_as_its_class(line: LineClient, kind: type[WarmlineError]) -> None:
    with pytest.raises(kind, match="as it was told to") as refused:
        line.ask(f"refuse {kind.__name__}", wait=LIMIT_SECONDS)
    assert type(refused.value) is kind


def test_errors_bring_their_data(line: LineClient) -> None:
    with pytest.raises(RateLimitedError) as limited:
        line.ask("refuse RateLimitedError", wait=LIMIT_SECONDS)
    assert limited.value.retry_after == 7.5
    with pytest.raises(FailedError) as failed:
        line.ask("refuse FailedError", wait=LIMIT_SECONDS)
    assert failed.value.ticket


def test_an_error_that_only_a_newer_instance_knows_is_an_error_of_the_line(line: LineClient) -> None:
    with pytest.raises(WarmlineError, match="there is no tea"):
        line.ask("strange", wait=LIMIT_SECONDS)
    assert line.ping("still here") == "still here"


def test_a_cancelled_ticket_and_a_ping_are_acknowledged(line: LineClient) -> None:
    with pytest.raises(PendingError) as pending:
        line.ask("hold on", wait=0)
    line.cancel(pending.value.ticket)
    assert line.ping() is None
    assert line.ping("data ☕") == "data ☕"


def test_a_ticket_that_nobody_gave_is_not_found(line: LineClient) -> None:
    with pytest.raises(UnknownMessageError):
        line.collect("T99", wait=0)


@pytest.mark.parametrize(
    ("question", "more"),
    [
        ("half a \ud83d character", {}),
        ("echo", {"wait": -1}),
        ("echo", {"wait": float("nan")}),
        ("echo", {"deadline": float("inf")}),
        ("echo", {"id": "x" * 201}),
        ("echo", {"id": 2**70}),
        ("echo", {"id": True}),
        ("echo " + "\x01" * 1_200_000, {}),
    ],
)
def test_what_cannot_be_said_is_refused_before_it_is_sent(
    desk: ServingDesk, line: LineClient, question: str, more: dict[str, float]
) -> None:
    with pytest.raises(InvalidInputError):
        line.ask(question, **more)  # type: ignore[arg-type]  # as who is not checked would call it
    assert line.ping("unharmed") == "unharmed"
    assert desk.asked() == []


def test_a_closed_client_says_so_and_whoever_waits_is_told(line: LineClient) -> None:
    accepted = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(line.ask, "hold on", on_progress=lambda _: accepted.set())
        assert accepted.wait(LIMIT_SECONDS)
        line.close()
        with pytest.raises(DisconnectedError, match="closed"):
            held.result(LIMIT_SECONDS)
    line.close()
    with pytest.raises(DisconnectedError, match="closed"):
        line.ping()


def test_a_token_says_who_speaks_and_is_shown_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    serving = ServingDesk(str(PLACES[Via.UNIX](tmp_path)), tmp_path, TOKEN)
    serving.start()
    try:
        with connect(serving.url, token=TOKEN) as line:
            assert line.ask("echo in", wait=LIMIT_SECONDS).text == "in"
            shown = [repr(line), str(vars(line))]
        wrong = TOKEN[:-1]
        with connect(serving.url, token=wrong) as line, pytest.raises(UnauthorizedError) as refused:
            line.ask("echo in")
        with connect(serving.url) as line, pytest.raises(UnauthorizedError):
            line.ping()
        shown += [str(refused.value), caplog.text]
        assert not any(wrong in each for each in shown)
    finally:
        serving.close()
