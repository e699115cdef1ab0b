"""The seam of who and what there is on the line, and of what an old bridge brings along. Beside protocols.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from warmline.model import ConversationId, CredentialId, Mailbox, Message, Post
from warmline.parties import Conversation, Credential, MailboxState, Participant, Policy, Stop


class Directory(Protocol):
    """Who and what there is on the line: conversations, participants, mailboxes, credentials. Durable like a Store.

    Every verb is one transaction, synced before it returns unless it says otherwise, and raises StoreError.
    Unknown ids raise UnknownConversationError, UnknownMailboxError or UnknownCredentialError. `by` says who wants it,
    for the audit.
    """

    async def new_conversation(
        self, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]] = (), *, by: CredentialId
    ) -> None:
        """Make a conversation with its participants, as `add_participant` does, and with their credentials.

        Each credential, of one of these participants, comes with its token's SHA-256: all of it is there, or nothing.
        Raises ConflictError if the conversation's id, or the id or token of a credential, is taken.
        """

    async def add_participant(self, participant: Participant, *, by: CredentialId) -> None:
        """Make sure that a participant and its mailbox exist; a person's mailbox is answered by persons only.

        One that is there stays as it is.
        """

    async def conversations(self, limit: int) -> Sequence[Conversation]:
        """List conversations with their participants, newest first, the default one too."""

    async def conversation(self, conversation: ConversationId) -> Conversation:
        """Return one, its participants by name."""

    async def close_conversation(self, conversation: ConversationId, at: datetime, *, by: CredentialId) -> Conversation:
        """Take nothing new in it from now on. Closed already: nothing changes. The default one: ConflictError."""

    async def said(self, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """List messages of a conversation whose number is above `after`, in the order of acceptance."""

    def listening(self, conversation: ConversationId, on_change: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_change on the event loop after something of it was said, handed over or ended, while the block lasts.

        A hint: several changes may be one call; look with `said`.
        """

    async def report(
        self, conversation: ConversationId, name: str, at: datetime, status: str | None, *, by: CredentialId
    ) -> Participant:
        """Note that a participant lives, and its status unless None. Need not be synced.

        A name that the conversation does not have raises UnknownMailboxError.
        """

    def note_seen(self, conversation: ConversationId, name: str, at: datetime) -> None:
        """Note that a participant, if there is one of that name, has just spoken. It is shown at once, from memory.

        Not waited for and not synced: written once a minute at most, so a crash loses a minute of it. Raises nothing.
        """

    async def mailboxes(self, conversation: ConversationId | None = None) -> Sequence[MailboxState]:
        """List mailboxes, of one conversation or of all."""

    async def set_policy(self, mailbox: Mailbox, policy: Policy, *, by: CredentialId) -> None:
        """Set how a mailbox hands over from now on."""

    def policy(self, mailbox: Mailbox) -> Policy:
        """Return a mailbox's policy, from memory. Raises UnknownMailboxError."""

    def mailboxes_named(self, name: str) -> Sequence[Mailbox]:
        """Return the mailboxes of that name in all conversations that are open, from memory."""

    async def add_credential(self, credential: Credential, token_hash: bytes, *, by: CredentialId) -> None:
        """Keep a credential, whose participant exists, under the SHA-256 of its token.

        Raises UnknownMailboxError when there is no such participant, and ConflictError when the id or token is taken.
        """

    async def credentials(self) -> Sequence[Credential]:
        """List all, newest first; expired and revoked ones too."""

    def credential_of(self, token_hash: bytes) -> Credential | None:
        """Return the credential of a token, expired or revoked as it may be, from memory; None when there is none."""

    def credential(self, credential: CredentialId) -> Credential | None:
        """Return the credential of this id, as `credential_of` does."""

    async def revoke(self, credential: CredentialId, at: datetime, *, by: CredentialId) -> Credential:
        """Let it speak no more from `at`. Revoked already: nothing changes."""

    async def rotate(
        self, credential: CredentialId, successor: Credential, token_hash: bytes, *, by: CredentialId
    ) -> None:
        """Revoke a credential from successor.created_at and keep its successor as `add_credential` does, or neither."""

    async def extend_credential(
        self, credential: CredentialId, expires_at: datetime | None, *, by: CredentialId
    ) -> Credential:
        """Let it expire then, or never."""

    async def stops(self, since: datetime) -> Sequence[Stop]:
        """List the runaways that were stopped and last tried at or after this time, latest first."""


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """A message of an old bridge, with the mailbox that it goes to and the number that it had there."""

    message: Message
    mailbox: Mailbox
    number: int
    is_read: bool


@dataclass(frozen=True, slots=True)
class ImportedAudit:
    """A row of an old bridge's audit log, as it stood there."""

    conversation: ConversationId
    number: int
    session: str | None
    action: str
    details: str | None
    at: datetime | None


class Importer(Protocol):
    """Takes over what an old bridge held. Each verb is one transaction; what came before is left as it is."""

    async def take_conversation(
        self, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]], *, by: CredentialId
    ) -> bool:
        """Keep a conversation with its participants, statuses, mailboxes, and credentials under their token hashes.

        Returns whether it is new. When it is not, only the credentials' expires_at may move, to later.
        """

    async def take_messages(self, messages: Sequence[ImportedMessage], *, by: CredentialId) -> int:
        """Keep messages, read ones as settled and the others as ready; return how many are new.

        Known by (conversation, number) for ever, archived and erased ones too. No rate and no hop is counted.
        """

    async def take_audit(self, rows: Sequence[ImportedAudit], *, by: CredentialId) -> int:
        """Keep audit rows; return how many are new."""
