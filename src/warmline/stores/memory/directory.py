"""The Directory in plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime

from warmline.errors import ConflictError, UnknownConversationError, UnknownCredentialError
from warmline.model import DEFAULT_CONVERSATION, ConversationId, CredentialId, Mailbox, Post, State
from warmline.parties import Conversation, Credential, MailboxState, Participant, Policy, Stop
from warmline.stores.memory.records import Records


class MemoryDirectory:
    """Keeps protocols.Directory's promises but durability. Open and closed as the store of the same records is."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def new_conversation(
        self, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]] = (), *, by: CredentialId
    ) -> None:
        """Make a conversation."""
        with self._records.verb():
            if conversation.id in self._records.conversations:
                raise ConflictError(f"there is a conversation {conversation.id!a} already")
            for each in credentials:
                self._check_free(*each)
            self._records.conversations[conversation.id] = replace(conversation, participants=())
            for participant in conversation.participants:
                self._records.add_participant(participant)
            for each in credentials:
                self._add(*each)

    async def add_participant(self, participant: Participant, *, by: CredentialId) -> None:
        """Make sure that a participant exists."""
        with self._records.verb():
            self._known(participant.conversation)
            self._records.add_participant(participant)

    async def conversations(self, limit: int) -> Sequence[Conversation]:
        """List conversations."""
        with self._records.verb():
            newest = sorted(self._records.conversations.values(), key=lambda each: each.created_at, reverse=True)
            return [self._known(each.id) for each in newest[:limit]]

    async def conversation(self, conversation: ConversationId) -> Conversation:
        """Return one."""
        with self._records.verb():
            return self._known(conversation)

    async def close_conversation(self, conversation: ConversationId, at: datetime, *, by: CredentialId) -> Conversation:
        """Take nothing new in it."""
        with self._records.verb():
            known = self._known(conversation)
            if conversation == DEFAULT_CONVERSATION:
                raise ConflictError("the default conversation stays open")
            if known.closed_at is None:
                self._records.conversations[conversation] = replace(known, closed_at=at, participants=())
            return self._known(conversation)

    async def said(self, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """List messages."""
        with self._records.verb():
            self._known(conversation)
            messages = [each for each in self._records.messages.values() if each.conversation == conversation]
            posts = [self._records.post(each.id) for each in messages]
            return [post for post in posts if post.number > after][:limit]

    def listening(self, conversation: ConversationId, on_change: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_change when something of the conversation changed."""
        return self._listening(conversation, on_change)

    async def report(
        self, conversation: ConversationId, name: str, at: datetime, status: str | None, *, by: CredentialId
    ) -> Participant:
        """Note that a participant lives."""
        with self._records.verb():
            self._known(conversation)
            participant = replace(self._records.participant(conversation, name), seen_at=at)
            if status is not None:
                participant = replace(participant, status=status, status_at=at)
            self._records.participants[conversation, name] = participant
            return participant

    def note_seen(self, conversation: ConversationId, name: str, at: datetime) -> None:
        """Note that a participant has just spoken."""
        participant = self._records.participants.get((conversation, name))
        if participant is not None:
            self._records.participants[conversation, name] = replace(participant, seen_at=at)

    async def mailboxes(self, conversation: ConversationId | None = None) -> Sequence[MailboxState]:
        """List mailboxes."""
        with self._records.verb():
            if conversation is not None:
                self._known(conversation)
            wanted = [each for each in self._records.boxes if conversation in (None, each.conversation)]
            return [self._state(mailbox) for mailbox in wanted]

    async def set_policy(self, mailbox: Mailbox, policy: Policy, *, by: CredentialId) -> None:
        """Set how a mailbox hands over."""
        with self._records.verb():
            self._records.box(mailbox).policy = policy
            self._records.due(mailbox)

    def policy(self, mailbox: Mailbox) -> Policy:
        """Return a mailbox's policy."""
        return self._records.box(mailbox).policy

    def mailboxes_named(self, name: str) -> Sequence[Mailbox]:
        """Return the mailboxes of that name in open conversations."""
        conversations = self._records.conversations
        named = [mailbox for mailbox in self._records.boxes if mailbox.name == name]
        return [mailbox for mailbox in named if conversations[mailbox.conversation].closed_at is None]

    async def add_credential(self, credential: Credential, token_hash: bytes, *, by: CredentialId) -> None:
        """Keep a credential."""
        with self._records.verb():
            self._add(credential, token_hash)

    async def credentials(self) -> Sequence[Credential]:
        """List all."""
        with self._records.verb():
            credentials = self._records.credentials.values()
            return sorted(credentials, key=lambda each: (each.created_at, each.id), reverse=True)

    def credential_of(self, token_hash: bytes) -> Credential | None:
        """Return the credential of a token."""
        credential = self._records.token_hashes.get(token_hash)
        return None if credential is None else self._records.credentials[credential]

    def credential(self, credential: CredentialId) -> Credential | None:
        """Return the credential of this id."""
        return self._records.credentials.get(credential)

    async def revoke(self, credential: CredentialId, at: datetime, *, by: CredentialId) -> Credential:
        """Let it speak no more."""
        with self._records.verb():
            return self._revoke(credential, at)

    async def rotate(
        self, credential: CredentialId, successor: Credential, token_hash: bytes, *, by: CredentialId
    ) -> None:
        """Put a successor in a credential's place."""
        with self._records.verb():
            self._credential(credential)
            self._add(successor, token_hash)
            self._revoke(credential, successor.created_at)

    async def extend_credential(
        self, credential: CredentialId, expires_at: datetime | None, *, by: CredentialId
    ) -> Credential:
        """Let it expire then."""
        with self._records.verb():
            return self._change(replace(self._credential(credential), expires_at=expires_at))

    async def stops(self, since: datetime) -> Sequence[Stop]:
        """List what was stopped."""
        with self._records.verb():
            stops = [stop for stop in self._records.stops.values() if stop.last_at >= since]
            return sorted(stops, key=lambda each: each.last_at, reverse=True)

    @contextmanager
    def _listening(self, conversation: ConversationId, on_change: Callable[[], None]) -> Iterator[None]:
        listeners = self._records.listeners.setdefault(conversation, [])
        listeners.append(on_change)
        try:
            yield
        finally:
            listeners.remove(on_change)

    def _known(self, conversation: ConversationId) -> Conversation:
        """Return a conversation with its participants. Raises UnknownConversationError."""
        if conversation not in self._records.conversations:
            raise UnknownConversationError(f"there is no conversation {conversation!a}")
        participants = [each for each in self._records.participants.values() if each.conversation == conversation]
        participants.sort(key=lambda each: each.name)
        return replace(self._records.conversations[conversation], participants=tuple(participants))

    def _state(self, mailbox: Mailbox) -> MailboxState:
        states = [each.delivery.state for each in self._records.all_entries() if each.delivery.mailbox == mailbox]
        policy = self._records.boxes[mailbox].policy
        return MailboxState(mailbox, policy, states.count(State.READY), states.count(State.LEASED))

    def _add(self, credential: Credential, token_hash: bytes) -> None:
        self._known(credential.conversation)
        self._records.participant(credential.conversation, credential.name)
        self._check_free(credential, token_hash)
        self._records.credentials[credential.id] = credential
        self._records.token_hashes[token_hash] = credential.id

    def _check_free(self, credential: Credential, token_hash: bytes) -> None:
        if credential.id in self._records.credentials or token_hash in self._records.token_hashes:
            raise ConflictError("there is a credential of this id or token already")

    def _credential(self, credential: CredentialId) -> Credential:
        try:
            return self._records.credentials[credential]
        except KeyError:
            raise UnknownCredentialError(f"there is no credential {credential!a}") from None

    def _change(self, credential: Credential) -> Credential:
        self._records.credentials[credential.id] = credential
        return credential

    def _revoke(self, credential: CredentialId, at: datetime) -> Credential:
        known = self._credential(credential)
        return known if known.revoked_at is not None else self._change(replace(known, revoked_at=at))
