"""Words of text and of questions."""

from __future__ import annotations

import pytest

from warmline.memory.terms import Stemmer, analyzer, fold, indexed_text, question_words, split_identifier, unescape


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("parseHTTPReply2", ["parse", "HTTP", "Reply", "2"]),
        ("XMLHttpRequest", ["XML", "Http", "Request"]),
        ("getUserName", ["get", "User", "Name"]),
        ("plain", ["plain"]),
        ("MAX", ["MAX"]),
    ],
)
def test_an_identifier_is_split_at_its_humps(word: str, parts: list[str]) -> None:
    assert split_identifier(word) == parts


def test_an_identifier_is_indexed_whole_and_in_parts() -> None:
    terms = analyzer().analyze(indexed_text("call getUserName(max_size)", is_json=False))
    assert {"call", "getusernam", "get", "user", "name", "max", "size"} <= set(terms)


def test_accents_are_folded_and_ideographs_are_words() -> None:
    assert fold("Café Ångström") == "Cafe Angstrom"
    assert fold("東京です").split() == ["東", "京", "で", "す"]
    assert fold("a “quoted” word") == "a “quoted” word"


def test_escapes_of_json_do_not_stick_to_words() -> None:
    assert unescape(r"one\ntwo \"three\" caf\u00e9 \u000a").split() == ["one", "two", "three", "café"]


def test_a_question_is_looked_for_without_its_stop_words() -> None:
    assert question_words("Which port does the exporter listen on?") == ["port", "exporter", "listen"]


def test_a_stop_word_with_a_capital_is_a_name() -> None:
    assert question_words("What happened in May in the US?") == ["happened", "May", "US"]


def test_a_question_of_stop_words_is_looked_for_whole() -> None:
    assert question_words("who am i") == ["who", "am", "i"]


def test_a_question_without_words_has_none() -> None:
    assert question_words("?! ...") == []


def test_words_of_one_stem_are_one_term() -> None:
    assert Stemmer().terms(["listens", "Listening", "port"]) == ["listen", "port"]
