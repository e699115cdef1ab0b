"""The ways that are measured, and what the programs that measure them are told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from warmline.listen.addresses import Address, Via


@unique
class Way(StrEnum):
    """How a question reaches who answers it: one of the transports, or a process started for it."""

    TCP = "tcp"
    UNIX = "unix"
    FIFO = "fifo"
    SHM = "shm"
    SPAWN = "spawn"

    @property
    def via(self) -> Via | None:
        """The transport; None where a process is started."""
        return None if self is Way.SPAWN else Via(self)


@unique
class Subject(StrEnum):
    """What makes and answers one request.

    BARE: a line there and back, by a blocking server. PING: one that the instance answers without its store. ASK: a
    question through the whole line. SPAWN: a process started for it, whose input is the question.
    """

    BARE = "bare"
    PING = "ping"
    ASK = "ask"
    SPAWN = "spawn"


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. A bare server of shared memory has a path where an instance has a name."""

    subject: Subject
    address: Address | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients at once, each in a process of its own, each with so many requests of so many bytes in turn."""

    target: Target
    clients: int
    requests: int
    size: int
