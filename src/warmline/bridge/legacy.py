"""The five operations of the bridge that Warmline replaces, by their old names and with their old arguments.

The token among the arguments is the credential. Results are JSON objects with the names that the old bridge's
tables had. Sessions "a" and "b" are the two participants that `legacy_session` marks.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from warmline.bridge import rules
from warmline.bridge.batches import Batches
from warmline.bridge.conversations import ID_BYTES, Conversations
from warmline.bridge.credentials import Credentials, Minted
from warmline.bridge.messages import Messages
from warmline.bridge.parts import Parts
from warmline.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    LeaseLostError,
    UnauthorizedError,
    WrongSessionTokenError,
)
from warmline.model import BatchToken, ConversationId, Lease
from warmline.parties import Conversation, Credential, Participant
from warmline.security.trust import trust_in

OTHER_SESSION = {"a": "b", "b": "a"}

Result = dict[str, object]
"""A JSON object."""


class Legacy:
    """What the prompts of the old bridge's users name. It adds no right that the credential has not."""

    def __init__(
        self, parts: Parts, credentials: Credentials, conversations: Conversations, messages: Messages, batches: Batches
    ) -> None:
        self._store = parts.store
        self._directory = parts.directory
        self._clock = parts.clock
        self._settings = parts.settings
        self._credentials = credentials
        self._conversations = conversations
        self._messages = messages
        self._batches = batches

    async def create_conversation(
        self, by: Credential, my_role: str, partner_role: str, *, key: str | None = None
    ) -> Result:
        """Begin a conversation of two sessions; both tokens are shown this once. Wants the right to administer.

        The same key with the same roles, since the response was lost, is the same conversation, with new tokens in the
        place of those that nobody saw. Raises IdempotencyConflictError for other roles, or once a session has spoken.
        """
        rules.check_key(key, self._settings)
        if my_role == partner_role:
            raise InvalidInputError("the two roles are the same: participants are told apart by them")
        conversation = _conversation_id(by, key)
        pair = (
            Participant(conversation, my_role, legacy_session="a"),
            Participant(conversation, partner_role, legacy_session="b"),
        )
        wanted = Conversation(conversation, self._clock.now(), participants=pair)
        try:
            begun, (mine, partners) = await self._conversations.begin(by, wanted)
        except ConflictError:
            begun, (mine, partners) = await self._begun_before(by, wanted)
        return {
            "conversation_id": conversation,
            "session_id": "a",
            "token": mine.token,
            "session_a_role": my_role,
            "session_b_role": partner_role,
            "session_a_token": mine.token,
            "session_b_token": partners.token,
            "created_at": _written(begun.created_at),
            "expires_at": None,
        }

    async def _begun_before(self, by: Credential, wanted: Conversation) -> tuple[Conversation, Sequence[Minted]]:
        """Return the conversation that this key began, with new credentials of both sessions."""
        begun = await self._directory.conversation(wanted.id)
        if {each.name: each for each in begun.participants} != {each.name: each for each in wanted.participants}:
            raise IdempotencyConflictError("this key's conversation is another one, or is in use: choose a new key")
        in_force = {
            each.name: each
            for each in await self._credentials.list(by)
            if each.conversation == wanted.id and each.revoked_at is None
        }
        if in_force.keys() != {each.name for each in wanted.participants}:
            raise IdempotencyConflictError("a credential of this key's conversation was revoked: choose a new key")
        return begun, [await self._credentials.rotate(by, in_force[each.name].id) for each in wanted.participants]

    async def send_to_partner(
        self,
        conversation_id: str,
        session_id: str,
        token: str,
        message: str,
        *,
        action_type: str = "info",
        files_involved: Sequence[str] = (),
        key: str | None = None,
    ) -> Result:
        """Send a note to the other session. action_type and files_involved travel as its metadata.

        The same key with the same content is the same note.
        """
        by, partner = await self._pair(conversation_id, session_id, token)
        metadata = {"action_type": action_type, "files_involved": list(files_involved)}
        sent = await self._messages.send(by, partner.name, message, metadata=metadata, idempotency_key=key)
        return {
            "id": sent.post.message.id,
            "conversation_id": conversation_id,
            "from_session": session_id,
            "to_session": partner.legacy_session,
            "timestamp": _written(sent.post.message.sent_at),
            "redacted": list(sent.redacted),
        }

    async def check_messages(
        self, conversation_id: str, session_id: str, token: str, *, limit: int | None = None, key: str | None = None
    ) -> Result:
        """Return what is new for this session, without waiting, at most limit messages (settings.max_batch if None).

        The one verb of the line that acknowledges by itself: what the same reader was handed by its last call
        counts as read with this call, and not before. A reader that dies in between finds it again after
        settings.max_receive_lease. Questions are not settled by this: they want an answer. A call that comes again
        under the same key, since its response was lost, hands the same again, and does not acknowledge it.
        """
        by, _ = await self._pair(conversation_id, session_id, token)
        receive = partial(
            self._batches.receive,
            by,
            patience=timedelta(0),
            limit=limit or self._settings.max_batch,
            lease=self._settings.max_receive_lease,
            key=key,
        )
        earlier = await self._store.open_batches(by.id)
        received = None if key is None else await receive()
        for batch in earlier:
            if received is None or batch != received.token:
                await self._acknowledge(by, batch)
        received = received or await receive()
        leases = received.leases if received else ()
        return {"conversation_id": conversation_id, "messages": [self._shown(lease, session_id) for lease in leases]}

    async def update_my_status(self, conversation_id: str, session_id: str, token: str, status: str) -> Result:
        """Say what this session does now; it is a heartbeat, too."""
        by, _ = await self._pair(conversation_id, session_id, token)
        reported = await self._conversations.report(by, status)
        return {**_status(reported.participant, session_id), "redacted": list(reported.redacted)}

    async def check_partner_status(self, conversation_id: str, session_id: str, token: str) -> Result:
        """Return what the other session said about itself last, and when it was last seen."""
        _, partner = await self._pair(conversation_id, session_id, token)
        return _status(partner, OTHER_SESSION[session_id])

    async def _acknowledge(self, by: Credential, batch: BatchToken) -> None:
        try:
            await self._batches.acknowledge(by, batch)
        except LeaseLostError:
            return  # its lease lapsed just now: it comes again

    async def _pair(self, conversation_id: str, session_id: str, token: str) -> tuple[Credential, Participant]:
        """Return who speaks and its partner.

        Raises WrongSessionTokenError, UnknownConversationError for another conversation's token, ForbiddenError for
        the other session's, and InvalidInputError where there are no sessions.
        """
        try:
            by = self._credentials.authenticate(token)
        except UnauthorizedError as error:
            raise WrongSessionTokenError(
                f"the argument `token`: {error}. It is the session's own, which create_conversation showed once, and no"
                " other credential: look where it was noted, or let the line's owner begin another conversation"
            ) from error
        found = await self._conversations.show(by, ConversationId(conversation_id))
        sessions = {each.legacy_session: each for each in found.participants}
        if session_id not in OTHER_SESSION or not sessions.keys() >= OTHER_SESSION.keys():
            raise InvalidInputError("the session is a or b, in a conversation that create_conversation made")
        mine = sessions[session_id]
        if (mine.conversation, mine.name) != (by.conversation, by.name):
            raise ForbiddenError(f"that token is not the one of session {session_id}")
        return by, sessions[OTHER_SESSION[session_id]]

    @staticmethod
    def _shown(lease: Lease, session_id: str) -> Result:
        message = lease.message
        return {
            "id": message.id,
            "from_session": OTHER_SESSION[session_id],
            "to_session": session_id,
            "sender": message.sender,
            "trust": trust_in(message),
            "kind": message.kind,
            "message": message.body,
            "metadata": json.loads(message.metadata) if message.metadata else {},
            "timestamp": _written(message.sent_at),
            "deliveries": lease.deliveries,
        }


def _conversation_id(by: Credential, key: str | None) -> ConversationId:
    """Make an id; the same one for a call that comes again under its key."""
    if key is None:
        return ConversationId(f"conv_{secrets.token_hex(ID_BYTES)}")
    return ConversationId(f"conv_{hashlib.sha256(f'{by.id} {key}'.encode()).hexdigest()[: 2 * ID_BYTES]}")


def _status(participant: Participant, session_id: str) -> Result:
    return {
        "conversation_id": participant.conversation,
        "session_id": session_id,
        "role": participant.name,
        "status": participant.status,
        "last_heartbeat": _written(participant.seen_at),
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
