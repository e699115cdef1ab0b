"""Where a listener of each kind may lie in a test."""

from __future__ import annotations

from pathlib import Path

KINDS = ("unix", "tcp")


def place(kind: str, folder: Path) -> str:
    """Return a URL of this kind, at which nobody else listens."""
    if kind == "tcp":
        return "tcp://127.0.0.1:0"
    return f"{kind}://{folder}/line"
