"""A client that comes as far as a moment, and then waits for its end, or for that of the instance.

`python -m warmline.operations.bench_transports.victim` reads what it is to do as a line of JSON, says which tickets
it was told when it has come so far, and, when it is the instance that is killed, what it noticed of that: as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress

from warmline.errors import DisconnectedError
from warmline.listen.addresses import parse_address
from warmline.listen.transports import connect_channel
from warmline.operations.bench_transports.held import descriptors
from warmline.operations.bench_transports.moments import STEP_SECONDS, Moment, Talk


def main() -> None:
    """Do what standard input says."""
    told = json.loads(sys.stdin.readline())
    before = descriptors(os.getpid())
    channel = connect_channel(parse_address(told["url"]), STEP_SECONDS)
    replies = Talk(channel, told["token"]).walk(Moment(told["moment"]), told["ids"])
    tickets = [reply["ticket"] for reply in replies if "ticket" in reply]
    print(json.dumps({"tickets": tickets}), flush=True)  # noqa: T201  # who started it waits for this
    noticed = None
    with suppress(TimeoutError):
        with suppress(DisconnectedError):
            while channel.receive(STEP_SECONDS):
                continue
        noticed = time.monotonic()
    channel.close()
    left = descriptors(os.getpid()) - before
    print(json.dumps({"noticed": noticed, "descriptors": left}), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main()
