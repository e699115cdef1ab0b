"""The daemon as the outside sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from warmline.interfaces.views.agents import AgentView
from warmline.interfaces.views.listeners import ListenerView
from warmline.model import State
from warmline.parties import Stop, StopKind


class StopView(BaseModel):
    """A runaway that was stopped."""

    kind: StopKind
    conversation: str
    participant: str
    first_at: datetime
    last_at: datetime
    refusals: int


class StatusView(BaseModel):
    """The daemon and its line."""

    pid: int
    version: str
    started_at: datetime
    home: str
    encrypted: bool = Field(description="whether messages, archive and index are encrypted on the disk")
    address: str | None = Field(description="the TCP address it listens on, if any")
    tls: bool = Field(description="whether all is TLS over TCP")
    exposed: bool = Field(description="whether other machines reach the address and may speak without TLS")
    listeners: list[ListenerView] = Field(description="where programs connect and speak lines")
    listener_problems: int = Field(description="places that could not be opened at the start: see /v1/listeners")
    closed_at_start: int = Field(
        description="files and folders of the home that had rights for others, and have none now"
    )
    messages: dict[State, int] = Field(description="how many deliveries stand in each state")
    waiting: int = Field(description="callers that wait now: for an answer, for messages, for changes")
    receiving: int = Field(description="of which for messages")
    stops: list[StopView] = Field(description="loops and floods that were stopped in the last 24 hours, latest first")
    broken: int = Field(description="messages not handed over in the last 24 hours because they are not intact")
    agents: list[AgentView]
    agent_problems: int = Field(description="in the file that names agents: see /v1/agents")
    roots: int
    files: int
    lines: int
    rss_bytes: int


class HealthView(BaseModel):
    """That it lives."""

    status: Literal["ok"] = "ok"
    version: str


def stop_view(stop: Stop) -> StopView:
    """Show a runaway that was stopped."""
    return StopView(
        kind=stop.kind,
        conversation=stop.conversation,
        participant=stop.participant,
        first_at=stop.first_at,
        last_at=stop.last_at,
        refusals=stop.refusals,
    )
