"""`instance ask`: ask as another program would, over a listener."""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from warmline.errors import DaemonError, DisconnectedError, FailedError, ForbiddenError, InvalidInputError, PendingError
from warmline.interfaces.cli.answers import EXIT_CODES, EXIT_FAILED, show_answer
from warmline.interfaces.cli.arguments import add_fenced, add_json, duration, is_fenced, memory_path, spoken
from warmline.interfaces.cli.ask import writing_for
from warmline.interfaces.cli.output import complain, hint, one_line, show_json, tell_masked

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client
    from warmline.interfaces.cli.writing import Writing
    from warmline.listen.messages import Response

VIAS = ("tcp", "unix", "fifo", "shm")
"""Those of listen.addresses.Via, which takes longer to import than the rest of a command."""

PATIENCE = timedelta(minutes=2)

OPEN_BY = {
    "tcp": "--tcp 127.0.0.1:9999 --no-token",
    "unix": "--unix PATH",
    "fifo": "--fifo PATH",
    "shm": "--shm NAME",
}


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `instance`."""
    ask = verbs.add_parser("ask", help="ask as another program would", description=_ask.__doc__)
    ask.add_argument("question", nargs="+", help="the question; - reads it from standard input")
    ask.add_argument("--via", choices=VIAS, metavar="KIND", help=f"by which transport: {', '.join(VIAS)} (any)")
    ask.add_argument("--address", metavar="URL", help="of which instance (the home's own daemon)")
    ask.add_argument(
        "--wait", type=duration, metavar="TIME", default=PATIENCE, help="your patience: 30, 5m; 0 returns a ticket (2m)"
    )
    ask.add_argument("--deadline", type=duration, metavar="TIME", help="how long an answer is of use: 5m (10m)")
    ask.add_argument("--agent", metavar="NAME", help="who is to answer, and nobody else (any agent)")
    ask.add_argument("--file", metavar="PATH", help="a file of the memory to answer from, and from nothing else")
    ask.add_argument("--id", metavar="ID", help="names the question: the same id and question are the same ticket")
    add_fenced(ask)
    add_json(ask)
    ask.set_defaults(run=_ask)


def _ask(options: argparse.Namespace) -> int:
    """Ask over a listener that is open, and wait for the answer. Exit codes are those of `ask`.

    You speak as a guest where no token is needed, else as the owner; by WARMLINE_TOKEN always as whose token that is.
    No token but that one is shown to an --address.
    """
    question = spoken(options.question)
    address, token = _whom(options)
    began = time.monotonic()
    writing = writing_for(options)
    try:
        response = _response(options, question, address, token, writing)
    except PendingError as pending:
        return _show_ticket(pending, address, options, writing)
    except FailedError as failed:
        return _show_failure(failed, address, options, writing)
    took_ms = (time.monotonic() - began) * 1000
    tell_masked(response.redacted)
    if options.json:
        show_json(_told(response) | {"address": address, "took_ms": round(took_ms, 3)})
        return EXIT_CODES.get(response.outcome, EXIT_FAILED)
    shown = writing.shown if writing else ""
    return show_answer(_view(response, took_ms), as_json=False, fenced=is_fenced(options), shown=shown)


def _response(
    options: argparse.Namespace, question: str, address: str, token: str | None, writing: Writing | None
) -> Response:
    """Ask and wait. Who has enough, or loses the instance, is told the ticket."""
    from warmline.listen.client import connect

    tickets: list[str] = []
    try:
        with connect(address, token=token) as line:
            return line.ask(
                question,
                wait=options.wait.total_seconds(),
                deadline=options.deadline and options.deadline.total_seconds(),
                agent=options.agent,
                context_file=options.file and memory_path(options.file),
                id=options.id,
                on_text=(lambda said: writing.more(said._asdict())) if writing else None,
                on_progress=lambda progress: tickets.append(progress.ticket),
            )
    except (KeyboardInterrupt, DisconnectedError):
        _end_line(writing)
        if tickets:
            hint(f"the question stays on the line: come back with `warmline ticket {tickets[0]} --wait 30`")
        raise


def _whom(options: argparse.Namespace) -> tuple[str, str | None]:
    """Return where to ask, and with which token. Raises InvalidInputError, or DaemonError when nothing is open."""
    from warmline.interfaces.cli.client import TOKEN_VARIABLE, client_for

    if options.address is None:
        client = client_for(options.home)
        listener = _open_listener(client, options.via)
        wants = listener["needs_token"] or TOKEN_VARIABLE in os.environ
        return listener["address"], client.token() if wants else None
    via = options.address.partition("://")[0]
    if options.via not in {None, via}:
        raise InvalidInputError(f"{one_line(options.address)} is not reached via {options.via}: leave one of them out")
    token = os.environ.get(TOKEN_VARIABLE)
    return options.address, token or None


def _open_listener(client: Client, via: str | None) -> dict[str, Any]:
    try:
        found: list[dict[str, Any]] = client.call("GET", "/v1/listeners")["listeners"]
    except ForbiddenError as error:
        raise ForbiddenError(f"{error}; or name the listener by --address") from error
    fitting = [each for each in found if via in {None, each["via"]}]
    if not fitting:
        how = OPEN_BY[via or "unix"]
        raise DaemonError(f"nothing is open{f' via {via}' if via else ''}: `warmline instance open {how}`")
    return fitting[0]


def _show_ticket(pending: PendingError, address: str, options: argparse.Namespace, writing: Writing | None) -> int:
    if options.json:
        show_json({"ticket": pending.ticket, "outcome": None, "answer": None, "address": address})
    else:
        _end_line(writing)
        print(pending.ticket)
        hint(f"no answer yet: come back with `warmline ticket {pending.ticket} --wait 30`")
    return EXIT_CODES[None]


def _show_failure(failed: FailedError, address: str, options: argparse.Namespace, writing: Writing | None) -> int:
    if options.json:
        ended = {"ticket": failed.ticket, "outcome": "failed", "answer": None, "error": str(failed)}
        show_json(ended | {"address": address})
    else:
        _end_line(writing)
        complain(str(failed))
        hint(f"ticket {failed.ticket}")
    return EXIT_FAILED


def _end_line(writing: Writing | None) -> None:
    if writing is not None:
        writing.end_line()


def _told(response: Response) -> dict[str, Any]:
    """Return a response as its line has it."""
    return {
        "ticket": response.ticket,
        "outcome": response.outcome,
        "answer": response.text,
        "sources": list(response.sources),
        "author": response.author,
        "citations": [each._asdict() for each in response.citations],
        "in_place_of": response.in_place_of,
        "redacted": list(response.redacted),
    }


def _view(response: Response, took_ms: float) -> dict[str, Any]:
    """Return a response as REST shows an answer; nobody vouches here for who wrote it."""
    return {
        "id": response.ticket,
        "outcome": response.outcome,
        "text": response.text,
        "citations": [each._asdict() | {"redacted": False} for each in response.citations],
        "author": response.author,
        "in_place_of": response.in_place_of,
        "trust": "unknown",
        "timings_ms": {"total": took_ms},
        "intact": True,
    }
