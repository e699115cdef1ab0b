"""How long the simulated model keeps what it read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from warmline.simulation.messages import Boundary
from warmline.simulation.prefixes import LOOK_BACK_BLOCKS, PrefixCache

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def end(name: str, tokens: int, ttl: Literal["5m", "1h"] | None = "5m") -> Boundary:
    return Boundary(name.encode(), tokens, ttl)


@pytest.mark.parametrize(("ttl", "kept"), [("5m", timedelta(minutes=5)), ("1h", timedelta(hours=1))])
def test_a_prefix_is_kept_for_its_time_from_when_it_was_last_read(ttl: Literal["5m", "1h"], kept: timedelta) -> None:
    cache, moment = PrefixCache(10), timedelta(microseconds=1)
    cache.read([end("a", 10, ttl)], NOW)
    assert cache.read([end("a", 10, ttl)], NOW + kept - moment).read == 10
    assert cache.read([end("a", 10, ttl)], NOW + 2 * (kept - moment)).read == 10
    assert cache.read([end("a", 10, ttl)], NOW + 3 * kept).read == 0


def test_without_a_breakpoint_nothing_is_kept_or_read() -> None:
    cache = PrefixCache(10)
    cache.read([end("a", 10)], NOW)
    assert cache.read([end("a", 10, None)], NOW).input == 10


def test_each_breakpoint_keeps_what_stands_since_the_one_before_it_for_its_own_time() -> None:
    reading = PrefixCache(10).read([end("a", 10, "1h"), end("b", 17), end("c", 20, None)], NOW)
    assert (reading.written_1h, reading.written_5m, reading.input, reading.read) == (10, 7, 3, 0)


def test_the_longest_kept_prefix_is_read() -> None:
    cache = PrefixCache(10)
    cache.read([end("a", 10), end("b", 20)], NOW)
    reading = cache.read([end("a", 10), end("b", 20, None), end("c", 25)], NOW)
    assert (reading.read, reading.written) == (20, 5)


@pytest.mark.parametrize(("between", "read"), [(LOOK_BACK_BLOCKS - 1, 10), (LOOK_BACK_BLOCKS, 0)])
def test_a_prefix_is_looked_for_twenty_blocks_back(between: int, read: int) -> None:
    cache = PrefixCache(10)
    cache.read([end("a", 10)], NOW)
    more = [end(f"b{at}", 11 + at, None) for at in range(between - 1)]
    assert cache.read([end("a", 10, None), *more, end("z", 99)], NOW).read == read


def test_of_too_many_prefixes_the_one_unused_for_longest_is_forgotten() -> None:
    cache = PrefixCache(2)
    for name in ("a", "b", "a", "c"):
        cache.read([end(name, 10)], NOW)
    assert len(cache) == 2
    assert [cache.read([end(name, 10)], NOW).read for name in ("a", "c", "b")] == [10, 10, 0]
