"""What is told of a reply while it is written is a prefix of the draft's text, however the reply is cut."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from warmline.answerers.replies import draft_of
from warmline.answerers.telling import Telling
from warmline.errors import AnswererError

PIECES = (
    *("The port is 9187.", "exporter", "listens", "on", "the", "my", "notes", "Node.js", "and/or", "9187", "e.g."),
    *(
        "notes/a.md:3",
        "my notes/a b.md:3-4",
        "a.md:7-9",
        "notes/x.md#L1-L3",
        "notes/a.md, lines 1-3",
        "x:1",
        ":7",
        "-9",
    ),
    *('"', "“", "”", "'", "`", "**", "- ", "1. ", "[1] ", "> ", "(", ")", "[", "](", "— ", ", ", ":", "✓ ", "…", "..."),
    *(
        "not in the memory",
        "Not in",
        " the memory",
        "It is ",
        "under",
        "_",
        ".",
        "verified",
        "moved",
        ", redacted",
        "VERIFIED",
    ),
    *(
        "Sources:",
        "see",
        "Answer:",
        "```",
        "```text",
        "---",
        "\\u{3c}",
        "[redacted aws-access-key]",
        "\u017f",
        "\u200b",
        "🙂",
    ),
)
BLANKS = (" ", "  ", "\t", "\n", "\n\n", "\r\n", "\r", "\u2028", "\x1f", "")
replies = st.lists(st.sampled_from(PIECES) | st.sampled_from(BLANKS), max_size=24).map("".join) | st.lists(
    st.tuples(st.sampled_from(PIECES), st.sampled_from(BLANKS)).map("".join), max_size=16
).map("".join)


def text_of(reply: str) -> str:
    try:
        return draft_of(reply).text or ""
    except AnswererError:
        return ""


def told_of(deltas: list[str]) -> list[str]:
    told: list[str] = []
    telling = Telling(told.append)
    for delta in deltas:
        telling.hear(delta)
    return told


@settings(max_examples=1000)
@example("See this in x.md:7  verified, redacted", [])
@example("not in the memory\nMore words follow.\n", [])
@given(replies, st.lists(st.integers(0, 200), max_size=8))
def test_what_is_told_is_a_prefix_of_the_text_for_every_cut(reply: str, at: list[int]) -> None:
    cuts = sorted(min(each, len(reply)) for each in at)
    deltas = [reply[start:end] for start, end in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    for cut in (deltas, list(reply), [reply]):
        told = told_of(cut)
        assert text_of(reply).startswith("".join(told)), told


@settings(max_examples=200)
@given(replies)
def test_words_are_told_whole(reply: str) -> None:
    told = told_of(list(reply))
    text = text_of(reply)
    for end in range(1, len(told)):
        said = "".join(told[:end])
        rest = text[len(said) :]
        assert not rest or rest[0].isspace() or said[-1].isspace()
