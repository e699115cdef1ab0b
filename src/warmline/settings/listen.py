"""Limits of the ways in for programs that speak lines: TCP, Unix socket, named pipe, shared memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """Limits on who comes in by a listener, known or not, and on what one connection may hold."""

    max_line_bytes: int = 6 * 1024 * 1024 + 64 * 1024
    """A question of 1 MiB may need six times as much in JSON's escapes, and then what stands around it."""

    listeners: int = 16
    """Open at once: one of each kind is usual."""

    connections: int = 1024
    """At once at one listener. One that has not yet said a line that can be understood makes room for a newcomer; else
    the one that has been quiet for longest, and for quiet_patience."""

    spare_descriptors: int = 512
    """Left to everything else, however many connections there are."""

    accept_pause: timedelta = timedelta(milliseconds=100)
    """When the system has no descriptor left: to ask again at once would only burn the processor."""

    in_flight: int = 1024
    """Requests of one connection that are worked on; the next is not read before one of them has ended."""

    all_in_flight: int = 8192
    """Requests of all connections; those beyond are refused (`too_many_requests`)."""

    held_bytes: int = 64 * 1024 * 1024
    """Of lines that are half written, all connections together; who holds most beyond that is ended."""

    first_line_patience: timedelta = timedelta(seconds=10)
    """For a stranger's first line to be whole."""

    line_patience: timedelta = timedelta(seconds=30)
    """For any later line, from its first byte on, if it comes slower than line_bytes_per_second."""

    line_bytes_per_second: int = 4096
    """On average, after line_patience: slower than any modem."""

    idle_patience: timedelta = timedelta(hours=1)
    """Without a request in flight or a byte from the peer; a client that comes back later connects anew."""

    quiet_patience: timedelta = timedelta(seconds=10)
    """The same, where there is no room for a newcomer: a program that leaks connections keeps nobody out for longer."""

    read_patience: timedelta = timedelta(seconds=20)
    """A peer that takes in less than a tenth of what waits for it within this long is gone."""

    unsent_bytes: int = 4 * 1024 * 1024
    """Of replies that wait for one peer; above it nothing more is read of that peer."""

    watch_period: timedelta = timedelta(seconds=1)
    """How often the patience with connections is looked at, while there are any."""

    wrong_tokens: int = 5
    """Shown on one connection before it is ended."""

    default_wait: timedelta = timedelta(minutes=30)
    """For an answer, when the request names no `wait`: longer than the deadline of most questions."""

    progress_period: timedelta = timedelta(seconds=1)
    """How late a change of a question's state is told to who asked for that: each such look reads the store."""

    slot_bytes: int = 16 * 1024
    """Of one slot of a ring in shared memory: a usual question and its answer fit one."""

    slots: int = 32
    """In each of the two rings of one connection: 1 MiB on both, which are taken up only as far as they are used."""

    letters: int = 256
    """Requests that name a FIFO for their replies which nobody reads yet; the oldest makes room for a newcomer."""

    letter_patience: timedelta = timedelta(seconds=10)
    """For somebody to read it: a shell sends its question first, and opens the FIFO for the answer then."""

    letter_period: timedelta = timedelta(milliseconds=50)
    """How often it is tried, while there are such letters: a FIFO does not tell when it is opened."""

    sweep_period: timedelta = timedelta(seconds=10)
    """How often a listener looks for FIFOs that killed clients have left: a folder is read in microseconds."""

    leftover_age: timedelta = timedelta(seconds=5)
    """Of a FIFO that nobody holds open, before it is removed: a client opens it just after it made it."""
