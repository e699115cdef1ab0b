"""The Importer on SQLite: what an old bridge held, taken over in transactions that can be repeated."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.directory import ImportedAudit, ImportedMessage
from warmline.model import CredentialId, State
from warmline.parties import Conversation, Credential
from warmline.stores.accepting import next_position, write_message
from warmline.stores.database import Database
from warmline.stores.directory_rows import credential_of, credential_values, participant_values
from warmline.stores.ledger import AuditEntry
from warmline.stores.rows import message_values, micros, micros_or_none
from warmline.stores.transaction import Transaction, read_boxes


class SqliteImporter:
    """Keeps protocols.Importer's promises on a store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_conversation(
        self, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]], *, by: CredentialId
    ) -> bool:
        """Keep a conversation."""
        return await self._database.write(lambda tx: _take_conversation(tx, conversation, credentials, by), aside=True)

    async def take_messages(self, messages: Sequence[ImportedMessage], *, by: CredentialId) -> int:
        """Keep messages."""
        boxes = [self._database.box(each.mailbox).number for each in messages]
        return await self._database.write(lambda tx: _take_messages(tx, messages, boxes, by), aside=True)

    async def take_audit(self, rows: Sequence[ImportedAudit], *, by: CredentialId) -> int:
        """Keep audit rows."""
        return await self._database.write(lambda tx: _take_audit_rows(tx, rows, by), aside=True)


def _take_conversation(
    tx: Transaction, conversation: Conversation, credentials: Sequence[tuple[Credential, bytes]], by: CredentialId
) -> bool:
    before = tx.changes
    created_at = micros(conversation.created_at)
    is_new = tx.one("take_conversation", {"id": conversation.id, "created_at": created_at}) is not None
    for participant in conversation.participants:
        tx.run("take_participant", {**participant_values(participant), "created_at": created_at})
        tx.run("add_mailbox", {"conversation": conversation.id, "name": participant.name})
    tx.news.boxes.update(read_boxes(tx, conversation.id))
    for credential, token_hash in credentials:
        tx.run("take_credential", credential_values(credential, token_hash))
        kept = tx.one("credential", {"id": credential.id})
        if kept is not None:
            tx.news.credentials[kept[0]] = credential_of(kept[1:])
    if tx.changes != before:
        counts = {"credentials": len(credentials)}
        tx.audit(AuditEntry("import_conversation", by, conversation.id, detail=counts))
    return is_new


def _take_messages(tx: Transaction, messages: Sequence[ImportedMessage], boxes: Sequence[int], by: CredentialId) -> int:
    taken = sum(_take_message(tx, each, box) for each, box in zip(messages, boxes, strict=True))
    return _taken(tx, "import_messages", taken, by)


def _take_audit_rows(tx: Transaction, rows: Sequence[ImportedAudit], by: CredentialId) -> int:
    return _taken(tx, "import_audit", sum(_take_audit(tx, row) for row in rows), by)


def _taken(tx: Transaction, verb: str, number: int, by: CredentialId) -> int:
    """Audit how many rows an import took over, if any; return that."""
    if number:
        tx.audit(AuditEntry(verb, by, detail={"taken": number}))
    return number


def _take_message(tx: Transaction, imported: ImportedMessage, box: int) -> bool:
    message = imported.message
    origin = {"conversation": message.conversation, "number": imported.number, "message_id": message.id}
    if tx.one("take_once", origin) is None:
        return False
    write_message(tx, message_values(message))
    tx.run(
        "take_delivery",
        {
            "message_id": message.id,
            "mailbox_id": box,
            "position": next_position(tx, box),
            "state": State.SETTLED if imported.is_read else State.READY,
            "deliveries": int(imported.is_read),
            "ended_at": micros(message.sent_at) if imported.is_read else None,
        },
    )
    if not imported.is_read:
        tx.news.due[box] = None
    return True


def _take_audit(tx: Transaction, row: ImportedAudit) -> bool:
    values = {
        "conversation": row.conversation,
        "number": row.number,
        "session": row.session,
        "action": row.action,
        "details": row.details,
        "at": micros_or_none(row.at),
    }
    return tx.one("take_audit", values) is not None
