"""The ring of shared memory, by itself: whatever is written and read, and whatever lies in the memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmline.errors import DisconnectedError
from warmline.listen.shared_memory.ring import (
    ENDED,
    HEAD_BYTES,
    WORD_BYTES,
    RingReader,
    RingWriter,
    Shape,
    lay_out,
    shape_of,
)

SHAPES = st.builds(Shape, st.integers(2, 5), st.sampled_from([128, 192]))
OTHER_RING = 1
WRITTEN, WAITS, READ = 16, 17, 24
LARGEST = (1 << 64) - 1


class Ring:
    """Both ends of the first ring of a memory, and the memory."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.memory = bytearray(shape.memory_bytes)
        lay_out(memoryview(self.memory), shape)
        self.writer = RingWriter(memoryview(self.memory), 0, shape)
        self.reader = RingReader(memoryview(self.memory), 0, shape)
        self.words = memoryview(self.memory).cast("Q")
        self.payload = shape.slot_bytes - WORD_BYTES

    def place_of(self, count: int) -> int:
        return (HEAD_BYTES + count % self.shape.slots * self.shape.slot_bytes) // WORD_BYTES


@given(shape=SHAPES, steps=st.lists(st.one_of(st.none(), st.integers(0, 1000)), max_size=60), ends=st.booleans())
def test_what_is_read_is_what_was_written_in_order(shape: Shape, steps: list[int | None], ends: bool) -> None:
    ring = Ring(shape)
    written, read, held = bytearray(), bytearray(), 0
    for number, step in enumerate(steps):
        if step is None:
            read += ring.reader.read()
            held = 0
        else:
            data = bytes((number + at) % 251 for at in range(step))
            room = (shape.slots - held) * ring.payload
            taken = ring.writer.write(data)
            assert taken == min(len(data), room)
            held += -(-taken // ring.payload)
            written += data[:taken]
    if ends:
        ring.writer.end()
    read += ring.reader.read()
    assert read == written
    assert ring.reader.read() == b""
    assert ring.reader.ended is ends


@given(shape=SHAPES, sizes=st.lists(st.integers(1, 600), min_size=1, max_size=30))
def test_messages_larger_than_the_ring_come_through_it_in_pieces(shape: Shape, sizes: list[int]) -> None:
    ring = Ring(shape)
    data = b"".join(bytes([number]) * size for number, size in enumerate(sizes))
    read, sent = bytearray(), 0
    while sent < len(data):
        taken = ring.writer.write(memoryview(data)[sent:])
        sent += taken
        if not taken:
            assert ring.writer.waits_for_room()
            read += ring.reader.read()
            assert ring.reader.writer_waits()
            assert not ring.writer.waits_for_room()
            assert not ring.reader.writer_waits()
    assert bytes(read + ring.reader.read()) == data


@given(
    shape=SHAPES,
    before=st.lists(st.integers(0, 300), max_size=6),
    scribbles=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, LARGEST)), max_size=6),
    words=st.dictionaries(st.sampled_from([WRITTEN, WAITS, READ]), st.integers(0, LARGEST)),
    lengths=st.lists(st.integers(0, LARGEST), max_size=5),
)
def test_whatever_the_other_side_writes_only_ends_the_connection(
    shape: Shape,
    before: list[int],
    scribbles: list[tuple[int, int]],
    words: dict[int, int],
    lengths: list[int],
) -> None:
    ring = Ring(shape)
    for size in before:
        ring.writer.write(bytes(size))
        ring.reader.read()
    for at, value in scribbles:
        ring.words[at % len(ring.words)] = value
    for at, value in words.items():
        ring.words[at] = value
    for count, length in enumerate(lengths):
        ring.words[ring.place_of(count)] = length
    other = bytes(ring.memory[-shape.slots * shape.slot_bytes :])
    for act in (ring.reader.read, lambda: ring.writer.write(bytes(2000)), ring.writer.waits_for_room):
        try:
            done = act()
        except DisconnectedError:
            continue
        assert (len(done) if isinstance(done, bytes) else done) <= shape.slots * ring.payload
    assert bytes(ring.memory[-shape.slots * shape.slot_bytes :]) == other  # nothing was written beyond the ring


