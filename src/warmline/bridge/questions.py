"""Questions: ask, wait, look, cancel, requeue, list. What `ask` returned is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from warmline.agents import EMBEDDED
from warmline.bridge import rights, rules
from warmline.bridge.hearings import Hearing
from warmline.bridge.parts import Parts
from warmline.bridge.saying import Saying
from warmline.errors import ConflictError, ForbiddenError, InvalidInputError, UnknownAgentError, UnknownMessageError
from warmline.ids import new_message_id
from warmline.model import (
    ENDED,
    MEMORY_MAILBOX,
    ConversationId,
    Kind,
    Mailbox,
    Message,
    MessageId,
    Question,
    State,
    agent_mailbox,
    is_memory,
)
from warmline.parties import AnsweredBy, Credential, Right
from warmline.protocols import Accepted, QuestionFilter


class Questions:
    """The verbs on questions. A question that the speaker may not see is like one that is not there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._settings = parts.settings
        self._waits = parts.waits

    async def ask(
        self,
        by: Credential,
        body: str,
        *,
        mailbox: str | None = None,
        conversation: ConversationId | None = None,
        agent: str | None = None,
        context_file: str | None = None,
        idempotency_key: str | None = None,
        deadline_at: datetime | None = None,
    ) -> Accepted:
        """Put a question on the line; it is durable when this returns, and may have been answered by then.

        mailbox of None is the memory, which agent says is to be asked of that one and of no other. context_file names
        one file of the memory, as people write paths: the question is answered from that one alone.

        Secrets are masked before anything is kept; the receipt says which kinds. The same key with the same body
        is the same question again, whatever its state: bodies are compared as they are kept, and what it may be
        answered from is. Raises InvalidInputError, BodyTooLargeError, UnsafePathError, ForbiddenError,
        IdempotencyConflictError, UnknownMailboxError, UnknownAgentError, UnknownRootError, UnknownFileError,
        AmbiguousMailboxError, RateLimitedError, LoopStoppedError, ConversationClosedError or StoreError.
        """
        rights.check(by, Right.ASK)
        said = Saying(self._parts)
        body = await said.body(body, "question")
        rules.check_key(idempotency_key, self._settings)
        to = await self._asked(by, mailbox, conversation, agent)
        memories = _scope(by, to) if context_file is None else await self._file(by, to, context_file)
        now = self._parts.clock.now()
        message_id = new_message_id(now)
        question = Message(
            id=message_id,
            conversation=to.conversation if rights.is_owner(by) else by.conversation,
            sender=by.name,
            kind=Kind.QUESTION,
            body=body,
            sent_at=now,
            trace=message_id,
            hops=0 if by.is_person else 1,  # unless it goes on with a trace, which the store sees to
            idempotency_key=idempotency_key,
            deadline_at=rules.checked_deadline(deadline_at, now, self._settings) or now + self._patience(to),
            memories=memories,
        )
        accepted = await self._store.add(question, to, by=by)
        return replace(accepted, redacted=said.redacted) if said.redacted else accepted

    async def wait(self, by: Credential, message_id: MessageId, patience: timedelta) -> Question:
        """Wait until the question has ended, at most as long as patience; return it as it then stands.

        Patience is the asker's: when it ends, the question goes on, and can be waited for again.
        """
        if not rights.administers(by) and self._store.asker(message_id) != (by.conversation, by.name):
            await self.get(by, message_id)  # whether the speaker may see it
        if patience <= timedelta(0) or self._waits.is_ending:
            return _asked_for(await self._store.get(message_id))
        scope = asyncio.timeout(min(patience, self._settings.max_wait).total_seconds())
        try:
            async with scope:
                self._waits.add(scope)
                return _asked_for(await self._store.wait_until_ended(message_id))
        except TimeoutError:
            return _asked_for(await self._store.get(message_id))
        finally:
            self._waits.discard(scope)

    async def ended(self, by: Credential, asked: Question, patience: timedelta) -> Question:
        """Wait as `wait` does for a question as `ask` returned it, which may have ended."""
        return asked if asked.delivery.state in ENDED else await self.wait(by, asked.message.id, patience)

    @asynccontextmanager
    async def hearing(
        self, by: Credential, message_id: MessageId, on_more: Callable[[], None]
    ) -> AsyncIterator[Hearing]:
        """Hear what is said of the answer while it is written, what was said so far first, until the block ends.

        on_more is called on the event loop whenever more may have been said. Only hints: the answer comes by `wait`.
        Raises UnknownMessageError.
        """
        await self.get(by, message_id)
        with self._parts.hearings.listening(message_id, on_more) as hearing:
            yield hearing

    async def get(self, by: Credential, message_id: MessageId) -> Question:
        """Return a question as it stands. Raises UnknownMessageError, for what wants no answer too."""
        return _asked_for(await self._visible(by, message_id))

    async def cancel(self, by: Credential, message_id: MessageId) -> Question:
        """End a question that nobody has answered yet, or give up a dead one; or take back a note that nobody read.

        Raises ConflictError when it has ended otherwise, ForbiddenError when it is not the speaker's.
        """
        question = await self._own(by, message_id)
        if question.delivery.state is State.DEAD:
            return await self._store.discard(message_id, by=by.id)
        return await self._store.cancel(message_id, by=by.id)

    async def requeue(self, by: Credential, message_id: MessageId, deadline_at: datetime | None = None) -> Question:
        """Give a dead or expired question or note of the speaker's another life, with a new deadline.

        Raises ConflictError when it has ended otherwise, or was erased: nothing is left to hand over.
        """
        question = await self._own(by, message_id)
        if question.message.erased_at is not None:
            raise ConflictError(f"cannot requeue {message_id}: it was erased; say it anew")
        now = self._parts.clock.now()
        asked_for = rules.checked_deadline(deadline_at, now, self._settings)
        deadline_at = asked_for or now + self._patience(question.delivery.mailbox)
        return await self._store.requeue(message_id, deadline_at, by=by.id)

    async def questions(self, by: Credential, which: QuestionFilter, limit: int) -> Sequence[Question]:
        """List everybody's questions, newest first, at most limit and never more than settings.max_listed.

        Dead letters of any kind are listed so, too. Wants the right to administer, as `count` does: who asked has the
        ticket.
        """
        rights.check(by, Right.ADMINISTER)
        return await self._store.questions(which, min(limit, self._settings.max_listed))

    async def count(self, by: Credential, which: QuestionFilter) -> int:
        """Count what `questions` lists, without a limit."""
        rights.check(by, Right.ADMINISTER)
        return await self._store.count(which)

    async def tally(self) -> dict[State, int]:
        """Count the deliveries in every state."""
        return await self._store.tally()

    async def count_broken(self, since: datetime) -> int:
        """Count the messages that were not handed over since then because they were not intact."""
        return await self._store.count_broken(since)

    async def _visible(self, by: Credential, message_id: MessageId) -> Question:
        unknown = f"there is no question {message_id}"
        try:
            question = await self._store.get(message_id)
        except UnknownMessageError:
            raise UnknownMessageError(unknown) from None  # the same text as for one of others
        if not rights.may_see(by, question.message, [question.delivery.mailbox]):
            raise UnknownMessageError(unknown)
        return question

    async def _own(self, by: Credential, message_id: MessageId) -> Question:
        question = await self._visible(by, message_id)
        if not rights.may_end(by, question.message):
            raise ForbiddenError("only who asked a question, or who administers the line, may end or renew it")
        return question

    async def _asked(
        self, by: Credential, name: str | None, conversation: ConversationId | None, agent: str | None
    ) -> Mailbox:
        if name is not None and agent is not None:
            raise InvalidInputError("an agent answers from the memory: name it, or another mailbox, and not both")
        if name is not None:
            to = await self._parts.addresses.reached(by, name, conversation)
            return self._mailbox_of(name.partition("/")[2]) if is_memory(to) and to != MEMORY_MAILBOX else to
        rights.check_reach(by, (MEMORY_MAILBOX if agent is None else agent_mailbox(agent)).name)
        return MEMORY_MAILBOX if agent is None else self._mailbox_of(agent)

    async def _file(self, by: Credential, to: Mailbox, context_file: str) -> tuple[str, ...]:
        """Return the scope of one file, which lies in the speaker's own."""
        if not is_memory(to):
            raise InvalidInputError("a file is for the memory to answer from: leave it out, or ask the memory")
        return (await self._parts.shown(context_file, by.memories),)

    def _mailbox_of(self, agent: str) -> Mailbox:
        """Return where that agent is asked. Without agents, the embedded answerer is who answers `memory`."""
        known = self._parts.agents()
        if agent in known:
            return agent_mailbox(agent)
        if agent == EMBEDDED:
            return MEMORY_MAILBOX
        rules.check_no_secret(agent, "name")
        shown = agent[: self._settings.max_name_characters]
        raise UnknownAgentError(f"there is no agent {shown!a}; there is: {', '.join(known or [EMBEDDED])}")

    def _patience(self, mailbox: Mailbox) -> timedelta:
        """Return how long a question waits when nobody said: a person's mailbox is not looked into all the time."""
        is_persons = self._parts.directory.policy(mailbox).answered_by is AnsweredBy.PERSON
        return self._settings.escalation_deadline if is_persons else self._settings.question_deadline


def _asked_for(found: Question) -> Question:
    """Raises UnknownMessageError for a message that is no question: that it has no answer is no failure."""
    if found.message.kind is not Kind.QUESTION:
        raise UnknownMessageError(f"there is no question {found.message.id}")
    return found


def _scope(by: Credential, to: Mailbox) -> tuple[str, ...] | None:
    return tuple(sorted(by.memories)) if by.memories is not None and is_memory(to) else None
