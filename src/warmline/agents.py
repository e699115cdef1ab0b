"""Agents as nouns: which there are to be, as their configuration says, and how they stand.

An *agent* is a configured program that answers from the memory; a *worker* is one process of it, kept warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path

from warmline.model import Outcome

EMBEDDED = "extractive"
"""The answerer that is always there, and is no agent: no agent is called so."""

PASSAGES_SHARE = 0.25
"""Of the window: the most that the passages of a question take, which otherwise may be one line of a megabyte."""

LEAST_BYTES_PER_TOKEN = 2
"""Of any text that people write; of English it is about 4."""

MAX_SHARD_TOKENS = 200_000
"""Of what one warm agent holds: beyond this models find less of it."""

SHARD_SHARE = 0.7
"""Of a model's window: the rest is for its own rules, the question, and the answer."""


@unique
class AgentKind(StrEnum):
    """Which program it is, and so how it is spoken to."""

    CLAUDE = "claude"


@unique
class Mode(StrEnum):
    """Where an agent has the memory from: told once and kept (a shard's whole text), or passages with each question."""

    RESIDENT = "resident"
    RECALLED = "recalled"


@unique
class AgentState(StrEnum):
    """How an agent stands. Down: it failed too often, and is tried again later. Drained: it is given nothing."""

    STARTING = "starting"
    UP = "up"
    RESTING = "resting"
    DOWN = "down"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """One agent, as `warmline.toml` has it.

    program is an absolute path. memories names the roots that it may hold and answer from, None all. key_file holds the
    key that its provider wants and nothing else (0600); without one the program's own login is used, from user_home.
    environment is added to what every worker has, and holds no secret. tools are those that it may use; folder is
    where it works, None: an empty one of its own.
    """

    name: str
    program: Path
    kind: AgentKind = AgentKind.CLAUDE
    mode: Mode = Mode.RESIDENT
    model: str | None = None
    base_url: str | None = None
    key_file: Path | None = None
    user_home: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    folder: Path | None = None
    memories: tuple[str, ...] | None = None
    window_tokens: int = 200_000
    """Of the model. A resident shard takes a share of it: `shard_tokens`."""
    min_workers: int = 1
    max_workers: int = 2
    turn_limit: timedelta = timedelta(minutes=2)
    """For one try at a question; its deadline may end it sooner."""
    drained: bool = False

    @property
    def shard_tokens(self) -> int:
        """How much of the memory a worker holds at most, when it is resident."""
        return min(MAX_SHARD_TOKENS, int(self.window_tokens * SHARD_SHARE))

    @property
    def passages_bytes(self) -> int:
        """How much of passages goes with a question at most, in UTF-8: so shard, passages and answer have room."""
        return int(self.window_tokens * PASSAGES_SHARE * LEAST_BYTES_PER_TOKEN)

    @property
    def provider(self) -> str:
        """The host that the texts go to: the memory it holds, and every question put to it."""
        return (self.base_url or "https://api.anthropic.com").partition("://")[2].partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What `warmline.toml` says. problems holds a line for each agent that cannot be used, by its name."""

    agents: tuple[AgentPlan, ...] = ()
    fallback: bool = False
    """Whether `extractive` answers while every agent is down."""
    problems: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None
    """Why nothing of it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """One process of an agent."""

    pid: int
    started_at: datetime
    mode: Mode
    is_busy: bool
    questions: int
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """How an agent stands. traits tell what was found out at its start: version, how it becomes fresh, and so on.

    reason says why it is down, resting or starting again; again_at when it is tried again.
    """

    name: str
    kind: AgentKind
    mode: Mode
    provider: str
    state: AgentState
    reason: str | None = None
    since: datetime | None = None
    again_at: datetime | None = None
    waiting: int = 0
    answered: int = 0
    failed: int = 0
    restarts: int = 0
    recycled: int = 0
    resident_tokens: int = 0
    resident_files: int = 0
    left_out: int = 0
    """Files of its memories that the shard has no room for; they are recalled with each question."""
    traits: Mapping[str, str] = field(default_factory=dict)
    workers: tuple[WorkerReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Tested:
    """How a trial came out. ok: the agent replied, whatever it said; reason says why it did not."""

    ok: bool
    outcome: Outcome | None
    text: str | None
    took_ms: float
    reason: str | None = None
