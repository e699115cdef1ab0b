"""`wake`: wait until messages lie ready for a client, take none of them, and say so, or wake the client.

Agents' programs start it when a turn ends (`connect --wake` has them do so), so it is as light as the relay, and ends
with the agent.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.arguments import add_json, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, show_json

if TYPE_CHECKING:
    from warmline.home import Home
    from warmline.operations.wake.diary import Diary
    from warmline.operations.wake.habits import Habits, Quiet
    from warmline.operations.wake.waking import Wake, Waker

EXIT_NOTHING = 4
"""Somebody waits for this agent already, or the agent has ended: as `inbox` has it when nothing comes."""

ATTENDED_VARIABLE = "CLAUDE_CODE_SESSION_ATTENDED"
"""0 where no person sits before Claude Code: its program waits up to 30 s for hooks before it ends."""

ANYWAY_VARIABLE = "WARMLINE_WAKE"

VIA = ("codex", "opencode")
SERVER = "http://127.0.0.1:4096"
"""Where opencode listens that was told nothing else."""


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    wake = commands.add_parser("wake", description=_wake.__doc__)
    wake.add_argument("--as", dest="name", metavar="NAME", required=True, help="whose: a client of `warmline connect`")
    add_habits(wake)
    wake.add_argument("--agent", type=whole(1, 2**31 - 1), metavar="PID", help="end when this process does")
    wake.add_argument("--via", choices=VIA, help="have that program begin the turn, and wait again")
    wake.add_argument("--once", action="store_true", help="with --via: end after the first wake")
    wake.add_argument("--session", metavar="ID", help="with --via: which (the one of the newest turn)")
    wake.add_argument("--server", metavar="URL", default=SERVER, help=f"of opencode, on this machine ({SERVER})")
    wake.add_argument("--program", metavar="PATH", default="codex", help="codex, where it is not on the path")
    wake.add_argument("event", nargs="?", metavar="EVENT", help="what codex tells its `notify` program, as JSON")
    add_json(wake)
    wake.set_defaults(run=_wake)


def add_habits(parser: argparse.ArgumentParser) -> None:
    """Add when, and how often, an agent may be woken."""
    parser.add_argument("--quiet", type=_quiet, metavar="HOURS", help="wake nobody then, by your clock: 22:00-07:00")
    parser.add_argument("--per-hour", type=whole(1, 3600), metavar="N", help="at most so many wakes an hour (12)")
    parser.add_argument("--per-day", type=whole(1, 10_000), metavar="N", help="at most so many within 24 hours (60)")


def _wake(options: argparse.Namespace) -> int:
    """Wait until messages lie ready for a client, and print how many; they stay where they are, unread.

    One wake for a burst, none in quiet hours, and never more than the budget, which outlives restarts. Exit code 0:
    it is time to wake the agent. 4: somebody waits for this agent already, it has ended, or nobody sits before it
    (WARMLINE_WAKE=1 waits all the same). 1 and 2: it cannot wait, and says why.
    """
    from warmline.home import find_home
    from warmline.interfaces.cli.client import token_of
    from warmline.interfaces.cli.leaving import leave_with
    from warmline.operations.wake.diary import Diary

    if os.environ.get(ATTENDED_VARIABLE) == "0" and os.environ.get(ANYWAY_VARIABLE) != "1":
        return EXIT_NOTHING
    home = find_home(options.home)
    token, diary = token_of(home, options.name), Diary(home, options.name)
    if options.event is not None:
        _take_event(options, diary)
        return EXIT_NOTHING
    if options.via == "opencode":
        from warmline.interfaces.cli import wake_opencode

        wake_opencode.place_of(options.server)  # now, and not with the first message
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})  # by which Linux tells of a new file; for all threads
    leave_with(options.agent, EXIT_NOTHING)
    with diary.alone(options.agent or os.getpid()) as is_alone:
        if not is_alone:
            return EXIT_NOTHING
        waker = _waker(options, home, diary, token)
        while True:
            wake = waker.next_wake()
            if options.via is None:
                _tell(wake, as_json=options.json)
                return 0
            _deliver(options, diary, str(wake))
            if options.once:
                return 0


def _tell(wake: Wake, *, as_json: bool) -> None:
    if as_json:
        show_json({"count": wake.count, "held": wake.was_held, "text": str(wake)})
    else:
        print(wake)


def _waker(options: argparse.Namespace, home: Home, diary: Diary, token: str) -> Waker:
    from warmline.interfaces.cli.bell import MailboxBell
    from warmline.operations.wake.waking import Waker

    habits = _habits(options)
    bell = MailboxBell(home, options.name, token, habits.limits)
    return Waker(bell, diary, habits, now=_now, pause=_pause)


def _habits(options: argparse.Namespace) -> Habits:
    from dataclasses import replace

    from warmline.operations.wake.habits import Habits
    from warmline.settings.wake import WakeSettings

    usual = WakeSettings()
    limits = replace(usual, per_hour=options.per_hour or usual.per_hour, per_day=options.per_day or usual.per_day)
    return Habits(quiet=options.quiet, limits=limits)


def _take_event(options: argparse.Namespace, diary: Diary) -> None:
    """Note which session told that its turn is over, and begin anew without its words: others see a command's.

    Returns only when its program has ended already.
    """
    from warmline.interfaces.cli.wake_codex import session_of

    if options.via != "codex":
        raise InvalidInputError("only codex tells of an event: leave it away")
    session = session_of(options.event)
    if session is not None:
        diary.note_session(session)
    agent = options.agent or _starter()
    if agent is not None:
        words = [word for word in sys.orig_argv if word != options.event]
        os.execv(sys.executable, [*words, "--agent", str(agent)])  # noqa: S606  # this very command


def _starter() -> int | None:
    """Return the process that started this one; None when it has ended: who adopts this is of another group."""
    parent = os.getppid()
    try:
        return parent if os.getpgid(parent) == os.getpgrp() else None
    except ProcessLookupError:
        return None


def _deliver(options: argparse.Namespace, diary: Diary, text: str) -> None:
    """Have the agent begin a turn. What was not delivered is told with the next wake. Raises DaemonError."""
    from warmline.interfaces.cli import wake_codex, wake_opencode
    from warmline.settings.wake import WakeSettings

    limit = WakeSettings().delivery_limit.total_seconds()
    if options.via == "opencode":
        woken = wake_opencode.wake(options.server, options.session, text, limit)
    else:
        sessions = [options.session] if options.session else list(diary.read().sessions)
        woken = wake_codex.wake(options.program, sessions, text, limit)
    hint(f"woken: {woken}")


def _quiet(text: str) -> Quiet:
    from warmline.operations.wake.habits import Quiet

    try:
        return Quiet.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _pause(duration: timedelta) -> None:
    time.sleep(duration.total_seconds())
