"""Whatever a file and a claim hold: a citation says no more than the file does."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from warmline.errors import UnsafePathError
from warmline.memory.citations import CitedFile, FileVerifier
from warmline.memory.quotes import MIN_LETTERS, MIN_PIECE_CHARACTERS
from warmline.model import Citation, CitationStatus, Claim
from warmline.settings import MemorySettings

HELD = {CitationStatus.VERIFIED, CitationStatus.MOVED}

letters = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=40)
words = ["the", "warm", "agent", "holds", "a", "lease", "on", "port", "9276", "never…", "“so”", "ﬁne", "ÅÉ", "é"]
sentences = st.lists(st.sampled_from(words), max_size=9).map(" ".join)
long_sentences = st.lists(st.sampled_from(words), min_size=10, max_size=20).map(" ".join)
lines = letters | sentences
line_ends = st.sampled_from(["\n", "\r\n"])
numbers = st.integers(-3, 60)


@dataclass(frozen=True)
class Text:
    """A file's bytes beside its lines, cut by other means than the code under test."""

    content: bytes
    lines: list[str]

    def between(self, first_line: int, last_line: int) -> str:
        return "\n".join(self.lines[first_line - 1 : last_line])


@st.composite
def texts(draw: st.DrawFn, of: st.SearchStrategy[str] = lines) -> Text:
    those = draw(st.lists(of, min_size=1, max_size=25))
    ended = [line + draw(line_ends) for line in those[:-1]]
    last_end = draw(line_ends | st.just("")) if those[-1] else draw(line_ends)
    return Text("".join([*ended, those[-1] + last_end]).encode(), those)


@st.composite
def true_claims(draw: st.DrawFn, of: st.SearchStrategy[str] = lines, least: int = MIN_LETTERS) -> tuple[Text, Claim]:
    """A text, and a claim whose quote of at least so many characters was cut out of the claimed lines."""
    text = draw(texts(of))
    first = draw(st.integers(1, len(text.lines)))
    last = draw(st.integers(first, len(text.lines)))
    claimed = text.between(first, last)
    start = draw(st.integers(0, max(0, len(claimed) - least)))
    quote = claimed[start : draw(st.integers(min(start + least, len(claimed)), len(claimed)))]
    assume(sum(map(str.isalnum, quote)) >= MIN_LETTERS)
    return text, Claim("any", first, last, quote)


def plain(text: str) -> str:
    """Read loosely, by the shortest means: whole, without any shape of dash, quote or white space."""
    kept = [c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] not in "ZCP"]
    return "".join(kept).casefold()


def assert_the_lines_hold_the_quote(text: Text, citation: Citation) -> None:
    assert 1 <= citation.first_line <= citation.last_line <= len(text.lines)
    cited = plain(text.between(citation.first_line, citation.last_line))
    at = 0
    for piece in citation.quote.replace("…", "...").split("..."):
        at = cited.find(plain(piece), at)
        assert at >= 0


@given(true_claims())
def test_any_part_of_the_claimed_lines_is_verified_by_lines_that_hold_it_exactly(case: tuple[Text, Claim]) -> None:
    text, claim = case
    citation = CitedFile(text.content).check(claim)
    assert citation.status is CitationStatus.VERIFIED
    assert claim.first_line <= citation.first_line <= citation.last_line <= claim.last_line
    assert claim.quote in text.between(citation.first_line, citation.last_line)


@given(true_claims())
def test_a_verified_citation_is_as_tight_as_can_be(case: tuple[Text, Claim]) -> None:
    text, claim = case
    citation = CitedFile(text.content).check(claim)
    assert claim.quote not in text.between(citation.first_line + 1, citation.last_line)
    assert claim.quote not in text.between(citation.first_line, citation.last_line - 1)


@given(true_claims(), numbers, numbers)
def test_with_other_line_numbers_it_is_verified_only_if_the_words_stand_there(
    case: tuple[Text, Claim], first: int, last: int
) -> None:
    text, claim = case
    citation = CitedFile(text.content).check(Claim("any", first, last, claim.quote))
    if citation.status is CitationStatus.VERIFIED:
        assert first <= citation.first_line <= citation.last_line <= last
        assert plain(claim.quote) in plain(text.between(first, last))
    if citation.status in HELD:
        assert_the_lines_hold_the_quote(text, citation)


