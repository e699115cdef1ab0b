"""Durations and moments as people write them."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.arguments import duration, message_id, moment, names, segment, spoken


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30", 30), ("1.5h", 5400), ("500ms", 0.5), (" 2d ", 172800), ("1W", 604800)]
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1", "abc", "5y", "1e9", "nan", "inf", "99999999999w"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


def test_a_moment_is_a_time_with_its_zone() -> None:
    assert moment("2026-11-21T10:00:00+02:00") == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_moment_may_be_a_duration_from_now() -> None:
    assert timedelta(minutes=4) < moment("5m") - datetime.now(UTC) <= timedelta(minutes=5)


def test_names_stand_between_commas() -> None:
    assert names("a, b c,d") == ["a", "b c", "d"]


@pytest.mark.parametrize("text", ["", ",", "a,", "a,,b", " , a"])
def test_an_empty_name_between_commas_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="empty name"):
        names(text)


@pytest.mark.parametrize(("text", "written"), [("conv_1", "conv_1"), ("a b", "a%20b"), ("ü?#", "%C3%BC%3F%23")])
def test_a_name_is_written_as_one_segment_of_a_path(text: str, written: str) -> None:
    assert segment(text) == written


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "../../v1/status"])
def test_what_would_be_another_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no id and no name"):
        segment(text)


@pytest.mark.parametrize("text", ["", "a b", "../x", "ü", "a-b"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an id"):
        message_id(text)


def test_words_are_joined_to_a_text() -> None:
    assert spoken(["two", "words", "-"]) == "two words -"


@pytest.mark.parametrize("words", [[], [""], [" ", "\n"]])
def test_a_text_without_words_is_refused(words: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="is empty"):
        spoken(words)
