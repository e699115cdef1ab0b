"""A small instance as a process of its own, whose questions outlive it. Usage: URL FOLDER [TOKEN].

It says `ready URL` on its standard output, and leaves when its standard input ends. A question is a verb and its words:
echo TEXT, size N (letters), stream TEXT, refuse CLASS, strange, hold NAME (until somebody asks `free NAME`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from warmline import errors
from warmline.errors import IdempotencyConflictError, RateLimitedError, UnauthorizedError, UnknownMessageError
from warmline.listen.addresses import parse_address
from warmline.listen.listeners import Listeners
from warmline.listen.messages import (
    Asked,
    Cancel,
    Cancelled,
    Cited,
    Collect,
    Problem,
    Progress,
    Query,
    Reply,
    Response,
    Text,
    Ticket,
)
from warmline.model import CitationStatus, ConversationId, CredentialId, Outcome, State
from warmline.parties import Credential, Right
from warmline.settings import ListenSettings

ASKED = "asked.jsonl"
"""In the folder: what was asked, once each, a JSON object a line."""

CITATION = Cited("notes/a.md", 3, 4, "the words", CitationStatus.VERIFIED)


class LastingDesk:
    """Notes each question before anything is said of it, and answers it from the note alone."""

    def __init__(self, folder: Path, token: str | None) -> None:
        self._asked = folder / ASKED
        self._token = token
        self._questions: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._free: dict[str, asyncio.Event] = {}
        if self._asked.exists():
            for line in self._asked.read_text(encoding="utf-8").splitlines():
                self._remember(**json.loads(line))

    def admit(self, token: str | None) -> Credential:
        if token != self._token:
            raise UnauthorizedError("that is no credential of this line")
        made_at = datetime(2026, 1, 1, tzinfo=UTC)
        return Credential(CredentialId("C1"), "caller", ConversationId("conv"), frozenset(Right), made_at)

    def check(self, by: Credential) -> None:
        """Nobody is ever revoked here."""

    async def answer(
        self, by: Credential, request: Asked, say: Callable[[Reply], None], taken: Callable[[], None]
    ) -> Reply:
        taken()
        match request:
            case Query(question=question):
                ticket = self._note(question, json.dumps(request.id))
            case Collect(ticket=ticket):
                if ticket not in self._questions:
                    raise UnknownMessageError("there is no question with this ticket")
            case Cancel(ticket=ticket):
                return Cancelled(ticket)
        if request.progress:
            say(Progress(ticket, State.READY))
        try:
            async with asyncio.timeout(request.wait):
                return await self._reply(ticket, by.name, say if request.stream else _nobody)
        except TimeoutError:
            return Ticket(ticket, State.READY)

    def _note(self, question: str, name: str) -> str:
        ticket = self._names.get(name)
        if ticket is None:
            ticket = f"T{len(self._questions)}"
            noted = {"name": name, "ticket": ticket, "question": question}
            with self._asked.open("a", encoding="utf-8") as file:
                file.write(json.dumps(noted) + "\n")
            self._remember(**noted)
        if self._questions[ticket] != question:
            raise IdempotencyConflictError("this id was used for another question: choose a new one")
        return ticket

    def _remember(self, name: str, ticket: str, question: str) -> None:
        self._names[name] = ticket
        self._questions[ticket] = question

    async def _reply(self, ticket: str, author: str, say: Callable[[Reply], None]) -> Reply:
        verb, _, words = self._questions[ticket].partition(" ")
        text = words
        match verb:
            case "size":
                text = "a" * int(words)
            case "stream":
                for offset, letter in enumerate(words):
                    say(Text(ticket, 1, offset, letter))
            case "refuse":
                raise _error(words, ticket)
            case "strange":
                return Problem("out_of_tea", "there is no tea")
            case "hold":
                say(Text(ticket, 1, 0, "so far"))
                await self._gate(words).wait()
            case "free":
                self._gate(words).set()
            case _:
                pass
        return Response(text, ticket, Outcome.ANSWERED, author, ("notes/a.md:3-4",), (CITATION,))

    def _gate(self, name: str) -> asyncio.Event:
        return self._free.setdefault(name, asyncio.Event())


def _error(name: str, ticket: str) -> errors.WarmlineError:
    kind: type[errors.WarmlineError] = getattr(errors, name)
    if issubclass(kind, errors.UnansweredError):
        return kind("as it was told to", ticket)
    if issubclass(kind, RateLimitedError):
        return kind("as it was told to", 7.5)
    return kind("as it was told to")


def _nobody(_reply: Reply) -> None:
    """Listens."""


async def serve(url: str, folder: Path, token: str | None) -> None:
    listeners = Listeners(LastingDesk(folder, token), ListenSettings())
    opened = listeners.open(parse_address(url), needs_token=token is not None)
    sys.stdout.write(f"ready {opened.address}\n")
    sys.stdout.flush()
    running = asyncio.create_task(listeners.run())
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
