"""The environment of a program in which one module cannot be imported."""

from __future__ import annotations

import os
from pathlib import Path

# The interpreter imports sitecustomize before anything of the program.
REFUSE_TO_IMPORT = """
import os, sys

class Poison:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["POISONED"]:
            raise ImportError(f"{name} is broken")

sys.meta_path.insert(0, Poison())
"""


def poisoned(folder: Path, module: str) -> dict[str, str]:
    """Return the environment; what makes it so is put into the folder."""
    (folder / "sitecustomize.py").write_text(REFUSE_TO_IMPORT, "utf-8")
    return {**os.environ, "PYTHONPATH": str(folder), "POISONED": module}
