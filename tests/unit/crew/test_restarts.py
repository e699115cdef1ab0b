"""When an agent that failed is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from warmline.agents import AgentState
from warmline.crew.restarts import Pause, Restarts
from warmline.settings import AgentSettings

SETTINGS = AgentSettings(
    intensity=2, period=timedelta(minutes=1), again=timedelta(seconds=5), max_again=timedelta(seconds=15)
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_an_agent_that_refuses_rests_and_is_down_when_it_refuses_again_for_ever_longer_up_to_a_limit() -> None:
    restarts = Restarts(SETTINGS)
    assert [restarts.refused() for _ in range(4)] == [
        Pause(AgentState.RESTING, seconds(5)),
        Pause(AgentState.DOWN, seconds(10)),
        Pause(AgentState.DOWN, seconds(15)),
        Pause(AgentState.DOWN, seconds(15)),
    ]


def test_an_answer_makes_the_next_refusal_the_first() -> None:
    restarts = Restarts(SETTINGS)
    restarts.refused()
    restarts.refused()
    restarts.answered()
    assert restarts.refused() == Pause(AgentState.RESTING, seconds(5))


def test_an_agent_is_down_when_its_workers_crash_more_often_than_they_may_within_the_period() -> None:
    restarts = Restarts(SETTINGS)
    assert restarts.crashed(NOON) is None
    assert restarts.crashed(NOON + seconds(20)) is None
    assert restarts.crashed(NOON + seconds(59)) == Pause(AgentState.DOWN, seconds(5))


def test_after_a_pause_workers_may_crash_as_often_as_before() -> None:
    restarts = Restarts(SETTINGS)
    told = [restarts.crashed(NOON + seconds(number)) for number in range(6)]
    down = [Pause(AgentState.DOWN, seconds(length)) for length in (5, 10)]
    assert told == [None, None, down[0], None, None, down[1]]


def test_crashes_before_the_period_do_not_count() -> None:
    restarts = Restarts(SETTINGS)
    assert [restarts.crashed(NOON + seconds(30 * number)) for number in range(20)] == [None] * 20


def test_crashes_before_an_answer_do_not_count() -> None:
    restarts = Restarts(SETTINGS)
    restarts.crashed(NOON)
    restarts.crashed(NOON)
    restarts.answered()
    assert restarts.crashed(NOON) is None


def test_a_pause_never_grows_beyond_what_a_timedelta_holds() -> None:
    restarts = Restarts(SETTINGS)
    assert [restarts.refused().length for _ in range(2000)][-1] == seconds(15)
