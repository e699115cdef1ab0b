"""REST for credentials: make, list, revoke and rotate."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from warmline.bridge.credentials import USUAL, Grant
from warmline.ids import parse_message_id
from warmline.interfaces.rest_shared import (
    LIMITS,
    MAX_ID_CHARACTERS,
    MAX_PATH_CHARACTERS,
    NUMBER,
    WRITES,
    AnyBridge,
    By,
    Form,
    InConversation,
    Name,
    When,
    problems,
)
from warmline.interfaces.views.credentials import (
    CredentialsView,
    CredentialView,
    MintedView,
    credential_view,
    minted_view,
)
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, ConversationId, CredentialId
from warmline.parties import Right

credentials = APIRouter(prefix="/v1/credentials", tags=["credentials"])

ID_CHARACTERS = 26
MAX_RATE = 1_000_000_000
MAX_NAMES = 1000
"""In one scope."""

Place = Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARACTERS)]
Rate = Annotated[int, Field(ge=1, le=MAX_RATE), NUMBER]


class Made(Form):
    """Who shall speak as whom, with which rights, and how far. Absent scopes and limits are the line's own."""

    name: Name
    id: Annotated[
        str | None,
        Field(
            min_length=ID_CHARACTERS,
            max_length=ID_CHARACTERS,
            description="its id, a new ULID, for who wants to find it again though the response is lost",
        ),
    ] = None
    conversation: InConversation = DEFAULT_CONVERSATION
    rights: Annotated[list[Right], Field(min_length=1, max_length=len(Right))] = sorted(USUAL.rights)
    mailboxes: Annotated[
        list[Name] | None, Field(max_length=MAX_NAMES, description="that it may ask and send to; all if absent")
    ] = None
    reads: list[Name] = Field(default=[], max_length=MAX_NAMES, description="that it may receive from, beside its own")
    memories: Annotated[
        list[Place] | None,
        Field(
            max_length=MAX_NAMES, description="roots, and paths beneath them, it may be answered from; all if absent"
        ),
    ] = None
    person: Annotated[bool, Field(strict=True)] = False
    expires_at: When | None = None
    per_minute: Rate | None = None
    per_hour: Rate | None = None
    per_day: Annotated[Rate | None, Field(description="its budget for each UTC day")] = None

    def grant(self) -> Grant:
        """Return what it is made to do."""
        return Grant(
            rights=frozenset(self.rights),
            mailboxes=None if self.mailboxes is None else frozenset(self.mailboxes),
            reads=frozenset(self.reads),
            memories=None if self.memories is None else frozenset(self.memories),
            is_person=self.person,
            limits=self._limits(),
            expires_at=self.expires_at,
        )

    def _limits(self) -> Limits:
        return Limits(
            per_minute=self.per_minute or LIMITS.rate.per_minute,
            per_hour=self.per_hour or LIMITS.rate.per_hour,
            per_day=self.per_day or LIMITS.rate.per_day,
        )


Which = Annotated[
    str, Path(alias="credential", max_length=MAX_ID_CHARACTERS, description="its id, or the name of the only one")
]


@credentials.get("", responses=problems(403))
async def list_credentials(by: By, bridge: AnyBridge) -> CredentialsView:
    """List credentials, newest first; expired and revoked ones too."""
    return CredentialsView(credentials=[credential_view(each) for each in await bridge.credentials.list(by)])


@credentials.post("", status_code=201, responses=problems(403, 404, 409, *WRITES))
async def make_credential(made: Made, by: By, bridge: AnyBridge) -> MintedView:
    """Make a credential. Its token is shown this once."""
    minted = await bridge.credentials.new(
        by,
        made.name,
        conversation=ConversationId(made.conversation),
        grant=made.grant(),
        chosen=None if made.id is None else CredentialId(parse_message_id(made.id)),
    )
    return minted_view(minted)


@credentials.post("/{credential}/revoke", responses=problems(403, 404, 409, 507))
async def revoke_credential(credential: Which, by: By, bridge: AnyBridge) -> CredentialView:
    """Let a credential speak no more. Revoked already: nothing changes."""
    return credential_view(await bridge.credentials.revoke(by, credential))


@credentials.post("/{credential}/rotate", responses=problems(403, 404, 409, 507))
async def rotate_credential(credential: Which, by: By, bridge: AnyBridge) -> MintedView:
    """Make a successor with the same rights and scope, and revoke the old one. The new token is shown this once."""
    return minted_view(await bridge.credentials.rotate(by, credential))
