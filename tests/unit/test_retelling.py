"""Who listens to an answer hears one text, however often it is begun anew."""

from __future__ import annotations

import pytest

from warmline.retelling import Retelling


@pytest.mark.parametrize(
    ("tries", "text"),
    [
        ([["The ", "port"]], "The port"),
        ([["The "], ["The ", "port"]], "The port"),
        ([["The p"], ["The ", "port"]], "The port"),
        ([["The port"], ["The"]], "The port"),
        ([["The "], ["A port"]], "The "),
        ([["The "], ["A port"], ["The port"]], "The port"),
        ([[], ["A port"]], "A port"),
    ],
)
def test_tries_that_begin_alike_join_to_one_text_and_others_are_not_heard(tries: list[list[str]], text: str) -> None:
    retelling = Retelling()
    told: list[str] = []
    for each in tries:
        retelling.begin()
        told += [retelling.go_on(piece) for piece in each]
    assert "".join(told) == text


def test_nothing_more_is_told_of_a_text_that_was_silenced_until_it_is_begun_anew() -> None:
    retelling = Retelling()
    told = [retelling.go_on("The ")]
    retelling.silence()
    told.append(retelling.go_on("port"))
    retelling.begin()
    told.append(retelling.go_on("The port"))
    assert told == ["The ", "", "port"]
