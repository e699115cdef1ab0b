"""The credential of a connected client: made by the daemon, kept in a file of the home (0600), never shown."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from warmline.durable import sync, write_anew
from warmline.errors import (
    ConflictError,
    DaemonError,
    InvalidInputError,
    UnauthorizedError,
    UnknownCredentialError,
    WarmlineError,
)
from warmline.ids import new_message_id
from warmline.interfaces.cli.client import Client, token_of

if TYPE_CHECKING:
    from warmline.operations.connect.record import Record

RIGHTS = ("ask", "answer", "send", "read")
TRIES = 3


def ensure(owner: Client, name: str, record: Record) -> bool:
    """See that the client has a credential that is good, and its token file; tell whether one was made now.

    One that is good is kept; one whose token is lost is revoked. Whenever this process ends, the record knows each
    credential that is left. Raises what the daemon says, and DaemonError when the token cannot be written.
    """
    if record.of(name).credential is not None:
        if _is_good(owner, name):
            return False
        _revoke(owner, name, record)
    token = _made(owner, name, record)
    try:
        _write(owner, name, token)
    except DaemonError:
        _revoke(owner, name, record)
        raise
    return True


def end(owner: Client, name: str, record: Record) -> None:
    """Revoke the client's credential, and remove its token file. Raises what the daemon says."""
    _revoke(owner, name, record)
    file = owner.home.client_token(name)
    with owner.home.usable():
        file.unlink(missing_ok=True)
        sync(file.parent)


def _made(owner: Client, name: str, record: Record) -> str:
    """Make a credential, whose id is written down before, and return its token."""
    for _ in range(TRIES):
        chosen = new_message_id(datetime.now(UTC))
        record.keep(name, replace(record.of(name), credential=chosen))
        try:
            made = owner.call("POST", "/v1/credentials", {"name": name, "rights": RIGHTS, "id": chosen})
        except ConflictError:  # it was made, and its token was lost with the connection
            _revoke(owner, name, record)
        except DaemonError:
            raise  # it may have been made all the same
        except WarmlineError:
            record.keep(name, replace(record.of(name), credential=None))
            raise
        else:
            return str(made["token"])
    raise DaemonError("the daemon is lost again and again: see `warmline status`, then do it again")


def _revoke(owner: Client, name: str, record: Record) -> None:
    known = record.of(name)
    if known.credential is not None:
        with suppress(UnknownCredentialError):  # it was never made, or the store is another one now
            owner.call("POST", f"/v1/credentials/{known.credential}/revoke")
    record.keep(name, replace(known, credential=None))


def _is_good(owner: Client, name: str) -> bool:
    try:
        client = Client(owner.home, token=token_of(owner.home, name))
    except InvalidInputError:
        return False
    try:
        client.call("GET", "/v1/mailboxes")
    except UnauthorizedError:
        return False
    finally:
        client.close()
    return True


def _write(owner: Client, name: str, token: str) -> None:
    file = owner.home.client_token(name)
    try:
        write_anew(file, f"{token}\n".encode("ascii"))
    except OSError as error:
        raise DaemonError(f"{file} cannot be written ({error.strerror}): mend that, and do it again") from error
