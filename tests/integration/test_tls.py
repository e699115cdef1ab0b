"""TLS by certificate files, and which addresses are bound without."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from real_home import RealHome

NAME = "line.example"
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  # what is tested is that it is not bound lightly


@pytest.fixture
def line(tmp_path: Path) -> Iterator[RealHome]:
    home = RealHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pair(folder: Path, authority: trustme.CA, *, not_after: datetime | None = None) -> tuple[str, str]:
    """Write a certificate and its key; return their paths."""
    folder.mkdir(exist_ok=True)
    issued = authority.issue_cert("127.0.0.1", NAME, not_after=not_after)
    cert, key = folder / "cert.pem", folder / "key.pem"
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(cert, append=number > 0)
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    return str(cert), str(key)


def ask(line: RealHome, authority: trustme.CA, context: ssl.SSLContext, **headers: str) -> int:
    """Ask for the mailboxes over TLS, and return the status."""
    authority.configure_trust(context)
    host, _, port = line.json("status")["address"].rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
    try:
        shown = {"Authorization": f"Bearer {line.home.read_token()}"}
        connection.request("GET", "/v1/mailboxes", headers={**shown, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def port_of(line: RealHome) -> str:
    return str(line.json("status")["address"].rpartition(":")[2])


def test_over_tcp_all_is_tls_and_over_the_unix_socket_nothing(
    line: RealHome, tmp_path: Path, authority: trustme.CA
) -> None:
    cert, key = pair(tmp_path, authority)
    line.serve("--tls-cert", cert, "--tls-key", key)
    assert line.json("status")["tls"] is True
    assert ask(line, authority, ssl.create_default_context()) == 200
    assert ask(line, authority, ssl.create_default_context(), Host=f"{NAME}:{port_of(line)}") == 200
    assert ask(line, authority, ssl.create_default_context(), Host=f"evil.example:{port_of(line)}") == 421
    plain = http.client.HTTPConnection("127.0.0.1", int(port_of(line)), timeout=5)
    plain.request("GET", "/healthz")
    with pytest.raises((OSError, http.client.HTTPException)):
        plain.getresponse()
    plain.close()
    assert b"by TLS" in line.run("status").stdout


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_a_client_that_speaks_an_older_tls_is_refused(line: RealHome, tmp_path: Path, authority: trustme.CA) -> None:
    cert, key = pair(tmp_path, authority)
    line.serve("--tls-cert", cert, "--tls-key", key)
    old = ssl.create_default_context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)alert|version|reset|EOF"):
        ask(line, authority, old)


def refusal(line: RealHome, *words: str) -> str:
    """Run `serve` with these, which must refuse to start in one line; return that."""
    done = line.run("serve", "--port", "0", *words)
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (1, 1), done
    return said


def test_a_pair_that_does_not_fit_is_refused(line: RealHome, tmp_path: Path, authority: trustme.CA) -> None:
    cert, _ = pair(tmp_path / "one", authority)
    _, key = pair(tmp_path / "other", authority)
    assert "are no pair" in refusal(line, "--tls-cert", cert, "--tls-key", key)
    assert "come together" in refusal(line, "--tls-cert", cert)
    assert "are no pair" in refusal(line, "--tls-cert", key, "--tls-key", key)


def test_an_expired_certificate_is_refused(line: RealHome, tmp_path: Path, authority: trustme.CA) -> None:
    cert, key = pair(tmp_path, authority, not_after=datetime.now(UTC) - timedelta(days=1))
    assert "expired" in refusal(line, "--tls-cert", cert, "--tls-key", key)


def test_a_key_that_others_can_read_is_refused(line: RealHome, tmp_path: Path, authority: trustme.CA) -> None:
    cert, key = pair(tmp_path, authority)
    Path(key).chmod(0o640)
    assert "chmod 600" in refusal(line, "--tls-cert", cert, "--tls-key", key)
    assert "is needed" in refusal(line, "--tls-cert", cert, "--tls-key", str(tmp_path / "none"))


@pytest.mark.parametrize("host", [EVERY_ADDRESS, "::"])
def test_an_address_that_others_reach_is_not_bound_unless_it_is_said_twice(line: RealHome, host: str) -> None:
    assert "--unencrypted" in refusal(line, "--host", host)


def test_what_is_bound_unencrypted_is_said_in_the_log_and_by_the_status(line: RealHome) -> None:
    line.serve("--host", EVERY_ADDRESS, "--unencrypted")
    assert line.json("status")["exposed"] is True
    assert b"UNENCRYPTED" in line.run("status").stdout
    assert line._daemons[0].stderr is not None
    line.run("stop")
    assert b"UNENCRYPTED" in line._daemons[0].stderr.read()


def test_an_address_that_others_reach_is_bound_with_a_certificate(
    line: RealHome, tmp_path: Path, authority: trustme.CA
) -> None:
    cert, key = pair(tmp_path, authority)
    line.serve("--host", EVERY_ADDRESS, "--tls-cert", cert, "--tls-key", key)
    assert line.json("status")["exposed"] is False


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_ipv6_loopback_and_a_name_can_be_listened_on(line: RealHome, host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    line.serve("--host", host)
    where, _, port = line.json("status")["address"].rpartition(":")
    connection = http.client.HTTPConnection(where.strip("[]"), int(port), timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_name_that_is_none_is_refused(line: RealHome) -> None:
    assert "no address of that name" in refusal(line, "--host", "no-such-host.invalid")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
