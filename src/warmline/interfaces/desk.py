"""The desk: answers what is asked over listeners, by the bridge. Satisfies listen.seam.Desk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from warmline.bridge.bridge import Bridge
from warmline.bridge.hearings import Hearing
from warmline.errors import (
    FailedError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    StoreClosedError,
    UnauthorizedError,
    WarmlineError,
)
from warmline.ids import parse_message_id
from warmline.interfaces.views.questions import is_intact, reason_without_answer
from warmline.listen.messages import (
    Asked,
    Cancel,
    Cancelled,
    Cited,
    Collect,
    Id,
    Progress,
    Query,
    Reply,
    Response,
    Text,
    Ticket,
)
from warmline.model import ENDED, MessageId, Outcome, Question
from warmline.parties import Credential
from warmline.protocols import UNKNOWN, AuditLog, Clock, Refusal
from warmline.settings import Settings
from warmline.verdict import TRUE

ENTER = "enter a listener"
"""How the audit calls what a wrong token tried."""

HEAR = "hear an answer"
"""How it calls what one tried whose credential was revoked while it waited."""

Say = Callable[[Reply], None]


class LineDesk:
    """Answers by a running line. One that leaves lets all waits return, with tickets, and takes nothing new."""

    def __init__(self, bridge: Bridge, audit: AuditLog, clock: Clock, settings: Settings) -> None:
        self._bridge = bridge
        self._questions = bridge.questions
        self._audit = audit
        self._clock = clock
        self._limits = settings.bridge
        self._settings = settings.listen

    def admit(self, token: str | None) -> Credential:
        """Return who speaks. Raises UnauthorizedError."""
        try:
            if token is None:
                return self._bridge.guests.authenticate()
            return self._bridge.credentials.authenticate(token)
        except UnauthorizedError as refusal:
            self._note(UNKNOWN, ENTER, refusal)
            raise

    def check(self, by: Credential) -> None:
        """Raises UnauthorizedError when who was admitted speaks no more."""
        try:
            self._bridge.credentials.check(by)
        except UnauthorizedError as refusal:
            self._note(by.id, HEAR, refusal)
            raise

    async def answer(self, by: Credential, request: Asked, say: Say, taken: Callable[[], None]) -> Reply:
        """Answer. Raises WarmlineError; FailedError when a question ended without an answer."""
        try:
            match request:
                case Query():
                    return await self._ask(by, request, say, taken)
                case Collect():
                    taken()
                    return await self._collected(by, parse_message_id(request.ticket), request, say)
                case Cancel():
                    self._check_stays()
                    cancelled = await self._questions.cancel(by, parse_message_id(request.ticket))
                    return Cancelled(cancelled.message.id)
        except ForbiddenError as refusal:
            self._note(by.id, type(request).__name__.lower(), refusal)
            raise

    async def _ask(self, by: Credential, query: Query, say: Say, taken: Callable[[], None]) -> Reply:
        self._check_stays()
        patience = self._patience(query.wait)
        try:
            accepted = await self._questions.ask(
                by,
                query.question,
                agent=query.agent,
                context_file=query.context_file,
                idempotency_key=self._key(query.id),
                deadline_at=self._deadline(query.deadline),
            )
        except IdempotencyConflictError as error:
            raise IdempotencyConflictError(
                "another question was asked under this `id`: choose a new one for each question, such as a UUID"
            ) from error
        taken()
        question = accepted.question
        if query.progress:
            say(Progress(question.message.id, question.delivery.state))
        if accepted.created and not patience:
            return Ticket(question.message.id, question.delivery.state)
        if patience and question.delivery.state not in ENDED:
            question = await self._ended(by, question, query, patience, say)
        return _reply(question, accepted.redacted)

    async def _collected(self, by: Credential, ticket: MessageId, request: Collect, say: Say) -> Reply:
        patience = self._patience(request.wait)
        question = await self._questions.get(by, ticket)
        if request.progress:
            say(Progress(ticket, question.delivery.state))
        if question.delivery.state not in ENDED:
            question = await self._ended(by, question, request, patience, say)
        return _reply(question)

    async def _ended(
        self, by: Credential, question: Question, request: Query | Collect, patience: float, say: Say
    ) -> Question:
        """Wait as long as the patience, and say meanwhile what was asked for; return the question as it then stands."""
        ticket = question.message.id
        if not request.stream:
            return await self._waited(by, question, request, patience, say)

        def tell() -> None:
            while (said := hearing.more()) is not None:
                say(Text(ticket, said.delivery, said.offset, said.text))

        hearing: Hearing
        async with self._questions.hearing(by, ticket, tell) as hearing:
            tell()
            return await self._waited(by, question, request, patience, say)

    async def _waited(
        self, by: Credential, question: Question, request: Query | Collect, patience: float, say: Say
    ) -> Question:
        """Wait in pieces, each no longer than one wait may be, or than a progress is to be late."""
        ticket, state = question.message.id, question.delivery.state
        piece = (self._settings.progress_period if request.progress else self._limits.max_wait).total_seconds()
        time = asyncio.get_running_loop().time
        end = time() + patience
        while True:
            left = end - time()
            question = await self._questions.wait(by, ticket, timedelta(seconds=min(left, piece)))
            if (now := question.delivery.state) in ENDED or left <= piece or self._bridge.is_ending:
                return question
            if request.progress and now is not state:
                say(Progress(ticket, now))
            state = now

    def _check_stays(self) -> None:
        if self._bridge.is_ending:
            raise StoreClosedError("the daemon is leaving: ask again in a moment")

    def _patience(self, wait: float | None) -> float:
        """Return the client's patience in seconds. Raises InvalidInputError."""
        if wait is None:
            return self._settings.default_wait.total_seconds()
        if not wait >= 0:  # nor NaN
            raise InvalidInputError("`wait` is below zero: name a number of seconds")
        return min(wait, self._limits.max_deadline.total_seconds())

    def _deadline(self, seconds: float | None) -> datetime | None:
        if seconds is None:
            return None
        longest = self._limits.max_deadline
        if not 0 < seconds <= longest.total_seconds():
            raise InvalidInputError(
                f"`deadline` is above 0 and at most {longest.total_seconds():,.0f} seconds ({longest.days} days)"
            )
        return self._clock.now() + timedelta(seconds=seconds)

    def _key(self, name: Id | None) -> str | None:
        """Return the idempotency key that an id is: 1 and "1" are two."""
        if name is None:
            return None
        key = json.dumps(name)  # in printable ASCII, whatever it is
        if len(key) > self._limits.max_key_characters:
            return f"sha256:{sha256(key.encode()).hexdigest()}"
        return key

    def _note(self, actor: str, verb: str, refusal: WarmlineError) -> None:
        self._audit.refused(Refusal(actor, verb, type(refusal).__name__))


def _reply(question: Question, redacted: tuple[str, ...] = ()) -> Reply:
    """Tell how a question stands. Raises FailedError for one that ended and has no answer to show."""
    ticket, answer = question.message.id, question.answer
    if question.delivery.state not in ENDED:
        return Ticket(ticket, question.delivery.state)
    if answer is None:
        raise FailedError(reason_without_answer(question.delivery), ticket)
    if answer.outcome is Outcome.FAILED or not is_intact(question):
        raise FailedError(answer.text, ticket)
    return Response(
        text=answer.text,
        ticket=ticket,
        outcome=answer.outcome,
        author=answer.author,
        sources=tuple(
            dict.fromkeys(
                f"{each.path}:{each.first_line}-{each.last_line}" for each in answer.citations if each.status in TRUE
            )
        ),
        citations=tuple(
            Cited(each.path, each.first_line, each.last_line, each.quote, each.status) for each in answer.citations
        ),
        in_place_of=answer.in_place_of,
        redacted=redacted,
    )
