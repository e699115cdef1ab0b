"""REST for agents, which are the owner's: how they stand, and having them read anew, tried and started anew.

No request names a program, a file or an environment: only who can write `warmline.toml` says what is run.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request

from warmline.agents import AgentReport
from warmline.app import Line
from warmline.configuration.keys import MAX_NAME_CHARACTERS
from warmline.configuration.reading import read
from warmline.errors import ConflictError, UnknownAgentError
from warmline.interfaces.rest_shared import ADMINISTERS, AnyLine, By, problems, while_connected
from warmline.interfaces.views.agents import AgentsView, AgentView, TestedView, agent_view, agents_view, tested_view

agents = APIRouter(prefix="/v1/agents", tags=["agents"], dependencies=[ADMINISTERS])

Which = Annotated[
    str, Path(alias="name", max_length=MAX_NAME_CHARACTERS, description="as the file `warmline.toml` has it")
]


@agents.get("", responses=problems(403))
async def list_agents(line: AnyLine) -> AgentsView:
    """Tell how all agents stand, and what is wrong in the file that names them, as it is now."""
    said = await asyncio.to_thread(read, line.home.configuration)
    return agents_view(line.agents.reports(), said, str(line.home.configuration))


@agents.post("/reload", responses=problems(403, 507))
async def reload_agents(by: By, line: AnyLine) -> AgentsView:
    """Read the file anew. Agents that are as they were go on; a file that cannot be read changes nothing."""
    said = await line.reload_agents()
    await line.audited("reload_agents", by.id, None)
    return agents_view(line.agents.reports(), said, str(line.home.configuration))


@agents.get("/{name}", responses=problems(403, 404, 409))
async def get_agent(name: Which, line: AnyLine) -> AgentView:
    """Tell how one agent stands."""
    return agent_view(await _report(line, name))


@agents.post("/{name}/test", responses=problems(403, 404, 409, 507))
async def test_agent(request: Request, name: Which, by: By, line: AnyLine) -> TestedView:
    """Put one question to the agent itself, past the line, and tell how it came out."""
    await _report(line, name)
    await line.audited("test_agent", by.id, name)
    return tested_view(await while_connected(request, line.agents.test(name)))


@agents.post("/{name}/restart", responses=problems(403, 404, 409, 507))
async def restart_agent(name: Which, by: By, line: AnyLine) -> AgentView:
    """Replace the agent's workers, each by one that starts first. One that is down is tried at once."""
    await _report(line, name)
    await line.agents.restart(name)
    await line.audited("restart_agent", by.id, name)
    return agent_view(await _report(line, name))


async def _report(line: Line, name: str) -> AgentReport:
    """Return how an agent stands. Raises UnknownAgentError, or ConflictError when the file has one that is unusable."""
    try:
        return line.agents.report(name)
    except UnknownAgentError:
        said = await asyncio.to_thread(read, line.home.configuration)
        if problem := said.trouble or said.problems.get(name):
            raise ConflictError(f"the agent {name!a} cannot be used: {problem}") from None
        raise
