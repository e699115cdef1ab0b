"""Batches: receive what came in, and acknowledge, answer, refuse, escalate or give it back.

A batch is what one `receive` handed to one reader, under a token. What was not acknowledged or answered when
its lease lapses is handed over again, and says so. A question is settled by an answer only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from warmline.bridge import rights, rules
from warmline.bridge.parts import Parts
from warmline.bridge.saying import Saying
from warmline.errors import (
    AmbiguousMailboxError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    LeaseLostError,
    UnknownMailboxError,
    UnknownMessageError,
)
from warmline.ids import new_message_id
from warmline.model import (
    OWNER,
    OWNER_MAILBOX,
    Acknowledged,
    Answer,
    Batch,
    BatchToken,
    Claim,
    ConversationId,
    Draft,
    Due,
    Kind,
    Lease,
    Mailbox,
    Message,
    MessageId,
    Outcome,
    Post,
    is_memory,
)
from warmline.parties import AnsweredBy, Credential, Right
from warmline.verdict import conclude

GIVEN = frozenset({Outcome.ANSWERED, Outcome.INSUFFICIENT_EVIDENCE})
"""The outcomes that an answer can have; a refusal is `refuse`, and a failure is no answer."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The receipt of a reply or refusal: the question or note as it now stands, or the reply; what was masked in it."""

    post: Post
    redacted: tuple[str, ...] = ()


