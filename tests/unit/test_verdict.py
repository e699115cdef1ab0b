"""From a draft and its checked citations to an answer."""

import pytest

from warmline.model import Citation, CitationStatus, Draft, Outcome
from warmline.verdict import NOTHING_LEFT, conclude


def citation(quote: str, status: CitationStatus) -> Citation:
    return Citation("notes/a.md", 1, 1, quote, status)


TRUE = citation("the port is 9187", CitationStatus.VERIFIED)
MOVED = citation("the key hangs there", CitationStatus.MOVED)


@pytest.mark.parametrize("status", [CitationStatus.CHANGED, CitationStatus.UNSUPPORTED])
def test_a_quote_that_does_not_check_out_drops_out_of_a_text_made_of_quotes(status: CitationStatus) -> None:
    answer = conclude(Draft(Outcome.ANSWERED, None), [TRUE, citation("lies", status), MOVED], "extractive", {})
    assert answer.text == "the port is 9187\n\nthe key hangs there"
    assert answer.citations == (TRUE, MOVED)
    assert answer.outcome is Outcome.ANSWERED


def test_an_answer_of_which_no_quote_is_left_has_insufficient_evidence() -> None:
    answer = conclude(Draft(Outcome.ANSWERED, None), [citation("gone", CitationStatus.UNSUPPORTED)], "extractive", {})
    assert (answer.outcome, answer.text, answer.citations) == (Outcome.INSUFFICIENT_EVIDENCE, NOTHING_LEFT, ())


def test_a_text_of_its_own_keeps_every_citation_under_its_status() -> None:
    false = citation("lies", CitationStatus.UNSUPPORTED)
    answer = conclude(Draft(Outcome.ANSWERED, "It is 9187."), [TRUE, false], "model", {"total": 3.0})
    assert (answer.text, answer.citations, answer.timings_ms) == ("It is 9187.", (TRUE, false), {"total": 3.0})
