"""Retention: what is settled moves, unit by unit, from the database into archive files, and is read from there.

A unit is a message with its deliveries and, of a question, its answer; it stands in one file. First the file is
written and synced, then one transaction lists it and deletes the rows: killed in between, the rows are still
there, and the file is removed at the next run. The audit's rows leave in the same way. See
docs/decisions/0006-archive-files.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from warmline.errors import StoreDamagedError
from warmline.model import Answer, ConversationId, CredentialId, Kind, Message, MessageId, Post
from warmline.stores import archive_verbs as verbs
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.archive_verbs import Replacement
from warmline.stores.audit_rows import AUDIT_FILE, audit_line
from warmline.stores.rows import emptied, micros
from warmline.stores.transaction import Transaction

if TYPE_CHECKING:
    from warmline.stores.database import Database


Result = TypeVar("Result")

AUDIT_ROWS = 10_000
"""In one file of the archive, and in one transaction: some 50 ms."""


class SqliteArchive:
    """The archive of a database, in a folder beside it."""

    def __init__(self, database: Database, folder: Path, key: bytes | None) -> None:
        self._database = database
        self._files = ArchiveFiles(folder, key)
        self._changing = asyncio.Lock()

    async def move(self, before: datetime, by: CredentialId) -> int:
        """Move what was settled or cancelled before; return how many messages, answers counted with the rest."""
        async with self._changing:
            await self._tidy()
            moved, after = 0, 0
            while units := await self._settled(before, after):
                whole = filter(_is_intact, units)  # what is not stays where its traces are
                posts = sorted(chain.from_iterable(whole), key=lambda each: each.number)
                moved, after = moved + await self._move(posts, by), units[-1][0].number
            await self._database.write(lambda tx: verbs.forget(tx, micros(before), by), aside=True)
            return moved

    async def move_audit(self, before: datetime) -> int:
        """Move the audit's rows from before, all but the newest; return how many. The chain goes on in the database."""
        async with self._changing:
            await self._tidy()
            moved = 0
            while rows := await self._database.read(lambda tx: verbs.old_audit(tx, micros(before), AUDIT_ROWS)):
                first, last = rows[0][0], rows[-1][0]
                name = f"{AUDIT_FILE}{first:012d}-{last:012d}"
                digest = await asyncio.to_thread(self._files.write_lines, name, map(audit_line, rows))
                await self._database.write(lambda tx: verbs.leave_audit(tx, name, digest, first, last), aside=True)  # noqa: B023
                moved += len(rows)
            return moved

    async def find(self, message_id: MessageId) -> Post | None:
        """Return an archived message, or None."""
        found = await self._looked_up(
            lambda tx: verbs.files_of_id(tx, message_id), lambda names: self._look(names, message_id)
        )
        return found[1] if found else None

    async def said(self, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """Return the archived messages of a conversation with the lowest numbers above `after`, in order."""
        found = await self._looked_up(
            lambda tx: verbs.files_of_conversation(tx, conversation, after),
            lambda names: self._select(names, conversation, after, limit),
        )
        return found or ()

    async def erase(self, message_id: MessageId, at: datetime, by: CredentialId) -> Post | None:
        """Empty an archived message and its answer; return what is left, or None when there is none.

        What the file held is written anew without them, listed in its place, and then removed: killed in between,
        the message is erased or not, and one file is listed. What was not removed is so when erased again.
        """
        async with self._changing:
            names = await self._database.read(lambda tx: verbs.files_of_id(tx, message_id))
            found = await asyncio.to_thread(self._look, names, message_id)
            if found is None:
                return None
            old, post = found
            if post.message.erased_at is None:
                files = await asyncio.to_thread(self._replace, old, post.message, at)
                await self._database.write(lambda tx: verbs.erased(tx, files, post.message, by), aside=True)
            await self._tidy()
            return _without(message_id, post.message, post, at) if post.message.erased_at is None else post

    async def _tidy(self) -> None:
        """Remove the files that are not listed."""
        known = await self._database.read(verbs.files)
        await asyncio.to_thread(self._files.keep_only, known)

    async def _looked_up(
        self, listed: Callable[[Transaction], list[str]], look: Callable[[Sequence[str]], Result]
    ) -> Result | None:
        """Look into the files that are listed; when one was replaced meanwhile, into those that are listed then."""
        names = await self._database.read(listed)
        while names:
            try:
                return await asyncio.to_thread(look, names)
            except StoreDamagedError:
                before, names = names, await self._database.read(listed)
                if names == before:
                    raise
        return None

    async def _settled(self, before: datetime, after: int) -> Sequence[Sequence[Post]]:
        limit = self._database.settings.archive_units
        return await self._database.read(lambda tx: verbs.settled(tx, micros(before), after, limit))

    async def _move(self, posts: Sequence[Post], by: CredentialId) -> int:
        """Write a file and let its rows go; when one of them was erased meanwhile, all is for the next run."""
        if not posts:
            return 0
        name = f"{posts[0].number:012d}-{posts[-1].number:012d}"
        digest = await asyncio.to_thread(self._files.write, name, posts)
        has_left = await self._database.write(lambda tx: verbs.leave(tx, name, digest, posts, by), aside=True)
        if not has_left:  # the file holds what was erased
            await self._tidy()
        return len(posts) if has_left else 0

    def _look(self, names: Sequence[str], message_id: MessageId) -> tuple[str, Post] | None:
        return next(
            ((name, post) for name in names for post in self._files.read(name) if post.message.id == message_id), None
        )

    def _select(self, names: Sequence[str], conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        found = (
            post
            for name in names
            for post in self._files.read(name)
            if post.message.conversation == conversation and post.number > after
        )
        return sorted(found, key=lambda post: post.number)[:limit]

    def _replace(self, name: str, erased: Message, at: datetime) -> Replacement:
        """Write the posts of a file into a new one, without what this message says."""
        new = _next(name)
        posts = [_without(erased.id, erased, each, at) for each in self._files.read(name)]
        return Replacement(name, new, self._files.write(new, posts))


def _next(name: str) -> str:
    """Return the name of the file that takes the place of one: the same with a number behind, counted up."""
    base, _, revision = name.partition(".")
    return f"{base}.{int(revision or 0) + 1}"


def _is_intact(unit: Sequence[Post]) -> bool:
    return all(post.message.is_intact for post in unit)


def _without(erased: MessageId, message: Message, post: Post, at: datetime) -> Post:
    """Return a post of the same file without the erased message: it, its answer, or the question that it answers."""
    if post.message.id == erased:
        return replace(post, message=_emptied(post.message, at), answer=_no_answer(post.answer))
    if post.message.kind is Kind.ANSWER and post.message.in_reply_to == erased:
        return replace(post, message=_emptied(post.message, at))
    if message.kind is Kind.ANSWER and post.message.id == message.in_reply_to:
        return replace(post, answer=_no_answer(post.answer))
    return post


def _emptied(message: Message, at: datetime) -> Message:
    return replace(message, body="", metadata=None, erased_at=at, answer=_no_answer(message.answer))


def _no_answer(answer: Answer | None) -> Answer | None:
    return answer and emptied(answer)
