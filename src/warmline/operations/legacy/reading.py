"""The old bridge's database, read from a copy: the source is never opened, so it is never touched.

Its schema: conversations, messages, session_status, audit_log, all loosely typed. What is odd in it is
mended as far as it goes, and counted.
"""

from __future__ import annotations

import json
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw

from warmline.bridge.rules import nesting
from warmline.errors import InvalidInputError, NotLegacyError
from warmline.security.long_paths import vfs_for
from warmline.settings import BridgeSettings

TABLES: Mapping[str, frozenset[str]] = {
    "conversations": frozenset(
        {"id", "session_a_role", "session_b_role", "session_a_token", "session_b_token", "created_at", "expires_at"}
    ),
    "messages": frozenset(
        {"id", "conversation_id", "from_session", "to_session", "message", "metadata", "timestamp", "read"}
    ),
    "session_status": frozenset({"conversation_id", "session_id", "status", "last_heartbeat"}),
    "audit_log": frozenset({"id", "conversation_id", "session_id", "action", "details", "timestamp"}),
}
SESSIONS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Session:
    """One side of an old conversation. token is None when the old database holds none that could be shown."""

    letter: str
    role: str
    token: str | None
    status: str | None = None
    heartbeat_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OldConversation:
    """A conversation of the old bridge, its two sessions in order."""

    id: str
    created_at: datetime
    expires_at: datetime | None
    sessions: tuple[Session, Session]


@dataclass(frozen=True, slots=True)
class OldMessage:
    """A message of the old bridge. metadata is a JSON object as text, or None."""

    conversation: str
    number: int
    sender: str
    recipient: str
    body: str
    metadata: str | None
    sent_at: datetime | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class OldAudit:
    """A row of the old audit log, as it stood."""

    conversation: str
    number: int
    session: str | None
    action: str
    details: str | None
    at: datetime | None


@dataclass(slots=True)
class LegacyDatabase:
    """A copy of an old database, open for reading. oddities counts what had to be mended or left out."""

    connection: apsw.Connection
    oddities: Counter[str] = field(default_factory=Counter)

    def conversations(self) -> list[OldConversation]:
        """Read all conversations; those without an id are left out."""
        statuses = {
            (str(conversation), str(session)): (self._text(status), self._time(beat))
            for conversation, session, status, beat in self._rows(
                "select conversation_id, session_id, cast(status as blob), cast(last_heartbeat as blob)"
                " from session_status"
            )
        }
        found = [
            self._conversation(row, statuses)
            for row in self._rows(
                "select id, cast(session_a_role as blob), cast(session_b_role as blob), session_a_token,"
                " session_b_token, cast(created_at as blob), cast(expires_at as blob)"
                " from conversations order by created_at, id"
            )
        ]
        known = {conversation.id for conversation in found if conversation}
        self._odd("statuses of no conversation", sum(conversation not in known for conversation, _ in statuses))
        return [conversation for conversation in found if conversation]

    def messages(self) -> Iterator[OldMessage]:
        """Yield all messages in the order of their ids; those between no two sessions are left out."""
        for number, conversation, sender, recipient, body, metadata, at, read in self._rows(
            "select id, conversation_id, from_session, to_session, cast(message as blob), cast(metadata as blob),"
            " cast(timestamp as blob), read from messages order by id"
        ):
            assert isinstance(number, int)  # noqa: S101  # an INTEGER PRIMARY KEY
            if sender not in SESSIONS or recipient not in SESSIONS or sender == recipient:
                self._odd("messages between no two sessions")
                continue
            yield OldMessage(
                conversation=str(conversation),
                number=number,
                sender=sender,
                recipient=recipient,
                body=self._text(body) or "",
                metadata=self._metadata(metadata),
                sent_at=self._time(at),
                is_read=bool(read),
            )

    def audit(self) -> Iterator[OldAudit]:
        """Yield the audit log in its order."""
        for number, conversation, session, action, details, at in self._rows(
            "select id, conversation_id, cast(session_id as blob), cast(action as blob), cast(details as blob),"
            " cast(timestamp as blob) from audit_log order by id"
        ):
            assert isinstance(number, int)  # noqa: S101  # an INTEGER PRIMARY KEY
            yield OldAudit(
                conversation=str(conversation),
                number=number,
                session=self._text(session),
                action=self._text(action) or "",
                details=self._text(details),
                at=self._time(at),
            )

    def count(self, table: str) -> int:
        """Count the rows of one of TABLES."""
        assert table in TABLES  # noqa: S101  # it becomes part of a statement
        (number,) = self.connection.execute(f"select count(*) from {table}").fetchall()[0]  # noqa: S608
        assert isinstance(number, int)  # noqa: S101  # it counts
        return number

    def _conversation(
        self, row: apsw.SQLiteValues, statuses: Mapping[tuple[str, str], tuple[str | None, datetime | None]]
    ) -> OldConversation | None:
        number, role_a, role_b, token_a, token_b, created_at, expires_at = row
        if not isinstance(number, str) or not number:
            self._odd("conversations without an id")
            return None
        sessions = [
            Session(letter, (self._text(role) or "").strip(), self._token(token), *statuses.get((number, letter), ()))
            for letter, role, token in (("a", role_a, token_a), ("b", role_b, token_b))
        ]
        created = self._time(created_at) or datetime.fromtimestamp(0, UTC)
        return OldConversation(number, created, self._time(expires_at), (sessions[0], sessions[1]))

    def _rows(self, statement: str) -> Iterator[apsw.SQLiteValues]:
        try:
            yield from self.connection.execute(statement)
        except apsw.Error as error:
            raise NotLegacyError(f"the database cannot be read to its end: {error}") from error

    def _text(self, value: apsw.SQLiteValue) -> str | None:
        """Read a text that was cast to bytes, so that what is no UTF-8 comes through."""
        if not isinstance(value, bytes):
            return None
        text = value.decode("utf-8", "replace")
        self._odd("texts that are no UTF-8", text.encode() != value)
        return text

    def _token(self, value: apsw.SQLiteValue) -> str | None:
        if isinstance(value, str) and value.isascii() and value.isprintable() and value:
            return value
        self._odd("sessions without a token")
        return None

    def _time(self, value: apsw.SQLiteValue) -> datetime | None:
        """Read ISO-8601 without a zone, which the old bridge meant as UTC."""
        text = self._text(value)
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self._odd("times that are none")
            return None

    def _metadata(self, value: apsw.SQLiteValue) -> str | None:
        text = self._text(value)
        if text is None:
            return None
        said = _readable(text)
        if not isinstance(said, dict):
            self._odd("metadata that is no JSON object")
            said = {"metadata": said}
        return json.dumps(said, separators=(",", ":"))

    def _odd(self, what: str, times: int = 1) -> None:
        if times:
            self.oddities[what] += times


