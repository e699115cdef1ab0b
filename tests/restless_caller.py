"""Asks an instance again and again, long questions and short ones, until it is killed. Usage: URL SEED."""

from __future__ import annotations

import random
import sys

from warmline import connect

QUESTION = "Which port does the exporter listen on?"


def main() -> None:
    """Ask."""
    chance = random.Random(int(sys.argv[2]))
    print("begins", flush=True)  # noqa: T201  # who kills it waits for this
    with connect(sys.argv[1]) as line:
        while True:
            line.ask(QUESTION + " please" * chance.choice([0, 10, 20_000]), wait=chance.choice([None, 60]))


if __name__ == "__main__":
    main()
