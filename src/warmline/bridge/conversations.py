"""Conversations: who is in them, what was said, what a participant says about itself, and mailboxes' policies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from warmline.bridge import rights, rules
from warmline.bridge.credentials import Credentials, Grant, Minted, hash_token
from warmline.bridge.messages import Messages
from warmline.bridge.parts import Parts
from warmline.bridge.saying import Saying
from warmline.errors import AmbiguousMailboxError, ForbiddenError, InvalidInputError, UnknownMailboxError
from warmline.model import MEMORY_MAILBOX, OWNER_MAILBOX, ConversationId, Mailbox, Post, agent_mailbox, is_memory
from warmline.parties import Conversation, Credential, MailboxState, Participant, Policy, Right, Stop

ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Presence:
    """A participant, and whether it waits for a message at this moment."""

    participant: Participant
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """The receipt of a report: the participant as it now stands, and what was masked in its status."""

    participant: Participant
    redacted: tuple[str, ...] = ()


class Conversations:
    """The verbs on conversations. One that the speaker does not belong to is like one that is not there."""

    def __init__(self, parts: Parts, credentials: Credentials, messages: Messages) -> None:
        self._parts = parts
        self._directory = parts.directory
        self._clock = parts.clock
        self._settings = parts.settings
        self._waits = parts.waits
        self._addresses = parts.addresses
        self._credentials = credentials
        self._messages = messages

    async def new(
        self, by: Credential, names: Sequence[str], persons: Sequence[str] = ()
    ) -> tuple[Conversation, Sequence[Minted]]:
        """Begin a conversation, with a credential for each participant; persons are participants, too.

        The credentials come in the order of the names. Wants the right to administer.
        """
        now, conversation = self._clock.now(), ConversationId(f"conv_{secrets.token_hex(ID_BYTES)}")
        everyone = dict.fromkeys([*names, *persons])
        participants = tuple(Participant(conversation, name, name in persons) for name in everyone)
        return await self.begin(by, Conversation(conversation, now, participants=participants))

    async def begin(self, by: Credential, conversation: Conversation) -> tuple[Conversation, Sequence[Minted]]:
        """Begin this very conversation, as `new` does. Raises ConflictError when its id is taken."""
        rights.check(by, Right.ADMINISTER)
        participants = conversation.participants
        if not 1 <= len(participants) <= self._settings.max_participants:
            raise InvalidInputError(f"a conversation has 1 to {self._settings.max_participants} participants")
        for each in participants:
            rules.check_name(each.name, self._settings)
        minted = [self._credentials.made(each, Grant(is_person=each.is_person)) for each in participants]
        kept = [(each.credential, hash_token(each.token)) for each in minted]
        await self._directory.new_conversation(conversation, kept, by=by.id)
        return conversation, minted

    async def list(self, by: Credential, limit: int) -> Sequence[Conversation]:
        """List conversations, newest first: all for who administers, else the speaker's own."""
        if rights.administers(by):
            return await self._directory.conversations(min(limit, self._settings.max_listed))
        return [await self._directory.conversation(by.conversation)]

    async def show(self, by: Credential, conversation: ConversationId) -> Conversation:
        """Return one with its participants. Raises UnknownConversationError."""
        rights.check_conversation(by, conversation)
        return await self._directory.conversation(conversation)

    async def said(self, by: Credential, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """List at most limit messages that the speaker may see, of a number above `after`, in order of acceptance."""
        rights.check_conversation(by, conversation)
        wanted = min(limit, self._settings.max_listed)
        seen: list[Post] = []
        while len(seen) < wanted:
            page = await self._directory.said(conversation, after, self._settings.max_listed)
            seen += [post for post in page if await self._messages.sees(by, post)]
            if len(page) < self._settings.max_listed:
                break
            after = page[-1].number
        return seen[:wanted]

    @contextmanager
    def listening(self, by: Credential, conversation: ConversationId, on_change: Callable[[], None]) -> Iterator[None]:
        """Call on_change on the event loop after something changed in the conversation, while the block lasts.

        A hint: look with `said`. It is also called once when the daemon leaves: see `Bridge.is_ending`. Counts as a
        wait. Raises UnknownConversationError.
        """
        rights.check_conversation(by, conversation)
        with self._waits.listening(on_change), self._directory.listening(conversation, on_change):
            yield

    async def close(self, by: Credential, conversation: ConversationId) -> Conversation:
        """Take nothing new in it from now on. Wants the right to administer. The default one: ConflictError."""
        rights.check(by, Right.ADMINISTER)
        return await self._directory.close_conversation(conversation, self._clock.now(), by=by.id)

    async def report(self, by: Credential, status: str = "") -> Reported:
        """Note that the speaker lives, and what it says about itself; an empty status leaves what it said."""
        said = Saying(self._parts)
        status = await said.status(status)
        now = self._clock.now()
        noted = await self._directory.report(by.conversation, by.name, now, status or None, by=by.id)
        return Reported(noted, said.redacted)

    async def who(self, by: Credential, conversation: ConversationId) -> Sequence[Presence]:
        """List the participants, by name, and which of them wait for a message now."""
        receiving = self._waits.receiving()
        found = await self.show(by, conversation)
        return [Presence(each, (each.conversation, each.name) in receiving) for each in found.participants]

    async def mailboxes(self, by: Credential) -> Sequence[MailboxState]:
        """List mailboxes: all for who administers, else those of the speaker's conversation, and the memory's.

        That of an agent which is gone is listed while something waits in it.
        """
        known = await self._directory.mailboxes()
        answered = {MEMORY_MAILBOX, *map(agent_mailbox, self._parts.agents())}
        return [
            state
            for state in known
            if (
                state.mailbox in answered or state.ready + state.leased > 0
                if is_memory(state.mailbox)
                else rights.administers(by) or state.mailbox.conversation == by.conversation
            )
        ]

    async def askable(self, by: Credential) -> Sequence[str]:
        """List the participants that the speaker may ask and somebody answers for now, by name; itself it is not.

        One whose every credential was revoked or has expired is not listed, nor a name that is not enough to find it.
        """
        if not rights.has(by, Right.ASK):
            return []
        names = {state.mailbox.name for state in await self.mailboxes(by) if not is_memory(state.mailbox)}
        speaking = await self._speaking()
        return [name for name in sorted(names - {by.name}) if await self._is_askable(by, name, speaking)]

    async def check_askable(self, by: Credential, name: str) -> None:
        """Refuse a name of nobody who answers now. Raises UnknownMailboxError, and as `Addresses.reached`."""
        mailbox = await self._addresses.reached(by, name, None)
        if not is_memory(mailbox) and not self._is_answered(mailbox, await self._speaking()):
            raise UnknownMailboxError(f"nobody answers for {name!a} now: no credential that may do so is in force")

    async def set_policy(
        self, by: Credential, name: str, conversation: ConversationId | None, policy: Policy
    ) -> MailboxState:
        """Say how a mailbox hands over from now on, and who may answer it. Wants the right to administer."""
        rights.check(by, Right.ADMINISTER)
        mailbox = await self._addresses.named(by, name, conversation)
        await self._directory.set_policy(mailbox, policy, by=by.id)
        states = await self._directory.mailboxes(mailbox.conversation)
        return next(state for state in states if state.mailbox == mailbox)

    async def _is_askable(self, by: Credential, name: str, speaking: Sequence[Credential]) -> bool:
        try:
            mailbox = await self._addresses.reached(by, name, None)
        except (ForbiddenError, AmbiguousMailboxError, UnknownMailboxError):
            return False
        is_open = mailbox in self._directory.mailboxes_named(name)
        return is_open and self._is_answered(mailbox, speaking)

    def _is_answered(self, mailbox: Mailbox, speaking: Sequence[Credential]) -> bool:
        policy = self._directory.policy(mailbox)
        return mailbox == OWNER_MAILBOX or any(rights.answers(each, mailbox, policy) for each in speaking)

    async def _speaking(self) -> Sequence[Credential]:
        return [each for each in await self._directory.credentials() if self._credentials.speaks(each)]

    async def stops(self, by: Credential, since: datetime) -> Sequence[Stop]:
        """List the runaways that were stopped and last tried at or after this time. Wants the right to administer."""
        rights.check(by, Right.ADMINISTER)
        return await self._directory.stops(since)
