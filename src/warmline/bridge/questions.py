"""The bridge: the verbs that every interface speaks, and the rules on what may be said.

It knows the store's promises, not its kind; it never meets the dispatcher. Who speaks is handed in
by the interface, from a credential, and never from what was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from warmline.errors import BodyTooLargeError, InvalidInputError
from warmline.ids import new_message_id
from warmline.model import ENDED, MEMORY_MAILBOX, Kind, Mailbox, Message, MessageId, Question, State
from warmline.protocols import Accepted, Clock, QuestionFilter, Store
from warmline.settings import BridgeSettings


class Bridge:
    """Ask, wait, look, cancel and requeue. What `ask` returned is durable."""

    def __init__(self, store: Store, clock: Clock, settings: BridgeSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._closing = False
        self._patience: set[asyncio.Timeout] = set()

    @property
    def waiting(self) -> int:
        """How many callers wait for an answer now."""
        return len(self._patience)

    async def ask(
        self,
        sender: str,
        body: str,
        *,
        mailbox: Mailbox = MEMORY_MAILBOX,
        idempotency_key: str | None = None,
        deadline_at: datetime | None = None,
    ) -> Accepted:
        """Put a question on the line; it is durable when this returns.

        The same key with the same body is the same question again, whatever its state. Raises
        InvalidInputError, BodyTooLargeError, IdempotencyConflictError, UnknownMailboxError or StoreError.
        """
        self._check_body(body)
        self._check_key(idempotency_key)
        now = self._clock.now()
        message_id = new_message_id(now)
        question = Message(
            id=message_id,
            conversation=mailbox.conversation,
            sender=sender,
            kind=Kind.QUESTION,
            body=body,
            sent_at=now,
            trace=message_id,
            idempotency_key=idempotency_key,
            deadline_at=self._deadline(deadline_at, now),
        )
        return await self._store.add(question, mailbox)

    async def wait(self, message_id: MessageId, patience: timedelta) -> Question:
        """Wait until the question has ended, at most as long as patience; return it as it then stands.

        Patience is the asker's: when it ends, the question goes on, and can be waited for again.
        """
        if patience <= timedelta(0) or self._closing:
            return await self._store.get(message_id)
        scope = asyncio.timeout(min(patience, self._settings.max_wait).total_seconds())
        try:
            async with scope:
                self._patience.add(scope)
                return await self._store.wait_until_ended(message_id)
        except TimeoutError:
            return await self._store.get(message_id)
        finally:
            self._patience.discard(scope)

    def end_waits(self) -> None:
        """Let every wait return now with what is known; for a shutdown."""
        self._closing = True
        for scope in self._patience:
            scope.reschedule(asyncio.get_running_loop().time())

    async def get(self, message_id: MessageId) -> Question:
        """Return a question as it stands. Raises UnknownMessageError."""
        return await self._store.get(message_id)

    async def cancel(self, message_id: MessageId) -> Question:
        """End a question that nobody has answered yet, or give up a dead one.

        Raises ConflictError when it has ended otherwise.
        """
        question = await self._store.get(message_id)
        if question.delivery.state is State.DEAD:
            return await self._store.discard(message_id)
        return await self._store.cancel(message_id)

    async def requeue(self, message_id: MessageId, deadline_at: datetime | None = None) -> Question:
        """Give a dead or expired question another life, with a new deadline."""
        return await self._store.requeue(message_id, self._deadline(deadline_at, self._clock.now()))

    async def questions(self, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List questions, newest first, at most limit and never more than settings.max_listed."""
        return await self._store.questions(which, min(limit, self._settings.max_listed))

    async def count(self, which: QuestionFilter) -> int:
        """Count questions."""
        return await self._store.count(which)

    async def tally(self) -> dict[State, int]:
        """Count the deliveries in every state."""
        return await self._store.tally()

    async def is_idle(self) -> bool:
        """Tell whether nobody waits and nothing is ready, leased or delayed."""
        tally = await self._store.tally()
        return not self._patience and all(tally[state] == 0 for state in State if state not in ENDED)

    def _check_body(self, body: str) -> None:
        if not body.strip():
            raise InvalidInputError("the question is empty: write what you want to know")
        if "\0" in body:
            raise InvalidInputError("the question holds a NUL byte: send text")
        try:
            size = len(body.encode())
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"the question holds half a character at {error.start} (a lone surrogate): send valid UTF-8"
            ) from error
        if size > self._settings.max_body_bytes:
            raise BodyTooLargeError(
                f"the question has {size:,} bytes, more than {self._settings.max_body_bytes:,}:"
                " put the text into a file, add it with `warmline memory add`, and ask about it"
            )

    def _check_key(self, key: str | None) -> None:
        if key is None:
            return
        if not 1 <= len(key) <= self._settings.max_key_characters or not key.isascii() or not key.isprintable():
            raise InvalidInputError(
                f"the idempotency key must be 1 to {self._settings.max_key_characters} printable ASCII characters"
            )

    def _deadline(self, deadline_at: datetime | None, now: datetime) -> datetime:
        if deadline_at is None:
            return now + self._settings.question_deadline
        if deadline_at.tzinfo is None:
            raise InvalidInputError("the deadline names no time zone: end it with Z or +00:00")
        if deadline_at <= now:
            raise InvalidInputError("the deadline is in the past: name a later one")
        if deadline_at > now + self._settings.max_deadline:
            raise InvalidInputError(f"the deadline is more than {self._settings.max_deadline.days} days away")
        return deadline_at
