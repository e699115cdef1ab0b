"""Retention: what is settled moves, unit by unit, from the database into archive files, and is read from there.

A unit is a message with its deliveries and, of a question, its answer; it stands in one file. First the file is
written and synced, then one transaction lists it and deletes the rows: killed in between, the rows are still
there, and the file is removed at the next run. See docs/decisions/0006-archive-files.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.model import Answer, ConversationId, Kind, Message, MessageId, Post
from warmline.stores import archive_verbs as verbs
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.rows import micros

if TYPE_CHECKING:
    from warmline.stores.database import Database


class SqliteArchive:
    """The archive of a database, in a folder beside it."""

    def __init__(self, database: Database, folder: Path, key: bytes | None) -> None:
        self._database = database
        self._files = ArchiveFiles(folder, key)
        self._changing = asyncio.Lock()

    async def move(self, before: datetime) -> int:
        """Move what was settled or cancelled before; return how many messages, answers counted with the rest."""
        async with self._changing:
            known = await self._database.read(verbs.files)
            await asyncio.to_thread(self._files.keep_only, known)
            moved, after = 0, 0
            while units := await self._settled(before, after):
                posts = sorted(chain.from_iterable(units), key=lambda each: each.number)
                moved, after = moved + await self._move(posts), units[-1][0].number
            await self._database.write(lambda tx: verbs.forget(tx, micros(before)))
            return moved

    async def find(self, message_id: MessageId) -> Post | None:
        """Return an archived message, or None."""
        names = await self._database.read(lambda tx: verbs.files_of_id(tx, message_id))
        found = await asyncio.to_thread(self._look, names, message_id) if names else None
        return found[1] if found else None

    async def said(self, conversation: ConversationId, after: int, limit: int) -> Sequence[Post]:
        """Return the archived messages of a conversation with the lowest numbers above `after`, in order."""
        names = await self._database.read(lambda tx: verbs.files_of_conversation(tx, conversation, after))
        return await asyncio.to_thread(self._select, names, conversation, after, limit) if names else ()

    async def erase(self, message_id: MessageId, at: datetime) -> Post | None:
        """Empty an archived message and its answer, in the file; return what is left, or None when there is none."""
        async with self._changing:
            names = await self._database.read(lambda tx: verbs.files_of_id(tx, message_id))
            return await asyncio.to_thread(self._erase, names, message_id, at)

    async def _settled(self, before: datetime, after: int) -> Sequence[Sequence[Post]]:
        limit = self._database.settings.archive_units
        return await self._database.read(lambda tx: verbs.settled(tx, micros(before), after, limit))

    async def _move(self, posts: Sequence[Post]) -> int:
        """Write a file and let its rows go; when one of them was erased meanwhile, all is for the next run."""
        name = f"{posts[0].number:012d}-{posts[-1].number:012d}"
        await asyncio.to_thread(self._files.write, name, posts)
        has_left = await self._database.write(lambda tx: verbs.leave(tx, name, posts))
        if not has_left:  # the file holds what was erased
            await asyncio.to_thread(self._files.remove, name)
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

    def _erase(self, names: Sequence[str], message_id: MessageId, at: datetime) -> Post | None:
        found = self._look(names, message_id)
        if found is None or found[1].message.erased_at is not None:
            return found[1] if found else None
        name, post = found
        self._files.write(name, [_without(message_id, post.message, each, at) for each in self._files.read(name)])
        return _without(message_id, post.message, post, at)


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
    return answer and replace(answer, text="", citations=())
