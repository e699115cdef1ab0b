"""The memory of one connection: made and sealed by the instance, mapped by both sides."""

from __future__ import annotations

import fcntl
import mmap
import os

from warmline.errors import DisconnectedError
from warmline.listen.shared_memory.ring import IMPOSSIBLE, RingReader, RingWriter, Shape, lay_out, shape_of

FROM_CLIENT, FROM_INSTANCE = 0, 1


class SharedRings:
    """Two rings, from the view of one side: what it reads, and what it writes. The memory is mapped until `close`."""

    def __init__(self, descriptor: int, shape: Shape, *, writes: int) -> None:
        self._mapping = mmap.mmap(descriptor, shape.memory_bytes)
        self.reader = RingReader(memoryview(self._mapping), 1 - writes, shape)
        self.writer = RingWriter(memoryview(self._mapping), writes, shape)

    def close(self) -> None:
        """Give the memory back, as far as this side holds it. Twice is fine."""
        self.reader.release()
        self.writer.release()
        self._mapping.close()


def make_rings(shape: Shape) -> tuple[SharedRings, int]:
    """Make the memory of a connection, for the instance; return the rings and a descriptor to pass on, then to close.

    Raises OSError, ValueError.
    """
    descriptor = os.memfd_create("warmline", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, shape.memory_bytes)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _seals())
        with mmap.mmap(descriptor, shape.memory_bytes) as mapping, memoryview(mapping) as memory:
            lay_out(memory, shape)
        return SharedRings(descriptor, shape, writes=FROM_INSTANCE), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def map_rings(descriptor: int) -> SharedRings:
    """Map the memory that an instance passed to us, for the client. The descriptor may be closed afterwards.

    Raises DisconnectedError when it is no such memory, and OSError.
    """
    try:
        sealed = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        sealed = 0
    if sealed & _seals() != _seals():
        raise DisconnectedError(f"{IMPOSSIBLE}: it is not sealed")
    if not os.fstat(descriptor).st_size:
        raise DisconnectedError(f"{IMPOSSIBLE}: it is empty")
    with mmap.mmap(descriptor, 0) as mapping, memoryview(mapping) as memory:
        shape = shape_of(memory)
    return SharedRings(descriptor, shape, writes=FROM_CLIENT)


def _seals() -> int:
    """Nobody can change its size: where memory shrinks under its mapping, the next look at it is a SIGBUS."""
    return fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
