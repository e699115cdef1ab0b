"""What found lines are worth."""

from __future__ import annotations

from warmline.operations.recall_score import Score, Span, mean_score, score, separation

SIZES = {"a": [400] * 50, "b": [4000, 4000, 4000]}


def test_evidence_counts_by_the_first_cite_that_touches_it() -> None:
    evidence = [Span("a", 3, 4), Span("a", 20, 20), Span("b", 3, 3)]
    cites = [Span("a", 1, 1), Span("a", 4, 5), *[Span("a", n, n) for n in range(6, 20)], Span("a", 20, 20)]
    found = score(evidence, cites, SIZES)
    assert found == Score(0.0, (0.0, 1 / 3, 1 / 3), (1 / 3, 2 / 3))


def test_a_line_shown_twice_is_paid_once() -> None:
    cites = [Span("a", 1, 2), Span("a", 1, 2), Span("a", 1, 3)]
    assert score([Span("a", 3, 3)], cites, SIZES).found_by_tokens == (1.0, 1.0)


def test_what_comes_after_the_budget_is_not_found() -> None:
    assert score([Span("b", 3, 3)], [Span("b", n, n) for n in (1, 2, 3)], SIZES).found_by_tokens == (0.0, 0.0)
    assert score([Span("b", 1, 1)], [], SIZES) == Score(0.0, (0.0,) * 3, (0.0,) * 2)


def test_the_mean_is_taken_figure_by_figure() -> None:
    one, none = Score(1.0, (1.0, 1.0, 1.0), (1.0, 1.0)), Score(0.0, (0.0, 0.0, 1.0), (0.0, 1.0))
    assert mean_score([one, none]) == Score(0.5, (0.5, 0.5, 1.0), (0.5, 1.0))


def test_separation_is_how_often_the_higher_is_above() -> None:
    assert separation([3, 4], [1, 2]) == 1.0
    assert separation([1, 2], [3, 4]) == 0.0
    assert separation([1, 3], [2]) == 0.5
    assert separation([1], [1]) == 0.5
