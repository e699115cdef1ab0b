"""Connects to an instance again and again, and keeps what it has. Usage: URL COUNT.

A third say half a line, a third a byte, and a third nothing. It says `COUNT connected` on its standard output, and
leaves, without closing anything, when its standard input ends.
"""

from __future__ import annotations

import resource
import sys
from collections import deque
from contextlib import suppress

from warmline.errors import DisconnectedError
from warmline.listen.addresses import parse_address
from warmline.listen.seam import Channel
from warmline.listen.transports import connect_channel

KEPT = 1200
"""More than an instance lets in: those before it has let go long since."""

LIMIT_SECONDS = 30
SAID = (b'{"type":"query","question":"', b"{", b"")


def main() -> None:
    """Connect."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    address, count = parse_address(sys.argv[1]), int(sys.argv[2])
    kept: deque[Channel] = deque()
    for number in range(count):
        channel = connect_channel(address, LIMIT_SECONDS)
        kept.append(channel)
        if said := SAID[number % len(SAID)]:
            with suppress(DisconnectedError):
                channel.send(said, LIMIT_SECONDS)
        if len(kept) > KEPT:
            kept.popleft().close()
    print(f"{count} connected", flush=True)  # noqa: T201  # who started it waits for this
    sys.stdin.read()


if __name__ == "__main__":
    main()
