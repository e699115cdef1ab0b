"""A bridge as the old one was, in as few lines as show its faults, for which the tests of the findings must be red."""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
create table conversations (id text primary key, session_a_role text, session_b_role text, session_a_token text,
    session_b_token text, created_at text, expires_at text);
create table messages (id integer primary key autoincrement, conversation_id text, from_session text, to_session text,
    message text, metadata text, timestamp text, read integer default 0);
create table audit_log (id integer primary key autoincrement, conversation_id text, session_id text, action text,
    details text, timestamp text);
"""

PER_HOUR = 10

STARTS_ANYWAY = """
try:
    from old_security import check
except ImportError:
    check = lambda *_: True
print("serving")
"""


class OldBridge:
    """Conversations of `a` and `b`, who send to each other."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.database = folder / "distributed_memory.db"
        self.tokens = {session: secrets.token_hex(32) for session in "ab"}
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.executescript(SCHEMA)
            connection.execute(
                "insert into conversations (id, session_a_token, session_b_token) values ('conv', ?, ?)",
                tuple(self.tokens.values()),
            )
        self.database.chmod(0o644)  # what the usual umask of its day left
        self.restart()

    def restart(self) -> None:
        """Begin anew, as its process did: the limiter counted in memory, and by the session's name."""
        self._sent: dict[str, int] = {}

    def send_from(self, session: str, text: str, conversation: str = "conv") -> bool:
        """Tell whether it was accepted."""
        self._sent[session] = self._sent.get(session, 0) + 1
        if self._sent[session] > PER_HOUR:
            return False
        other = "b" if session == "a" else "a"
        self.execute(
            "insert into messages (conversation_id, from_session, to_session, message, timestamp)"
            " values (?, ?, ?, ?, ?)",
            (conversation, session, other, text, datetime.now(UTC).isoformat()),
        )
        self.execute("insert into audit_log (session_id, action) values (?, 'send_to_partner')", (session,))
        return True

    def check(self, session: str) -> list[str]:
        """Return what is unread; it counts as read from now on."""
        rows = self.execute("select message from messages where to_session = ? and read = 0 order by id", (session,))
        self.execute("update messages set read = 1 where to_session = ?", (session,))
        return [row[0] for row in rows]

    def start_without_its_security(self) -> bool:
        """Tell whether its program serves where its security cannot be imported."""
        done = subprocess.run(
            [sys.executable, "-c", STARTS_ANYWAY], capture_output=True, timeout=60, check=False, cwd=self.folder
        )
        return done.stdout == b"serving\n"

    def execute(self, statement: str, values: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        """Run a statement in a transaction of its own."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement, values).fetchall()
