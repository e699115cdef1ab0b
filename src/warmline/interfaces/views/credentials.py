"""Credentials as the outside sees them: a token only when it is made."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from warmline.bridge.credentials import Minted
from warmline.parties import Credential, Right


class CredentialView(BaseModel):
    """Who may speak as whom, with which rights, and how far. Null limits and scopes do not limit."""

    id: str
    name: str
    conversation: str
    rights: list[Right]
    mailboxes: list[str] | None = Field(description="that it may ask and send to")
    reads: list[str] = Field(description="mailboxes that it may receive from, beside its own")
    memories: list[str] | None = Field(description="roots, and paths beneath them, that it may be answered from")
    person: bool
    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CredentialsView(BaseModel):
    """Credentials, newest first; expired and revoked ones too."""

    credentials: list[CredentialView]


class MintedView(CredentialView):
    """A credential as it was made: the only time that its token is shown."""

    token: str


def credential_view(credential: Credential) -> CredentialView:
    """Show a credential."""
    limits = credential.limits
    return CredentialView(
        id=credential.id,
        name=credential.name,
        conversation=credential.conversation,
        rights=[right for right in Right if right in credential.rights],
        mailboxes=_listed(credential.mailboxes),
        reads=sorted(credential.reads),
        memories=_listed(credential.memories),
        person=credential.is_person,
        per_minute=limits.per_minute if limits else None,
        per_hour=limits.per_hour if limits else None,
        per_day=limits.per_day if limits else None,
        created_at=credential.created_at,
        expires_at=credential.expires_at,
        revoked_at=credential.revoked_at,
    )


def minted_view(minted: Minted) -> MintedView:
    """Show a credential with its token."""
    return MintedView(**credential_view(minted.credential).model_dump(), token=minted.token)


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
