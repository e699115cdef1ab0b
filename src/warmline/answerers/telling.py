"""A model's reply, read as it is written: what of it a person may see by now, and which claims it makes. Pure.

Nothing is told that could still turn out to be a citation, a mark that only the line may set, or that the memory does
not hold the answer. What was told is a prefix of the draft's text, however the reply is cut into deltas.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from itertools import islice

from warmline.answerers.briefing import NOT_IN_THE_MEMORY
from warmline.answerers.citing import (
    Line,
    begins_with_a_citation,
    begins_with_a_quote,
    end_of_quote,
    may_vanish,
    quoted_words,
    read_line,
    sure,
)
from warmline.model import Claim
from warmline.protocols import Said

MAX_CLAIMS = 200
"""As many as are checked for one answer."""

MAX_QUOTE_LINES = 64
"""Of a quote; if it has not ended then, it ends on its first."""

MAX_UNDECIDED_CHARACTERS = 1024
"""Of a line's beginning: what tells nothing until then is read with the whole line."""

MAX_QUOTE_CHARACTERS = 64 * 1024
"""What is longer is not looked for in a file."""

_LINE_END = re.compile("\r\n|\r(?!\\Z)|[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_MAY_END_A_LINE = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_WHOLE_WORDS = re.compile(r".*\s", re.DOTALL)
_CODE = re.compile(r"\s*```\w*\s*")

_LEADS = ("", *(f"{who}{be} " for who in ("it", "this", "that", "the answer") for be in (" is", "'s", "’s")))  # noqa: RUF001
_FORMS = tuple(f"{lead}{NOT_IN_THE_MEMORY}" for lead in _LEADS)
_DECORATION = re.compile(r"[\W_]*+")
_ABSENT = re.compile(rf"[\W_]*+(?ai:{'|'.join(_FORMS)})(?=\s*(?:$|[^\w\s]|_))")


class Telling:
    """Hears a reply delta by delta, and tells `said` what stays of it, in whole words.

    claims are those of the lines that were read. is_absent: the reply says that the memory does not hold the answer,
    and nothing is told; is_absent_after_all: it says so behind other words.
    """

    def __init__(self, said: Said) -> None:
        self._said = said
        self._line: list[str] = []
        self._untold: list[str] = []
        self._ends_in_return = False
        self._is_prose: bool | None = None
        self._told = 0
        self._waiting: deque[str] = deque()
        self._first: Line | None = None
        self._between: list[str] = []
        self._has_text = False
        self._is_in_code = False
        self.claims: list[Claim] = []
        self.is_absent = False
        self.is_absent_after_all = False

    def hear(self, delta: str) -> None:
        """Hear the next piece of the reply, cut anywhere."""
        if self.is_absent or not delta:
            return
        self._line.append(delta)
        self._untold.append(delta)
        if self._ends_in_return or _MAY_END_A_LINE.search(delta):
            self._end_lines()
        self._ends_in_return = delta.endswith("\r")
        if self._is_prose is not False and not self._waiting and any(map(str.isspace, delta)):
            self._begin_line()

    def finish(self) -> None:
        """Hear the end of the reply."""
        self._end_line("".join(self._line).removesuffix("\r"), is_last=True)
        code = next((at for at, line in enumerate(self._between) if _CODE.fullmatch(line)), None)
        if self._is_in_code and code is not None:
            self._said("".join(f"\n{line}" for line in self._between[: code + 1]))

    def _end_lines(self) -> None:
        *lines, begun = _LINE_END.split("".join(self._line))
        self._line = [begun]
        for line in lines:
            self._end_line(line)
        if lines:
            self._untold, self._is_prose = [begun], None

    def _end_line(self, line: str, *, is_last: bool = False) -> None:
        self._waiting.append(line)
        while self._waiting and not self.is_absent and self._take(is_last=is_last):
            self._told = 0

    def _begin_line(self) -> None:
        """Tell what is sure of a line that has not ended."""
        if self._is_prose is None:
            self._is_prose = self._is_sure_to_stay("".join(self._line))
        if not self._is_prose:
            return
        untold = "".join(self._untold)
        words = _whole_words(untold).rstrip()
        held = sure(words)
        if held < len(words):
            words = _whole_words(words[:held]).rstrip()
        if words:
            self._said(words if self._told else self._lead(words))
            self._told += len(words)
        self._untold = [untold[len(words) :]]

    def _is_sure_to_stay(self, line: str) -> bool | None:
        if len(line) > MAX_UNDECIDED_CHARACTERS:
            return False
        beginning = _whole_words(line)
        if self._may_say_absent(beginning) or beginning.lstrip().startswith("```"):
            return None
        may = may_vanish(beginning)
        return None if may is None else not may

    def _may_say_absent(self, beginning: str) -> bool:
        said = _DECORATION.sub("", beginning, count=1).lower()
        for form in _FORMS:
            if form.startswith(said):
                return True
            if said.startswith(form):
                rest = said[len(form) :]
                return bool(re.match(r"\s*(?:$|[^\w\s]|_)", rest)) and not (
                    self._has_text and re.search(r"[^\W_]", rest)
                )
        return False

    def _take(self, *, is_last: bool) -> bool:
        """Read the first of the waiting lines; return False when it depends on what follows."""
        line = self._waiting[0]
        if not self._told and (absent := _ABSENT.match(line)):
            self.is_absent = not self._has_text
            if self.is_absent or not re.search(r"[^\W_]", line[absent.end() :]):
                self.is_absent_after_all = True
                self._waiting.popleft()
                return True
        taken, read = 1, self._first or read_line(line)
        if read.ends:
            taken, read = self._with_its_quote(read, is_last=is_last)
        elif read.is_bare:
            taken, read = self._with_a_quote_below(read, is_last=is_last)
        self._first = None if taken else read
        for _ in range(taken):
            self._waiting.popleft()
        if taken:
            self.claims += read.claims[: MAX_CLAIMS - len(self.claims)]
            if read.text is not None:
                self._keep(read.text)
        return bool(taken)

    def _with_its_quote(self, read: Line, *, is_last: bool) -> tuple[int, Line]:
        """Return how many lines a citation takes whose quote goes on in the next, and all of it; 0: more are needed."""
        quote = [read.begun]
        size = 0
        for line in islice(self._waiting, 1, MAX_QUOTE_LINES):
            size += len(line)
            end = end_of_quote(line, read.ends)
            if size > MAX_QUOTE_CHARACTERS or begins_with_a_citation(line):
                return 1, read
            if end >= 0:
                *claims, last = read.claims
                whole = replace(last, quote=quoted_words("\n".join((*quote, line[:end]))))
                return 1 + len(quote), replace(read, claims=(*claims, whole))
            quote.append(line)
        return int(is_last or len(self._waiting) >= MAX_QUOTE_LINES), read

    def _with_a_quote_below(self, read: Line, *, is_last: bool) -> tuple[int, Line]:
        """Return the same of a place whose quote may begin on the next line."""
        if len(self._waiting) == 1:
            return int(is_last), read
        first, second = islice(self._waiting, 2)
        if begins_with_a_quote(second):
            joined = read_line(f"{first} {second.lstrip('> -*')}")
            if joined.text is None and joined.claims and not joined.ends:
                return 2, joined
        return 1, read

    def _keep(self, text: str) -> None:
        """Tell a line that stays; what holds no word waits for one that does."""
        if not any(map(str.isalnum, text)) or _CODE.fullmatch(text):
            if text or self._between[-1:] != [""]:
                self._between.append(text)
            return
        rest = text[self._told :] if self._told else self._lead(text)
        if rest:
            self._said(rest)

    def _lead(self, text: str) -> str:
        """Return a line's beginning with what stands before it."""
        if not self._has_text:
            while self._between[:1] == [""]:
                del self._between[0]
            text = text if self._between else text.lstrip()
        before = "".join(f"{line}\n" for line in self._between)
        self._is_in_code ^= sum(1 for line in self._between if _CODE.fullmatch(line)) % 2 == 1
        self._between = []
        before = f"\n{before}" if self._has_text else before
        self._has_text = True
        return before + text


def _whole_words(text: str) -> str:
    """Return a text up to its last blank."""
    found = _WHOLE_WORDS.match(text)
    return found[0] if found else ""
