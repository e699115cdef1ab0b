"""Credentials: who may speak, made, shown once, revoked and rotated. Only the SHA-256 of a token is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from warmline.bridge import rights, rules
from warmline.bridge.parts import Parts
from warmline.errors import ConflictError, InvalidInputError, UnauthorizedError, UnknownCredentialError
from warmline.ids import new_message_id
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, OWNER, ConversationId, CredentialId
from warmline.parties import Credential, Participant, Right

TOKEN_PREFIX = "wl_"  # noqa: S105  # a mark, no secret
"""So that a scanner for leaked secrets knows one."""

TOKEN_BYTES = 32

EVER = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)

THE_OWNER = Credential(
    id=CredentialId(OWNER),
    name=OWNER,
    conversation=DEFAULT_CONVERSATION,
    rights=frozenset(Right),
    created_at=EVER,
    is_person=True,
)
"""The person at the shell, who reads the home and is not in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a credential is made to do; the scopes are as in Credential. limits of None are settings.rate."""

    rights: frozenset[Right] = frozenset({Right.ASK, Right.ANSWER, Right.SEND, Right.READ})
    mailboxes: frozenset[str] | None = None
    reads: frozenset[str] = frozenset()
    memories: frozenset[str] | None = None
    is_person: bool = False
    limits: Limits | None = None
    expires_at: datetime | None = None


USUAL = Grant()


@dataclass(frozen=True, slots=True)
class Minted:
    """A credential as it was made, with its token: the only time that it is seen."""

    credential: Credential
    token: str = field(repr=False)


def hash_token(token: str) -> bytes:
    """Return what is kept of a token. A random one of 256 bits needs no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Credentials:
    """The verbs on credentials, which want the right to administer; to tell who speaks, it takes none."""

    def __init__(self, parts: Parts, owner_token: str) -> None:
        self._directory = parts.directory
        self._clock = parts.clock
        self._settings = parts.settings
        self._owner_hash = hash_token(owner_token)

    def authenticate(self, token: str) -> Credential:
        """Return who speaks with this token now, once that it was seen is noted.

        Raises UnauthorizedError, which does not repeat the token.
        """
        token_hash = hash_token(token)
        if hmac.compare_digest(token_hash, self._owner_hash):
            return self.seen(THE_OWNER)
        return self.seen(self._in_force(self._directory.credential_of(token_hash)))

    def check(self, credential: Credential) -> None:
        """Raises UnauthorizedError when who was found to speak with this credential does not any more."""
        if credential is not THE_OWNER:
            self._in_force(self._directory.credential(credential.id))

    def seen(self, credential: Credential) -> Credential:
        """Return who has just shown that it lives, once that is noted."""
        self._directory.note_seen(credential.conversation, credential.name, self._clock.now())
        return credential

    def in_force(self, credential: Credential) -> Credential:
        """Return a credential that speaks now. Raises UnauthorizedError for one that does not any more."""
        if credential.revoked_at is not None:  # whatever the clock says: it may have been set back
            raise UnauthorizedError("that credential was revoked: let the owner make another")
        if credential.expires_at is not None and credential.expires_at <= self._clock.now():
            raise UnauthorizedError("that credential has expired: let the owner make another")
        return credential

    def speaks(self, credential: Credential) -> bool:
        """Tell whether a credential is in force."""
        try:
            return bool(self.in_force(credential))
        except UnauthorizedError:
            return False

    async def new(
        self,
        by: Credential,
        name: str,
        *,
        conversation: ConversationId = DEFAULT_CONVERSATION,
        grant: Grant = USUAL,
        chosen: CredentialId | None = None,
    ) -> Minted:
        """Make a credential for the participant of this name, who comes to the conversation if it is not there.

        chosen is to be its id: whoever wrote that down before can revoke it, though the response is lost. Raises
        ForbiddenError, InvalidInputError, UnknownConversationError, or ConflictError when there is one of this id.
        """
        rights.check(by, Right.ADMINISTER)
        rules.check_name(name, self._settings)
        self._check(grant)
        known = {each.name for each in (await self._directory.conversation(conversation)).participants}
        if name not in known and len(known) >= self._settings.max_participants:
            raise InvalidInputError(f"the conversation has {len(known)} participants already: begin another")
        participant = Participant(conversation, name, grant.is_person)
        await self._directory.add_participant(participant, by=by.id)
        return await self.mint(by, participant, grant, chosen)

    async def mint(
        self, by: Credential, participant: Participant, grant: Grant, chosen: CredentialId | None = None
    ) -> Minted:
        """Keep a credential for a participant that is there; who may have that done was checked."""
        minted = self.made(participant, grant, chosen)
        await self._directory.add_credential(minted.credential, hash_token(minted.token), by=by.id)
        return minted

    def made(self, participant: Participant, grant: Grant, chosen: CredentialId | None = None) -> Minted:
        """Make a credential that is still to be kept, with the id that was chosen, or a new one."""
        now = self._clock.now()
        credential = Credential(
            id=chosen or CredentialId(new_message_id(now)),
            name=participant.name,
            conversation=participant.conversation,
            rights=grant.rights,
            created_at=now,
            mailboxes=grant.mailboxes,
            reads=grant.reads,
            memories=grant.memories,
            is_person=grant.is_person,
            limits=grant.limits or self._settings.rate,
            expires_at=grant.expires_at,
        )
        return Minted(credential, _new_token())

    async def list(self, by: Credential) -> Sequence[Credential]:
        """List all, newest first; expired and revoked ones too."""
        rights.check(by, Right.ADMINISTER)
        return await self._directory.credentials()

    async def revoke(self, by: Credential, id_or_name: str) -> Credential:
        """Let a credential speak no more. Revoked already: nothing changes. Raises UnknownCredentialError."""
        found = await self._found(by, id_or_name)
        return await self._directory.revoke(found.id, self._clock.now(), by=by.id)

    async def rotate(self, by: Credential, id_or_name: str) -> Minted:
        """Make a successor with the same rights and scope, and revoke the old one, in one transaction.

        The successor lasts as long from now as the old one was made to last. Raises ConflictError when that was
        revoked.
        """
        old = await self._found(by, id_or_name)
        if old.revoked_at is not None:
            raise ConflictError("that credential was revoked: make a new one")
        now = self._clock.now()
        successor = replace(
            old,
            id=CredentialId(new_message_id(now)),
            created_at=now,
            expires_at=_lasting(old, now),
        )
        minted = Minted(successor, _new_token())
        await self._directory.rotate(old.id, successor, hash_token(minted.token), by=by.id)
        return minted

    def _check(self, grant: Grant) -> None:
        expires_at = grant.expires_at
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= self._clock.now()):
            raise InvalidInputError("a credential expires at a later time, with a time zone")
        if not grant.rights:
            raise InvalidInputError("a credential without rights is of no use: name at least one")
        for name in (*(grant.mailboxes or ()), *grant.reads, *(grant.memories or ())):
            rules.check_no_secret(name, "name")

    def _in_force(self, found: Credential | None) -> Credential:
        if found is None:
            raise UnauthorizedError("that is no credential of this line")
        return self.in_force(found)

    async def _found(self, by: Credential, id_or_name: str) -> Credential:
        """Return the credential of this id, or the only one of this name that was not revoked."""
        rights.check(by, Right.ADMINISTER)
        known = await self._directory.credentials()
        by_id = [each for each in known if each.id == id_or_name.strip().upper()]
        named = [each for each in known if each.name == id_or_name and each.revoked_at is None]
        found = by_id or named
        if not found:
            raise UnknownCredentialError("there is no credential with that id, nor one in force with that name")
        if len(found) > 1:
            shown = ", ".join(f"{each.id} in {each.conversation}" for each in found[:10])
            raise InvalidInputError(f"{len(found)} credentials have that name: {shown}; name the id")
        return found[0]


def _lasting(old: Credential, now: datetime) -> datetime | None:
    """Return when a successor made now expires; at the end of all time at the latest."""
    if old.expires_at is None:
        return None
    return now + min(old.expires_at - old.created_at, END_OF_TIME - now)


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
