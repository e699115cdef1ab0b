"""How a model is shown the memory: files and lines of it in a prompt's blocks, with the places to cite. Pure."""

from __future__ import annotations

import re

from warmline.places import place
from warmline.security.fence import Fence, Trust, What

_ENDS_LIKE_A_PLACE = re.compile(r":[0-9]+(?:-[0-9]+)?\Z")


def lines_block(fence: Fence, path: str, first_line: int, last_line: int, text: str) -> str:
    """Return consecutive lines of a file as a block that says where they stand."""
    return fence.block(What.MEMORY, text, trust=Trust.UNKNOWN, path=place(path, first_line, last_line))


def file_block(fence: Fence, path: str, text: str) -> str:
    r"""Return a whole file as a block, each line as `N\ttext`. A name that ends like a place gets one."""
    named = place(path, 1, 1 + text.count("\n")) if _ENDS_LIKE_A_PLACE.search(path) else path
    return fence.numbered_block(What.MEMORY, text, trust=Trust.UNKNOWN, path=named)
