"""What is said in pieces never shows what the finished text masks, wherever it is cut."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_secrets import KINDS, make
from secret_soup import LITERALS, soup
from warmline.security.masked_stream import MaskedStream
from warmline.security.redaction import INLINE_CHARACTERS, redact

PEM_HEAD = f"-----{'BEGIN'} PRIVATE KEY-----\n"
FILLER = "The exporter listens on its port, and whoever reads it needs no more than that. " * 8


def shown(text: str, cuts: list[int]) -> str:
    """Return what is shown of a text that is said in pieces, cut there."""
    stream = MaskedStream()
    return "".join(stream.more(text[one:other]) for one, other in pairwise([0, *sorted(cuts), len(text)]))


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[int]]:
    text = draw(texts)
    return text, draw(st.lists(st.integers(0, len(text)), max_size=12))


@given(cut(st.lists(st.one_of(soup, st.sampled_from([" ", "\n", FILLER])), max_size=4).map("".join)))
def test_what_is_shown_is_how_the_masked_text_begins(said: tuple[str, list[int]]) -> None:
    text, cuts = said
    assert redact(text).text.startswith(shown(text, cuts))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 64])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_piece_of_a_secret_is_shown_that_the_finished_text_masks(kind: str, size: int) -> None:
    random = Random(f"{kind} {size}")
    for _ in range(8):
        secret, made = make(random, kind)
        text = f"{FILLER}\n{made}\n{FILLER}"
        finished = redact(text).text
        assert secret not in finished
        assert finished.startswith(shown(text, list(range(0, len(text), size))))


@pytest.mark.parametrize("literal", LITERALS)
def test_a_word_that_calls_a_rule_holds_the_text_up_for_a_while_only(literal: str) -> None:
    """But for the head of a key: what it holds up ends where the key does."""
    text = f"{FILLER}{literal} {FILLER}"
    held = len(redact(text).text) - len(shown(text, [*range(0, len(text), 5)]))
    assert held <= 40 or literal.startswith("-----")


def test_a_text_that_cannot_be_settled_is_shown_no_further_and_not_kept() -> None:
    stream = MaskedStream()
    assert stream.more(f"It says: {PEM_HEAD}") == "It says: "
    assert stream.more("no end. " * INLINE_CHARACTERS) == ""
    assert stream.more(f"-----{'END'} PRIVATE KEY-----\n{FILLER}") == ""
