"""An answer on a terminal while it is written."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from warmline.interfaces.cli.events import ServerEvent, read_events
from warmline.interfaces.cli.output import harmless, hint

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client

PAUSE_SECONDS = 0.2
"""After the daemon was lost, before the next one is asked."""


class Writing:
    """What stands on the terminal of an answer so far."""

    def __init__(self) -> None:
        self._delivery = 0
        self._pieces: list[str] = []
        self._characters = 0

    @property
    def shown(self) -> str:
        """All of it, as it was sent."""
        return "".join(self._pieces)

    def more(self, said: dict[str, Any]) -> None:
        """Print what is new of an event `text`. One that leaves a gap is left out: the answer brings it."""
        if said["delivery"] != self._delivery:
            self._begin(said["delivery"])
        new = said["text"][self._characters - said["offset"] :] if said["offset"] <= self._characters else ""
        self._pieces.append(new)  # before it is shown: an interrupt may come right then
        self._characters += len(new)
        sys.stdout.write(harmless(new))
        sys.stdout.flush()

    def end_line(self) -> None:
        """Let what comes next begin on a line of its own."""
        if self._characters:
            print(flush=True)

    def _begin(self, delivery: int) -> None:
        if self._characters:
            self.end_line()
            hint(f"the answer begins anew: hand-over {delivery}")
        self._delivery, self._pieces, self._characters = delivery, [], 0


def hear(client: Client, question_path: str, patience: timedelta, writing: Writing) -> dict[str, Any] | None:
    """Print the answer as it is written, and return the question as it stands when it or patience ends.

    None when the daemon leaves before. When it is lost otherwise, goes on with the next one. Raises DaemonError when
    there is none.
    """
    until = time.monotonic() + patience.total_seconds()
    while time.monotonic() < until:
        try:
            for event in _events(client, question_path, until):
                if event.name == "text":
                    writing.more(event.data)
                elif event.name == "answer":
                    answer: dict[str, Any] = event.data
                    return answer
        except (OSError, http.client.HTTPException, ValueError):  # cut off, or silent until patience ended
            time.sleep(max(0.0, min(PAUSE_SECONDS, until - time.monotonic())))
        else:
            return None
    return client.call("GET", question_path)


def _events(client: Client, question_path: str, until: float) -> Iterator[ServerEvent]:
    return read_events(client.lines(f"{question_path}/events", until))
