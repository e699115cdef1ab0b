"""A model's reply, read line by line: what of it stays as text, and which claims it makes. Pure."""

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
)
from warmline.model import Claim
from warmline.protocols import Said

MAX_CLAIMS = 200
"""As many as are checked for one answer."""

MAX_QUOTE_LINES = 64
"""Of a quote; if it has not ended then, it ends on its first."""

MAX_QUOTE_CHARACTERS = 64 * 1024
"""What is longer is not looked for in a file."""

LINE_END = re.compile("\r\n|\r(?!\\Z)|[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
r"""Whatever may be shown as one. What a \r at the end of a piece is, only the next piece tells."""

_CODE = re.compile(r"\s*```\w*\s*")

_LEADS = ("", *(f"{who}{be} " for who in ("it", "this", "that", "the answer") for be in (" is", "'s", "’s")))  # noqa: RUF001
_ABSENT_FORMS = tuple(f"{lead}{NOT_IN_THE_MEMORY}" for lead in _LEADS)
_DECORATION = re.compile(r"[\W_]*+")
_AT_AN_END = re.compile(r"\s*(?:$|[^\w\s]|_)")
_ABSENT = re.compile(rf"{_DECORATION.pattern}(?ai:{'|'.join(_ABSENT_FORMS)})(?={_AT_AN_END.pattern})")
_WORD = re.compile(r"[^\W_]")


class Reading:
    """Reads one reply, and hands what stays of it to `said`; the pieces joined are the text.

    claims are those of the lines that were read. is_absent: the reply says that the memory does not hold the answer,
    and nothing stays of it; is_absent_after_all: it says so behind other words.
    """

    def __init__(self, said: Said) -> None:
        self._said = said
        self._waiting: deque[str] = deque()
        self._first: Line | None = None
        self._between: list[str] = []
        self._begun = 0
        self._has_text = False
        self._is_in_code = False
        self.claims: list[Claim] = []
        self.is_absent = False
        self.is_absent_after_all = False

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing can be said of the next line before it has been read, or at all."""
        return bool(self._waiting) or self.is_absent

    def is_sure_to_stay(self, beginning: str) -> bool | None:
        """Tell whether a line that begins with these words, and the blank after them, stays; None: not known yet."""
        if self._may_say_absent(beginning) or beginning.lstrip().startswith("```"):
            return None
        vanishes = may_vanish(beginning)
        return None if vanishes is None else not vanishes

    def begin(self, words: str) -> None:
        """Say the next words of the next line, which is sure to stay and will be read when it has ended."""
        self._said(words if self._begun else self._led(words))
        self._begun += len(words)

    def read(self, line: str, *, is_last: bool = False) -> None:
        """Read a line. The last one must be told to be."""
        self._waiting.append(line)
        while self._waiting and not self.is_absent and (taken := self._take(is_last=is_last)):
            self._begun = 0
            for _ in range(taken):
                self._waiting.popleft()
        if is_last and self._is_in_code:
            self._end_code()

    def _take(self, *, is_last: bool) -> int:
        """Read the first of the waiting lines; return how many were taken, 0 when that depends on what follows."""
        line = self._waiting[0]
        if not line or line.isspace():
            self._keep("")
            return 1
        if self._says_absent(line):
            return 1
        taken, read = 1, self._first or read_line(line)
        if read.ends:
            taken, read = self._with_its_quote(read, is_last=is_last)
        elif read.is_bare:
            taken, read = self._with_a_quote_below(read, is_last=is_last)
        self._first = None if taken else read
        if taken:
            self.claims += read.claims[: MAX_CLAIMS - len(self.claims)]
            if read.text is not None:
                self._keep(read.text)
        return taken

    def _says_absent(self, line: str) -> bool:
        """Tell whether a line says that the memory does not hold the answer, and, behind other words, nothing else."""
        found = None if self._begun else _ABSENT.match(line)
        if found is None or (self._has_text and _WORD.search(line, found.end())):
            return False
        self.is_absent, self.is_absent_after_all = not self._has_text, self._has_text
        return True

    def _may_say_absent(self, beginning: str) -> bool:
        said = _DECORATION.sub("", beginning, count=1).lower()
        for form in _ABSENT_FORMS:
            if form.startswith(said):
                return True
            if said.startswith(form):
                is_at_an_end = bool(_AT_AN_END.match(said, len(form)))
                return is_at_an_end and not (self._has_text and _WORD.search(said, len(form)))
        return False

    def _with_its_quote(self, read: Line, *, is_last: bool) -> tuple[int, Line]:
        """Return how many lines a citation takes whose quote goes on in the next, and all of it; 0: more are needed."""
        quote = [read.begun]
        size = 0
        for line in islice(self._waiting, 1, MAX_QUOTE_LINES):
            size += len(line)
            if size > MAX_QUOTE_CHARACTERS or begins_with_a_citation(line):
                return 1, read
            end = end_of_quote(line, read.ends)
            if end >= 0:
                *claims, last = read.claims
                whole = replace(last, quote=quoted_words("\n".join((*quote, line[:end]))))
                return 1 + len(quote), replace(read, claims=(*claims, whole))
            quote.append(line)
        return int(is_last or len(self._waiting) >= MAX_QUOTE_LINES), read

    def _with_a_quote_below(self, read: Line, *, is_last: bool) -> tuple[int, Line]:
        """Return the same of a place whose quote may stand on the next line."""
        if len(self._waiting) == 1:
            return int(is_last), read
        first, second = islice(self._waiting, 2)
        if begins_with_a_quote(second):
            joined = read_line(f"{first} {second.lstrip('> -*')}")
            if joined.text is None and joined.claims and not joined.ends:
                return 2, joined
        return 1, read

    def _keep(self, text: str) -> None:
        """Say a line that stays; what holds no word waits for one that does."""
        if not any(map(str.isalnum, text)) or _CODE.fullmatch(text):
            if text or self._between[-1:] != [""]:
                self._between.append(text)
            return
        rest = text[self._begun :] if self._begun else self._led(text)
        if rest:
            self._said(rest)

    def _led(self, text: str) -> str:
        """Return a line, or the beginning of one, behind what waited for it."""
        if not self._has_text:
            while self._between[:1] == [""]:
                del self._between[0]
            text = text if self._between else text.lstrip()
        before = "".join(f"{line}\n" for line in self._between)
        before = f"\n{before}" if self._has_text else before
        self._is_in_code ^= sum(1 for line in self._between if _CODE.fullmatch(line)) % 2 == 1
        self._between = []
        self._has_text = True
        return before + text

    def _end_code(self) -> None:
        code = next((at for at, line in enumerate(self._between) if _CODE.fullmatch(line)), None)
        if code is not None:
            self._said("".join(f"\n{line}" for line in self._between[: code + 1]))
