"""REST: the bridge's and the memory's verbs over HTTP, with an OpenAPI 3.1 document at /openapi.json.

Handlers are three lines: read, call the bridge, show. Errors travel as exceptions to the handlers here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from warmline import __version__
from warmline.app import Line
from warmline.configuration.reading import read
from warmline.daemon import Owner
from warmline.errors import WarmlineError
from warmline.interfaces.entrances import Tcp
from warmline.interfaces.instance import Instance
from warmline.interfaces.openai.rest import openai
from warmline.interfaces.openapi_document import OpenApiDocument
from warmline.interfaces.problem_responses import problem_response, shown
from warmline.interfaces.refusals import note_refusal
from warmline.interfaces.rest_agents import agents
from warmline.interfaces.rest_batches import batches, receiving
from warmline.interfaces.rest_conversations import conversations, mailboxes
from warmline.interfaces.rest_credentials import credentials
from warmline.interfaces.rest_legacy import legacy
from warmline.interfaces.rest_listeners import listeners
from warmline.interfaces.rest_memory import memory
from warmline.interfaces.rest_messages import dead_letters, messages
from warmline.interfaces.rest_questions import questions
from warmline.interfaces.rest_shared import AnyLine, By, problems
from warmline.interfaces.rest_store import store
from warmline.interfaces.views.agents import agent_view
from warmline.interfaces.views.daemon import HealthView, StatusView, stop_view
from warmline.interfaces.views.listeners import listener_view
from warmline.interfaces.views.mistakes import mistakes
from warmline.interfaces.views.problems import ProblemView
from warmline.operations.resident import resident_bytes

STOPS_SHOWN = timedelta(hours=24)

UNREADABLE = "the body is no JSON that can be read: send one object in UTF-8, with numbers and depths of human size"
"""The one thing that the framework itself answers 400 to, in words that help."""

health = APIRouter(tags=["daemon"])


@health.get("/healthz", responses={503: problems()[503]})
async def healthz() -> HealthView:
    """Say that the daemon lives; needs no credential."""
    return HealthView(version=__version__)


@health.get("/v1/status", responses=problems(403))
async def status(request: Request, by: By, line: AnyLine) -> StatusView:
    """Tell how the daemon, its line and its memory stand. Wants the right to administer."""
    owner: Owner = request.app.state.owner
    tcp: Tcp | None = request.app.state.tcp
    instance: Instance = request.app.state.instance
    since = datetime.now(UTC) - STOPS_SHOWN
    stops = await line.bridge.conversations.stops(by, since)
    stats = await line.memory.stats()
    said = await asyncio.to_thread(read, line.home.configuration)
    return StatusView(
        pid=owner.pid,
        version=owner.version,
        started_at=datetime.fromisoformat(owner.started_at),
        home=str(line.home.path),
        encrypted=line.is_encrypted,
        address=tcp.address if tcp else None,
        tls=tcp is not None and tcp.tls is not None,
        exposed=tcp is not None and tcp.is_exposed,
        listeners=[listener_view(each) for each in instance.listeners],
        listener_problems=len(instance.problems),
        closed_at_start=request.app.state.closed,
        messages=await line.bridge.questions.tally(),
        waiting=line.bridge.waiting,
        receiving=line.bridge.receiving,
        stops=[stop_view(stop) for stop in stops],
        broken=await line.bridge.questions.count_broken(since),
        agents=[agent_view(each) for each in line.agents.reports()],
        agent_problems=len(said.problems) + (said.trouble is not None),
        roots=stats.roots,
        files=stats.files,
        lines=stats.lines,
        rss_bytes=resident_bytes(),
    )


ROUTERS = (
    questions,
    conversations,
    messages,
    dead_letters,
    receiving,
    mailboxes,
    batches,
    credentials,
    memory,
    agents,
    listeners,
    legacy,
    openai,
    store,
    health,
)


def described() -> FastAPI:
    """Make the application with its routes, and nothing behind them."""
    api = FastAPI(
        title="Warmline",
        version=__version__,
        description="A durable line between coding agents.",
        redirect_slashes=False,
        docs_url=None,  # pages for a browser, which has no token to show
        redoc_url=None,
        openapi_url=None,  # FastAPI's own route writes the document out for each request
    )
    for router in ROUTERS:
        api.include_router(router)
    return api


def create_api(line: Line, owner: Owner, tcp: Tcp | None, instance: Instance, mcp: ASGIApp, *, closed: int) -> FastAPI:
    """Make the ASGI application of a running line. It checks no credential: that is the doors' work.

    closed is how many files and folders were closed to others when it started.
    """
    api = described()
    api.state.line, api.state.owner, api.state.tcp, api.state.closed = line, owner, tcp, closed
    api.state.instance = instance
    api.router.routes.append(Route("/mcp", mcp, include_in_schema=False))
    api.router.routes.append(Route("/openapi.json", OpenApiDocument().respond, include_in_schema=False))
    api.add_exception_handler(WarmlineError, _on_error)
    api.add_exception_handler(RequestValidationError, _on_invalid)
    api.add_exception_handler(HTTPException, _on_http)
    api.add_exception_handler(Exception, _on_bug)
    return api


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WarmlineError)  # noqa: S101  # registered for nothing else
    line: Line = request.app.state.line
    note_refusal(line.audit, request.scope, error)
    return problem_response(error, request.url.path)


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Say where the request is not of the operation's form, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    return _problem(request, 422, "Unprocessable Content", mistakes(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        error.headers = {"Allow": ", ".join(_allowed(request.url.path))}
    title = next((known.phrase for known in HTTPStatus if known == error.status_code), "HTTP error")
    detail = UNREADABLE if error.status_code == HTTPStatus.BAD_REQUEST else str(error.detail)
    return _problem(request, error.status_code, title, detail, error.headers)


async def _on_bug(request: Request, error: Exception) -> Response:  # the server logs it
    return _problem(request, 500, "Internal Server Error", "that is a mistake of the daemon's: its log tells more")


def _allowed(path: str) -> list[str]:
    """Return the methods of all routes of a path: the router knows only those of the first."""
    fitting = [
        route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.path_regex.match(path)
    ]
    return sorted(method for route in fitting if route.path == fitting[0].path for method in route.methods or ())


def _problem(
    request: Request, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    return shown(ProblemView(type="about:blank", title=title, status=status, detail=detail), request.url.path, headers)
