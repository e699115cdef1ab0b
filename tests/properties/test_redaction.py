"""What holds for every text: nothing raises, findings are apart, nothing is masked twice, no end of a secret stays."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from made_secrets import KINDS, make
from secret_soup import anything, soup
from warmline.security.redaction import find_secrets, masked, redact


@given(soup)
def test_findings_are_in_order_apart_and_within_the_text(text: str) -> None:
    findings = find_secrets(text)
    assert all(0 <= each.start < each.end <= len(text) for each in findings)
    assert all(one.end <= other.start for one, other in pairwise(findings))


@given(soup)
def test_what_was_masked_is_not_masked_again(text: str) -> None:
    once = redact(text).text
    assert redact(once).text == once


@given(anything)
def test_no_text_raises(text: str) -> None:
    assert redact(text).text == masked(text, find_secrets(text))


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 100_000))
def test_a_found_secret_leaves_no_end_of_itself(kind: str, seed: int) -> None:
    secret, text = make(Random(seed), kind)
    at = text.index(secret)
    for finding in find_secrets(text):
        overlaps = finding.start < at + len(secret) and at < finding.end
        assert not overlaps or (finding.start <= at + 4 and finding.end >= at + len(secret) - 4)
