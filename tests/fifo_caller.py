"""A client over FIFOs as a process, to be killed: `fifo_caller.py PATH MOMENT`; or many at once: `PATH ask COUNT`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from warmline.listen.addresses import Address, Via
from warmline.listen.fifo.channel import FifoChannel
from warmline.listen.fifo.files import prefix_of
from warmline.listen.fifo.opening import Opening

PATIENCE_SECONDS = 60.0
"""Of one among a thousand, on a busy machine."""

held: list[object] = []


def at(path: Path) -> Address:
    return Address(Via.FIFO, str(path))


def made_one(path: Path) -> None:
    os.mkfifo(path.with_name(f"{prefix_of(path)}half.requests"), 0o600)


def made(path: Path) -> None:
    held.append(Opening(at(path)))


def asked(path: Path) -> None:
    opening = Opening(at(path))
    held.append(opening)
    opening.advance()


def opened(path: Path) -> None:
    held.append(FifoChannel(at(path), PATIENCE_SECONDS))


def half_written(path: Path) -> None:
    channel = FifoChannel(at(path), PATIENCE_SECONDS)
    held.append(channel)
    channel.send(b'{"type":"que', PATIENCE_SECONDS)


def writing(path: Path) -> None:
    channel = FifoChannel(at(path), PATIENCE_SECONDS)
    held.append(channel)
    threading.Thread(target=channel.send, args=(bytes(10_000_000), None), daemon=True).start()


def reading(path: Path) -> None:
    writing(path)
    channel = held[0]
    assert isinstance(channel, FifoChannel)
    channel.receive(PATIENCE_SECONDS)


def half_closed(path: Path) -> None:
    channel = FifoChannel(at(path), PATIENCE_SECONDS)
    held.append(channel)
    channel.send(bytes(30_000), PATIENCE_SECONDS)
    os.close(channel._requests)


def at_random(path: Path) -> None:
    def ask_for_ever() -> None:
        while True:
            channel = FifoChannel(at(path), PATIENCE_SECONDS)
            threading.Thread(target=channel.send, args=(bytes(100_000), None), daemon=True).start()
            channel.receive(PATIENCE_SECONDS)

    threading.Thread(target=ask_for_ever, daemon=True).start()


MOMENTS: dict[str, Callable[[Path], None]] = {
    each.__name__: each
    for each in (made_one, made, asked, opened, half_written, writing, reading, half_closed, at_random)
}


def ask(path: Path, count: int) -> None:
    """Ask so many at once, and check that each hears its own words."""
    channels = [FifoChannel(at(path), PATIENCE_SECONDS) for _ in range(count)]
    words = [b"%d of %d\n" % (number, os.getpid()) * 200 for number in range(count)]
    for channel, word in zip(channels, words, strict=True):
        channel.send(word, PATIENCE_SECONDS)
    for channel, word in zip(channels, words, strict=True):
        heard = b""
        while len(heard) < len(word):
            heard += channel.receive(PATIENCE_SECONDS)
        assert heard == word
        channel.close()


def main() -> None:
    path = Path(sys.argv[1])
    if sys.argv[2] == "ask":
        ask(path, int(sys.argv[3]))
        return
    MOMENTS[sys.argv[2]](path)
    sys.stdout.write("there\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
