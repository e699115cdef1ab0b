"""Messages that want no answer: notes and control, to one or to all; and looking at or erasing any message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from warmline.bridge import rights, rules
from warmline.bridge.parts import Parts
from warmline.bridge.saying import Saying
from warmline.errors import ForbiddenError, InvalidInputError, UnknownMessageError
from warmline.ids import new_message_id
from warmline.model import SHUTDOWN, ConversationId, Kind, Mailbox, Message, MessageId, Post, is_memory
from warmline.parties import Credential, Right

SENDABLE = frozenset({Kind.NOTE, Kind.CONTROL})


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt of a `send`: the message with its deliveries, whether this call made it, what was masked in it."""

    post: Post
    created: bool
    redacted: tuple[str, ...] = ()


class Messages:
    """The verbs on messages. One that the speaker may not see is like one that is not there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._settings = parts.settings

    async def send(  # noqa: PLR0913  # each is a part of what is said
        self,
        by: Credential,
        to: str | None,
        body: str,
        *,
        conversation: ConversationId | None = None,
        kind: Kind = Kind.NOTE,
        in_reply_to: MessageId | None = None,
        idempotency_key: str | None = None,
        deadline_at: datetime | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Sent:
        """Put a message on the line; it is durable when this returns.

        `to` of None is all other participants of the conversation, one delivery each. kind is NOTE, or CONTROL,
        which wants the right to administer. Masks, and knows a key again, as `Questions.ask` does, and raises as that
        does, and UnknownMessageError when in_reply_to is none that the speaker sees.
        """
        rights.check(by, Right.SEND)
        if kind is Kind.CONTROL:
            rights.check(by, Right.ADMINISTER)
        self._check(kind, idempotency_key)
        said = Saying(self._parts)
        body = await said.body(body, "message")
        mailboxes = await self._recipients(by, to, conversation, kind, body)
        if in_reply_to is not None:
            await self.post(by, in_reply_to)
        now = self._parts.clock.now()
        message_id = new_message_id(now)
        message = Message(
            id=message_id,
            conversation=mailboxes[0].conversation if rights.is_owner(by) else by.conversation,
            sender=by.name,
            kind=kind,
            body=body,
            sent_at=now,
            trace=message_id,
            hops=0 if by.is_person else 1,  # unless it goes on with a trace, which the store sees to
            in_reply_to=in_reply_to,
            idempotency_key=idempotency_key,
            deadline_at=rules.checked_deadline(deadline_at, now, self._settings),
            metadata=await said.metadata(metadata),
        )
        post = await self._put(message, mailboxes, by, is_broadcast=to is None)
        return Sent(post, created=post.message.id == message_id, redacted=said.redacted)

    async def post(self, by: Credential, message_id: MessageId) -> Post:
        """Return any message with its deliveries. Who sees a question sees its answer. Raises UnknownMessageError."""
        unknown = f"there is no message {message_id}"
        try:
            post = await self._store.post(message_id)
        except UnknownMessageError:
            raise UnknownMessageError(unknown) from None  # the same text as for one of others
        if not await self.sees(by, post):
            raise UnknownMessageError(unknown)
        return post

    async def sees(self, by: Credential, post: Post) -> bool:
        """Tell whether the speaker may see it."""
        if rights.may_see(by, post.message, (delivery.mailbox for delivery in post.deliveries)):
            return True
        question_id = post.message.in_reply_to
        if post.message.kind is not Kind.ANSWER or question_id is None:
            return False
        try:
            question = await self._store.post(question_id)
        except UnknownMessageError:  # it has gone to the archive before its answer
            return False
        return rights.may_see(by, question.message, (delivery.mailbox for delivery in question.deliveries))

    async def erase(self, by: Credential, message_id: MessageId) -> Post:
        """Empty a message of the speaker's for good, and cancel what is open of it. Who administers may erase any.

        Raises ForbiddenError for another's.
        """
        post = await self.post(by, message_id)
        if not rights.may_end(by, post.message):
            raise ForbiddenError("only who said it, or who administers the line, may erase a message")
        return await self._store.erase(message_id, by=by.id)

    async def archive(self, by: Credential, older_than: timedelta) -> int:
        """Move what was settled or cancelled so long ago into the archive. Wants the right to administer."""
        rights.check(by, Right.ADMINISTER)
        return await self._store.archive(self._parts.clock.now() - older_than, by=by.id)

    def _check(self, kind: Kind, key: str | None) -> None:
        if kind not in SENDABLE:
            raise InvalidInputError(f"a {kind} cannot be sent: send a note, or ask a question")
        rules.check_key(key, self._settings)

    async def _recipients(
        self, by: Credential, to: str | None, conversation: ConversationId | None, kind: Kind, body: str
    ) -> list[Mailbox]:
        if to is None:
            return await self._all_others(by, conversation)
        mailbox = await self._parts.addresses.reached(by, to, conversation)
        if is_memory(mailbox) and (kind, body.strip()) != (Kind.CONTROL, SHUTDOWN):
            raise InvalidInputError(f"{mailbox.name} reads no messages: ask it a question")
        return [mailbox]

    async def _all_others(self, by: Credential, conversation: ConversationId | None) -> list[Mailbox]:
        home = by.conversation if conversation is None else conversation
        rights.check_conversation(by, home)
        names = [each.name for each in (await self._parts.directory.conversation(home)).participants]
        others = [name for name in names if (home, name) != (by.conversation, by.name)]
        for name in others:
            rights.check_reach(by, name)
        if not others:
            raise InvalidInputError("nobody else is in that conversation: name another, or a recipient")
        return [Mailbox(home, name) for name in others]

    async def _put(self, message: Message, mailboxes: list[Mailbox], by: Credential, *, is_broadcast: bool) -> Post:
        if is_broadcast:
            return await self._store.broadcast(message, mailboxes, by=by)
        accepted = await self._store.add(message, mailboxes[0], by=by)
        return await self._store.post(accepted.question.message.id)
