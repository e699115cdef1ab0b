"""From the old bridge's rows to the line's nouns: what comes along, under which name, and until when.

A message keeps its order and gets an id of our form that follows from its conversation and number, so that
an import that was killed, or done again, makes nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from warmline.directory import ImportedAudit, ImportedMessage, Importer
from warmline.ids import message_id_of
from warmline.limits import Limits
from warmline.model import IMPORTED, ConversationId, CredentialId, Kind, Mailbox, Message
from warmline.operations.legacy.reading import (
    LegacyDatabase,
    OldAudit,
    OldConversation,
    OldMessage,
    copy_legacy,
    open_legacy,
)
from warmline.parties import Conversation, Credential, Participant, Right, is_reserved
from warmline.security.masking import Masking
from warmline.security.redaction import redact_aside

AT_ONCE = 500
"""Messages in one transaction: others are served in between."""

COPIES = "import-"
"""How the name of a folder with a copy begins."""

Old = TypeVar("Old")

RIGHTS = frozenset({Right.ASK, Right.ANSWER, Right.SEND, Right.READ})
MAX_NAME_CHARACTERS = 100


@dataclass(slots=True)
class ImportReport:
    """What an old database holds and what of it was new. oddities counts what was mended or left out.

    redacted counts the conversations (roles and statuses), messages and audit rows in which secrets were masked.
    """

    conversations: int = 0
    new_conversations: int = 0
    credentials: int = 0
    valid_credentials: int = 0
    messages: int = 0
    unread: int = 0
    new_messages: int = 0
    statuses: int = 0
    audit_rows: int = 0
    new_audit_rows: int = 0
    redacted: int = 0
    oddities: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How an import is done, and who wants it. extend: credentials last at least this long from now."""

    by: CredentialId
    now: datetime
    limits: Limits
    extend: timedelta | None = None


async def take_legacy(
    source: Path, folder: Path, importer: Importer, terms: Terms, on_progress: Callable[[int, int], None]
) -> ImportReport:
    """Take over an old database by way of a copy in a temporary folder within `folder`.

    on_progress is called with the messages done and all. Raises InvalidInputError, NotLegacyError or StoreError;
    what was taken over until then stays, and doing it again goes on.
    """
    with tempfile.TemporaryDirectory(prefix=COPIES, dir=folder) as name:
        copy = await asyncio.to_thread(copy_legacy, source, Path(name))
        with open_legacy(source, copy) as old:
            taking = _Taking(old, importer, terms)
            await taking.conversations()
            await taking.messages(on_progress)
            await taking.audit()
            taking.report.oddities = dict(old.oddities)
            return taking.report


def clear_copies(folder: Path) -> None:
    """Remove the copies, with their tokens and texts, of imports that died with their daemon. Wants to be its owner."""
    for left in folder.glob(f"{COPIES}*"):
        shutil.rmtree(left, ignore_errors=True)