def _readable(text: str) -> object:
    """Read JSON that can be written again; return the text itself where it is none, or too deep to be shown."""
    try:
        said = json.loads(text)
        json.dumps(said, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if nesting(said) >= BridgeSettings().max_metadata_depth else said


def copy_legacy(source: Path, folder: Path) -> Path:
    """Copy an old database with its -wal into the folder, and return where the copy is.

    Blocks for as long as the file is large. Raises InvalidInputError when it is no file, or cannot be read.
    """
    copy = folder / "legacy.db"
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise InvalidInputError(f"{source} is no file: name the old bridge's database")
        shutil.copyfile(source, copy)
        wal = source.with_name(f"{source.name}-wal")
        if wal.is_file():
            shutil.copyfile(wal, folder / "legacy.db-wal")
    except OSError as error:
        raise InvalidInputError(f"{source} cannot be read: {error.strerror}") from error
    return copy


@contextmanager
def open_legacy(source: Path, copy: Path) -> Iterator[LegacyDatabase]:
    """Open the copy of the old database `source`. Raises NotLegacyError when it is no such database."""
    try:
        # A WAL wants to be written to.
        connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs_for(copy))
        try:
            _check(source, connection)
            yield LegacyDatabase(connection)
        finally:
            connection.close()
    except (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError) as error:
        raise NotLegacyError(f"{source} is no SQLite database, or a damaged one: {error}") from error


def _check(source: Path, connection: apsw.Connection) -> None:
    for table, columns in TABLES.items():
        there = {str(row[0]) for row in connection.execute("select name from pragma_table_info(?)", (table,))}
        if not columns <= there:
            missing = ", ".join(sorted(columns - there)) if there else "the table"
            raise NotLegacyError(f"{source} is no database of the old bridge: {table} lacks {missing}")
    if connection.execute("pragma quick_check(1)").fetchall() != [("ok",)]:
        raise NotLegacyError(f"{source} is damaged: restore it from a backup, or copy it while nobody writes")
