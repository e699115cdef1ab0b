"""Many at once: questions asked at the same moment, and others' requests beside clients that hold a connection up."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack, suppress
from itertools import pairwise

from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.seam import Channel
from warmline.listen.transports import connect_channel
from warmline.operations.bench_transports.figures import AtOnce
from warmline.operations.bench_transports.moments import Moment, Talk

LIMIT_SECONDS = 60.0
PINGS = 50


def at_once(address: Address, token: str, count: int) -> AtOnce:
    """Connect so many clients, ask a question on each before a reply is read of any, and read all replies."""
    question = {"type": "query", "question": "Which port does the exporter listen on?", "token": token}
    with ExitStack() as stack:
        channels = [_connected(stack, address) for _ in range(count)]
        began = time.perf_counter()
        for channel in channels:
            channel.send(json.dumps(question | {"id": uuid.uuid4().hex}).encode() + b"\n", LIMIT_SECONDS)
        answered = sum(_is_answered(channel, token) for channel in channels)
        seconds = time.perf_counter() - began
    return AtOnce(count, answered, seconds)


def blocked_ms(address: Address, token: str) -> float:
    """Tell the longest that a ping took while one client has written half a line, and others read no reply."""
    with ExitStack() as stack:
        for moment in (Moment.HALF_LINE, Moment.UNREAD, Moment.HALF_READ):
            Talk(_connected(stack, address), token).walk(moment, [])
        talk = Talk(_connected(stack, address), token)
        times = [time.perf_counter()]
        for _ in range(PINGS):
            talk.ping()
            times.append(time.perf_counter())
    return max(after - before for before, after in pairwise(times)) * 1000


def _is_answered(channel: Channel, token: str) -> bool:
    with suppress(TimeoutError, EOFError, DisconnectedError):
        return bool(Talk(channel, token).reply()["type"] == "response")
    return False


def _connected(stack: ExitStack, address: Address) -> Channel:
    channel = connect_channel(address, LIMIT_SECONDS)
    stack.callback(channel.close)
    return channel
