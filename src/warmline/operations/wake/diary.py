"""What is kept of a client that is woken: when it was, for what, and whom to wake. A small file in the home.

One process at a time waits for a client; its lock says so, and ends with it, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from warmline.durable import write_anew
from warmline.errors import ConfigurationError
from warmline.home import Home
from warmline.operations.wake.habits import DAY

MAX_SESSIONS = 8
"""Programs have turns of their own, for titles and the like, in sessions that are gone soon."""

THE_BELL, THE_FILE = 0, 1
"""Which byte of the lock is whose; an agent's own is its process's number, which is larger."""


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in it. told: the mark of what it was woken for last. sessions: where its turns were, newest first."""

    woken: tuple[str, ...] = ()
    told: str | None = None
    sessions: tuple[str, ...] = ()

    @property
    def times(self) -> list[datetime]:
        """When it was woken within the last day of wakes, oldest first."""
        return [datetime.fromisoformat(each) for each in self.woken]


class Diary:
    """The file of one client."""

    def __init__(self, home: Home, name: str) -> None:
        folder = home.client_token(name).parent
        self.path = folder / f"{name}.wake.json"
        self._lock = folder / f"{name}.wake.lock"

    def read(self) -> Page:
        """Return what stands in it. Raises ConfigurationError: a budget that is lost is no budget."""
        try:
            said = json.loads(self.path.read_bytes())
            page = Page(tuple(said["woken"]), said["told"], tuple(said["sessions"]))
            _check(page)
        except FileNotFoundError:
            return Page()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigurationError(f"{self.path} is damaged: remove it, and the wakes are counted anew") from error
        return page

    def note_wake(self, now: datetime, mark: str) -> None:
        """Write down that it is woken now, for what has this mark. Durable. Raises ConfigurationError."""
        with self._changing():
            page = self.read()
            recent = [each for each in page.times if now - DAY < each <= now]
            self._write(replace(page, woken=tuple(each.isoformat() for each in (*recent, now)), told=mark))

    def note_session(self, session: str) -> None:
        """Write down where its newest turn was: that is whom to wake. Raises ConfigurationError."""
        with self._changing():
            page = self.read()
            others = [each for each in page.sessions if each != session]
            self._write(replace(page, sessions=(session, *others)[:MAX_SESSIONS]))

    @contextmanager
    def alone(self, agent: int | None) -> Iterator[bool]:
        """Wait until nobody else waits for this client; yield False at once when one does for the same agent's process.

        Raises ConfigurationError.
        """
        with self._open(self._lock) as file:
            if agent is not None:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, agent + THE_FILE)
                except OSError:
                    yield False
                    return
            fcntl.lockf(file, fcntl.LOCK_EX, 1, THE_BELL)
            yield True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # A lock of POSIX ends when its process closes any descriptor of the file: this one is another file.
        with self._open(self._lock.with_suffix(".changing")) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _open(self, path: Path) -> Iterator[int]:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be opened ({error.strerror})") from error
        try:
            yield file
        finally:
            os.close(file)

    def _write(self, page: Page) -> None:
        try:
            write_anew(self.path, json.dumps(asdict(page)).encode() + b"\n")
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written ({error.strerror})") from error


def _check(page: Page) -> None:
    """Raise ValueError, or TypeError, unless it could have been written here."""
    if any(each.tzinfo is None for each in page.times) or not all(
        isinstance(each, str) for each in (page.told or "", *page.sessions)
    ):
        raise ValueError("that is no page")
