"""A `warmline.toml` that stands by itself."""

from __future__ import annotations

from pathlib import Path


def written(file: Path, text: str) -> Path:
    """Write one that nobody else may write, and return it."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file
