"""Texts in which everything that redaction looks for stands next to everything else."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from made_secrets import KINDS, make
from warmline.security.issued_rules import ISSUED_RULES
from warmline.security.placed_rules import PLACED_RULES
from warmline.security.redaction import mask

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
