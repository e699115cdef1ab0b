"""The next wake: wait for the bell, let a burst pass, keep the habits, write it down. It does not know how to wake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from warmline.operations.wake.diary import Diary
from warmline.operations.wake.habits import Habits


@dataclass(frozen=True, slots=True)
class Ring:
    """How many messages lie ready, and their mark."""

    count: int
    mark: str


class Bell(Protocol):
    """A mailbox, of which nothing is taken."""

    def wait(self, known: str | None) -> Ring:
        """Wait until messages lie ready of which the mark is not the known one."""

    def look(self) -> Ring:
        """Tell what lies ready now."""


@dataclass(frozen=True, slots=True)
class Wake:
    """What an agent is woken for. was_held: quiet hours or the budget made it wait."""

    count: int
    was_held: bool = False

    def __str__(self) -> str:
        """Say it to the agent. Nothing of what a message says, or who sent it, is ever in here."""
        waiting = "1 message waits" if self.count == 1 else f"{self.count} messages wait"
        held = " (some of them for a while: quiet hours, or the budget of wakes)" if self.was_held else ""
        return (
            f"{waiting} for you on the warmline line{held}. Fetch with the tool receive_messages, handle what comes, "
            "answer with reply, then call receive_messages with `done` and wait_seconds 0 until nothing comes."
        )


@dataclass(frozen=True, slots=True)
class Waker:
    """Waits for the moments at which one client is to be woken."""

    bell: Bell
    diary: Diary
    habits: Habits
    now: Callable[[], datetime]
    pause: Callable[[timedelta], None]

    def next_wake(self) -> Wake:
        """Return what to wake for, once it is time, and has been written down: a wake that fails is spent, too.

        What somebody took meanwhile is no reason any more. Raises ConfigurationError, and what the bell does.
        """
        was_held = False
        while True:
            self.bell.wait(self.diary.read().told)
            self.pause(self.habits.limits.burst)
            while (left := self._left()) > timedelta(0):
                was_held = was_held or left > self.habits.limits.apart
                self.pause(min(left, self.habits.limits.look))
            ring = self.bell.look()
            if ring.count and ring.mark != self.diary.read().told:
                self.diary.note_wake(self.now(), ring.mark)
                return Wake(ring.count, was_held)

    def _left(self) -> timedelta:
        now = self.now()
        return self.habits.allowed_at(self.diary.read().times, now) - now
