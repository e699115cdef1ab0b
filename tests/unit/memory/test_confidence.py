"""The one number that says whether to answer."""

from __future__ import annotations

import pytest

from warmline.memory.confidence import MAX_WORDS, confidence


def test_nothing_found_is_no_confidence() -> None:
    assert confidence(0.0, 0.0, 5) == 0.0


@pytest.mark.parametrize(
    ("less", "more"),
    [((0.4, 0.5, 4), (0.6, 0.5, 4)), ((0.4, 0.5, 4), (0.4, 0.7, 4)), ((0.4, 0.5, 2), (0.4, 0.5, 6))],
)
def test_more_evidence_is_more_confidence(less: tuple[float, float, int], more: tuple[float, float, int]) -> None:
    assert 0 < confidence(*less) < confidence(*more) < 1


def test_a_pasted_page_is_not_convincing_by_its_length() -> None:
    assert confidence(0.2, 0.3, 500) == confidence(0.2, 0.3, MAX_WORDS) < 0.5
