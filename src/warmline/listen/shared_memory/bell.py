"""The socket beside the memory: a byte on it says "look into the memory", its end says that the other side is gone.

A socket and not an eventfd, although that is what one would expect here. The two sides of an eventfd share its flags:
a client could take O_NONBLOCK away, fill the counter, and the instance would stand still in its next ring for all its
clients. Each side's end of a socket is its own. It costs no more (both are one system call a side), it is the one
thing to wait for, and it needs no descriptor of its own.
"""

from __future__ import annotations

import socket

STROKE = b"\0"

RINGING = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
"""Put together once: to join flags costs as much as to send with them."""

DRAINED_BYTES, MOST_DRAINS = 4096, 64
"""Strokes that are taken at a time, and how often at once: together more than a socket holds, and an end to a peer that
rings without ceasing."""


def ring_bell(connection: socket.socket) -> bool:
    """Tell the other side to look into the memory; False when it is gone. Never blocks.

    Where the socket takes no more, strokes wait there that the other side has not heard yet: these will do.
    """
    try:
        connection.send(STROKE, RINGING)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def hear_bell(connection: socket.socket) -> bool:
    """Take strokes that came; False when the other side is gone. Never blocks.

    A side that left with strokes unheard ends the socket by ECONNRESET: whether it had said all stands in the ring.
    That comes behind its own strokes, and a poll of the system tells of it again.
    """
    return _strokes(connection) is not None


def hear_all_strokes(connection: socket.socket) -> bool:
    """Do the same down to the last stroke: libuv tells of the end behind them only once."""
    for _ in range(MOST_DRAINS):
        if not (strokes := _strokes(connection)):
            return strokes is not None
    return True


def _strokes(connection: socket.socket) -> int | None:
    """Take strokes, and return how many; None when the other side is gone."""
    try:
        return len(connection.recv(DRAINED_BYTES, socket.MSG_DONTWAIT)) or None
    except BlockingIOError:
        return 0
    except OSError:
        return None
