"""Seals for stores in tests, who changes these, and the question whether a store's ledger is true."""

from pathlib import Path

import apsw

from warmline.model import OWNER, CredentialId
from warmline.security.seals import Seals
from warmline.stores.ledger import is_sealed, read, weigh_all

SEALS = Seals({1: bytes(range(32))})

BY = CredentialId(OWNER)


def assert_ledger_is_true(path: Path, seals: Seals = SEALS) -> None:
    """The ledger of the store at `path` is sealed, and its sums are those of the rows, as of the last commit."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(5000)
        with connection:  # one snapshot
            assert is_sealed(connection, seals)
            assert read(connection).sums == weigh_all(connection, seals)
    finally:
        connection.close()
