"""Rows <-> the nouns of the directory. Sets are sorted JSON arrays in the database, and null is "all"."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from warmline.limits import Limits
from warmline.model import ConversationId, CredentialId, Mailbox
from warmline.parties import (
    AnsweredBy,
    Conversation,
    Credential,
    MailboxState,
    Participant,
    Policy,
    Right,
    Stop,
    StopKind,
)
from warmline.stores.rows import Row, micros, micros_or_none, time, time_or_none


def participant_values(participant: Participant) -> dict[str, Any]:
    """Return the named parameters that insert a participant, but for created_at."""
    return {
        "conversation": participant.conversation,
        "name": participant.name,
        "is_person": int(participant.is_person),
        "status": participant.status,
        "status_at": micros_or_none(participant.status_at),
        "seen_at": micros_or_none(participant.seen_at),
        "legacy_session": participant.legacy_session,
    }


def participant_of(row: Row) -> Participant:
    """Read the seven columns of a participant."""
    conversation, name, is_person, status, status_at, seen_at, legacy_session = row
    return Participant(
        conversation=ConversationId(conversation),
        name=name,
        is_person=bool(is_person),
        status=status,
        status_at=time_or_none(status_at),
        seen_at=time_or_none(seen_at),
        legacy_session=legacy_session,
    )


def conversation_of(row: Row, participants: Iterable[Participant]) -> Conversation:
    """Read the three columns of a conversation."""
    conversation, created_at, closed_at = row
    return Conversation(ConversationId(conversation), time(created_at), time_or_none(closed_at), tuple(participants))


def policy_of(ordered: int, answered_by: str) -> Policy:
    """Read a mailbox's policy."""
    return Policy(bool(ordered), AnsweredBy(answered_by))


def mailbox_state_of(row: Row) -> MailboxState:
    """Read a mailbox, its policy, and the counts of what is ready and leased."""
    conversation, name, ordered, answered_by, ready, leased = row
    return MailboxState(Mailbox(ConversationId(conversation), name), policy_of(ordered, answered_by), ready, leased)


def credential_values(credential: Credential, token_hash: bytes) -> dict[str, Any]:
    """Return the named parameters that insert a credential."""
    limits = credential.limits
    return {
        "id": credential.id,
        "token_hash": token_hash,
        "conversation": credential.conversation,
        "name": credential.name,
        "rights": _set_to_json(credential.rights),
        "mailboxes": _set_to_json(credential.mailboxes),
        "reads": _set_to_json(credential.reads),
        "memories": _set_to_json(credential.memories),
        "is_person": int(credential.is_person),
        "per_minute": limits and limits.per_minute,
        "per_hour": limits and limits.per_hour,
        "per_day": limits and limits.per_day,
        "created_at": micros(credential.created_at),
        "expires_at": micros_or_none(credential.expires_at),
        "revoked_at": micros_or_none(credential.revoked_at),
    }


def credential_of(row: Row) -> Credential:
    """Read the fourteen columns of a credential beside its token's hash."""
    number, conversation, name, rights, mailboxes, reads, memories, is_person, *rest = row
    per_minute, per_hour, per_day, created_at, expires_at, revoked_at = rest
    return Credential(
        id=CredentialId(number),
        name=name,
        conversation=ConversationId(conversation),
        rights=frozenset(map(Right, json.loads(rights))),
        created_at=time(created_at),
        mailboxes=_set_or_none(mailboxes),
        reads=frozenset(json.loads(reads)),
        memories=_set_or_none(memories),
        is_person=bool(is_person),
        limits=None if per_minute is None else Limits(per_minute, per_hour, per_day),
        expires_at=time_or_none(expires_at),
        revoked_at=time_or_none(revoked_at),
    )


def stop_of(row: Row) -> Stop:
    """Read the seven columns of a stop."""
    kind, key, conversation, participant, first_at, last_at, refusals = row
    return Stop(
        kind=StopKind(kind),
        key=key,
        conversation=ConversationId(conversation),
        participant=participant,
        first_at=time(first_at),
        last_at=time(last_at),
        refusals=refusals,
    )


def _set_to_json(names: Iterable[str] | None) -> str | None:
    return None if names is None else json.dumps(sorted(names), ensure_ascii=False)


def _set_or_none(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))
