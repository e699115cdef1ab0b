"""Makes databases like those of the old bridge, as large and as odd as a test wants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import apsw

SCHEMA = """
create table conversations (id text primary key, session_a_role text, session_b_role text, session_a_token text,
    session_b_token text, created_at text, expires_at text);
create table messages (id integer primary key autoincrement, conversation_id text, from_session text, to_session text,
    message text, metadata text, timestamp text, read integer default 0);
create table session_status (conversation_id text, session_id text, status text, last_heartbeat text,
    primary key (conversation_id, session_id));
create table audit_log (id integer primary key autoincrement, conversation_id text, session_id text, action text,
    details text, timestamp text);
"""
BEGAN = datetime(2026, 3, 1, 12, 0, 0)  # noqa: DTZ001  # the old bridge wrote times without a zone
LASTS = timedelta(hours=3)


def conversation_id(number: int) -> str:
    """Return the id of the conversation of this number, from 1."""
    return f"conv_{number:016x}"


def token(number: int, letter: str) -> str:
    """Return the token of a session."""
    return hashlib.sha256(f"{number}{letter}".encode()).hexdigest()


def make_legacy_database(path: Path, *, conversations: int, messages: int, unread_every: int = 4) -> apsw.Connection:
    """Make an old database with so many messages in all, and return a connection that may add oddities.

    Message n (from 1) goes to and fro in the conversations in turn; every unread_every-th is unread.
    """
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    with connection:
        connection.executemany(
            "insert into conversations values (?, 'coordinator', 'docs shard', ?, ?, ?, ?)",
            (
                (
                    conversation_id(n),
                    token(n, "a"),
                    token(n, "b"),
                    (BEGAN + timedelta(seconds=n)).isoformat(),
                    (BEGAN + LASTS).isoformat(),
                )
                for n in range(1, conversations + 1)
            ),
        )
        connection.executemany(
            "insert into session_status values (?, ?, 'working', ?)",
            ((conversation_id(n), letter, BEGAN.isoformat()) for n in range(1, conversations + 1) for letter in "ab"),
        )
        connection.executemany(
            "insert into messages (conversation_id, from_session, to_session, message, metadata, timestamp, read)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            _messages(conversations, messages, unread_every),
        )
        connection.executemany(
            "insert into audit_log (conversation_id, session_id, action, details, timestamp)"
            " values (?, 'a', 'send_message', '{}', ?)",
            ((conversation_id(n), BEGAN.isoformat()) for n in range(1, conversations + 1)),
        )
    return connection


def _messages(conversations: int, messages: int, unread_every: int) -> Iterator[tuple[str | int, ...]]:
    for n in range(1, messages + 1):
        sender, recipient = ("a", "b") if n % 2 else ("b", "a")
        yield (
            conversation_id(n % conversations + 1),
            sender,
            recipient,
            f'{{"type": "query", "query_id": "q_{n}", "question": "What about {n}?"}}',
            '{"action_type": "question"}',
            (BEGAN + timedelta(milliseconds=n)).isoformat(),
            int(n % unread_every != 0),
        )
