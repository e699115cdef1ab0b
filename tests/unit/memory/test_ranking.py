"""Which of the lines comes first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from warmline.memory.blocks import Kind
from warmline.memory.catalog import LiveFile
from warmline.memory.matching import Matcher, Term, prefix_of
from warmline.memory.passages import MAX_LINES, answer_passages, line_passages
from warmline.memory.ranking import LineRanker, ScoredLine
from warmline.memory.regions import Region
from warmline.memory.terms import Stemmer, question_words


def region(text: str, kind: Kind = Kind.PROSE, *, heading: str = "", first_line: int = 1, name: str = "a.md") -> Region:
    return Region(LiveFile("r", name, f"/r/{name}", 0, 0, kind), first_line, text.split("\n"), heading, 1.0)


def terms_of(question: str) -> list[Term]:
    return [Term(stem, prefix_of(stem), 1.0) for stem in Stemmer().terms(question_words(question))]


def rank(question: str, *regions: Region, limit: int = 10) -> list[ScoredLine]:
    return LineRanker(question, terms_of(question), Stemmer()).rank(regions, limit)


def numbers(lines: Sequence[ScoredLine]) -> list[int]:
    return [line.number for line in lines]


def matches(question: str, text: str) -> set[tuple[int, int]]:
    return {(line, column) for _, line, column in Matcher(terms_of(question), Stemmer()).find(text)}


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("listen", "It listens.\nListening, they listened", {(0, 3), (1, 0), (1, 16)}),
        ("happy", "happier happiness unhappy", {(0, 8)}),
        ("port", "report ports portal", {(0, 7)}),
        ("user", "getUserName user_id superuser", {(0, 3), (0, 12)}),
        ("HTTP reply", "parseHTTPReply", {(0, 5), (0, 9)}),
        ("naïve", "a naive one", {(0, 2)}),
    ],
)
def test_a_term_is_found_as_a_word_of_its_stem_or_as_a_part_of_an_identifier(
    question: str, text: str, found: set[tuple[int, int]]
) -> None:
    assert matches(question, text) == found


def test_the_line_that_says_it_comes_before_its_neighbours() -> None:
    found = rank("pump speed", region("nothing here\nthe pump has a speed of nine\nnothing there\n\nfar away"))
    assert numbers(found)[0] == 2
    assert set(numbers(found)) == {1, 2, 3, 5}


def test_of_two_equal_lines_the_one_in_better_company_comes_first() -> None:
    lonely = region("the pump\n" + "x\n" * 12 + "y", name="a.md")
    among = region("its speed is nine\nthe pump\nspeed again", name="b.md")
    assert rank("pump speed", lonely, among)[0].region is among


def test_a_heading_counts_for_the_lines_below() -> None:
    found = rank("garden pump", region("the pump", name="a.md"), region("the pump", heading="# Garden", name="b.md"))
    assert [line.region.file.relative for line in found] == ["a.md", "b.md"]
    found = rank("garden pump", region("the pump gardener", name="a.md"), region("the garden pump", name="b.md"))
    assert found[0].region.file.relative == "b.md"


def test_in_a_conversation_the_reply_comes_before_the_question() -> None:
    text = "Ana: Which pump was it?\nBen: It was the pump in the shed.\nAna: Fine."
    assert numbers(rank("Which pump was it?", region(text, Kind.CHAT)))[0] == 2


def test_what_the_named_speaker_said_comes_first() -> None:
    text = "Ben: the pump is loud\nCleo: I see\nDan: I see\nAna: the pump is loud"
    assert numbers(rank("What did Ana say about the pump?", region(text, Kind.CHAT)))[0] == 4


def test_to_speak_counts_more_than_to_be_spoken_of() -> None:
    text = "Bo: Ana Ana pump" + "\nBo: -" * 12 + "\nAna: pump indeed"
    assert numbers(rank("What did Ana say about the pump?", region(text, Kind.CHAT)))[0] == 14


def test_a_turn_that_asks_comes_after_one_that_says_the_same() -> None:
    text = "Ana: the pump is loud?" + "\nBen: -" * 12 + "\nAna: the pump is loud."
    assert numbers(rank("loud pump", region(text, Kind.CHAT)))[0] == 14
    assert numbers(rank("loud pump", region(text, Kind.PROSE)))[0] == 1


def test_a_turn_that_replies_comes_before_one_that_says_the_same() -> None:
    text = "Ana: the pump is loud." + "\nBen: -" * 12 + "\nBen: Is it?\nAna: the pump is loud."
    assert numbers(rank("loud pump", region(text, Kind.CHAT)))[0] == 15
    assert numbers(rank("loud pump", region(text, Kind.PROSE)))[0] == 1


def test_a_line_with_a_time_answers_when() -> None:
    text = "The pump was replaced by the crew.\n" + "\n" * 12 + "The pump was replaced in May 2021."
    assert numbers(rank("When was the pump replaced?", region(text)))[0] == 14


def test_equals_are_ordered_by_path_and_number() -> None:
    found = rank("pump", region("pump\n" + "\n" * 8 + "pump", name="b.md"), region("pump", name="a.md"))
    assert [(line.region.file.relative, line.number) for line in found] == [("a.md", 1), ("b.md", 1), ("b.md", 10)]


def test_no_more_lines_than_asked_for_come_back() -> None:
    assert len(rank("pump", region("pump\n" * 30), limit=7)) == 7


def test_a_passage_is_the_whole_sentence_of_wrapped_prose() -> None:
    text = "First.\nThe pump that stands\nin the shed was replaced\nby Ana. It is new.\nLast."
    passages = answer_passages(rank("shed replaced", region(text, first_line=5)), 10)
    assert (passages[0].first_line, passages[0].last_line) == (6, 8)
    assert passages[0].text == "The pump that stands\nin the shed was replaced\nby Ana. It is new."


def test_passages_share_no_line_and_are_short() -> None:
    text = "\n".join(f"pump number {n} and\nits speed" for n in range(20))
    for kind in Kind:
        passages = answer_passages(rank("pump speed", region(text, kind), limit=40), 40)
        lines = [line for passage in passages for line in range(passage.first_line, passage.last_line + 1)]
        assert len(lines) == len(set(lines))
        assert max(passage.last_line - passage.first_line + 1 for passage in passages) <= MAX_LINES


def test_no_more_passages_than_asked_for_come_back() -> None:
    assert len(answer_passages(rank("pump", region("pump.\n" * 30), limit=20), 4)) == 4


def test_a_line_passage_is_the_line_as_it_stands() -> None:
    (first, *_) = line_passages(rank("pump", region("x\n  the pump \ny", first_line=40)))
    assert (first.path, first.first_line, first.last_line, first.text) == ("r/a.md", 41, 41, "  the pump ")