@given(memory=st.binary(max_size=64), size=st.integers(0, 12_000), words=st.lists(st.integers(0, LARGEST), max_size=3))
def test_a_memory_that_is_none_is_refused(memory: bytes, size: int, words: list[int]) -> None:
    content = bytearray(size)
    content[: len(memory)] = memory[:size]
    for at, word in enumerate(words):
        content[8 * at : 8 * at + 8] = word.to_bytes(8, "little")
    content = content[: size - size % 8]
    with pytest.raises(DisconnectedError):
        shape_of(memoryview(content))


@pytest.mark.parametrize("length", [0, 121, LARGEST])
def test_a_length_that_cannot_be_is_refused_before_anything_is_copied(length: int) -> None:
    ring = Ring(Shape(3, 128))
    ring.writer.write(b"x" * 240)
    ring.words[ring.place_of(1)] = length
    with pytest.raises(DisconnectedError):
        ring.reader.read()
    ring.reader.release()  # raises BufferError if a view were left


def forget(ring: Ring) -> None:
    ring.words[WRITTEN] = 0


def run_ahead(ring: Ring) -> None:
    ring.words[WRITTEN] = 2 + ring.shape.slots


def go_on_after_the_end(ring: Ring) -> None:
    ring.words[WRITTEN] = 2 | ENDED
    ring.reader.read()
    assert ring.reader.ended
    ring.words[ring.place_of(2)] = 1  # a slot that nothing is wrong with, but for its time
    ring.words[WRITTEN] = 3


@pytest.mark.parametrize("wrong", [forget, run_ahead, go_on_after_the_end])
def test_a_writers_counter_that_cannot_be_is_refused(wrong: Callable[[Ring], None]) -> None:
    ring = Ring(Shape(3, 128))
    ring.writer.write(b"x" * 121)
    assert len(ring.reader.read()) == 121
    wrong(ring)
    with pytest.raises(DisconnectedError):
        ring.reader.read()


@pytest.mark.parametrize("read", [0, 3, LARGEST])
def test_a_readers_counter_that_cannot_be_is_refused(read: int) -> None:
    ring = Ring(Shape(3, 128))
    ring.writer.write(b"x" * 121)
    ring.reader.read()
    assert ring.writer.write(b"y") == 1  # has seen that 2 were read
    ring.words[READ] = read if read != 3 else 4
    with pytest.raises(DisconnectedError):
        ring.writer.write(b"z")


def test_the_end_needs_no_room_and_comes_after_what_was_written() -> None:
    ring = Ring(Shape(2, 128))
    assert ring.writer.write(b"x" * 500) == 240
    ring.writer.end()
    assert ring.reader.is_complete()
    assert not ring.reader.ended
    assert len(ring.reader.read()) == 240
    assert ring.reader.ended
    with pytest.raises(ValueError, match="after the end"):
        ring.writer.write(b"more")


def test_the_two_rings_of_a_memory_do_not_meet() -> None:
    shape = Shape(2, 128)
    ring = Ring(shape)
    writer = RingWriter(memoryview(ring.memory), OTHER_RING, shape)
    reader = RingReader(memoryview(ring.memory), OTHER_RING, shape)
    ring.writer.write(b"a" * 240)
    writer.write(b"b" * 240)
    ring.writer.waits_for_room()
    assert not reader.writer_waits()
    assert ring.reader.read() == b"a" * 240
    assert reader.read() == b"b" * 240


@pytest.mark.parametrize("shape", [Shape(1, 128), Shape(2, 64), Shape(2, 130), Shape(1 << 21, 128)])
def test_rings_that_cannot_be_are_not_laid_out(shape: Shape) -> None:
    with pytest.raises(ValueError, match="no rings"):
        lay_out(memoryview(bytearray(8192)), shape)
