"""What a store does at its opening with keys that are not its own, and with credentials that the line did not write."""

import asyncio
import hashlib
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import a_question
from warmline.errors import UnsafeKeyError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, CredentialId
from warmline.parties import Credential, Participant, Right
from warmline.security.seals import Seals
from warmline.settings import StoreSettings
from warmline.stores.archive_files import ArchiveFiles
from warmline.stores.auditing import Auditing
from warmline.stores.chain import Fault
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

OTHER_SEALS = Seals({1: bytes(32)})
TRUE, FORGED = hashlib.sha256(b"true").digest(), hashlib.sha256(b"forged").digest()

FORGE = """
insert into credential
    (id, token_hash, conversation, name, rights, reads, is_person, created_at)
select 'forged', x'{}', conversation, name, '["administer"]', reads, is_person, created_at from credential
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def stores(path: Path, clock: ManualClock, seals: Seals = SEALS) -> tuple[SqliteStore, SqliteDirectory]:
    store = SqliteStore(path, StoreSettings(), clock, seals)
    return store, SqliteDirectory(store.database)


async def fill(path: Path, clock: ManualClock) -> None:
    """Keep a question, and a credential."""
    store, directory = stores(path, clock)
    await store.open()
    await store.add(a_question(clock), MEMORY_MAILBOX)
    await directory.add_participant(Participant(DEFAULT_CONVERSATION, "docs"), by=BY)
    docs = Credential(CredentialId("true"), "docs", DEFAULT_CONVERSATION, frozenset({Right.ASK}), clock.now())
    await directory.add_credential(docs, TRUE, by=BY)
    await store.close()


def tamper(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def test_keys_of_another_store_open_it_not_and_change_nothing(path: Path, clock: ManualClock) -> None:
    await fill(path, clock)
    before = await asyncio.to_thread(path.read_bytes)
    store, _ = stores(path, clock, OTHER_SEALS)
    with pytest.raises(UnsafeKeyError, match=r"seal\.keys"):
        await store.open()
    assert await asyncio.to_thread(path.read_bytes) == before


async def test_a_ledger_that_was_edited_is_no_wrong_key(path: Path, clock: ManualClock) -> None:
    await fill(path, clock)
    tamper(path, "update ledger set sums = x'00'")
    store, _ = stores(path, clock)
    await store.open()
    await store.close()


async def test_a_forged_credential_speaks_not_nor_any_other_beside_it(path: Path, clock: ManualClock) -> None:
    await fill(path, clock)
    tamper(path, FORGE.format(FORGED.hex()))
    store, directory = stores(path, clock)
    await store.open()
    for token_hash in (TRUE, FORGED):
        known = directory.credential_of(token_hash)
        assert known is not None
        assert known.revoked_at == clock.now()
    await store.close()


async def test_what_was_revoked_is_audited_once_and_new_credentials_speak(path: Path, clock: ManualClock) -> None:
    await fill(path, clock)
    tamper(path, "update credential set rights = '[\"administer\"]'")
    docs = Credential(CredentialId("new"), "docs", DEFAULT_CONVERSATION, frozenset({Right.ASK}), clock.now())
    store, directory = stores(path, clock)
    await store.open()
    await directory.add_credential(docs, FORGED, by=BY)
    await store.close()
    await store.open()
    assert directory.credential_of(FORGED) == docs
    await store.close()
    connection = apsw.Connection(str(path))
    assert connection.execute("select actor from audit where verb = 'revoke_all'").fetchall() == [("warmline",)]
    connection.close()


async def test_what_was_written_in_their_table_is_found_after_they_were_revoked_too(
    path: Path, clock: ManualClock
) -> None:
    await fill(path, clock)
    tamper(path, "update credential set rights = '[\"administer\"]'")
    store, _ = stores(path, clock)
    await store.open()
    await store.close()
    with closing(apsw.Connection(str(path))) as connection:
        found = Auditing(connection, ArchiveFiles(path.with_name("archive")), SEALS).verify()
        ((number,),) = connection.execute("select number from audit where verb = 'revoke_all'").fetchall()
    assert found.faults == (Fault("credential", f"others wrote in it before row {number} of the audit"),)


async def test_credentials_that_nobody_touched_go_on(path: Path, clock: ManualClock) -> None:
    await fill(path, clock)
    tamper(path, "update message set body = 'other'")
    store, directory = stores(path, clock)
    await store.open()
    known = directory.credential_of(TRUE)
    assert known is not None
    assert known.revoked_at is None
    await store.close()
