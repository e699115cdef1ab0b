"""A sync that nobody waits for: Linux takes the order, does it by itself, and rings. See io_submit(2).

A thread that waits for the disk takes Python's lock twice from an event loop that is busy, which was an eighth of the
processor's time of a question (docs/decisions/0023-the-kernel-syncs.md). Where there is no such call (another system or
processor, a sandbox), a thread it is.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import NamedTuple

MOST_AT_ONCE = 64
"""Of all files together; each has one sync under way at most."""

FDSYNC = 3
RINGS = 1

_numbers = count(1)
results: dict[int, int] = {}
"""What came of the syncs that the kernel has done, until their own files look: it tells of all files together."""


class _Numbers(NamedTuple):
    """How a processor's kernel calls what is called here. https://man7.org/linux/man-pages/man2/syscalls.2.html."""

    setup: int
    getevents: int
    submit: int


_NUMBERS = {"x86_64": _Numbers(206, 208, 209), "aarch64": _Numbers(0, 4, 2)}


class Order(ctypes.Structure):
    """struct iocb of linux/aio_abi.h, on a little-endian processor."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("descriptor", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("bell", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event of linux/aio_abi.h: result is 0, or an error's number below zero."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("order", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


_Orders = ctypes.POINTER(Order) * 1
_Events = _Event * MOST_AT_ONCE


class Kernel:
    """The calls of this process. They return at once, and so keep Python's lock."""

    def __init__(self, numbers: _Numbers) -> None:
        """Raises OSError where the kernel does not take such orders."""
        self._syscall = ctypes.PyDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._numbers = numbers
        self._context = ctypes.c_ulong(0)
        self._call(numbers.setup, ctypes.c_uint(MOST_AT_ONCE), ctypes.byref(self._context))

    def submit(self, order: Order) -> None:
        """Take an order. Raises OSError for a file that cannot be synced so."""
        orders = _Orders(ctypes.pointer(order))
        self._call(self._numbers.submit, self._context, ctypes.c_long(1), orders)

    def gather(self) -> None:
        """Note what has ended."""
        events = _Events()  # not one for all: other threads gather, too
        least, most = ctypes.c_long(0), ctypes.c_long(MOST_AT_ONCE)
        found = self._call(self._numbers.getevents, self._context, least, most, events, None)
        for event in events[:found]:
            results[event.data] = event.result

    def _call(self, number: int, *arguments: object) -> int:
        result: int = self._syscall(ctypes.c_long(number), *arguments)
        if result < 0:
            trouble = ctypes.get_errno()
            raise OSError(trouble, os.strerror(trouble))
        return result


@cache
def the_kernel() -> Kernel | None:
    """Return the kernel's calls; None where it does not take such orders."""
    numbers = _NUMBERS.get(platform.machine())
    if sys.platform != "linux" or numbers is None or sys.maxsize < 2**32:
        return None
    try:
        return Kernel(numbers)
    except OSError:
        return None


class KernelSync:
    """Syncs one open file, one sync at a time, for one event loop."""

    def __init__(self, kernel: Kernel, descriptor: int) -> None:
        self._kernel = kernel
        self._loop = asyncio.get_running_loop()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._order = Order(opcode=FDSYNC, descriptor=descriptor, flags=RINGS, bell=self._bell)
        self._then: Callable[[OSError | None], None] | None = None
        self._loop.add_reader(self._bell, self._rung)

    @classmethod
    def of(cls, descriptor: int) -> KernelSync | None:
        """Return what syncs this file; None where the kernel does not take such orders."""
        kernel = the_kernel()
        return None if kernel is None else cls(kernel, descriptor)

    def begin(self, then: Callable[[OSError | None], None]) -> None:
        """Begin, and return; `then` is called on the event loop, with what went wrong.

        Raises OSError where the kernel does not take the order; nothing is called then.
        """
        self._order.data = next(_numbers)
        self._kernel.submit(self._order)
        self._then = then

    def close(self) -> None:
        """Let go of it. No sync may be under way."""
        self._loop.remove_reader(self._bell)
        os.close(self._bell)

    def _rung(self) -> None:
        os.eventfd_read(self._bell)
        self._kernel.gather()
        result, then = results.pop(self._order.data, None), self._then
        if result is not None and then is not None:
            self._then = None
            then(None if result == 0 else OSError(-result, os.strerror(-result)))
