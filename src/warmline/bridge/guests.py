"""Guests: programs that show no token, where the owner lets such in. All of them are one participant, who only asks.

Its credential is kept under a hash that no token has, so nobody can show it anywhere else; but for that it is one
like all others: listed, counted against its limits, and shut out when it is revoked.
"""

from __future__ import annotations

from warmline.bridge import rights
from warmline.bridge.credentials import Credentials, Grant
from warmline.bridge.parts import Parts
from warmline.errors import UnauthorizedError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX_NAME
from warmline.parties import Credential, Participant, Right

GUEST = "guest"

_HASH_BYTES = 32


class Guests:
    """The verbs on guests. There is at most one credential of theirs in force."""

    def __init__(self, parts: Parts, credentials: Credentials) -> None:
        self._directory = parts.directory
        self._credentials = credentials
        self._grant = Grant(
            rights=frozenset({Right.ASK}),
            mailboxes=frozenset({MEMORY_MAILBOX_NAME}),
            limits=parts.settings.guest_rate,
        )
        self._hash = _no_tokens_hash(1)

    def authenticate(self) -> Credential:
        """Return who speaks without a token now. Raises UnauthorizedError when nobody may."""
        credential = self._directory.credential_of(self._hash)
        try:
            if credential is not None:
                return self._credentials.seen(self._credentials.in_force(credential))
        except UnauthorizedError:
            raise UnauthorizedError("guests are let in no more: show a token") from None
        raise UnauthorizedError("show a token: nobody is let in without one")

    async def invite(self, by: Credential, *, again: bool) -> None:
        """Make the guests' credential if there never was one; again: or if the one that there was is not in force.

        Not for several callers at once. Raises ForbiddenError.
        """
        rights.check(by, Right.ADMINISTER)
        number = 1
        while (found := self._directory.credential_of(_no_tokens_hash(number))) and not self._credentials.speaks(found):
            number += 1
        if found is None and (number == 1 or again):
            participant = Participant(DEFAULT_CONVERSATION, GUEST)
            await self._directory.add_participant(participant, by=by.id)
            made = self._credentials.made(participant, self._grant).credential
            await self._directory.add_credential(made, _no_tokens_hash(number), by=by.id)
        elif found is None:
            number -= 1
        self._hash = _no_tokens_hash(number)


def _no_tokens_hash(number: int) -> bytes:
    """Return what stands where the SHA-256 of a token stands, and that of no token is ever found to be."""
    return number.to_bytes(_HASH_BYTES, "big")
