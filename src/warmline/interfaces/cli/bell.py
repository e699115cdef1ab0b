"""The bell of a mailbox: the daemon is asked what is ready, and is never started for that."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from warmline import daemon, errors
from warmline.interfaces.cli.client import Client
from warmline.operations.wake.waking import Ring
from warmline.settings import DaemonSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from warmline.home import Home
    from warmline.settings.wake import WakeSettings

ANSWER_SECONDS = 5.0
SOON_SECONDS = 0.05


class MailboxBell:
    """Rings while something is ready in the mailbox of a name. A daemon that is stopped stays so: none is started."""

    def __init__(self, home: Home, name: str, token: str, settings: WakeSettings) -> None:
        self._home = home
        self._path = f"/v1/mailboxes/{quote(name, safe='')}/due"
        self._client = Client(home, start=False, token=token)
        self._settings = settings

    def wait(self, known: str | None) -> Ring:
        """Wait until messages lie ready of which the mark is not the known one, however often daemons change.

        Raises UnauthorizedError, ForbiddenError, UnknownMailboxError.
        """
        seconds = self._settings.wait.total_seconds()
        asked = f"{self._path}?wait={seconds}" + (f"&known={known}" if known else "")
        while True:
            began = time.monotonic()
            ring = self._ask(asked, seconds)
            if ring.count and ring.mark != known:
                return ring
            if time.monotonic() - began < seconds:
                self._let_it_leave()

    def look(self) -> Ring:
        """Tell what lies ready now. Raises as `wait`."""
        return self._ask(self._path, 0)

    def _ask(self, path: str, seconds: float) -> Ring:
        while True:
            try:
                said = self._client.call("GET", path, wait_seconds=seconds)
            except errors.DaemonError:
                self._client.close()
                wait_until(self._home, self._answers, self._settings.daemonless_look.total_seconds())
            else:
                return Ring(said["count"], said["mark"])

    def _let_it_leave(self) -> None:
        self._client.close()
        owner = daemon.owner_of(self._home)
        if owner is not None:
            with suppress(errors.DaemonError):  # it takes its time: then it is asked again
                daemon.wait_until_left(owner, DaemonSettings())

    def _answers(self) -> bool:
        try:
            daemon.connect(self._home, ANSWER_SECONDS).close()
        except OSError:
            return False
        return True


def wait_until(home: Home, is_so: Callable[[], bool], look_seconds: float) -> None:
    """Wait until something is so that comes with a new file in the home; look now and then, too.

    SIGIO is to be blocked in all threads, and to stay so.
    """
    if sys.platform != "linux":
        while not is_so():
            time.sleep(look_seconds)
        return
    import fcntl

    folder, patience = os.open(home.path, os.O_RDONLY), look_seconds
    try:
        fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_CREATE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT)
        while not is_so():
            # A socket is a file before anybody listens on it: after a new file look again soon, then less often.
            is_told = signal.sigtimedwait({signal.SIGIO}, patience) is not None
            patience = SOON_SECONDS if is_told else min(2 * patience, look_seconds)
    finally:
        os.close(folder)
