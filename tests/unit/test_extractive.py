"""What the embedded answerer chooses to quote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.answerers.extractive import INSUFFICIENT, MAX_ANSWER_BYTES, MAX_CLAIMS, ExtractiveAnswerer
from warmline.model import DEFAULT_CONVERSATION, OWNER, Claim, Draft, Kind, Message, MessageId, Outcome, Passage
from warmline.model import Recollection as Recalled

QUESTION = "Which port does the exporter listen on?"


def passage(text: str, first_line: int = 1, path: str = "notes/a.md") -> Passage:
    return Passage(path, first_line, first_line + text.count("\n"), text, 1.0)


async def answer(*passages: Passage, question: str = QUESTION, confidence: float = 0.8) -> Draft:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    message = Message(MessageId("0" * 26), DEFAULT_CONVERSATION, OWNER, Kind.QUESTION, question, now, "trace")
    return await ExtractiveAnswerer(0.5).answer(message, Recalled(passages, confidence))


def quotes(draft: Draft) -> list[str]:
    return [claim.quote for claim in draft.claims]


async def test_an_answer_is_its_quotes_with_their_exact_lines() -> None:
    found = passage("The exporter listens on port 9276.\nAlways.", 41)
    draft = await answer(found)
    assert draft == Draft(Outcome.ANSWERED, None, (Claim("notes/a.md", 41, 42, found.text),))


@pytest.mark.parametrize(("confidence", "outcome"), [(0.5, Outcome.ANSWERED), (0.499, Outcome.INSUFFICIENT_EVIDENCE)])
async def test_below_the_threshold_the_evidence_is_insufficient(confidence: float, outcome: Outcome) -> None:
    draft = await answer(passage("The exporter listens on port 9276."), confidence=confidence)
    assert draft.outcome is outcome


@pytest.mark.parametrize("passages", [(), (passage("\n  \n"),), (passage("---"),)])
async def test_without_a_word_to_quote_the_evidence_is_insufficient(passages: tuple[Passage, ...]) -> None:
    assert await answer(*passages) == Draft(Outcome.INSUFFICIENT_EVIDENCE, INSUFFICIENT)


async def test_the_shortest_that_answers_comes_first() -> None:
    long = passage("The exporter, which listens, has a port. " + "It was built by many people over years. " * 20, 1)
    short = passage("The exporter listens on port 9276.", 50)
    draft = await answer(long, short)
    assert quotes(draft)[0] == short.text


async def test_a_short_passage_that_says_nothing_of_the_question_does_not_come_first() -> None:
    telling = passage("The exporter of the second site, unlike the first, listens on port 9276.", 1)
    draft = await answer(passage("Good morning!", 50), telling)
    assert quotes(draft)[0] == telling.text


async def test_the_passage_that_holds_more_of_the_question_comes_first() -> None:
    draft = await answer(passage("An exporter has a port.", 1), passage("The exporter listens on port 9276.", 9))
    assert quotes(draft) == ["The exporter listens on port 9276.", "An exporter has a port."]


async def test_a_word_counts_in_its_other_forms() -> None:
    draft = await answer(passage("Rain fell all night long.", 1), passage("Exported and listening.", 9))
    assert quotes(draft)[0] == "Exported and listening."


async def test_stop_words_of_the_question_count_for_nothing() -> None:
    small_talk, telling = passage("What does that do with you?", 1), passage("The exporter exports.", 9)
    draft = await answer(small_talk, telling, question="What would the exporter do with that?")
    assert quotes(draft)[0] == telling.text


async def test_among_equals_recalls_order_is_kept() -> None:
    equals = [passage(f"exporter port {n}", n) for n in range(1, 4)]
    assert quotes(await answer(*equals)) == [equal.text for equal in equals]


async def test_passages_worth_much_less_than_the_best_are_left_out() -> None:
    draft = await answer(passage("The exporter listens on port 9276.", 1), passage("Lunch was late again. " * 30, 9))
    assert quotes(draft) == ["The exporter listens on port 9276."]


async def test_at_most_a_few_passages_are_quoted() -> None:
    assert len((await answer(*(passage(f"exporter port {n}", n) for n in range(1, 30)))).claims) == MAX_CLAIMS


async def test_neither_a_line_nor_a_text_is_quoted_twice() -> None:
    both = passage("exporter port 1\nexporter port 2", 5)
    inside = passage("exporter port 2", 6)
    copy = passage("exporter port 2", 9, "notes/copy.md")
    other_copy = passage("exporter port 2", 3, "notes/third.md")
    assert len((await answer(both, inside)).claims) == 1
    assert len((await answer(copy, other_copy)).claims) == 1
    assert len((await answer(both, copy)).claims) == 2


async def test_a_passage_over_the_limit_is_quoted_from_its_beginning_in_whole_lines() -> None:
    draft = await answer(passage("\n".join(f"exporter port {n:04}" for n in range(2000)), 11))
    [claim] = draft.claims
    assert (claim.first_line, claim.last_line) == (11, 11 + claim.quote.count("\n"))
    assert claim.quote.endswith(f"exporter port {claim.last_line - 11:04}")
    assert MAX_ANSWER_BYTES - 20 < len(claim.quote) <= MAX_ANSWER_BYTES


async def test_the_limit_is_on_all_quotes_together() -> None:
    draft = await answer(passage("exporter port 1\n" * 400, 1), passage("exporter port 2\n" * 400, 1001))
    assert [len(quote.encode()) for quote in quotes(draft)] == [400 * 16, 225 * 16 - 1]


async def test_a_line_over_the_limit_is_quoted_from_its_beginning() -> None:
    draft = await answer(passage("é port " * 9000, 11))
    [claim] = draft.claims
    assert (claim.first_line, claim.last_line) == (11, 11)
    assert MAX_ANSWER_BYTES - 2 <= len(claim.quote.encode()) <= MAX_ANSWER_BYTES


@given(st.lists(st.builds(passage, st.text(max_size=400), st.integers(1, 30)), max_size=20), st.text(max_size=80))
async def test_every_answer_stays_within_its_limits(passages: list[Passage], question: str) -> None:
    draft = await answer(*passages, question=question)
    assert draft == await answer(*passages, question=question)
    assert len(draft.claims) <= MAX_CLAIMS
    assert sum(len(quote.encode()) for quote in quotes(draft)) <= MAX_ANSWER_BYTES
    assert all(any(map(str.isalnum, quote)) for quote in quotes(draft))
