"""At the opening of a store: whether the keys at hand are those it was sealed under, and who may still speak.

To go on under other keys would withhold, and bury, all that was ever said. Credentials that somebody else wrote would
let him speak at once, before anybody has verified the audit.
"""

from __future__ import annotations

import logging

import apsw

from warmline.errors import UnsafeKeyError
from warmline.model import THE_LINE
from warmline.security.seals import Seals, form
from warmline.stores.ledger import AUDIT, FIRST_HASH, AuditEntry, Ledger, is_sealed
from warmline.stores.queries import load_queries
from warmline.stores.rows import Row

logger = logging.getLogger(__name__)

CREDENTIALS = "credential"

REVOKED_ALL = "revoke_all"
"""What the audit calls it; `audit verify` goes on to tell of it, since the table is weighed anew."""

_STATEMENTS = load_queries("doubt.sql")


def check_keys(connection: apsw.Connection, seals: Seals) -> None:
    """Raises UnsafeKeyError when neither the ledger nor the last row of the audit was sealed under these keys."""
    if is_sealed(connection, seals):
        return
    rows: list[Row] = connection.execute(_STATEMENTS["doubt_audit_last"]).fetchall()
    if not rows:
        return
    *row, hashed = rows[0]
    before: bytes = rows[1][-1] if len(rows) > 1 else FIRST_HASH
    if not seals.verifies(AUDIT, before + form(row), hashed):
        raise UnsafeKeyError(
            "the keys in seal.keys are not those that this store was sealed under, or others wrote in it: restore both"
            " from the same copy; `warmline audit verify` tells more"
        )


def doubt_credentials(connection: apsw.Connection, ledger: Ledger, now: int) -> None:
    """Revoke every credential when the table is not as the line left it: nobody knows which of them are true.

    now is in microseconds. The audit says that it happened, and goes on; the owner makes new ones.
    """
    is_any = connection.execute(_STATEMENTS["doubt_in_force"]).fetchone() is not None
    if not is_any or ledger.holds(connection, CREDENTIALS):
        return
    with connection:
        connection.execute(_STATEMENTS["doubt_revoke"], {"now_at": now})
        ledger.count_anew(connection, CREDENTIALS)
        ledger.note(now, AuditEntry(REVOKED_ALL, THE_LINE, detail={"reason": "others wrote in the table"}))
        ledger.write()
    logger.error("credentials are not as the line left them: all are revoked; see `warmline audit verify`")
