"""Seals and a key for stores in tests, who changes these, and the question whether a store's ledger is true."""

from pathlib import Path

from warmline.model import OWNER, CredentialId
from warmline.security.databases import open_database
from warmline.security.seals import Seals
from warmline.stores.ledger import is_sealed, read, weigh_all

SEALS = Seals({1: bytes(range(32))})
KEY = bytes(range(32, 64))

BY = CredentialId(OWNER)


def assert_ledger_is_true(path: Path, seals: Seals = SEALS, key: bytes | None = None) -> None:
    """The ledger of the store at `path` is sealed, and its sums are those of the rows, as of the last commit."""
    connection = open_database(path, key)
    try:
        connection.set_busy_timeout(5000)
        with connection:  # one snapshot
            assert is_sealed(connection, seals)
            assert read(connection).sums == weigh_all(connection, seals)
    finally:
        connection.close()
