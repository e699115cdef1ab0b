"""What a question asks for, and which lines have the form of an answer."""

from __future__ import annotations

import pytest

from warmline.memory.asking import NAME, NUMBER, TIME, Form, asks, form_of_answer, speaker_length


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("When did the pump arrive?", TIME),
        ("In which year was it built?", TIME),
        ("how many valves are there", NUMBER),
        ("Which port does it use?", NUMBER),
        ("Who repaired it?", NAME),
        ("Where is it?", NAME),
        ("Why did it stop?", None),
    ],
)
def test_a_question_tells_the_form_of_its_answer(question: str, form: Form | None) -> None:
    assert form_of_answer(question) is form


@pytest.mark.parametrize(
    ("form", "line", "fits"),
    [
        (TIME, "It came last Tuesday.", True),
        (TIME, "It came in 1931.", True),
        (TIME, "It came by boat.", False),
        (NUMBER, "There are twelve.", True),
        (NUMBER, "There are plenty.", False),
        (NAME, "It was repaired by Ode.", True),
        (NAME, "Nobody repaired it.", False),
    ],
)
def test_a_line_fits_a_form_by_what_it_holds(form: Form, line: str, fits: bool) -> None:
    assert form.fits(line, 0) is fits


def test_the_name_of_a_speaker_is_no_answer() -> None:
    line = "[8 May] Ana: nothing new"
    assert speaker_length(line) == len("[8 May] Ana")
    assert not TIME.fits(line, speaker_length(line))
    assert speaker_length("no speaker here") == 0


@pytest.mark.parametrize("line", ["Ana: Is it on?", '{"role": "user", "content": "Is it on?"}', "Is it on? "])
def test_a_turn_that_ends_in_a_question_asks(line: str) -> None:
    assert asks(line)
    assert not asks(line.replace("?", "."))
