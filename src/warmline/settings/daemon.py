"""Limits of the process that owns a home, and of who comes in at its doors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """Limits on who comes in over HTTP, known or not."""

    unix_connections: int = 10_000
    """At once on the home's socket: each agent that waits holds one. No stranger can take them: it is 0600."""

    tcp_connections: int = 512
    """At once over TCP. One of a stranger costs 20 KB, with TLS 100 KB."""

    tcp_requests: int = 256
    """Worked on at once over TCP: bounds the bodies of 8 MiB that are held at once by those with a credential."""

    stranger_bodies: int = 4
    """Read at once of callers whose credential stands in the body, as an old bridge's clients have it: 32 MiB."""

    spare_descriptors: int = 512
    """For everything but connections: the store, the index, the memory's files, workers."""

    accept_pause: timedelta = timedelta(milliseconds=100)
    """When the system has no descriptor left: to ask again at once would only burn the processor."""

    request_line_bytes: int = 60 * 1024
    """Of a URL: a long question to `memory search` fits. What takes URLs apart ends at 64 KiB."""

    head_bytes: int = 64 * 1024
    """Of a request's head: what a generous proxy adds fits many times over."""

    headers: int = 100
    """In one head: a browser sends twenty."""

    pipelined: int = 8
    """Requests sent ahead on one connection: each that waits costs 3 KB."""

    head_patience: timedelta = timedelta(seconds=10)
    """From the connection, or a head's first byte, to its last: a slow network takes three seconds."""

    idle_patience: timedelta = timedelta(minutes=1)
    """Between the requests of one who is known; a stranger has no longer than for a head."""

    body_grace: timedelta = timedelta(seconds=10)
    """Before a body is measured; a stranger's has to be there by then."""

    body_bytes_per_second: int = 4096
    """On average after that: slower than any modem, and 8 MiB still end within 35 minutes."""

    read_patience: timedelta = timedelta(seconds=20)
    """A peer that takes in less than a tenth of what waits for it within this long is gone."""

    discarded_bytes: int = 16 * 1024 * 1024
    """Of a body that is refused, which is read to its end so that the refusal arrives: twice the largest."""

    last_words: timedelta = timedelta(seconds=2)
    """For a peer to read why it is refused before the connection is cut."""

    watch_period: timedelta = timedelta(seconds=1)
    """How often the patience with connections is looked at, while there are any."""

    free_tries: int = 5
    """Wrong tokens from one address that are answered at once: somebody looks for the right one among a few."""

    try_delay: timedelta = timedelta(milliseconds=100)
    """Of the answer to the next one; doubles with each."""

    max_try_delay: timedelta = timedelta(seconds=1)
    """Guessing 256 bits is hopeless at any rate: this only keeps the noise down."""

    tries_forgotten: timedelta = timedelta(minutes=1)
    """After an address's last wrong token."""

    addresses_noted: int = 1024
    """From which wrong tokens came; the one that was quiet for longest makes room."""

    delayed_at_once: int = 64
    """Answers held back; those beyond are told to come later (429), and their connection ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """Limits of the process that owns a home."""

    host: str = "127.0.0.1"
    """An address or a name of this machine. One that other machines reach wants a certificate, or unencrypted."""

    port: int = 9276
    """WARM on a telephone's keys. Where it is taken, the daemon serves its Unix socket and says so."""

    tls_cert: Path | None = None
    """A file in PEM: the certificate, then those between it and its authority. Over TCP all is TLS then."""

    tls_key: Path | None = None
    """Its key, in PEM, 0600."""

    unencrypted: bool = False
    """Said twice, by host and by this: other machines may speak without TLS, and whoever listens in reads it all."""

    idle_leave: timedelta = timedelta(minutes=15)
    """An auto-started daemon with nothing to do leaves after this long; the next ask starts it again."""

    start_limit: timedelta = timedelta(seconds=30)
    """How long a client waits for the daemon that it started."""

    stop_limit: timedelta = timedelta(seconds=30)
    """How long `stop` waits: the drain, and as much again."""
