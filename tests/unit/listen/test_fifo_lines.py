"""What stands on a rendezvous, out of bytes by anybody."""

from __future__ import annotations

import json
from select import PIPE_BUF

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.listen.fifo.lines import OPENED, Letter, Lines, Open, read_line, refusal_in, write_open


def test_what_a_client_writes_is_one_line_that_names_its_fifos() -> None:
    written = write_open(".line.1.requests", ".line.1.replies")
    assert len(written) < PIPE_BUF
    [line] = Lines().feed(written)
    assert read_line(line) == Open(".line.1.requests", ".line.1.replies")


def test_a_line_after_anothers_half_line_is_whole() -> None:
    lines = Lines()
    assert lines.feed(b'{"type":"que') == []
    assert [read_line(line) for line in lines.feed(write_open("a", "b"))] == [None, Open("a", "b")]


def test_a_line_longer_than_the_system_writes_at_once_is_left_out_and_the_next_is_read() -> None:
    lines = Lines()
    assert lines.feed(b"x" * PIPE_BUF) == []
    assert lines.feed(b"x") == []
    assert lines.feed(b"x" * 1_000_000) == []
    assert len(lines._rest) == PIPE_BUF + 1
    assert lines.feed(b"\nnext\n") == [b"next"]


def test_a_line_as_long_as_the_system_writes_at_once_is_read() -> None:
    assert Lines().feed(b"x" * PIPE_BUF + b"\n") == [b"x" * PIPE_BUF]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.integers(1, 50))
def test_lines_come_out_as_they_went_in_however_they_are_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    reader = Lines()
    read = [line for start in range(0, len(data), size) for line in reader.feed(data[start : start + size])]
    assert read == [line for line in lines if line]


@given(st.binary(max_size=200))
def test_garbage_is_never_understood_and_never_an_exception(garbage: bytes) -> None:
    assert read_line(garbage) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(json_values)
def test_json_of_another_shape_is_not_understood(value: object) -> None:
    assert read_line(json.dumps(value).encode()) is None


@pytest.mark.parametrize(
    "line",
    [
        b"[" * PIPE_BUF,
        b'{"type":"open","requests":1,"replies":"b"}',
        b'{"type":"open","requests":"a"}',
        b'{"type":"query","question":"?"}',
        b'{"type":"query","question":"?","reply_to":["a"]}',
        b'{"reply_to":"a"}',
    ],
)
def test_what_names_no_fifos_is_not_understood(line: bytes) -> None:
    assert read_line(line) is None


def test_a_letter_is_handed_on_as_it_is() -> None:
    line = b'{"type":"query","question":"?","reply_to":"answer"}'
    assert read_line(line) == Letter("answer", line + b"\n")


def test_a_client_hears_that_it_was_let_in_or_why_not() -> None:
    assert refusal_in(OPENED.strip()) is None
    assert refusal_in(b'{"type":"error","code":"too_many_requests","error":"come later"}') == "come later"
    assert refusal_in(b"[" * 9000) is not None
