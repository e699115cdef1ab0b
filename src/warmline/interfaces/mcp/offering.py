"""A tool as it is offered: its name, what it wants, whether it only reads, and the function that does it.

What a model reads of it is the function's docstring, and the fields' descriptions of the form that it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Annotated, Any, Generic, TypeVar

import mcp_types as types
from mcp.server.context import ServerRequestContext
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from warmline.app import Line
from warmline.bridge.bridge import Bridge
from warmline.parties import Credential

Context = ServerRequestContext[Any, Request]
"""What the library hands to each of the server's functions; the HTTP request is in it."""

Result = TypeVar("Result")
Wanted = TypeVar("Wanted", bound="Arguments")

PROGRESS_SECONDS = 10.0
"""Between two signs of life: the least patient client gives up after sixty silent ones."""

MAX_WAIT_SECONDS = 50
"""Below that patience, for a client that hears of no progress."""

Wait = Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS, description="how many seconds to wait")]


class Arguments(BaseModel):
    """What a tool is given. What it does not know is refused: a model that guessed a name learns the right one."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool: who calls, on which line. check raises once the caller's credential is good no more."""

    line: Line
    by: Credential
    check: Callable[[], object]
    key: str | None
    """The call's own: one that comes again under it is the same call."""

    report: Callable[[float, str], Awaitable[None]]
    """Tells the client how many seconds have passed, and with what."""

    @property
    def bridge(self) -> Bridge:
        """The verbs."""
        return self.line.bridge

    async def patiently(self, work: Awaitable[Result], doing: str) -> Result:
        """Await the work, and tell the client now and then that it goes on. Cancelled, it ends the work."""
        task = asyncio.ensure_future(work)
        passed = 0.0
        try:
            while not (await asyncio.wait({task}, timeout=PROGRESS_SECONDS))[0]:
                passed += PROGRESS_SECONDS
                await self.report(passed, doing)
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})


@dataclass(frozen=True, slots=True)
class Offer(Generic[Wanted]):
    """A tool of the server."""

    form: type[Wanted]
    run: Callable[[Call, Wanted], Awaitable[str]]
    tool: types.Tool

    async def call(self, call: Call, arguments: dict[str, Any]) -> str:
        """Do it. Raises pydantic's ValidationError, or WarmlineError."""
        return await self.run(call, self.form.model_validate(arguments))


Offers = dict[str, Offer[Any]]


def offering(
    offers: Offers, form: type[Wanted], *, reads: bool = False
) -> Callable[[Callable[[Call, Wanted], Awaitable[str]]], Callable[[Call, Wanted], Awaitable[str]]]:
    """Offer the decorated function as a tool of its name. reads: it changes nothing.

    The hints say of what does not only read that it destroys nothing and reaches nobody but the line's own: a client
    that asks nobody lets it through then.
    """

    def offered(run: Callable[[Call, Wanted], Awaitable[str]]) -> Callable[[Call, Wanted], Awaitable[str]]:
        name = run.__name__
        hints = types.ToolAnnotations(
            title=name.replace("_", " ").capitalize(),
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=reads,
            open_world_hint=False,
        )
        schema = form.model_json_schema()
        schema.pop("title", None)
        schema.pop("description", None)
        tool = types.Tool(name=name, description=getdoc(run), input_schema=schema, annotations=hints)
        offers[name] = Offer(form, run, tool)
        return run

    return offered
