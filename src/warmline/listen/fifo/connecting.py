"""A connection over FIFOs from within an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from warmline.listen.addresses import Address
from warmline.listen.fifo.opening import Ends, Opening
from warmline.listen.fifo.transport import FifoTransport

P = TypeVar("P", bound=asyncio.Protocol)


async def connect_fifo(address: Address, new_protocol: Callable[[], P]) -> tuple[FifoTransport, P]:
    """Connect; cancelled, it leaves nothing. Raises DisconnectedError. There is no time limit but the caller's."""
    loop = asyncio.get_running_loop()
    opening = Opening(address)
    try:
        while (ends := opening.advance()) is None:
            await _until_it_may_advance(loop, opening)
    finally:
        opening.close()
    return _transport_over(loop, ends, new_protocol())


def _transport_over(loop: asyncio.AbstractEventLoop, ends: Ends, protocol: P) -> tuple[FifoTransport, P]:
    transport = FifoTransport(loop, protocol, ends.replies, ends.requests, hears_out=True)
    transport.begin(ends.begun)
    return transport, protocol


async def _until_it_may_advance(loop: asyncio.AbstractEventLoop, opening: Opening) -> None:
    happened = asyncio.Event()
    loop.add_reader(opening.replies, happened.set)
    loop.add_reader(opening.rendezvous, happened.set)  # readable: nobody reads there any more
    if opening.waits_to_write:
        loop.add_writer(opening.rendezvous, happened.set)
    try:
        await happened.wait()
    finally:
        loop.remove_reader(opening.replies)
        loop.remove_reader(opening.rendezvous)
        loop.remove_writer(opening.rendezvous)
