"""Which models there are: the memory, each agent that answers from it, and each participant that may be asked."""

from __future__ import annotations

from dataclasses import dataclass

from warmline.agents import EMBEDDED
from warmline.app import Line
from warmline.bridge import rights
from warmline.errors import ForbiddenError
from warmline.model import MEMORY_MAILBOX_NAME
from warmline.parties import Credential, Right

WARMLINE = "warmline"
"""The memory, as programs are told to call it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a model's name means: an agent, or a mailbox, or with neither the memory."""

    mailbox: str | None = None
    agent: str | None = None


def asked(model: str) -> Asked:
    """Read a model's name: `warmline`, `warmline/AGENT`, or a mailbox."""
    name, _, agent = model.partition("/")
    if name in {WARMLINE, MEMORY_MAILBOX_NAME}:
        return Asked(agent=agent or None)
    return Asked(mailbox=model)


async def models(line: Line, by: Credential) -> list[str]:
    """List the names."""
    if not rights.has(by, Right.ASK):
        return []
    found = [name for name in (WARMLINE, *_agents(line)) if _reaches(by, MEMORY_MAILBOX_NAME)]
    return [*found, *await line.bridge.conversations.askable(by)]


def _agents(line: Line) -> list[str]:
    return [f"{WARMLINE}/{name}" for name in (EMBEDDED, *(report.name for report in line.agents.reports()))]


def _reaches(by: Credential, name: str) -> bool:
    try:
        rights.check_reach(by, name)
    except ForbiddenError:
        return False
    return True
