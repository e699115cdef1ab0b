"""A stream of bytes through memory that two processes share: a ring of fixed slots. No I/O, no waiting.

Everything is in words of 8 bytes in the machine's own order, each written by one side alone. The memory (`Shape`):

    byte 0       word 0         MAGIC
         8       word 1         number of slots in each ring, 2 or more
        16       word 2         bytes of one slot, its first word included: a multiple of 64, 128 or more
       128       words 16, 17   ring 0, from the client: `written`, `waits`   (written by the client)
       192       word 24        ring 0: `read`                                (written by the instance)
       256       words 32, 33   ring 1, from the instance: `written`, `waits` (written by the instance)
       320       word 40        ring 1: `read`                                (written by the client)
      4096       the slots of ring 0, one behind the other; then those of ring 1

    a slot       word 0 of it   how many bytes of the stream it holds: 1 ... its bytes - 8
                 from byte 8    these bytes

`written` counts the slots that were ever filled, `read` those that were ever emptied; slot n of the stream lies in
place n modulo the number of slots, so that there are written - read to be read, never more than there are slots. The
highest bit of `written` (ENDED) says that nothing follows: the end comes in the same store as the last slot, in order,
and needs no room. `waits` is 1 while the writer waits for room: who empties a slot then wakes it. Neither counter
comes round in practice: 2^63 slots.

Whoever writes `written` has filled the slots before, and whoever writes `read` has copied them out before. Nothing
that the other side writes is believed: a counter or a length is read once, checked, and used from the copy; what a
side wrote itself it never reads again. What the other side did wrong raises DisconnectedError, since nothing that it
says can be used any more.
"""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

from warmline.errors import DisconnectedError

MAGIC = int.from_bytes(b"warmlin1", "big")
"""Its last character is the version of the layout; a machine of the other byte order reads something else."""

WORD_BYTES = 8
LINE_BYTES = 64
"""Of a processor's cache: the words of two sides in one line would drive it to and fro."""

WORDS_OF_RING = (16, 32)
READ_BEHIND = 8
"""Words from `written` to `read`."""

HEAD_BYTES = 4096

ENDED = 1 << 63

IMPOSSIBLE = "the other side wrote into the shared memory what cannot be"


class Shape(NamedTuple):
    """How much memory there is in one connection."""

    slots: int
    slot_bytes: int

    @property
    def memory_bytes(self) -> int:
        """Of the whole memory, its head and both rings."""
        return HEAD_BYTES + 2 * self.slots * self.slot_bytes

    @property
    def is_possible(self) -> bool:
        """Tell whether a ring can be so. At most 2^40 bytes, so that no sum of these numbers is beyond a file."""
        return 2 <= self.slots <= 1 << 20 and 128 <= self.slot_bytes <= 1 << 20 and self.slot_bytes % LINE_BYTES == 0


def lay_out(memory: memoryview, shape: Shape) -> None:
    """Write the head of a new memory, which is all zero. Raises ValueError when the shape cannot be."""
    if not shape.is_possible or len(memory) != shape.memory_bytes:
        raise ValueError(f"no rings can be laid out as {shape} in {len(memory)} bytes")
    with memory.cast("Q") as words:
        words[0], words[1], words[2] = MAGIC, *shape


def shape_of(memory: memoryview) -> Shape:
    """Read how a memory is laid out. Raises DisconnectedError when it is no such memory, or not in one piece."""
    if len(memory) < HEAD_BYTES:
        raise DisconnectedError(IMPOSSIBLE)
    with memory.cast("Q") as words:
        magic, shape = words[0], Shape(words[1], words[2])
    if magic != MAGIC or not shape.is_possible or len(memory) != shape.memory_bytes:
        raise DisconnectedError(f"{IMPOSSIBLE}: it may be of another version")
    return shape


