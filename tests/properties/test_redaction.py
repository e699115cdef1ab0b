"""What holds for every text: nothing raises, findings are apart, nothing is masked twice, no end of a secret stays."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from made_secrets import KINDS, make
from warmline.security.issued_rules import ISSUED_RULES
from warmline.security.placed_rules import PLACED_RULES
from warmline.security.redaction import find_secrets, mask, masked, redact

LITERALS = sorted({call for rule in (*ISSUED_RULES, *PLACED_RULES) for call in rule.calls})
GLUE = [
    *" \n\t\"'`=:;,&|@/\\-_.[](){}<>$%~+0aZ9",
    "\\n",
    "%20",
    " is ",
    "://",
    "Q~",
    "-----",
    '="',
    "İ",
    "\0",
    "\ud800",
]

anything = st.lists(st.integers(0, 0x10FFFF), max_size=60).map(lambda codes: "".join(map(chr, codes)))
made = st.builds(lambda kind, seed: make(Random(seed), kind)[0], st.sampled_from(sorted(KINDS)), st.integers(0, 10_000))
pieces = st.one_of(
    st.sampled_from(LITERALS),
    st.sampled_from(LITERALS).map(str.upper),
    st.sampled_from(GLUE),
    st.sampled_from(GLUE),
    st.text("abcXYZ0189+/_-", min_size=1, max_size=45),
    made,
    st.sampled_from([mask("token"), mask("private-key")]),
    anything,
)
soup = st.lists(pieces, max_size=14).map("".join)


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
