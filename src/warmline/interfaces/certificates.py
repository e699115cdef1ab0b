"""The certificate for TLS over TCP: its pair of files, checked before anybody meets it, and the names it is for."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from warmline.errors import DaemonError
from warmline.security.keys import check_private
from warmline.settings import DaemonSettings


@dataclass(frozen=True, slots=True)
class Certificate:
    """A pair that works now: what servers use, and the DNS names and addresses that it is for."""

    context: ssl.SSLContext
    names: tuple[str, ...]


def read_certificate(settings: DaemonSettings) -> Certificate | None:
    """Return the certificate of settings.tls_cert and tls_key, or None when neither is named.

    Raises UnsafeKeyError when others can read the key, and DaemonError when the pair is none, cannot be read, or
    is not valid today.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise DaemonError("a certificate and its key come together: give --tls-cert and --tls-key")
    check_private(settings.tls_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A password would be asked for on a terminal that a daemon has not.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (OSError, ValueError) as error:
        raise DaemonError(
            f"{settings.tls_cert} and {settings.tls_key} are no pair of a certificate and its key"
            f" ({_reason(error)}): give those that were issued together, in PEM, the key without a password"
        ) from error
    return Certificate(context, _names(context, settings.tls_cert))


def _names(server_side: ssl.SSLContext, path: Path) -> tuple[str, ...]:
    """Shake hands with ourselves in memory, trusting this certificate alone, and return the names that it showed."""
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    try:
        client_side.load_verify_locations(path)
        client = client_side.wrap_bio(to_client, to_server)
        for side in (client, server, client, server, client):
            _shake(side)
    except ssl.SSLCertVerificationError as error:
        raise DaemonError(f"{path} is of no use now ({error.verify_message}): have it issued anew") from error
    except (OSError, ValueError) as error:
        raise DaemonError(f"{path} is no certificate for a server ({_reason(error)})") from error
    shown = client.getpeercert() or {}
    return tuple(str(each[1]) for each in shown.get("subjectAltName", ()) if each[0] in {"DNS", "IP Address"})


def _shake(side: ssl.SSLObject) -> None:
    """Go on with the handshake, as far as it goes without the other side."""
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "no PEM").lower().replace("_", " ")
    return getattr(error, "strerror", None) or "unreadable"