@given(true_claims(long_sentences, 2 * MIN_PIECE_CHARACTERS), numbers, numbers)
def test_a_quote_that_stands_in_the_file_is_found_wherever_it_was_claimed(
    case: tuple[Text, Claim], first: int, last: int
) -> None:
    text, claim = case
    assume(len(claim.quote.strip()) >= MIN_PIECE_CHARACTERS)
    assert CitedFile(text.content).check(Claim("any", first, last, claim.quote)).status in HELD


@given(true_claims(sentences, MIN_PIECE_CHARACTERS), numbers, numbers)
def test_checking_a_citation_again_gives_the_same(case: tuple[Text, Claim], first: int, last: int) -> None:
    text, claim = case
    file = CitedFile(text.content)
    citation = file.check(Claim("any", first, last, claim.quote))
    assume(citation.status in HELD)
    again = file.check(Claim(citation.path, citation.first_line, citation.last_line, citation.quote))
    assert again.status is CitationStatus.VERIFIED
    assert (again.first_line, again.last_line) == (citation.first_line, citation.last_line)
    assert again.span_digest == citation.span_digest


@given(true_claims())
def test_typing_it_otherwise_keeps_it_verified(case: tuple[Text, Claim]) -> None:
    text, claim = case
    assume(claim.quote.upper().casefold() == claim.quote.casefold())
    retyped = "  ".join(claim.quote.upper().replace('"', "“").split())
    assume(sum(map(str.isalnum, retyped)) >= MIN_LETTERS)
    citation = CitedFile(text.content).check(Claim("any", claim.first_line, claim.last_line, retyped))
    assert citation.status is CitationStatus.VERIFIED
    assert_the_lines_hold_the_quote(text, citation)


@given(texts(), texts(), numbers, numbers, st.data())
def test_no_foreign_quote_is_verified_or_moved(
    text: Text, other: Text, first: int, last: int, data: st.DataObject
) -> None:
    foreign = other.between(1, len(other.lines))
    start = data.draw(st.integers(0, len(foreign)))
    quote = foreign[start : data.draw(st.integers(start, len(foreign)))]
    citation = CitedFile(text.content).check(Claim("any", first, last, quote))
    if citation.status in HELD:
        assert_the_lines_hold_the_quote(text, citation)


@given(st.lists(st.text("abcdefgh ", min_size=20), min_size=1), st.text("stuvwxyz ", min_size=1), numbers, numbers)
def test_no_quote_in_other_letters_is_even_near(those: list[str], quote: str, first: int, last: int) -> None:
    citation = CitedFile("\n".join(those).encode()).check(Claim("any", first, last, quote))
    assert citation.status is CitationStatus.UNSUPPORTED


anything = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\0\n\r…. ")) | st.integers(
    0, 3000
).map("... ".__mul__)
hostile_claims = st.builds(Claim, anything, st.integers() | numbers, st.integers() | numbers, anything)


@given(st.lists(hostile_claims, max_size=5), st.binary() | st.text().map(str.encode))
async def test_hostile_claims_get_a_citation_each_that_can_be_stored(claims: list[Claim], content: bytes) -> None:
    async def resolve(shown: str, _within: frozenset[str] | None) -> Path:
        if len(shown) % 2:
            raise UnsafePathError(shown)
        return Path(shown)

    verifier = FileVerifier(resolve, MemorySettings())
    citations = await verifier.verify(claims)
    assert len(citations) == len(claims)
    for claim, citation in zip(claims, citations, strict=True):
        json.dumps([citation.path, citation.quote], ensure_ascii=False).encode()
        assert abs(citation.first_line) < 2**31
        assert citation.status is CitationStatus.UNSUPPORTED
        if claim.quote == citation.quote:
            CitedFile(content).check(claim)
