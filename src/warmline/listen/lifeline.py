"""When a connection that says nothing counts as lost, and for how long a lost one is made anew. It reads no clock.

Times are in seconds of a monotonic clock. These limits stand here and not in settings, because they are a client's own,
whose programs should not wait while all settings of an instance are imported.
"""

from __future__ import annotations

DEFAULT_TIMEOUT = 20.0
"""For connecting, for sending a line, and for silence: longer than an instance is ever busy with one thing."""

DEFAULT_RECONNECT = 60.0
"""Longer than it takes to start an instance again, its index and its store included."""

FIRST_DELAY, LONGEST_DELAY = 0.05, 1.0
"""Between two tries to connect. The first is made at once, and the delay doubles from then on."""

LONGEST_NAP = 3600.0
"""Whoever waits for ever looks up once in so many seconds: locks and selectors take no endless figure."""


class Lifeline:
    """Judges one client's connection by when something was heard on it.

    After half of `timeout` in silence a ping is due, after all of it the connection is lost. From the first loss on,
    until an instance has said something again, it is worth connecting anew for `reconnect` seconds.
    """

    def __init__(self, timeout: float, reconnect: float) -> None:
        self.timeout = timeout
        self._reconnect = reconnect
        self._quiet_since = 0.0
        self._pinged = False
        self._troubled_since: float | None = None
        self._next_try = 0.0
        self._delay = 0.0

    def expect(self, now: float) -> None:
        """Begin to listen, after a time in which nothing was to be heard. What went wrong before it is forgotten."""
        self._quiet_since, self._pinged = now, False
        self._troubled_since, self._next_try, self._delay = None, now, 0.0

    def opened(self, now: float) -> None:
        """A connection was made, on which nothing was said so far."""
        self._quiet_since, self._pinged = now, False

    def heard(self, now: float, *, understood: bool) -> None:
        """Something came; only what was understood ends the trouble of having lost a connection."""
        self._quiet_since, self._pinged = now, False
        if understood:
            self._troubled_since, self._delay = None, 0.0

    def lost(self, now: float) -> bool:
        """A connection ended or could not be made. Tell whether it is worth another try, at `next_try`."""
        if self._troubled_since is None:
            self._troubled_since = now
        self._next_try = now + self._delay
        self._delay = min(max(2 * self._delay, FIRST_DELAY), LONGEST_DELAY)
        return self._next_try < self._troubled_since + self._reconnect

    @property
    def next_try(self) -> float:
        """When to connect anew."""
        return self._next_try

    def listen_until(self) -> float:
        """Return until when silence needs nothing to be done."""
        return self._quiet_since + (self.timeout if self._pinged else self.timeout / 2)

    def ping_is_due(self, now: float) -> bool:
        """Tell whether to send a ping, once in a silence."""
        if self._pinged or now < self.listen_until():
            return False
        self._pinged = True
        return True

    def is_lost(self, now: float) -> bool:
        """Tell whether the silence has lasted so long that nobody is there."""
        return self._pinged and now >= self.listen_until()
