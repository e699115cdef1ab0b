"""What one rule is: the literals that call it, the form it then asks for, and the test of what was caught."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

LONGEST_LOOK = 256
"""Characters that a rule looks at to decide. What it found is then followed to its end, however far that is."""

_ESCAPED = r"(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\x1b\[[0-9]m)|(?<=\x1b\[[0-9]{2}m)"
"""Escapes end in a letter or a digit, and a token may follow them."""

FREE = rf"(?:(?<![A-Za-z0-9])|{_ESCAPED})"
"""Where a token may begin: not within a longer word."""

LONGEST_TEST = 64
"""Characters of a secret that its test is shown: enough to tell."""

SECRETS = ("secret", "quoted", "bare")
"""The groups of a form that hold the secret."""

LONGEST_LOOK_AHEAD = 48
"""Characters that a form looks at behind a secret's end."""

NEAR = r"[^\n\[\]]"
"""What may stand between a name and its secret on a line: never a mask, whose own words are no name."""

WORD = r"[A-Za-z0-9_-]"


@dataclass(frozen=True)
class Rule:
    """A kind of secret.

    calls: literals in lower case; where one stands (in any case), `form` is matched, `before` characters earlier: each
    number is tried, in order. The secret is that of the groups SECRETS which matched, else all that did; `rest`, a set
    of characters, is what the secret goes on with when the form is cut at LONGEST_LOOK. test says whether it is one, of
    the secret or, where there is one, of the group `body`; what the group `key` holds must not end as `unless` says.
    reach is up to how many characters behind the literal's first one a secret may begin that spaces lead to; a secret
    itself holds none. settles, for a form of another kind, is what stands at the literal once that is decided.
    source says where the form is described.
    """

    kind: str
    calls: tuple[str, ...]
    form: str
    source: str
    test: Callable[[str], bool] | None = None
    rest: str = ""
    unless: str = ""
    before: tuple[int, ...] = (0,)
    reach: int = 0
    settles: str = ""

    def find(self, text: str, at: int) -> tuple[int, int] | None:
        """Return where the secret begins and ends that is called at `at`. Looks no further than the form's bounds."""
        for before in self.before:
            found = self._form.match(text, at - before) if at >= before else None
            if found is None:
                continue
            start, end = self._span(found)
            if self._is_one(found, start, end):
                return start, self._followed(text, end) if end - start >= LONGEST_LOOK else end
        return None

    def is_settled(self, text: str, at: int) -> bool:
        """Tell whether `find` says the same at `at` whatever follows the text."""
        return self._settles.match(text, at) is not None

    def _is_one(self, found: re.Match[str], start: int, end: int) -> bool:
        if self._has_body:
            start = found.start("body")
        return (self.test is None or self.test(found.string[start : min(end, start + LONGEST_TEST)])) and not (
            self.unless and self._unless(found["key"])
        )

    def _span(self, found: re.Match[str]) -> tuple[int, int]:
        for group in self._groups:
            if found.start(group) >= 0:
                return found.span(group)
        return found.span()

    def _followed(self, text: str, end: int) -> int:
        found = self._rest.match(text, end) if self._rest else None
        return found.end() if found else end

    @cached_property
    def _form(self) -> re.Pattern[str]:
        return re.compile(self.form)

    @cached_property
    def _settles(self) -> re.Pattern[str]:
        beyond = rf"[\s\S]{{{self.reach}}}[\s\S]*?(?<!\\)\s[\s\S]{{{LONGEST_LOOK_AHEAD}}}"
        return re.compile(self.settles or beyond)

    @cached_property
    def _groups(self) -> tuple[str, ...]:
        return tuple(group for group in SECRETS if group in self._form.groupindex)

    @cached_property
    def _has_body(self) -> bool:
        return "body" in self._form.groupindex

    @cached_property
    def _unless(self) -> Callable[[str], re.Match[str] | None]:
        return re.compile(self.unless).fullmatch

    @cached_property
    def _rest(self) -> re.Pattern[str] | None:
        return re.compile(f"{self.rest}*+") if self.rest else None