class _Taking:
    """One import under way."""

    def __init__(self, old: LegacyDatabase, importer: Importer, terms: Terms) -> None:
        self._old = old
        self._importer = importer
        self._terms = terms
        self._names: dict[tuple[str, str], str] = {}
        self._created: dict[str, datetime] = {}
        self.report = ImportReport()

    async def conversations(self) -> None:
        for found in self._old.conversations():
            old = await self._masked_roles(found)
            names = _names(old, self._old.oddities)
            self._names |= {(old.id, letter): name for letter, name in names.items()}
            self._created[old.id] = old.created_at
            conversation = _conversation(old, names)
            credentials = list(self._credentials(old, names))
            self.report.conversations += 1
            self.report.new_conversations += await self._importer.take_conversation(
                conversation, credentials, by=self._terms.by
            )
            self.report.credentials += len(credentials)
            self.report.valid_credentials += sum(self._is_valid(credential) for credential, _ in credentials)
            self.report.statuses += sum(session.status is not None for session in old.sessions)

    async def messages(self, on_progress: Callable[[int, int], None]) -> None:
        total, done = self._old.count("messages"), 0
        for chunk in _chunks(self._old.messages()):
            taken = [imported for old in chunk if (imported := await self._message(old))]
            self.report.messages += len(taken)
            self.report.unread += sum(not imported.is_read for imported in taken)
            self.report.new_messages += await self._importer.take_messages(taken, by=self._terms.by)
            done += len(chunk)
            on_progress(done, total)

    async def audit(self) -> None:
        for chunk in _chunks(self._old.audit()):
            rows = [await self._audit(old) for old in chunk]
            self.report.audit_rows += len(rows)
            self.report.new_audit_rows += await self._importer.take_audit(rows, by=self._terms.by)

    async def _message(self, old: OldMessage) -> ImportedMessage | None:
        sender = self._names.get((old.conversation, old.sender))
        if sender is None:
            self._old.oddities["messages of no conversation"] += 1
            return None
        conversation = ConversationId(old.conversation)
        sent_at = old.sent_at or self._created[old.conversation]
        message_id = message_id_of(sent_at, f"{old.conversation}:{old.number}".encode())
        masking = Masking(redact_aside)
        message = Message(
            id=message_id,
            conversation=conversation,
            sender=sender,
            kind=Kind.NOTE,
            body=await masking.text(old.body),
            sent_at=sent_at,
            trace=f"{IMPORTED}{message_id}",
            metadata=await _masked_metadata(old.metadata, masking),
        )
        self.report.redacted += bool(masking.kinds)
        mailbox = Mailbox(conversation, self._names[old.conversation, old.recipient])
        return ImportedMessage(message, mailbox, old.number, old.is_read)

    async def _audit(self, old: OldAudit) -> ImportedAudit:
        masking = Masking(redact_aside)
        row = ImportedAudit(
            conversation=ConversationId(old.conversation),
            number=old.number,
            session=await _masked(old.session, masking),
            action=await masking.text(old.action),
            details=await _masked(old.details, masking),
            at=old.at,
        )
        self.report.redacted += bool(masking.kinds)
        return row

    async def _masked_roles(self, old: OldConversation) -> OldConversation:
        """Mask what the sessions are called, and what they said about themselves."""
        masking = Masking(redact_aside)
        a, b = [
            replace(each, role=await masking.text(each.role), status=await _masked(each.status, masking))
            for each in old.sessions
        ]
        self.report.redacted += bool(masking.kinds)
        return replace(old, sessions=(a, b))

    def _credentials(self, old: OldConversation, names: dict[str, str]) -> Iterator[tuple[Credential, bytes]]:
        terms = self._terms
        expires_at = old.expires_at
        if expires_at and terms.extend:
            expires_at = max(expires_at, terms.now + terms.extend)
        for session in old.sessions:
            if session.token is None:
                continue
            credential = Credential(
                id=CredentialId(message_id_of(old.created_at, f"{old.id}:{session.letter}".encode())),
                name=names[session.letter],
                conversation=ConversationId(old.id),
                rights=RIGHTS,
                created_at=old.created_at,
                limits=terms.limits,
                expires_at=expires_at,
            )
            yield credential, hashlib.sha256(session.token.encode()).digest()

    def _is_valid(self, credential: Credential) -> bool:
        return credential.expires_at is None or credential.expires_at > self._terms.now


def _conversation(old: OldConversation, names: dict[str, str]) -> Conversation:
    conversation = ConversationId(old.id)
    participants = tuple(
        Participant(
            conversation,
            names[session.letter],
            status=session.status,
            status_at=session.heartbeat_at if session.status is not None else None,
            seen_at=session.heartbeat_at,
            legacy_session=session.letter,
        )
        for session in old.sessions
    )
    return Conversation(conversation, old.created_at, participants=participants)


def _names(old: OldConversation, oddities: Counter[str]) -> dict[str, str]:
    """Name the participants after their roles, as far as these can be names and differ."""
    wanted = {session.letter: _clean(session.role) for session in old.sessions}
    same = len(set(wanted.values())) < len(wanted)
    names = {
        letter: name if name and not is_reserved(name) and not same else f"{name or 'session'} ({letter})"
        for letter, name in wanted.items()
    }
    renamed = sum(names[session.letter] != session.role for session in old.sessions)
    if renamed:
        oddities["roles that had to be renamed"] += renamed
    return names


def _clean(role: str) -> str:
    kept = "".join(" " if letter == "/" or not letter.isprintable() else letter for letter in role)
    return " ".join(kept.split())[: MAX_NAME_CHARACTERS - len(" (a)")].strip()


async def _masked(text: str | None, masking: Masking) -> str | None:
    return None if text is None else await masking.text(text)


async def _masked_metadata(metadata: str | None, masking: Masking) -> str | None:
    """Mask a JSON object, whose depth the reading bounds."""
    if metadata is None:
        return None
    return json.dumps(await masking.members(json.loads(metadata)), separators=(",", ":"))


def _chunks(rows: Iterator[Old]) -> Iterator[tuple[Old, ...]]:
    while chunk := tuple(islice(rows, AT_ONCE)):
        yield chunk
