"""The Directory on the SQLite file that the store stands on too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from warmline.model import ConversationId, CredentialId, Mailbox, Post
from warmline.parties import Conversation, Credential, MailboxState, Participant, Policy, Stop
from warmline.stores import directory_verbs as verbs
from warmline.stores.database import Database
from warmline.stores.listening import Listeners
from warmline.stores.transaction import Box, News

_SEEN_PERIOD = timedelta(minutes=1)
"""How often it is written that a participant is seen: a question must not cost a statement for that."""


class SqliteDirectory:
    """Keeps protocols.Directory's promises on a database, which whoever made it opens and closes.

    All credentials, and which mailboxes have which name, are kept in memory as the last commit left them:
    the database has no other writer. Who was seen when is kept there too, and written now and then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners = Listeners()
        self._credentials: dict[CredentialId, Credential] = {}
        self._by_token: dict[bytes, CredentialId] = {}
        self._open_by_name: defaultdict[str, dict[Mailbox, None]] = defaultdict(dict)
        self._seen: dict[tuple[ConversationId, str], datetime] = {}
        self._seen_due: dict[tuple[ConversationId, str], datetime] = {}
        database.join(self)

    async def new_conversation(
        self, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]] = (), *, by: CredentialId
    ) -> None:
        """Make a conversation."""
        await self._database.write(lambda tx: verbs.new_conversation(tx, conversation, credentials, by))

    async def add_participant(self, participant: Participant, *, by: CredentialId) -> None:
        """Make sure that a participant and its mailbox exist."""
        await self._database.write(lambda tx: verbs.add_participant(tx, participant, by))

    async def conversations(self, limit: int) -> Sequence[Conversation]:
        """List conversations."""
        return [self._as_seen(each) for each in await self._database.read(lambda tx: verbs.conversations(tx, limit))]

    async def conversation(self, conversation: ConversationId) -> Conversation:
        """Return one."""
        return self._as_seen(await self._database.read(lambda tx: verbs.conversation(tx, conversation)))

    async def close_conversation(self, conversation: ConversationId, at: datetime, *, by: CredentialId) -> Conversation:
        """Take nothing new in it from now on."""
        return self._as_seen(await self._database.write(lambda tx: verbs.close_conversation(tx, conversation, at, by)))

    async def said(self, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """List messages of a conversation."""
        here = await self._database.read(lambda tx: verbs.said(tx, conversation, after, limit))
        archived = await self._database.archive.said(
            conversation, after, limit
        )  # looked at later: what moves is seen twice
        if not archived:
            return here
        posts = {post.number: post for post in (*archived, *here)}
        return [posts[number] for number in sorted(posts)[:limit]]

    def listening(self, conversation: ConversationId, on_change: Callable[[], None]) -> AbstractContextManager[None]:
        """Call on_change after something was said or handed over; it is called, too, when the database closes."""
        return self._listeners.calling(conversation, on_change)

    async def report(
        self, conversation: ConversationId, name: str, at: datetime, status: str | None, *, by: CredentialId
    ) -> Participant:
        """Note that a participant lives."""
        return await self._database.write(
            lambda tx: verbs.report(tx, Mailbox(conversation, name), at, status, by), synced=False
        )

    def note_seen(self, conversation: ConversationId, name: str, at: datetime) -> None:
        """Note that a participant has just spoken."""
        participant = conversation, name
        self._seen[participant] = at
        due = self._seen_due.get(participant)
        if (due is not None and at < due) or not self._database.is_open:
            return
        self._seen_due[participant] = at + _SEEN_PERIOD
        job = self._database.submit(lambda tx: verbs.seen(tx, Mailbox(*participant), at), synced=False)
        job.done.add_done_callback(lambda done: done.exception())  # where it fails, the next one may not

    async def mailboxes(self, conversation: ConversationId | None = None) -> Sequence[MailboxState]:
        """List mailboxes."""
        return await self._database.read(lambda tx: verbs.mailboxes(tx, conversation))

    async def set_policy(self, mailbox: Mailbox, policy: Policy, *, by: CredentialId) -> None:
        """Set how a mailbox hands over from now on."""
        number = self._database.box(mailbox).number
        await self._database.write(lambda tx: verbs.set_policy(tx, mailbox, number, policy, by))

    def policy(self, mailbox: Mailbox) -> Policy:
        """Return a mailbox's policy."""
        box = self._database.box(mailbox)
        return Policy(box.ordered, box.answered_by)

    def mailboxes_named(self, name: str) -> Sequence[Mailbox]:
        """Return the open mailboxes of that name, in the order in which they were made."""
        self._database.check_open()
        return tuple(self._open_by_name.get(name, ()))

    async def add_credential(self, credential: Credential, token_hash: bytes, *, by: CredentialId) -> None:
        """Keep a credential."""
        await self._database.write(lambda tx: verbs.add_credential(tx, credential, token_hash, by))

    async def credentials(self) -> Sequence[Credential]:
        """List all."""
        self._database.check_open()
        return sorted(self._credentials.values(), key=lambda known: (known.created_at, known.id), reverse=True)

    def credential_of(self, token_hash: bytes) -> Credential | None:
        """Return the credential of a token."""
        self._database.check_open()
        found = self._by_token.get(token_hash)
        return None if found is None else self._credentials[found]

    def credential(self, credential: CredentialId) -> Credential | None:
        """Return the credential of this id."""
        self._database.check_open()
        return self._credentials.get(credential)

    async def revoke(self, credential: CredentialId, at: datetime, *, by: CredentialId) -> Credential:
        """Let it speak no more."""
        return await self._database.write(lambda tx: verbs.revoke(tx, credential, at, by))

    async def rotate(
        self, credential: CredentialId, successor: Credential, token_hash: bytes, *, by: CredentialId
    ) -> None:
        """Revoke a credential and keep its successor."""
        await self._database.write(lambda tx: verbs.rotate(tx, credential, successor, token_hash, by))

    async def extend_credential(
        self, credential: CredentialId, expires_at: datetime | None, *, by: CredentialId
    ) -> Credential:
        """Let it expire then, or never."""
        return await self._database.write(lambda tx: verbs.extend_credential(tx, credential, expires_at, by))

    async def stops(self, since: datetime) -> Sequence[Stop]:
        """List the runaways that were stopped."""
        return await self._database.read(lambda tx: verbs.stops(tx, since))

    async def load(self) -> None:
        """Read what is kept in memory: the database was opened."""
        credentials = await self._database.read(verbs.credentials)
        for kept in (self._credentials, self._by_token, self._open_by_name):
            kept.clear()
        self._note(self._database.boxes, credentials)

    def committed(self, news: News) -> None:
        """Keep up with a commit, and tell those who listen."""
        self._note(news.boxes, news.credentials)
        self._listeners.changed(news.said)

    def fail(self, _: Exception) -> None:
        """Let all who listen look, and find the database closed."""
        self._listeners.all_changed()

    def _as_seen(self, conversation: Conversation) -> Conversation:
        """Return a conversation whose participants were seen when they spoke last, written or not."""
        participants = (self._last_seen(each) for each in conversation.participants)
        return replace(conversation, participants=tuple(participants))

    def _last_seen(self, participant: Participant) -> Participant:
        seen = self._seen.get((participant.conversation, participant.name))
        if seen is None or (participant.seen_at is not None and participant.seen_at >= seen):
            return participant
        return replace(participant, seen_at=seen)

    def _note(self, boxes: Mapping[Mailbox, Box], credentials: Mapping[bytes, Credential]) -> None:
        for token_hash, credential in credentials.items():
            self._credentials[credential.id] = credential
            self._by_token[token_hash] = credential.id
        for mailbox, box in boxes.items():
            if box.is_closed:
                self._open_by_name[mailbox.name].pop(mailbox, None)
            else:
                self._open_by_name[mailbox.name][mailbox] = None
