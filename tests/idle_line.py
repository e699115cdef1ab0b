"""A line with an agent that is woken, and a second one whose wakes tell when the first one's would have come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent_line import until
from connecting_home import ConnectingHome
from real_clients.idle import BEGIN_SECONDS
from real_home import RealHome
from speaking import Speaker
from warmline.operations.wake.diary import Diary

OTHER = "other"
"""The second agent; it is woken as `connect --wake` has it by default."""


class IdleLine:
    """A daemon and a person's folders. `close` leaves nothing running."""

    def __init__(self, folder: Path) -> None:
        self._served = RealHome(folder / "home")
        self._served.serve()
        self.person = ConnectingHome(self._served, folder)
        self.owner = Speaker(self._served.home, self._served.home.read_token())

    def is_waited(self) -> bool:
        """Tell whether an agent's bell is listened to: a wait that is no reader's."""
        status = self.owner.ok("GET", "/v1/status")
        return bool(status["waiting"] > status["receiving"])

    def send(self, agent: str, body: str, times: int = 1) -> list[str]:
        """Send messages; return their ids."""
        message = {"to": agent, "body": body}
        return [str(self.owner.ok("POST", "/v1/messages", message)["id"]) for _ in range(times)]

    def receipt(self, message: str) -> str:
        """Return what became of a message."""
        found: dict[str, Any] = self.owner.ok("GET", f"/v1/messages/{message}")
        return str(found["receipts"][0]["receipt"])

    def wakes(self, agent: str) -> int:
        """Return how often the agent was woken, as it is written down before each wake."""
        return len(Diary(self._served.home, agent).read().woken)

    def wait_until_another_is_woken(self) -> None:
        """Send the second agent a message, and return when it is woken for it.

        Whoever heard a bell before, and has no other habits, and was woken earlier, is woken by then.
        """
        token = self.person.token(OTHER)
        if not token.exists():
            token.parent.mkdir(0o700, exist_ok=True)
            token.touch(0o600)
            token.write_text(self.owner.ok("POST", "/v1/credentials", {"name": OTHER})["token"], "ascii")
        self.send(OTHER, "wake up")
        done = self._served.run("wake", "--as", OTHER)
        assert done.returncode == 0, done

    def wait_for_bell(self) -> None:
        """Return when an agent's bell is listened to."""
        until(self.is_waited, BEGIN_SECONDS, what="a bell that is listened to")

    def close(self) -> None:
        self._served.close()
