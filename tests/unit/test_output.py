"""What reaches a terminal."""

from warmline.interfaces.cli.output import harmless, one_line


def test_a_files_words_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\r\x9bc\u202ed") == "a\\x1b[2Jb\\x07\\x0d\\x9bc\\u202ed"


def test_lines_tabs_and_letters_of_any_language_stay() -> None:
    assert harmless("Tomás\tläuft\n日本語 你好") == "Tomás\tläuft\n日本語 你好"


def test_a_name_stays_on_one_line() -> None:
    assert one_line("a\nb\tc\udcff") == "a\\nb\\tc\\udcff"
