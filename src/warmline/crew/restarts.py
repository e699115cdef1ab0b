"""When an agent that failed may be tried again: pure rules, after Erlang's restart intensity and period."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from warmline.agents import AgentState
from warmline.settings import AgentSettings


@dataclass(frozen=True, slots=True)
class Pause:
    """The agent is given nothing for so long. It rests the first time, and is down from the second in a row."""

    state: AgentState
    length: timedelta


class Restarts:
    """Counts the failures of one agent since its last answer."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._crashes: deque[datetime] = deque()
        self._pauses = 0

    def answered(self) -> None:
        """Forget what was: it works."""
        self._crashes.clear()
        self._pauses = 0

    def refused(self) -> Pause:
        """It said that it cannot be used, or did not start: trying at once would be no use."""
        return self._pause(AgentState.DOWN if self._pauses else AgentState.RESTING)

    def crashed(self, now: datetime) -> Pause | None:
        """A worker that had started ended: another one at once (None), or a pause when that happened too often."""
        self._crashes.append(now)
        while self._crashes[0] <= now - self._settings.period:
            self._crashes.popleft()
        if len(self._crashes) <= self._settings.intensity:
            return None
        self._crashes.clear()
        return self._pause(AgentState.DOWN)

    def _pause(self, state: AgentState) -> Pause:
        doubled = self._settings.again * 2.0 ** min(self._pauses, 30)
        self._pauses += 1
        return Pause(state, min(doubled, self._settings.max_again))
