"""When what of a reply is told, while it is written."""

from __future__ import annotations

import pytest

from warmline.answerers.telling import MAX_HEARD_CHARACTERS, MAX_HEARD_LINES, Telling


def told(*deltas: str) -> list[str]:
    """Return what is told after each delta."""
    pieces: list[str] = []
    heard: list[str] = []
    telling = Telling(pieces.append)
    for delta in deltas:
        telling.hear(delta)
        heard.append("".join(pieces))
        pieces.clear()
    return heard


def test_prose_is_told_word_by_word_as_it_is_written() -> None:
    deltas = ("One por", "t is 91", "87, it ", "sle", "eps.\n", "Al")
    assert told(*deltas) == ["", "One port is", " 9187, it", "", " sleeps.", ""]


def test_a_citation_is_held_back_from_its_first_letter_and_never_told() -> None:
    deltas = (
        "It listens.\n",
        "- `not",
        "es/a b.m",
        "d:3` ",
        '"It lis',
        "tens\n",
        'on a port"',
        "\n",
        "Really ",
        "so.\n",
    )
    assert told(*deltas) == ["It listens.", "", "", "", "", "", "", "", "", "\nReally so."]


def test_a_mark_that_only_the_line_may_set_is_held_back() -> None:
    assert told("See this in x.md:7 ", " veri", "fied, ", "redacted\n") == ["See this in", "", "", " x.md:7"]
    assert told("See this in x.md:7 ", " or ask. ", "So") == ["See this in", " x.md:7  or ask.", ""]


def test_that_it_is_not_in_the_memory_is_not_told_and_nothing_after_it() -> None:
    assert told("Not in", " the memory", ".\n", "The relays are.\n") == [""] * 4
    assert told("Not in the ", "memory under that ", "name.\n") == ["", "Not in the memory under that", " name."]


@pytest.mark.parametrize("delta", ["", " ", "\n", "x"])
def test_nothing_is_told_before_a_word_is_whole(delta: str) -> None:
    assert told(delta, delta) == ["", ""]


@pytest.mark.parametrize(
    ("line", "most"),
    [("x y\n", 4 * (MAX_HEARD_LINES + 1)), (f"{'word ' * 50}\n", MAX_HEARD_CHARACTERS)],
    ids=["lines", "characters"],
)
@pytest.mark.parametrize("lines_in_a_delta", [1, 10_000])
def test_of_a_very_long_reply_only_the_beginning_is_told(line: str, most: int, lines_in_a_delta: int) -> None:
    reply = "".join(told(*([line * lines_in_a_delta] * (10_000 // lines_in_a_delta))))
    assert len(reply) <= most
    assert ((line * 10_000).replace(" \n", "\n")).startswith(reply)
    assert bool(reply) is (lines_in_a_delta == 1)
