"""A model's reply, told while it is written: what of it a person may see by now. Pure.

Nothing is told that could still turn out to be a citation, a mark that only the line may set, or that the memory does
not hold the answer. What was told is a prefix of the draft's text, however the reply is cut into deltas.
"""

from __future__ import annotations

import re

from warmline.answerers.citing import sure
from warmline.answerers.reading import LINE_END, Reading
from warmline.protocols import Said

MAX_UNDECIDED_CHARACTERS = 1024
"""Of a line's beginning: what tells nothing until then is read with the whole line."""

MAX_HEARD_CHARACTERS = 64 * 1024
MAX_HEARD_LINES = 2000
"""Of one reply: what comes then stands in the answer alone. To tell so much takes 20 ms in all."""

_MAY_END_A_LINE = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANK = re.compile(r"\s")
_WHOLE_WORDS = re.compile(r".*\s", re.DOTALL)


class Telling:
    """Hears a reply delta by delta, and tells `said` what stays of it, in whole words.

    It needs no end: what is told last is in the draft. Of a reply that is very long only the beginning is told.
    """

    def __init__(self, said: Said) -> None:
        self._reading = Reading(said)
        self._line: list[str] = []
        self._untold: list[str] = []
        self._stays: bool | None = None
        self._has_word = False
        self._ends_in_return = False
        self._characters = 0
        self._lines = 0

    def hear(self, delta: str) -> None:
        """Hear the next piece of the reply, cut anywhere."""
        if self._reading.is_absent or not delta or not self._has_room(delta):
            return
        self._line.append(delta)
        self._untold.append(delta)
        if self._ends_in_return or _MAY_END_A_LINE.search(delta):
            self._end_lines()
        self._ends_in_return = delta.endswith("\r")
        self._has_word = self._has_word or not delta.isspace()
        if self._has_word and self._stays is not False and _BLANK.search(delta) and not self._reading.is_waiting:
            self._has_word = False
            self._begin_line()

    def _has_room(self, delta: str) -> bool:
        """Tell whether all that came so far is short enough to be read here and now."""
        self._characters += len(delta)
        if self._characters <= MAX_HEARD_CHARACTERS and self._lines <= MAX_HEARD_LINES:
            self._lines += len(_MAY_END_A_LINE.findall(delta))
        return self._characters <= MAX_HEARD_CHARACTERS and self._lines <= MAX_HEARD_LINES

    def _end_lines(self) -> None:
        *lines, begun = LINE_END.split("".join(self._line))
        for line in lines:
            self._reading.read(line)
        self._line = [begun]
        if lines:
            self._untold, self._stays = [begun], None

    def _begin_line(self) -> None:
        """Tell what is sure of a line that has not ended."""
        if self._stays is None:
            line = "".join(self._line)
            is_short = len(line) <= MAX_UNDECIDED_CHARACTERS
            self._stays = self._reading.is_sure_to_stay(_whole_words(line)) if is_short else False
        if not self._stays:
            return
        untold = "".join(self._untold)
        words = _whole_words(untold).rstrip()
        held = sure(words)
        if held < len(words):
            words = _whole_words(words[:held]).rstrip()
        if words:
            self._reading.begin(words)
        self._untold = [untold[len(words) :]]


def _whole_words(text: str) -> str:
    """Return a text up to its last blank."""
    found = _WHOLE_WORDS.match(text)
    return found[0] if found else ""
