"""All of it runs on both kinds of event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from listening import LOOPS


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
