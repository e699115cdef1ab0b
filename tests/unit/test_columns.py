"""Rows in columns."""

import pytest

from warmline.interfaces.cli.columns import cells, cut, in_columns


def test_columns_are_aligned_and_no_line_ends_in_spaces() -> None:
    assert in_columns([("a", "long name", "x"), ("bcd", "b", "")], width=80) == ["a    long name  x", "bcd  b"]


def test_wide_and_combining_letters_are_aligned_as_a_terminal_shows_them() -> None:
    assert in_columns([("日本", "x"), ("e\u0301", "y"), ("abcd", "z")], width=80) == [
        "日本  x",
        "e\u0301     y",
        "abcd  z",
    ]


def test_the_last_column_ends_where_the_terminal_does() -> None:
    (line,) = in_columns([("id", "x" * 100)], width=40)
    assert line == f"id  {'x' * 33}..."
    assert len(line) == 40


def test_a_narrow_terminal_still_shows_something_of_the_last_column() -> None:
    (line,) = in_columns([("i" * 50, "x" * 100)], width=10)
    assert line == f"{'i' * 50}  {'x' * 17}..."


def test_no_cell_can_break_out_of_its_row() -> None:
    assert in_columns([("a\nb", "\x1b[2J")], width=80) == ["a\\nb  \\x1b[2J"]


def test_no_rows_are_no_lines() -> None:
    assert in_columns([]) == []


@pytest.mark.parametrize(("text", "shown"), [("abcdef", "abcdef"), ("abcdefg", "abc..."), ("日本語日本", "日...")])
def test_a_text_is_cut_to_whole_letters(text: str, shown: str) -> None:
    assert cut(text, 6) == shown
    assert cells(shown) <= 6
