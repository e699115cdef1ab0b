"""A desk that answers from what it was told, holds questions until the test lets them go, and knows one token."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

from warmline.errors import IdempotencyConflictError, UnauthorizedError, UnknownMessageError
from warmline.listen.messages import Asked, Cancel, Cancelled, Collect, Progress, Query, Reply, Response, Text, Ticket
from warmline.model import ConversationId, CredentialId, Outcome, State
from warmline.parties import Credential, Right

TOKEN = "f" * 64


def credential(name: str) -> Credential:
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Credential(CredentialId(name), name, ConversationId("conv"), frozenset(Right), made_at)


class AskingDesk:
    """Answers `echo TEXT` by the text, `size N` by N letters, `hold NAME` when the test says, and `bug` not at all."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.answered: list[str] = []
        self.revoked = False
        self.takes = asyncio.Event()
        self.takes.set()
        self._at_once = 0
        self._tickets = itertools.count()
        self._kept: dict[tuple[str, object], tuple[str, Response]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()

    def admit(self, token: str | None) -> Credential:
        if token is None:
            return credential("guest")
        if token != TOKEN or self.revoked:
            raise UnauthorizedError("that is no credential of this line")
        return credential("owner")

    def check(self, by: Credential) -> None:
        if self.revoked and by.name != "guest":
            raise UnauthorizedError("that credential was revoked")

    async def answer(
        self, by: Credential, request: Asked, say: Callable[[Reply], None], taken: Callable[[], None]
    ) -> Reply:
        self._at_once += 1
        async with self._changed:
            self.asked.append(request)
            self._changed.notify_all()
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.takes.wait()
            taken()
            match request:
                case Query():
                    return await self._query(by, request, say)
                case Collect():
                    return self._collect(request)
                case Cancel():
                    return Cancelled(request.ticket)
        finally:
            self._at_once -= 1
            async with self._changed:
                self._changed.notify_all()

    def let_go(self, name: str) -> None:
        self._gate(name).set()

    async def until_asked(self, count: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def until_idle(self) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: self._at_once == 0)

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def _query(self, by: Credential, query: Query, say: Callable[[Reply], None]) -> Reply:
        kept = self._kept.get((by.name, query.id)) if query.id is not None else None
        if kept is None:
            return await self._ask(by, query, say)
        if kept[0] != query.question:
            raise IdempotencyConflictError("this id was used for another question: choose a new one")
        return kept[1]

    async def _ask(self, by: Credential, query: Query, say: Callable[[Reply], None]) -> Reply:
        ticket = f"T{next(self._tickets)}"
        if query.progress:
            say(Progress(ticket, State.READY))
        verb, _, rest = query.question.partition(" ")
        if verb == "hold":
            if query.wait == 0:
                return Ticket(ticket, State.READY)
            await self._gate(rest).wait()
        if verb == "bug":
            raise RuntimeError("a fault")
        text = "a" * int(rest) if verb == "size" else rest or query.question
        if query.stream:
            say(Text(ticket, 1, 0, text[: len(text) // 2]))
        response = Response(text, ticket, Outcome.ANSWERED, by.name, ("notes/a.md:1-2",))
        if query.id is not None:
            self._kept[by.name, query.id] = query.question, response
        self.answered.append(query.question)
        return response

    def _collect(self, request: Collect) -> Reply:
        for _, response in self._kept.values():
            if response.ticket == request.ticket:
                return response
        raise UnknownMessageError("there is no question with this ticket")
