"""A `connect` that ends in the midst of its work: what it made is found again, and no credential is left unknown."""

from __future__ import annotations

from typing import Any

import pytest

from connecting_home import ConnectingHome
from warmline.errors import DaemonError
from warmline.interfaces.cli.client import Client
from warmline.interfaces.cli.client_credentials import ensure
from warmline.operations.connect.record import Record


class Killed(BaseException):
    """Stands for a process that ends: nothing is cleaned up after it."""


class DyingClient(Client):
    """Ends once a credential was made, and before anybody hears of it."""

    def call(self, method: str, path: str, body: object = None, **how: Any) -> dict[str, Any]:
        said = super().call(method, path, body, **how)
        if (method, path) == ("POST", "/v1/credentials"):
            raise Killed
        return said


class DeafClient(Client):
    """Loses the first response that tells of a credential, and asks again, as a client does."""

    def call(self, method: str, path: str, body: object = None, **how: Any) -> dict[str, Any]:
        said = super().call(method, path, body, **how)
        return super().call(method, path, body, **how) if (method, path) == ("POST", "/v1/credentials") else said


@pytest.fixture
def record(connecting: ConnectingHome) -> Record:
    record = Record(connecting.home)
    record.make_folder()
    return record


def die(connecting: ConnectingHome, record: Record) -> None:
    client = DyingClient(connecting.home)
    with pytest.raises(Killed):
        ensure(client, "claude", record)
    client.close()


def test_a_credential_that_nobody_heard_of_is_replaced_by_the_next_connect(
    connecting: ConnectingHome, record: Record
) -> None:
    die(connecting, record)
    die(connecting, record)
    assert connecting.told("claude", "--yes")[0]["outcome"] == "connected"
    assert connecting.in_force() == ["claude"]
    connecting.token("claude").unlink()
    die(connecting, record)
    connecting.told("claude", "--yes")
    assert connecting.in_force() == ["claude"]


def test_a_credential_that_nobody_heard_of_is_ended_by_undo(connecting: ConnectingHome, record: Record) -> None:
    die(connecting, record)
    assert connecting.in_force() == ["claude"]
    assert connecting.connect("claude", "--undo", "--yes").returncode == 0
    assert connecting.in_force() == []


def test_a_response_that_was_lost_leaves_no_credential_behind(connecting: ConnectingHome, record: Record) -> None:
    client = DeafClient(connecting.home)
    with pytest.raises(DaemonError):
        ensure(client, "claude", record)
    client.close()
    assert connecting.in_force() == []
    connecting.told("claude", "--yes")
    assert connecting.in_force() == ["claude"]


def test_a_token_that_cannot_be_written_leaves_no_credential_behind(connecting: ConnectingHome) -> None:
    connecting.token("claude").mkdir(parents=True)
    done = connecting.connect("claude", "--yes")
    assert "cannot be written" in done.stderr
    assert connecting.in_force() == []
    connecting.token("claude").rmdir()
