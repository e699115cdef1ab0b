"""The credential of a connected client: made by the daemon, kept in a file of the home (0600), never shown."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from warmline.durable import put_in_place, sync, writing_durably
from warmline.errors import ConflictError, DaemonError, InvalidInputError, UnauthorizedError, UnknownCredentialError
from warmline.interfaces.cli.client import Client

if TYPE_CHECKING:
    from warmline.operations.connect.record import Connected, Record

RIGHTS = ("ask", "answer", "send", "read")


def ensure(owner: Client, name: str, record: Record) -> bool:
    """See that the client has a credential that is good, and its token file; tell whether one was made now.

    One that is good is kept; of one whose token is lost, a successor is made. Raises what the daemon says, and
    DaemonError when the token cannot be written.
    """
    known = record.of(name)
    if known.credential is not None and _is_good(owner, name):
        return False
    made = _successor(owner, known) or owner.call("POST", "/v1/credentials", {"name": name, "rights": RIGHTS})
    record.keep(name, replace(known, credential=made["id"]))
    _write(owner, name, made["token"])
    return True


def end(owner: Client, name: str, record: Record) -> None:
    """Revoke the client's credential, and remove its token file. Raises what the daemon says."""
    known = record.of(name)
    if known.credential is not None:
        with suppress(UnknownCredentialError):  # the store is another one now
            owner.call("POST", f"/v1/credentials/{known.credential}/revoke")
    file = owner.home.client_token(name)
    with owner.home.usable():
        file.unlink(missing_ok=True)
        sync(file.parent)
    record.keep(name, replace(known, credential=None))


def _is_good(owner: Client, name: str) -> bool:
    try:
        token = owner.home.client_token(name).read_text("ascii").strip()
    except (OSError, ValueError):
        return False
    client = Client(owner.home, token=token)
    try:
        client.call("GET", "/v1/mailboxes")
    except (UnauthorizedError, InvalidInputError):
        return False
    finally:
        client.close()
    return True


def _successor(owner: Client, known: Connected) -> dict[str, str] | None:
    if known.credential is None:
        return None
    try:
        return owner.call("POST", f"/v1/credentials/{known.credential}/rotate")
    except (UnknownCredentialError, ConflictError):
        return None  # it was revoked


def _write(owner: Client, name: str, token: str) -> None:
    file = owner.home.client_token(name)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with writing_durably(draft, only_new=True) as written:
            written.write(f"{token}\n".encode("ascii"))
        put_in_place(draft, file)
    except OSError as error:
        raise DaemonError(f"{file} cannot be written ({error.strerror}): mend that, and do it again") from error
    finally:
        draft.unlink(missing_ok=True)