class Batches:
    """The verbs of a reader. A token works for the credential that it was given to, and for no other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._settings = parts.settings
        self._waits = parts.waits

    async def receive(
        self,
        by: Credential,
        *,
        mailbox: str | None = None,
        conversation: ConversationId | None = None,
        patience: timedelta,
        limit: int = 10,
        lease: timedelta | None = None,
        done: BatchToken | None = None,
        key: str | None = None,
    ) -> Batch | None:
        """Wait for messages, at most as long as patience, and take at most limit of them; None when it ended.

        mailbox of None is the speaker's own. done settles that earlier batch first, as `acknowledge` does. lease
        is how long they stay with this reader (settings.receive_lease). The same key gives the same batch again,
        as far as it is still held: for a reader whose response was lost. Patience of zero takes what is due now.
        """
        rights.check(by, Right.READ)
        rules.check_key(key, self._settings)
        count, length = rules.batch_limit(limit, self._settings), rules.lease_length(lease, self._settings)
        box = await self._parts.addresses.read(by, mailbox, conversation)
        if is_memory(box):
            raise InvalidInputError(f"{box.name} answers by itself: there is nothing to receive from it")
        if done is not None:
            await self._store.acknowledge(done, by.id)
        if patience <= timedelta(0) or self._waits.is_ending:
            return _or_none(await self._store.receive(box, by, count, length, key, waits=False))
        scope = asyncio.timeout(min(patience, self._settings.max_wait).total_seconds())
        try:
            async with scope:
                self._waits.add(scope, by)
                return await self._store.receive(box, by, count, length, key)
        except TimeoutError:
            return None
        finally:
            self._waits.discard(scope)

    async def due(
        self,
        by: Credential,
        *,
        mailbox: str | None = None,
        conversation: ConversationId | None = None,
        patience: timedelta,
        known: Due | None = None,
    ) -> Due:
        """Wait until something lies ready in a mailbox that is not what is known already, and take nothing of it.

        mailbox is as in `receive`. Tells what is ready when patience ends, known or not. One that waits so is not
        among those who wait for messages: it may be no more than a door bell.
        """
        rights.check(by, Right.READ)
        box = await self._parts.addresses.read(by, mailbox, conversation)
        if is_memory(box):
            raise InvalidInputError(f"{box.name} answers by itself: there is nothing to receive from it")
        if patience > timedelta(0) and not self._waits.is_ending:
            scope = asyncio.timeout(min(patience, self._settings.max_wait).total_seconds())
            try:
                async with scope:
                    self._waits.add(scope)
                    return await self._store.due(box, known)
            except TimeoutError:
                pass
            finally:
                self._waits.discard(scope)
        return await self._store.due(box, waits=False)

    async def acknowledge(self, by: Credential, token: BatchToken) -> Acknowledged:
        """Settle the notes of a batch; its questions still want an answer. A second time it says the same."""
        return await self._store.acknowledge(token, by.id)

    async def release(self, by: Credential, token: BatchToken, message_id: MessageId | None = None) -> None:
        """Give back one message of a batch, or all of it, without blame; due at once."""
        if message_id is not None:
            return await self._store.release(await self._lease(by, token, message_id))
        batch = await self._store.held(token, by.id)
        await asyncio.gather(*(self._store.release(lease) for lease in batch.leases))
        return None

    async def extend(self, by: Credential, token: BatchToken, lease: timedelta | None = None) -> Batch:
        """Hold what is left of a batch this much longer, from now. Raises LeaseLostError when nothing is."""
        length = rules.lease_length(lease, self._settings)
        batch = await self._store.held(token, by.id)
        if not batch.leases:
            raise LeaseLostError("nothing of that batch is held any more: receive again")
        leases = await asyncio.gather(*(self._store.extend(each, length) for each in batch.leases))
        return replace(batch, leases=tuple(leases))

    async def reply(
        self,
        by: Credential,
        token: BatchToken,
        message_id: MessageId,
        body: str,
        *,
        claims: Sequence[Claim] = (),
        outcome: Outcome = Outcome.ANSWERED,
        metadata: Mapping[str, object] | None = None,
    ) -> Replied:
        """Answer a question, or reply to a note; either is settled with that, in one transaction.

        An answer's claims are checked, as they were made, against the speaker's memories, and each keeps the status
        that the check found; then secrets are masked, also in what they quote. A reply to a note goes to its sender's
        mailbox. Either, coming again in the same words since its response was lost, is the same. Returns the question
        with its answer, or the reply. Raises ForbiddenError where only a person may answer, LeaseLostError, and as
        `Messages.send`.
        """
        try:
            lease = await self._lease(by, token, message_id)
        except LeaseLostError as lost:
            return await self._replied_before(by, token, message_id, Draft(outcome, body, tuple(claims)), lost)
        if lease.message.kind is Kind.QUESTION:
            rules.check_body(body, "answer", self._settings)
            if outcome not in GIVEN:
                raise InvalidInputError(f"an answer cannot come out as {outcome}: refuse the question, or release it")
            rules.check_claims(claims)
            self._check_may_answer(by, lease)
            return await self._answer(by, lease, Draft(outcome, body, tuple(claims)), metadata)
        if claims:
            raise InvalidInputError("only an answer to a question has citations: write them into the reply's text")
        return await self._reply(by, lease, body, metadata)

    async def refuse(self, by: Credential, token: BatchToken, message_id: MessageId, reason: str) -> Replied:
        """Refuse a question, which its asker learns as the answer; or a note, which dies and tells its sender."""
        rules.check_body(reason, "reason", self._settings)
        lease = await self._lease(by, token, message_id)
        if lease.message.kind is Kind.QUESTION:
            self._check_may_answer(by, lease)
            return await self._answer(by, lease, Draft(Outcome.REFUSED, reason), None)
        said = Saying(self._parts)
        await self._store.bury(lease, f"refused by {by.name}: {await said.reason(reason)}")
        return Replied(await self._store.post(message_id), said.redacted)

    async def escalate(self, by: Credential, token: BatchToken, message_id: MessageId, to: str | None = None) -> Post:
        """Hand a question on to a person's mailbox; the ticket stays, and gets that person's answer.

        `to` of None is the conversation's person, or the owner where it has none. An asker that named a deadline
        keeps it; else the person has settings.escalation_deadline.
        """
        rights.check(by, Right.ANSWER)
        lease = await self._lease(by, token, message_id)
        if lease.message.kind is not Kind.QUESTION:
            raise InvalidInputError("only a question is escalated: send the note on, and acknowledge it")
        person = await self._person(lease.mailbox, to)
        if person == lease.mailbox:
            raise InvalidInputError("the question is with that person already: name another, or refuse it")
        await self._store.escalate(lease, person, self._escalated_deadline(lease.message))
        return await self._store.post(message_id)

    async def _lease(self, by: Credential, token: BatchToken, message_id: MessageId) -> Lease:
        batch = await self._store.held(token, by.id)
        for lease in batch.leases:
            if lease.message.id == message_id:
                return lease
        raise LeaseLostError(f"{message_id} is not held under that token: it was settled, has lapsed, or never was")

    def _check_may_answer(self, by: Credential, lease: Lease) -> None:
        rights.check(by, Right.ANSWER)
        policy = self._parts.directory.policy(lease.mailbox)
        if policy.answered_by is AnsweredBy.PERSON and not by.is_person:
            raise ForbiddenError("only a person may answer the questions of this mailbox: escalate it to one")

    async def _answer(
        self, by: Credential, lease: Lease, draft: Draft, metadata: Mapping[str, object] | None
    ) -> Replied:
        said = Saying(self._parts)
        written = await said.metadata(metadata)
        started_at = self._parts.clock.now()
        citations = await self._parts.verifier.verify(draft.claims, by.memories)
        now = self._parts.clock.now()
        timings = {"verify": _ms(started_at, now), "total": _ms(lease.message.sent_at, now)}
        answer = await said.answer(conclude(draft, citations, by.name, timings))
        await self._store.settle(lease, _answer_message(by, lease.message, answer, written, now))
        return Replied(await self._store.post(lease.message.id), said.redacted)

    async def _reply(self, by: Credential, lease: Lease, body: str, metadata: Mapping[str, object] | None) -> Replied:
        rights.check(by, Right.SEND)
        said = Saying(self._parts)
        to = self._sender_mailbox(lease.message)
        now = self._parts.clock.now()
        reply = Message(
            id=new_message_id(now),
            conversation=to.conversation if rights.is_owner(by) else by.conversation,
            sender=by.name,
            kind=Kind.NOTE,
            body=await said.body(body, "message"),
            sent_at=now,
            trace=lease.message.trace,
            in_reply_to=lease.message.id,
            idempotency_key=_reply_key(lease),
            metadata=await said.metadata(metadata),
        )
        accepted = await self._store.add(reply, to, by=by, settles=lease)
        return Replied(await self._store.post(accepted.question.message.id), said.redacted)

    async def _replied_before(
        self, by: Credential, token: BatchToken, message_id: MessageId, draft: Draft, lost: LeaseLostError
    ) -> Replied:
        """Return what was replied under this token, in these words. Raises `lost` for nothing."""
        batch = await self._store.held(token, by.id)
        try:
            post = await self._store.post(message_id)
        except UnknownMessageError:
            raise lost from None
        if not rights.may_see(by, post.message, (each.mailbox for each in post.deliveries)):
            raise lost
        if post.message.kind is Kind.QUESTION:
            return await self._answered_before(by, post, draft, lost)
        # The store looks for the key first, and then refuses a lease of no delivery.
        past = Lease(post.message, batch.mailbox, 0, token, by.name, self._parts.clock.now(), 0, 0)
        try:
            return await self._reply(by, past, draft.text or "", None)
        except (IdempotencyConflictError, UnknownMailboxError) as error:
            raise lost from error

    async def _answered_before(self, by: Credential, post: Post, draft: Draft, lost: LeaseLostError) -> Replied:
        """Return a question with the answer that the speaker gave it, if it is this one. Raises `lost` for another."""
        given, said = post.answer, Saying(self._parts)
        if given is None or given.author != by.name:
            raise lost
        wanted = draft.outcome, await said.body(draft.text or "", "answer"), [each.path for each in draft.claims]
        if wanted != (given.outcome, given.text, [each.path for each in given.citations]):
            raise lost
        return Replied(post, said.redacted)

    def _sender_mailbox(self, message: Message) -> Mailbox:
        mailbox = Mailbox(message.conversation, message.sender)
        if self._parts.addresses.exists(mailbox):
            return mailbox
        if message.sender == OWNER:
            return OWNER_MAILBOX
        raise UnknownMailboxError("the sender of that message has no mailbox: acknowledge it")

    async def _person(self, mailbox: Mailbox, to: str | None) -> Mailbox:
        home = mailbox.conversation
        if to is not None:
            return self._named_person(home, to)
        people = [each.name for each in (await self._parts.directory.conversation(home)).participants if each.is_person]
        if len(people) > 1:
            raise AmbiguousMailboxError(f"several persons are in that conversation: name one of {', '.join(people)}")
        return Mailbox(home, people[0]) if people else OWNER_MAILBOX

    def _named_person(self, home: ConversationId, name: str) -> Mailbox:
        mailbox = OWNER_MAILBOX if name == OWNER else Mailbox(home, name)
        if self._parts.directory.policy(mailbox).answered_by is not AnsweredBy.PERSON:
            raise InvalidInputError("no person answers that mailbox: name another, or none for the owner's")
        return mailbox

    def _escalated_deadline(self, message: Message) -> datetime | None:
        """Return the deadline that a person gets; None leaves the one that the asker named."""
        if message.deadline_at != message.sent_at + self._settings.question_deadline:
            return None
        return self._parts.clock.now() + self._settings.escalation_deadline


def _answer_message(by: Credential, question: Message, answer: Answer, metadata: str | None, now: datetime) -> Message:
    return Message(
        id=new_message_id(now),
        conversation=question.conversation,
        sender=answer.author,
        kind=Kind.ANSWER,
        body=answer.text,
        sent_at=now,
        trace=question.trace,
        hops=question.hops + (0 if by.is_person else 1),
        in_reply_to=question.id,
        answer=answer,
        metadata=metadata,
    )


def _reply_key(lease: Lease) -> str:
    """Name the one reply that a message gets under a token, which itself is not written into a message."""
    return f"reply-{hashlib.sha256(f'{lease.lease_id} {lease.message.id}'.encode()).hexdigest()}"


def _or_none(batch: Batch) -> Batch | None:
    return batch if batch.leases else None


def _ms(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 3)
