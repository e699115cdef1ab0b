"""Whether this machine's kernel syncs files by itself, and what of a file it has not written yet."""

from __future__ import annotations

import ctypes
import mmap
import os

import pytest

from warmline.stores.kernel_sync import the_kernel

CACHESTAT = 451
"""The number of cachestat(2), on every processor; Linux 6.5 or newer."""


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Pages(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("cached", "dirty", "writing", "evicted", "recently_evicted"))


def needs_orders() -> None:
    """Skip the test where nobody could see it."""
    if the_kernel() is None:
        pytest.skip("NOT TESTED: this kernel does not sync files by itself")


def unwritten_pages(descriptor: int) -> int:
    """Count the pages of a file that its disk does not have yet. Skips the test where that cannot be known."""
    pages = _Pages()
    whole = _Range(0, os.fstat(descriptor).st_size + mmap.PAGESIZE)
    call = ctypes.CDLL(None, use_errno=True).syscall
    if call(CACHESTAT, ctypes.c_uint(descriptor), ctypes.byref(whole), ctypes.byref(pages), ctypes.c_uint(0)):
        pytest.skip(f"NOT TESTED: cachestat(2) is not to be had here ({os.strerror(ctypes.get_errno())})")
    return int(pages.dirty + pages.writing)
