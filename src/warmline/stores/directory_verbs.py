"""The verbs of a directory, each one plain function in one transaction, with no wait inside.

As in `verbs`, one that refuses has written nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from warmline.errors import (
    ConflictError,
    UnknownConversationError,
    UnknownCredentialError,
    UnknownMailboxError,
)
from warmline.model import DEFAULT_CONVERSATION, ConversationId, CredentialId, Delivery, Mailbox, Post
from warmline.parties import AnsweredBy, Conversation, Credential, MailboxState, Participant, Policy, Stop
from warmline.stores.directory_rows import (
    conversation_of,
    credential_of,
    credential_values,
    mailbox_state_of,
    participant_of,
    participant_values,
    stop_of,
)
from warmline.stores.ledger import AuditEntry
from warmline.stores.looking import read_answer
from warmline.stores.rows import (
    MESSAGE_COLUMNS,
    Row,
    delivery_of,
    message_of,
    micros,
    micros_or_none,
)
from warmline.stores.transaction import Transaction


def new_conversation(
    tx: Transaction, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]], by: CredentialId
) -> None:
    """Make a conversation with its participants, their mailboxes and their credentials."""
    if tx.one("conversation", {"conversation": conversation.id}) is not None:
        raise ConflictError(f"there is a conversation {conversation.id!a} already")
    for credential, token_hash in credentials:
        _check_free(tx, credential, token_hash)
    created_at = micros(conversation.created_at)
    times = {"created_at": created_at, "closed_at": micros_or_none(conversation.closed_at)}
    tx.run("new_conversation", {"id": conversation.id, **times})
    for participant in conversation.participants:
        _join(tx, participant, created_at)
    tx.boxes_changed(conversation.id)
    for credential, token_hash in credentials:
        _keep(tx, credential, token_hash)
    counts = {"participants": len(conversation.participants), "credentials": len(credentials)}
    tx.audit(AuditEntry("new_conversation", by, conversation.id, detail=counts))


def add_participant(tx: Transaction, participant: Participant, by: CredentialId) -> None:
    """Make sure that a participant and its mailbox exist."""
    _conversation(tx, participant.conversation)
    if _join(tx, participant, tx.now):
        tx.audit(AuditEntry("add_participant", by, participant.conversation, detail={"name": participant.name}))
    tx.boxes_changed(participant.conversation)


def conversations(tx: Transaction, limit: int) -> Sequence[Conversation]:
    """List conversations with their participants, newest first."""
    rows = tx.all("conversations", {"limit": limit})
    participants: defaultdict[str, list[Participant]] = defaultdict(list)
    for row in tx.all("conversations_participants", {"conversations": json.dumps([row[0] for row in rows])}):
        participants[row[0]].append(participant_of(row))
    return [conversation_of(row, participants[row[0]]) for row in rows]


def conversation(tx: Transaction, conversation: ConversationId) -> Conversation:
    """Read one with its participants."""
    row = _conversation(tx, conversation)
    participants = tx.all("conversation_participants", {"conversation": conversation})
    return conversation_of(row, map(participant_of, participants))


def close_conversation(tx: Transaction, closed: ConversationId, at: datetime, by: CredentialId) -> Conversation:
    """Take nothing new in it from now on."""
    if closed == DEFAULT_CONVERSATION:
        raise ConflictError("the default conversation stays open")
    before = conversation(tx, closed)
    if before.closed_at is not None:
        return before
    tx.run("close_conversation", {"conversation": closed, "closed_at": micros(at)})
    tx.audit(AuditEntry("close_conversation", by, closed))
    tx.boxes_changed(closed)
    return conversation(tx, closed)


def said(tx: Transaction, of: ConversationId, after: int, limit: int) -> Sequence[Post]:
    """List messages of a conversation that were accepted after the one with that number, in that order."""
    _conversation(tx, of)
    statement = "said_default" if of == DEFAULT_CONVERSATION else "said"
    rows = tx.all(statement, {"conversation": of, "after": after, "limit": limit})
    which = {"message_ids": json.dumps([row[0] for row in rows])}
    deliveries: defaultdict[str, list[Delivery]] = defaultdict(list)
    for row in tx.all("said_deliveries", which):
        deliveries[row[0]].append(delivery_of(row[1:]))
    answers = {each: read_answer(tx, each, answer_id) for each, answer_id in tx.all("said_answers", which)}
    return [
        Post(message_of(row, tx.seals), tuple(deliveries[row[0]]), row[MESSAGE_COLUMNS], answers.get(row[0]))
        for row in rows
    ]


def report(tx: Transaction, of: Mailbox, at: datetime, status: str | None, by: CredentialId) -> Participant:
    """Note that the participant with this mailbox lives, and its status unless None."""
    _conversation(tx, of.conversation)
    _participant(tx, of.conversation, of.name)
    tx.run("report", {"conversation": of.conversation, "name": of.name, "at": micros(at), "status": status})
    if status is not None:  # a mere beat is no news
        tx.audit(AuditEntry("report", by, of.conversation, detail={"name": of.name}))
    return _participant(tx, of.conversation, of.name)


def seen(tx: Transaction, of: Mailbox, at: datetime) -> None:
    """Write when the participant with this mailbox, if there is one, was seen last."""
    tx.run("seen", {"conversation": of.conversation, "name": of.name, "at": micros(at)})


def mailboxes(tx: Transaction, conversation: ConversationId | None) -> Sequence[MailboxState]:
    """List mailboxes, of one conversation or of all."""
    if conversation is None:
        return [mailbox_state_of(row) for row in tx.all("mailbox_states", {})]
    _conversation(tx, conversation)
    return [mailbox_state_of(row) for row in tx.all("mailbox_states_in", {"conversation": conversation})]


def set_policy(tx: Transaction, mailbox: Mailbox, number: int, policy: Policy, by: CredentialId) -> None:
    """Set how a mailbox, which exists, hands over."""
    values = {"ordered": int(policy.ordered), "answered_by": policy.answered_by.value}
    tx.run("set_policy", {"mailbox_id": number, **values})
    tx.audit(AuditEntry("set_policy", by, mailbox.conversation, detail={"name": mailbox.name, **values}))
    tx.boxes_changed(mailbox.conversation)
    tx.news.due[number] = None  # those who wait may have it now


def add_credential(tx: Transaction, credential: Credential, token_hash: bytes, by: CredentialId) -> None:
    """Keep a credential of a participant."""
    _check_new(tx, credential, token_hash)
    _keep(tx, credential, token_hash)
    tx.audit(AuditEntry("add_credential", by, credential.conversation, credential.id))


def credentials(tx: Transaction) -> dict[bytes, Credential]:
    """Return every credential under the hash of its token."""
    return {row[0]: credential_of(row[1:]) for row in tx.all("credentials", {})}


def revoke(tx: Transaction, credential: CredentialId, at: datetime, by: CredentialId) -> Credential:
    """Let it speak no more from `at`, or from when it was revoked before."""
    before = credential_of(_credential(tx, credential)[1:])
    if before.revoked_at is not None:
        return before
    tx.run("revoke", {"id": credential, "at": micros(at)})
    tx.audit(AuditEntry("revoke", by, before.conversation, credential))
    return _changed(tx, credential)


def rotate(
    tx: Transaction, credential: CredentialId, successor: Credential, token_hash: bytes, by: CredentialId
) -> None:
    """Revoke a credential and keep its successor."""
    _credential(tx, credential)
    _check_new(tx, successor, token_hash)
    tx.run("revoke", {"id": credential, "at": micros(successor.created_at)})
    _changed(tx, credential)
    _keep(tx, successor, token_hash)
    tx.audit(AuditEntry("rotate", by, successor.conversation, credential, detail={"successor": successor.id}))


def extend_credential(
    tx: Transaction, credential: CredentialId, expires_at: datetime | None, by: CredentialId
) -> Credential:
    """Let it expire then, or never."""
    _credential(tx, credential)
    values = {"expires_at": micros_or_none(expires_at)}
    tx.run("extend_credential", {"id": credential, **values})
    changed = _changed(tx, credential)
    tx.audit(AuditEntry("extend_credential", by, changed.conversation, credential, detail=values))
    return changed


def stops(tx: Transaction, since: datetime) -> Sequence[Stop]:
    """List the runaways that were last tried at or after this time, latest first."""
    return [stop_of(row) for row in tx.all("stops", {"since_at": micros(since)})]


def _join(tx: Transaction, participant: Participant, at: int) -> bool:
    """Make a participant and its mailbox, unless it is there; return whether it is new. at is in microseconds."""
    if tx.one("participant", _named(participant)) is not None:
        return False
    tx.run("add_participant", {**participant_values(participant), "created_at": at})
    answered_by = AnsweredBy.PERSON if participant.is_person else AnsweredBy.ANYONE
    tx.run("add_participant_mailbox", {**_named(participant), "answered_by": answered_by.value})
    return True


def _named(participant: Participant) -> dict[str, object]:
    return {"conversation": participant.conversation, "name": participant.name}


def _keep(tx: Transaction, credential: Credential, token_hash: bytes) -> None:
    tx.run("add_credential", credential_values(credential, token_hash))
    tx.news.credentials[token_hash] = credential


def _changed(tx: Transaction, credential: CredentialId) -> Credential:
    """Read a credential again after it was changed."""
    row = _credential(tx, credential)
    tx.news.credentials[row[0]] = changed = credential_of(row[1:])
    return changed


def _check_new(tx: Transaction, credential: Credential, token_hash: bytes) -> None:
    """Raises UnknownConversationError, UnknownMailboxError without a participant, ConflictError when taken."""
    _conversation(tx, credential.conversation)
    _participant(tx, credential.conversation, credential.name)
    _check_free(tx, credential, token_hash)


def _check_free(tx: Transaction, credential: Credential, token_hash: bytes) -> None:
    """Raises ConflictError when the id or token is taken."""
    if tx.one("add_credential_taken", {"id": credential.id, "token_hash": token_hash}) is not None:
        raise ConflictError("there is a credential with this id or token already")


def _conversation(tx: Transaction, conversation: ConversationId) -> Row:
    row = tx.one("conversation", {"conversation": conversation})
    if row is None:
        raise UnknownConversationError(f"there is no conversation {conversation!a}")
    return row


def _participant(tx: Transaction, conversation: ConversationId, name: str) -> Participant:
    row = tx.one("participant", {"conversation": conversation, "name": name})
    if row is None:
        raise UnknownMailboxError(f"there is no participant {name!a} in the conversation {conversation!a}")
    return participant_of(row)


def _credential(tx: Transaction, credential: CredentialId) -> Row:
    row = tx.one("credential", {"id": credential})
    if row is None:
        raise UnknownCredentialError(f"there is no credential {credential!a}")
    return row
