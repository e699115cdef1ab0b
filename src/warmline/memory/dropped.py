"""Files that left the index and may come back, as when a branch is checked out and left again.

No search meets what is not in the index, so each search looks whether one of them is there again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from warmline.memory.catalog import Place


def is_back(place: Place) -> bool:
    """Tell whether there is a file again that holds something."""
    try:
        return os.lstat(place.absolute).st_size > 0
    except OSError:
        return False


class Dropped:
    """The files dropped of one root, while a run brings it up to date: those that were not back when it began.

    What is back is indexed by this run; where it is left out, as what is no text any more, it is no longer looked for.
    """

    def __init__(self, root: str, noted: Iterable[Place]) -> None:
        before = [place for place in noted if place.root == root]
        self._root = root
        self._before = [place.relative for place in before]
        self._now = [place.relative for place in before if not is_back(place)]

    def add(self, relatives: Sequence[str], limit: int) -> None:
        """Note files that are gone, or empty now. Of more than the limit, some out of all parts of the root."""
        step = max(1, -(-len(relatives) // limit))
        self._now += [relative for relative in relatives[::step] if relative not in self._now]

    @property
    def news(self) -> tuple[str, Sequence[str]] | None:
        """The root, and which of its files are to be noted; None when those are noted already."""
        return None if self._now == self._before else (self._root, self._now)
