"""Limits of the guardian, and of the agents whose programs it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmSettings:
    """Limits of the guardian and of the workers' programs."""

    guardian_start: timedelta = timedelta(seconds=10)
    """It needs 0.1 s, and up to `outlive` more when one before it left processes behind."""

    guardian_starts: int = 5
    """Tries in a row to start one after another was lost; a spawn then tries anew."""

    guardian_restart_delay: timedelta = timedelta(milliseconds=100)
    """Before the second try; doubles with each."""

    reply: timedelta = timedelta(seconds=5)
    """For each answer of the guardian: it waits for nothing itself, so longer means that it is stopped."""

    look: timedelta = timedelta(seconds=5)
    """Between two looks at the table of processes (20 us each). Only who clears its environment can hide in between."""

    look_without_subreaper: timedelta = timedelta(milliseconds=500)
    """There, a process whose parent died between two looks is lost."""

    kill_round: timedelta = timedelta(milliseconds=10)
    """Between two rounds of KILL: a process that forks in a loop is outrun, a core is not used up."""

    end_of_input: timedelta = timedelta(seconds=1)
    """After the end of its input, a worker that is idle leaves by itself within this."""

    grace: timedelta = timedelta(seconds=2)
    """From TERM to KILL: agents measured so far need 0.03 s."""

    last_grace: timedelta = timedelta(seconds=1)
    """From TERM to KILL when the daemon is gone: everything is to be ended 5 s later."""

    outlive: timedelta = timedelta(seconds=3)
    """How long a process may outlive SIGKILL (it waits for a disk or a dead mount) until it is given up and named."""

    stream_bytes: int = 16 * 1024 * 1024
    """Of what a worker wrote and nobody has read yet: from twice this on it has to wait. Some lines have megabytes."""

    subreaper: bool = True
    """False: do as on systems that have none."""

    cgroups: bool = True
    """Give each worker a cgroup where one can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Limits on how agents are kept and used. What each of them may be told otherwise stands in `AgentPlan`."""

    ahead: int = 128
    """Questions leased for agents and not yet being answered: among these the conversations take turns."""

    start: timedelta = timedelta(seconds=60)
    """For a program to start and be told its shard: 200,000 tokens take a slow model 30 s to read."""

    reply: timedelta = timedelta(seconds=5)
    """For what an agent does by itself, without its model: stop a turn, go back, tell its version."""

    max_line_bytes: int = 32 * 1024 * 1024
    """Of one line that an agent writes; one above this ends it. Lines of several megabytes were seen."""

    max_reply_bytes: int = 1024 * 1024
    """Of a model's reply: what any message may have, and twice what models write at most in one (128,000 tokens). To
    read a usual one of this length takes up to a second of a thread, and the worst that was tried ten."""

    probe: timedelta = timedelta(seconds=30)
    """Between two looks whether an idle worker lives."""

    intensity: int = 5
    """Restarts within `period`, with no answer in between, after which an agent is down."""

    period: timedelta = timedelta(minutes=1)
    """See `intensity`."""

    again: timedelta = timedelta(seconds=5)
    """Until an agent that is down is tried again; doubles each time, up to max_again."""

    max_again: timedelta = timedelta(minutes=5)
    """A provider that was gone for hours is found again soon after it is back."""

    max_rss_bytes: int = 1536 * 1024 * 1024
    """Of a worker, before it is replaced: five times what one needs that holds 800 KB."""

    max_age: timedelta = timedelta(hours=12)
    """Of a worker, before it is replaced, so that what wears out slowly never shows."""

    max_questions: int = 5_000
    """Answered by one worker, before it is replaced."""

    max_idle: timedelta = timedelta(hours=1)
    """Without a question, after which even the last worker of an agent ends; the next question starts one."""

    shrink: timedelta = timedelta(minutes=5)
    """Without need of it, after which a worker beyond the least number ends."""

    worker_bytes: int = 512 * 1024 * 1024
    """What a worker is taken to need before one was seen: without so much free memory none is started."""

    workers_per_core: int = 4
    """Of all agents together: they wait for their models, but to read a long prompt costs a core."""

    room: timedelta = timedelta(seconds=5)
    """Until the machine is looked at again when it had no room for a worker that is wanted: it tells nobody."""

    end: timedelta = timedelta(seconds=15)
    """For a worker to be ended. The guardian says after 7 s what it could not end, and goes on trying."""

    returns: int = 3
    """How often an agent may fail at one question and answer another one next, until the question is to blame."""
