"""The simulated model's prefix cache: what it reads and keeps always adds up, and a prefix is read from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from warmline.simulation.messages import Boundary, read_prompt, render
from warmline.simulation.prefixes import LOOK_BACK_BLOCKS, PrefixCache

NOW = datetime(2026, 1, 1, tzinfo=UTC)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BREAKPOINTS = st.sampled_from([None, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])


def block(text: str, breakpoint_there: object) -> dict[str, object]:
    return {"type": "text", "text": text, "cache_control": breakpoint_there}


BLOCKS = st.builds(block, TEXTS, BREAKPOINTS)
FEW_BLOCKS = st.lists(st.builds(block, st.sampled_from(["a", "bb" * 8, "c"]), BREAKPOINTS), min_size=1, max_size=6)


def boundaries(blocks: list[dict[str, object]], model: str = "m") -> tuple[Boundary, ...]:
    prompt = {"model": model, "messages": [{"role": "user", "content": blocks}]}
    return render(read_prompt(json.dumps(prompt).encode())).boundaries


@given(st.lists(st.tuples(FEW_BLOCKS, st.integers(0, 4000)), max_size=20), st.integers(1, 8))
def test_every_token_is_either_read_or_written_or_input(
    asked: list[tuple[list[dict[str, object]], int]], max_cached: int
) -> None:
    cache, now = PrefixCache(max_cached), NOW
    for blocks, seconds in asked:
        now += timedelta(seconds=seconds)
        ends = boundaries(blocks)
        reading = cache.read(ends, now)
        assert reading.read + reading.fresh == reading.tokens == ends[-1].tokens
        assert min(reading.read, reading.written_5m, reading.written_1h, reading.input) >= 0
        assert len(cache) <= max_cached


@given(st.lists(BLOCKS, max_size=5), TEXTS, st.lists(TEXTS, max_size=LOOK_BACK_BLOCKS - 1))
def test_a_longer_prompt_reads_what_a_shorter_one_kept(
    before: list[dict[str, object]], last: str, more: list[str]
) -> None:
    kept = [*before, block(last, {"type": "ephemeral"})]
    cache = PrefixCache(100)
    first = cache.read(boundaries(kept), NOW)
    longer = [*kept[:-1], block(last, None), *(block(text, None) for text in more)]
    longer[-1]["cache_control"] = {"type": "ephemeral"}
    assert cache.read(boundaries(longer), NOW).read == first.tokens


@given(st.lists(BLOCKS, min_size=1, max_size=5))
def test_where_breakpoints_stand_does_not_change_what_is_read(blocks: list[dict[str, object]]) -> None:
    bare = [block(str(each["text"]), None) for each in blocks]
    assert [end.digest for end in boundaries(blocks)] == [end.digest for end in boundaries(bare)]