class Fence:
    """Keeps loads and stores before it from being done after it, and the other way round.

    Python has no such instruction, and on some machines (ARM) a processor may publish a counter before what it
    counts. A lock that is held, given back and taken again is one: nothing moves down over the giving back, nothing
    up over the taking, and the two keep their order.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        """Keep apart what stands before it and what stands after it."""
        self._lock.release()
        self._lock.acquire()


class _Ring:
    """What both ends of a ring know of it."""

    def __init__(self, memory: memoryview, ring: int, shape: Shape) -> None:
        self._memory = memory
        self._words = memory.cast("Q")
        self._fence = Fence()
        self._slots, self._slot_bytes = shape
        self._room = self._slot_bytes - WORD_BYTES
        self._written_at = WORDS_OF_RING[ring]
        self._waits_at = self._written_at + 1
        self._read_at = self._written_at + READ_BEHIND
        self._first = HEAD_BYTES + ring * self._slots * self._slot_bytes

    def release(self) -> None:
        """Let the memory go; nothing else may be called after it. Twice is fine."""
        self._words.release()
        self._memory.release()

    def _place(self, count: int) -> int:
        return self._first + count % self._slots * self._slot_bytes


class RingWriter(_Ring):
    """The writing end of a ring. There must be one alone. It takes the memoryview, which it releases."""

    _written = 0
    _seen_read = 0
    _waits = False

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Put as much of the data into the ring as there is room for; return how many bytes. 0: it is full.

        Who reads must be woken when it is not 0. Raises DisconnectedError, and ValueError after the end.
        """
        if self._written & ENDED:
            raise ValueError("nothing can be written after the end")
        free = self._slots - (self._written - self._look())
        if not free or not data:
            return 0
        if len(data) <= self._room:  # most fit a slot, and a view of them costs as much as the copy
            self._fill(self._written, data)
            slots, taken = 1, len(data)
        else:
            slots, taken = self._fill_several(data, free)
        self._fence()
        self._publish(self._written + slots)
        return taken

    def _fill_several(self, data: bytes | bytearray | memoryview, free: int) -> tuple[int, int]:
        """Fill at most so many slots; return how many, and with how many bytes."""
        slots = min(free, -(-len(data) // self._room))
        with memoryview(data) as view:
            for number in range(slots):
                with view[number * self._room : (number + 1) * self._room] as piece:
                    self._fill(self._written + number, piece)
        return slots, min(slots * self._room, len(data))

    def _fill(self, count: int, piece: bytes | bytearray | memoryview) -> None:
        place = self._place(count)
        self._words[place // WORD_BYTES] = len(piece)
        self._memory[place + WORD_BYTES : place + WORD_BYTES + len(piece)] = piece

    def end(self) -> None:
        """Say that nothing follows. Who reads must be woken. Twice is fine."""
        self._publish(self._written | ENDED)

    def waits_for_room(self) -> bool:
        """Ask to be woken when a slot is emptied; False when there is room already, and nobody need wake us.

        Raises DisconnectedError.
        """
        self._say_waiting(True)
        self._fence()  # the asking is seen before we look, or what we look for was there before the asking
        if self._written - self._look() < self._slots:
            self._say_waiting(False)
            return False
        return True

    def _say_waiting(self, waits: bool) -> None:
        if waits is not self._waits:
            self._words[self._waits_at] = self._waits = waits

    def _publish(self, written: int) -> None:
        self._words[self._written_at] = self._written = written

    def _look(self) -> int:
        read = self._words[self._read_at]
        if not self._seen_read <= read <= self._written:
            raise DisconnectedError(IMPOSSIBLE)
        self._seen_read = read
        return read


class RingReader(_Ring):
    """The reading end of a ring. There must be one alone. It takes the memoryview, which it releases."""

    _read = 0
    ended = False
    """Everything was read, and nothing follows."""

    def read(self) -> bytes:
        """Take all that is in the ring out of it; b"" when there is nothing now: `ended` tells whether for good.

        Who writes must be woken after it when `writer_waits`. Raises DisconnectedError.
        """
        written, ends = self._look()
        if written == self._read:
            self.ended = ends
            return b""
        self._fence()
        if written == self._read + 1:
            taken = bytes(self._memory[self._filled(self._read)])
        else:
            places = [self._filled(count) for count in range(self._read, written)]
            taken = b"".join([self._memory[place] for place in places])
        self._fence()
        self._words[self._read_at] = self._read = written
        self.ended = ends
        return taken

    def is_complete(self) -> bool:
        """Tell whether the other side has said that nothing follows what lies in the ring."""
        return self._words[self._written_at] & ENDED != 0

    def writer_waits(self) -> bool:
        """Tell whether who writes asked to be woken when there is room."""
        self._fence()  # what was emptied is seen before we look, or the asking is seen
        return self._words[self._waits_at] != 0

    def _look(self) -> tuple[int, bool]:
        said = self._words[self._written_at]
        written = said & ~ENDED
        if not 0 <= written - self._read <= self._slots or (self.ended and written != self._read):
            raise DisconnectedError(IMPOSSIBLE)
        return written, self.ended or said != written

    def _filled(self, count: int) -> slice:
        """Where the bytes of a slot lie, its length checked. No view is made before all are: an error would keep it."""
        place = self._place(count)
        length = self._words[place // WORD_BYTES]
        if not 0 < length <= self._room:
            raise DisconnectedError(IMPOSSIBLE)
        return slice(place + WORD_BYTES, place + WORD_BYTES + length)
