"""How much memory this process holds."""

from __future__ import annotations

import os
import resource
import sys

from warmline.warm.processes import rss_bytes


def resident_bytes() -> int:
    """Return the resident size of this process now, or its peak where the system does not tell (macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return rss_bytes(os.getpid()) or (peak if sys.platform == "darwin" else peak * 1024)
