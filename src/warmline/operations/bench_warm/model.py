"""The simulated model of a pass, and what it tells of the turns that it took."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from warmline.errors import DaemonError
from warmline.operations.bench_warm.figures import Turn
from warmline.operations.simulated_model import simulated_model

LIMIT_SECONDS = 30


class Model:
    """A simulated model that runs."""

    def __init__(self, address: str) -> None:
        self.address = address

    def take_turns(self) -> tuple[Turn, ...]:
        """Return the turns since this was last asked, or since it began."""
        told = json.loads(self._call("GET", "/simulation/requests"))
        self._call("DELETE", "/simulation/counts")
        return tuple(_turn(each) for each in told["requests"])

    def _call(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=LIMIT_SECONDS)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise DaemonError(f"the simulated model was lost: {error!r}") from error
        finally:
            connection.close()


@contextmanager
def model_of_a_pass(*, is_instant: bool) -> Iterator[Model]:
    """Start a simulated model that takes its stated time, or none, and end it. Raises DaemonError."""
    with simulated_model(*(["--instant"] if is_instant else [])) as address:
        yield Model(address)


def _turn(told: dict[str, Any]) -> Turn:
    return Turn(
        fresh=told["fresh"],
        written_5m=told["written_5m"],
        written_1h=told["written_1h"],
        cached=told["cached"],
        output=told["output"],
        stated_seconds=told["stated_seconds"],
    )
