"""Waking Codex: `codex queue` puts a message behind a session's turns, and begins one when it is idle."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence

from warmline.errors import DaemonError, InvalidInputError

NO_EVENT = "this is no event that codex tells of: it is for its `notify` alone"

_SESSION = re.compile(r"[!-~]{1,200}")
"""An id of a session, which becomes a word of a command: today a UUID."""


def session_of(event: str) -> str | None:
    """Return the session of which Codex told its `notify` program, in JSON, that a turn is over; None of other events.

    Raises InvalidInputError.
    """
    try:
        said = json.loads(event)
        session = said["thread-id"] if said["type"] == "agent-turn-complete" else None
        is_right = session is None or _SESSION.fullmatch(session) is not None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(NO_EVENT) from error
    if not is_right:
        raise InvalidInputError(NO_EVENT)
    return session


def wake(program: str, sessions: Sequence[str], text: str, limit_seconds: float) -> str:
    """Queue the text for the first of these sessions that there still is, and return it. Raises DaemonError."""
    said = "no session of codex is known: name one with --session"
    for session in sessions:
        done = _queue(program, session, text, limit_seconds)
        if done.returncode == 0:
            return session
        said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it does not say why"])[-1]
    raise DaemonError(f"codex began no turn ({said}); the messages wait on, and the next wake tells of them")


def _queue(program: str, session: str, text: str, limit_seconds: float) -> subprocess.CompletedProcess[bytes]:
    command = [program, "queue", f"--thread={session}", f"--message={text}"]
    try:
        return subprocess.run(  # noqa: S603  # the program that the person named
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DaemonError(f"{program} did not take the wake: {error}") from error
