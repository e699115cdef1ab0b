"""Lines come out as they went in, however the stream is cut, and nothing that a peer sends is a surprise."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from warmline.errors import DaemonError
from warmline.listen.client_protocol import encode_request, read_reply
from warmline.listen.fields import Said, WrongLineError, read_object, write_object
from warmline.listen.framing import LineReader
from warmline.listen.messages import (
    Cancel,
    Cancelled,
    Cited,
    Collect,
    Id,
    Ping,
    Pong,
    Problem,
    Progress,
    Query,
    Reply,
    Request,
    Response,
    Text,
    Ticket,
)
from warmline.listen.protocol import Unreadable, _line, _object, encode_reply, read_request
from warmline.model import CitationStatus, Outcome, State

LIMIT = 64

letters = st.characters(exclude_categories=["Cs"])
any_letters = letters | st.characters(categories=["Cs"])
texts = st.text(letters)
ids = st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | texts.filter(lambda text: len(text) <= 200)
tokens = st.none() | texts
seconds = st.none() | st.floats(0, 10_000)
states = st.sampled_from(State)

requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(Query, texts, ids, tokens, tokens, tokens, seconds, seconds, st.booleans(), st.booleans()),
    st.builds(Collect, texts, ids, tokens, seconds, st.booleans(), st.booleans()),
    st.builds(Cancel, texts, ids, tokens),
    st.builds(Ping, ids, tokens, tokens),
)
citations = st.builds(Cited, texts, st.integers(1), st.integers(1), texts, st.sampled_from(CitationStatus))
replies: st.SearchStrategy[Reply] = st.one_of(
    st.builds(
        Response,
        texts,
        texts,
        st.sampled_from(Outcome),
        texts,
        st.lists(texts).map(tuple),
        st.lists(citations, max_size=3).map(tuple),
        tokens,
        st.lists(texts).map(tuple),
    ),
    st.builds(Ticket, texts, states),
    st.builds(Progress, texts, states),
    st.builds(Text, texts, st.integers(0), st.integers(0), texts),
    st.builds(Cancelled, texts),
    st.builds(Pong, tokens),
    st.builds(Problem, texts, texts, tokens, seconds),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = ["type", "question", "ticket", "id", "token", "agent", "context_file", "wait", "deadline", "progress", "data"]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[first:last] for first, last in pairwise(at)]


@given(st.lists(st.binary(max_size=LIMIT).map(lambda each: each.replace(b"\n", b" "))), st.lists(st.integers(0, 9999)))
def test_lines_are_the_same_however_the_stream_is_cut(lines: list[bytes], places: list[int]) -> None:
    reader = LineReader(LIMIT)
    stream = b"".join(line + b"\n" for line in lines)
    assert [line for piece in cut(stream, places) for line in reader.feed(piece)] == lines
    assert reader.held == 0
    assert not reader.is_too_long


@given(st.binary(max_size=400), st.lists(st.integers(0, 9999)))
def test_lines_up_to_one_that_is_too_long_come_out_and_none_after_it(stream: bytes, places: list[int]) -> None:
    reader = LineReader(LIMIT)
    *whole, rest = stream.split(b"\n")
    expected: list[bytes] = []
    for line in whole:
        if len(line) > LIMIT:
            break
        expected.append(line)
    is_too_long = len(expected) < len(whole) or len(rest) > LIMIT
    found: list[bytes] = []
    for piece in cut(stream, places):
        found += reader.feed(piece)
        assert reader.held <= LIMIT
    assert found == expected
    assert reader.is_too_long is is_too_long
    assert reader.rest() == (b"" if is_too_long else rest)


@given(requests)
def test_a_request_is_read_as_it_was_written(request: Request) -> None:
    line = encode_request(request)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_request(line) == request


@given(replies, ids)
def test_a_reply_is_read_as_it_was_written(reply: Reply, named: Id | None) -> None:
    line = encode_reply(reply, named)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_reply(line) == (reply, named)


@given(st.binary())
def test_no_bytes_are_a_surprise_to_an_instance(line: bytes) -> None:
    read = read_request(line)
    assert isinstance(read, Unreadable)
    assert read.problem.code == "invalid_input"


@given(st.dictionaries(st.sampled_from(names), values), st.sampled_from(["query", "cancel", "ping"]))
def test_no_values_are_a_surprise_to_an_instance(said: dict[str, object], kind: str) -> None:
    read = read_request(json.dumps({**said, "type": kind}).encode())
    if isinstance(read, Unreadable):
        assert read.is_object
        assert read.problem.code == "invalid_input"
    encode_reply(Pong(), read.id)


@given(st.dictionaries(st.text(any_letters), values | st.text(any_letters)), st.booleans(), st.binary(max_size=3))
def test_an_instance_reads_and_writes_json_as_the_standard_library_does(
    said: dict[str, object], is_ascii: bool, more: bytes
) -> None:
    line = json.dumps(said, ensure_ascii=is_ascii).encode(errors="replace")
    for each in (line, line + more, more + line, line[: len(line) // 2] + more + line[len(line) // 2 :]):
        assert read_by(_object, each) == read_by(read_object, each)
    assert read_by(read_object, _line(said)) == read_by(read_object, write_object(said))
    assert _line(said).endswith(b"}\n")
    assert _line(said).count(b"\n") == 1


def read_by(read: Callable[[bytes], Said], line: bytes) -> str:
    """Tell what was read, or why it was not; as text, in which NaN is like NaN."""
    try:
        return repr(read(line))
    except WrongLineError as wrong:
        return str(wrong)


@given(st.binary() | st.dictionaries(st.text(), values).map(lambda said: json.dumps(said).encode()))
def test_what_is_no_reply_is_an_error_of_its_own_to_a_client(line: bytes) -> None:
    try:
        read_reply(line)
    except DaemonError:
        return
    raise AssertionError("that was no reply")
