"""The next wake: one for a burst, none twice for the same, and what was held back is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from manual_clock import ManualClock
from warmline.errors import ConfigurationError
from warmline.home import Home
from warmline.operations.wake.diary import Diary
from warmline.operations.wake.habits import Habits, Quiet
from warmline.operations.wake.waking import Ring, Wake, Waker
from warmline.settings.wake import WakeSettings

MINUTE = timedelta(minutes=1)
LIMITS = WakeSettings(per_hour=2, per_day=4)


class NothingComesError(Exception):
    """Whoever waits now would wait for ever."""


@dataclass
class Post:
    """A mailbox into which messages fall at their times, and a bell on it; a wait lets the time pass."""

    clock: ManualClock
    falls: list[timedelta]
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._first = self.clock.now()

    def look(self) -> Ring:
        lying = self._lying()
        return Ring(len(lying), f"{len(lying)}.{max(lying, default=0)}.0")

    def _lying(self) -> set[int]:
        fallen = (place for place, each in enumerate(self.falls, 1) if self._first + each <= self.clock.now())
        return {*fallen} - self.taken

    def wait(self, known: str | None) -> Ring:
        while not (ring := self.look()).count or ring.mark == known:
            coming = [self._first + each for each in self.falls if self._first + each > self.clock.now()]
            if not coming:
                raise NothingComesError
            self.clock.advance(min(coming) - self.clock.now())
        return ring

    def take(self, *places: int) -> None:
        """Take these, or all that lies there, as an agent does."""
        self.taken |= {*places} or self._lying()


Begin = Callable[..., tuple[Waker, Post]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(Home(tmp_path), "docs")


@pytest.fixture
def begin(clock: ManualClock, diary: Diary) -> Begin:
    def begin(*falls: timedelta, habits: Habits | None = None) -> tuple[Waker, Post]:
        post = Post(clock, list(falls))
        return Waker(post, diary, habits or Habits(limits=LIMITS), clock.now, clock.advance), post

    return begin


def seconds(*numbers: float) -> list[timedelta]:
    return [timedelta(seconds=each) for each in numbers]


def test_a_burst_is_one_wake(begin: Begin) -> None:
    waker, post = begin(*seconds(5, 5.5, 6, 6.9))
    assert waker.next_wake() == Wake(4)
    post.take()
    with pytest.raises(NothingComesError):
        waker.next_wake()


def test_what_was_woken_for_and_still_lies_there_wakes_nobody_again(begin: Begin) -> None:
    waker, _ = begin(*seconds(5))
    assert waker.next_wake() == Wake(1)
    with pytest.raises(NothingComesError):
        waker.next_wake()


def test_one_more_message_wakes_again_and_tells_of_all(begin: Begin) -> None:
    waker, _ = begin(*seconds(5, 300))
    assert waker.next_wake() == Wake(1)
    assert waker.next_wake() == Wake(2)


def test_what_was_taken_during_the_burst_wakes_nobody(begin: Begin, clock: ManualClock) -> None:
    waker, post = begin(*seconds(5))

    def pause(duration: timedelta) -> None:
        clock.advance(duration)
        post.take()

    with pytest.raises(NothingComesError):
        Waker(post, waker.diary, waker.habits, clock.now, pause).next_wake()
    assert waker.diary.read().woken == ()


def test_what_is_left_of_a_wake_is_no_reason_when_what_came_since_was_taken(begin: Begin, clock: ManualClock) -> None:
    waker, post = begin(*seconds(5, 300))
    waker.next_wake()

    def pause(duration: timedelta) -> None:
        clock.advance(duration)
        post.take(2)

    with pytest.raises(NothingComesError):
        Waker(post, waker.diary, waker.habits, clock.now, pause).next_wake()


def test_what_comes_in_quiet_hours_is_told_of_at_their_end(begin: Begin, clock: ManualClock) -> None:
    local = clock.now().astimezone()
    quiet = Quiet((local - MINUTE).time(), (local + 60 * MINUTE).time())
    waker, _ = begin(*seconds(5, 600, 1200), habits=Habits(quiet=quiet, limits=LIMITS))
    ends = clock.now() + 60 * MINUTE
    assert waker.next_wake() == Wake(3, was_held=True)
    assert clock.now() == ends


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place with summer time."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("evening", "morning"),
    [("2026-03-28T22:30Z", "2026-03-29T05:00Z"), ("2026-10-24T21:30Z", "2026-10-25T06:00Z")],
    ids=["a short night", "a long night"],
)
def test_quiet_hours_end_by_the_clock_of_the_morning_also_when_it_was_set(
    begin: Begin, clock: ManualClock, evening: str, morning: str
) -> None:
    clock.advance(datetime.fromisoformat(evening) - clock.now())
    waker, _ = begin(*seconds(0), habits=Habits(quiet=Quiet.read("22:00-07:00"), limits=LIMITS))
    waker.next_wake()
    assert clock.now() == datetime.fromisoformat(morning)


def test_a_machine_that_slept_through_quiet_hours_wakes_its_agent_soon_after(begin: Begin, clock: ManualClock) -> None:
    local = clock.now().astimezone()
    quiet = Quiet((local - MINUTE).time(), (local + 60 * MINUTE).time())
    waker, post = begin(*seconds(0), habits=Habits(quiet=quiet, limits=LIMITS))
    night = [8 * 60 * MINUTE]

    def pause(duration: timedelta) -> None:
        clock.advance(duration + (night.pop() if duration > LIMITS.burst and night else timedelta(0)))

    began = clock.now()
    Waker(post, waker.diary, waker.habits, clock.now, pause).next_wake()
    assert clock.now() - began <= 8 * 60 * MINUTE + LIMITS.look + LIMITS.burst


def test_a_clock_that_was_set_back_holds_no_wake_back(begin: Begin, clock: ManualClock, diary: Diary) -> None:
    for days in (3000, 3001):
        diary.note_wake(clock.now() + timedelta(days=days), "an earlier one")
    waker, _ = begin(*seconds(5))
    began = clock.now()
    assert waker.next_wake() == Wake(1)
    assert clock.now() - began < MINUTE
    assert diary.read().times == [clock.now()]


def test_the_budget_outlives_the_process_that_spent_it(begin: Begin, clock: ManualClock, tmp_path: Path) -> None:
    waker, post = begin(*seconds(0, 60, 120))
    began = clock.now()
    for _ in range(2):
        waker.next_wake()
        post.take()
    again = Waker(post, Diary(Home(tmp_path), "docs"), waker.habits, clock.now, clock.advance)
    assert again.next_wake() == Wake(1, was_held=True)
    assert clock.now() == began + timedelta(hours=1) + LIMITS.burst


def test_two_agents_that_wake_each_other_for_ever_come_to_the_end_of_the_day(begin: Begin, clock: ManualClock) -> None:
    waker, post = begin(*(timedelta(minutes=each) for each in range(600)))
    began = clock.now()
    for _ in range(LIMITS.per_day):
        waker.next_wake()
        post.take()
    waker.next_wake()
    assert clock.now() - began >= timedelta(days=1)


def test_an_agent_hears_how_many_wait_and_nothing_else() -> None:
    assert str(Wake(1)).startswith("1 message waits for you on the warmline line. ")
    assert str(Wake(2, was_held=True)).startswith("2 messages wait for you on the warmline line (some of them ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[" * 100_000,
        '{"woken": ["x"], "told": null, "sessions": []}',
        '{"woken": ["2026-01-01T00:00:00"], "told": null, "sessions": []}',
        '{"woken": [], "told": 5, "sessions": []}',
        '{"woken": [], "told": null, "sessions": [5]}',
    ],
)
def test_a_damaged_diary_is_no_free_budget(diary: Diary, text: str) -> None:
    diary.path.parent.mkdir(exist_ok=True)
    diary.path.write_text(text)
    with pytest.raises(ConfigurationError, match="damaged"):
        diary.read()


def test_the_newest_sessions_are_kept_newest_first_and_each_once(diary: Diary) -> None:
    for number in [*range(12), 7]:
        diary.note_session(str(number))
    assert diary.read().sessions == ("7", "11", "10", "9", "8", "6", "5", "4")
