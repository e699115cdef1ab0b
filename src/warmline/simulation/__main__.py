"""`python -m warmline.simulation`: serve a simulated model until SIGTERM, and say where, as one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta

from warmline.clock import SystemClock
from warmline.simulation.server import simulated
from warmline.simulation.settings import SimulationSettings


def main() -> int:
    """Serve; 1 when the port cannot be had."""
    arguments = _parser().parse_args()
    # A reply that is cut off on purpose is no error of the server's.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    try:
        asyncio.run(_serve(_settings(arguments), arguments.port))
    except OSError as error:
        sys.stderr.write(f"no model at port {arguments.port}: {error.strerror}\n")
        return 1
    return 0


async def _serve(settings: SimulationSettings, port: int) -> None:
    leaving = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leaving.set)
    async with simulated(settings, SystemClock(), port) as address:
        sys.stdout.write(json.dumps({"address": address, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        await leaving.wait()


def _parser() -> argparse.ArgumentParser:
    defaults = SimulationSettings()
    parser = argparse.ArgumentParser(prog="python -m warmline.simulation", description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=_port, default=0, help="on 127.0.0.1; 0, the default, is a free one")
    parser.add_argument("--instant", action="store_true", help="answer at once")
    parser.add_argument("--model", action="append", default=[], help="there are only models named so (default: all)")
    for name, default, unit in (
        ("first-byte-seconds", defaults.first_byte.total_seconds(), "before a reply begins"),
        ("fresh-tokens-per-second", defaults.fresh_tokens_per_second, "read that no cache holds"),
        ("cached-tokens-per-second", defaults.cached_tokens_per_second, "read out of the cache"),
        ("decoded-tokens-per-second", defaults.decoded_tokens_per_second, "written"),
    ):
        parser.add_argument(f"--{name}", type=_above_zero, default=default, help=f"{unit} (default: %(default)s)")
    for name, count, unit in (
        ("answer-tokens", defaults.answer_tokens, "in an answer"),
        ("window-tokens", defaults.window_tokens, "in the longest prompt"),
    ):
        parser.add_argument(f"--{name}", type=_count, default=count, help=f"{unit} (default: %(default)s)")
    return parser


def _settings(given: argparse.Namespace) -> SimulationSettings:
    return replace(
        SimulationSettings(),
        first_byte=timedelta(seconds=given.first_byte_seconds),
        fresh_tokens_per_second=given.fresh_tokens_per_second,
        cached_tokens_per_second=given.cached_tokens_per_second,
        decoded_tokens_per_second=given.decoded_tokens_per_second,
        answer_tokens=given.answer_tokens,
        window_tokens=given.window_tokens,
        models=tuple(given.model),
        instant=given.instant,
    )


def _port(given: str) -> int:
    if not given.isdecimal() or int(given) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(given)


def _above_zero(given: str) -> float:
    value = float(given)
    if not 0 < value < 1e12:
        raise argparse.ArgumentTypeError("a number above zero is needed")
    return value


def _count(given: str) -> int:
    value = int(given)
    if not 0 < value <= 1_000_000_000:
        raise argparse.ArgumentTypeError("a whole number above zero is needed")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
