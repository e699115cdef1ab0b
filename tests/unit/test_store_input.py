"""What a file of SQLite could stumble over: NUL bytes, half characters, numbers beyond 64 bits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import SEALS
from store_cases import LEASE, Line, a_question
from warmline.errors import InvalidInputError, UnknownBatchError, UnknownMessageError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, BatchToken, CredentialId, MessageId
from warmline.protocols import QuestionFilter
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

NUL = "before\0after"
HALF = "half of a pair: \ud83d"
BEYOND = 2**63


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS)
    directory = SqliteDirectory(store.database)
    await store.open()

    async def reopen() -> Line:
        raise NotImplementedError("these tests open the store once")

    yield Line(store, directory, clock, reopen)
    await store.close()


async def test_a_nul_byte_comes_back_as_it_was_said(line: Line) -> None:
    question = replace(a_question(line.clock, NUL, key=NUL), metadata='{"a": "\\u0000"}')
    await line.store.add(question, MEMORY_MAILBOX)
    assert (await line.store.get(question.id)).message == question
    assert not (await line.store.add(question, MEMORY_MAILBOX)).created


async def test_nothing_has_an_id_or_token_with_a_nul_byte(line: Line) -> None:
    await line.ask()
    with pytest.raises(UnknownMessageError):
        await line.store.post(MessageId(NUL))
    with pytest.raises(UnknownBatchError):
        await line.store.held(BatchToken(NUL), CredentialId(NUL))


async def test_half_a_character_is_refused_and_its_neighbour_accepted(line: Line) -> None:
    with pytest.raises(InvalidInputError, match="surrogate"):
        await line.ask(HALF)
    with pytest.raises(InvalidInputError, match="surrogate"):
        await line.store.get(MessageId(HALF))
    with pytest.raises(InvalidInputError, match="surrogate"):
        await line.store.acknowledge(BatchToken(HALF), CredentialId("x"))
    await line.ask()
    assert await line.store.count(QuestionFilter()) == 1


async def test_a_half_character_in_an_answer_is_refused_and_the_lease_stands(line: Line) -> None:
    question = await line.ask()
    lease = await line.lease()
    with pytest.raises(InvalidInputError, match="surrogate"):
        await line.store.nack(lease, HALF, LEASE)
    assert (await line.store.extend(lease, LEASE)).message == question


async def test_a_number_beyond_64_bits_is_refused(line: Line) -> None:
    with pytest.raises(InvalidInputError, match="63 bits"):
        await line.directory.said(DEFAULT_CONVERSATION, BEYOND, 10)
    with pytest.raises(InvalidInputError, match="63 bits"):
        await line.store.questions(QuestionFilter(), BEYOND)
    with pytest.raises(InvalidInputError, match="63 bits"):
        await line.store.add(replace(a_question(line.clock), hops=BEYOND), MEMORY_MAILBOX)
