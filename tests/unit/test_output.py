"""What reaches a terminal."""

import pytest

from warmline.interfaces.cli.output import counted, harmless, one_line, size


def test_a_files_words_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\r\x9bc\u202ed") == "a\\x1b[2Jb\\x07\\x0d\\x9bc\\u202ed"


def test_lines_tabs_and_letters_of_any_language_stay() -> None:
    assert harmless("Tomás\tläuft\n日本語 你好") == "Tomás\tläuft\n日本語 你好"


def test_a_name_stays_on_one_line() -> None:
    assert one_line("a\nb\tc\udcff") == "a\\nb\\tc\\udcff"


@pytest.mark.parametrize(("number", "shown"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1234, "1,234 files")])
def test_one_thing_is_counted_otherwise_than_many(number: int, shown: str) -> None:
    assert counted(number, "file") == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (2454, "2.5 KB"),
        (1_200_000, "1.2 MB"),
        (3_000_000_000, "3,000.0 MB"),
    ],
)
def test_a_size_is_never_shown_as_none(number: int, shown: str) -> None:
    assert size(number) == shown
