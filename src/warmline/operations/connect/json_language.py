"""JSON, also with comments and commas at the end, edited in its text: what is not ours keeps every character.

Comments are blanked out, character for character, so that the rest is read by the standard library's scanner in C: a
configuration of many megabytes takes a fraction of a second, and every place in it is one in the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from warmline.operations.connect.language import Document, Entry, Keys

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENTS = re.compile(_STRING + r"|//[^\n]*|/\*.*?\*/", re.DOTALL)
_LAST_COMMAS = re.compile(_STRING + r"|(?P<none>[\[{,]\s*),|,(?=\s*[\]}])", re.DOTALL)
_VISIBLE = re.compile(r"[^\r\n]")
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"[ \t]*")

USUAL_INDENT = "  "


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member of an object stands: its name begins at `start`, its value goes from `value` up to `end`."""

    name: str
    start: int
    value: int
    end: int


class JsonLanguage:
    """Reads JSON, and with comments=True what most editors and clients allow in it."""

    def __init__(self, *, comments: bool) -> None:
        self._comments = comments

    def read(self, text: str) -> Document:
        """Return what the text says. Raises ValueError."""
        return _Source(text, comments=self._comments).document

    def put(self, text: str, keys: Keys, entry: Entry, first: Entry) -> str:
        """Put the entry in. Raises ValueError."""
        if not text.strip():
            return text + json.dumps({**first, keys[0]: {keys[1]: entry}}, indent=2, ensure_ascii=False) + "\n"
        source = _Source(text, comments=self._comments)
        holder = source.member(source.root, keys[0])
        if holder is None:
            return source.with_member(source.root, keys[0], {keys[1]: entry})
        old = source.member(holder.value, keys[1])
        if old is None:
            return source.with_member(holder.value, keys[1], entry)
        indent = source.indent_at(old.start) if "\n" in text[old.value : old.end] else None
        return text[: old.value] + source.written(entry, indent) + text[old.end :]

    def take(self, text: str, keys: Keys, *, with_holder: bool) -> str:
        """Take the entry out. Raises ValueError."""
        if not text.strip():
            return text
        source = _Source(text, comments=self._comments)
        holder = source.member(source.root, keys[0])
        if holder is None:
            return text
        if with_holder and [each.name for each in source.members(holder.value)[0]] == [keys[1]]:
            return source.without_member(source.root, keys[0])
        return source.without_member(holder.value, keys[1])

    def snippet(self, keys: Keys, entry: Entry) -> str:
        """Write the entry as a person adds it by hand."""
        return json.dumps({keys[0]: {keys[1]: entry}}, indent=2, ensure_ascii=False) + "\n"


class _Source:
    """A text that is JSON, and where what stands in it. Raises ValueError when it is none."""

    def __init__(self, text: str, *, comments: bool) -> None:
        self.text = self._bare = self._strict = text
        self.document: Document = {}
        if not text.strip():
            return
        try:
            found = self._decoded()
        except ValueError:
            if not comments:
                raise
            self._bare = _COMMENTS.sub(_blanked_comment, text)
            self._strict = _LAST_COMMAS.sub(_blanked_comma, self._bare)
            found = self._decoded()
        if not isinstance(found, dict):
            raise ValueError("it holds no object")  # noqa: TRY004  # the file is wrong, not the program
        self.document = found
        self.root = self._skip(0)

    def _decoded(self) -> object:
        try:
            return _DECODER.decode(self._strict)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error

    def members(self, at: int) -> tuple[list[Member], int]:
        """Return the members of the object that begins here, and where it ends. Raises ValueError if it is none."""
        text = self._strict
        if text[at] != "{":
            raise ValueError("what should hold the servers is no object")
        found: list[Member] = []
        at = self._skip(at + 1)
        while text[at] != "}":
            start = self._skip(at + 1) if text[at] == "," else at
            name, at = _DECODER.raw_decode(text, start)
            value = self._skip(self._skip(at) + 1)
            _, end = _DECODER.raw_decode(text, value)
            found.append(Member(name, start, value, end))
            at = self._skip(end)
        return found, at

    def member(self, at: int, name: str) -> Member | None:
        """Return the member of this name of the object that begins here. Raises ValueError when there are several."""
        found = [each for each in self.members(at)[0] if each.name == name]
        if len(found) > 1:
            raise ValueError(f"{name} stands in it {len(found)} times")
        return found[0] if found else None

    def with_member(self, at: int, name: str, value: Entry) -> str:
        """Return the text with a member more, at the end of the object that begins here, behind what is said there."""
        members, close = self.members(at)
        text, behind = self.text, members[-1].end if members else at + 1
        has_comma = bool(members) and "," in self._bare[behind:close]
        place = behind + len(text[behind:close].rstrip(" \t\r\n"))
        comma = "," if members and not has_comma else ""
        after = "," if has_comma else ""
        if self._is_inline(at, close, members):
            new = (" " if members else "") + self._member(name, value, None) + after
        else:
            outer = self.indent_at(at)
            indent = self.indent_at(members[-1].start) if members else outer + self._unit()
            closing = "" if members or "\n" in text[place:close] else self._newline + outer
            new = self._newline + indent + self._member(name, value, indent) + after + closing
        return text[:behind] + comma + text[behind:place] + new + text[place:]

    def without_member(self, at: int, name: str) -> str:
        """Return the text without that member of the object that begins here."""
        members, close = self.members(at)
        if (member := self.member(at, name)) is None:
            return self.text
        index = members.index(member)
        is_last = member == members[-1]
        comma = self._bare.find(",", member.end, close if is_last else members[index + 1].start)
        text, start, end = self.text, member.start, member.end
        keeps_line = not is_last or self._ends_line_comment(start)
        if comma >= 0:
            end = comma + 1
        elif index:
            before = self._bare.index(",", members[index - 1].end, start)
            keeps_line = keeps_line or self._ends_line_comment(before)
            text = text[:before] + text[before + 1 :]
            start, end, close = start - 1, end - 1, close - 1
        cut = _cut(text, start, end, keeps_line=keeps_line)
        if len(members) == 1 and not cut[at + 1 : close - (len(text) - len(cut))].strip():
            return cut[: at + 1] + cut[close - (len(text) - len(cut)) :]
        return cut

    def written(self, value: object, indent: str | None) -> str:
        """Write a value as the file would; indent is that of the line on which it begins, None for all on one line."""
        if indent is None:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit()).split("\n")
        return (self._newline + indent).join(lines)

    def indent_at(self, at: int) -> str:
        """Return the indentation of the line that this place is on."""
        found = _INDENT.match(self.text, self.text.rfind("\n", 0, at) + 1)
        return found.group() if found else ""

    def _ends_line_comment(self, at: int) -> bool:
        """Tell whether the last that stands before this place is a comment up to the end of its line."""
        last = len(self.text[:at].rstrip(" \t\r\n")) - 1
        if self._bare[last] == self.text[last]:
            return False
        return any(
            each.start() <= last < each.end() and each.group().startswith("//")
            for each in _COMMENTS.finditer(self.text)
        )

    def _member(self, name: str, value: object, indent: str | None) -> str:
        return f"{json.dumps(name)}: {self.written(value, indent)}"

    def _is_inline(self, at: int, close: int, members: list[Member]) -> bool:
        """Tell whether an object is written on one line; an empty one is if the whole file is."""
        if members:
            return "\n" not in self.text[at:close]
        return "\n" not in self.text.strip() and bool(self.document)

    def _unit(self) -> str:
        """Return by how much the file indents."""
        members = self.members(self.root)[0]
        first = self.indent_at(members[0].start) if members else ""
        return first.removeprefix(self.indent_at(self.root)) or USUAL_INDENT

    @property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._strict, at)
        return found.end() if found else at


def _cut(text: str, start: int, end: int, *, keeps_line: bool) -> str:
    """Cut this out of the text, with the space around it that was there for its sake.

    keeps_line: what follows on its line must not come to stand on the line before.
    """
    line = text.find("\n", end)
    before = text[:start].rstrip(" \t\r\n")
    if text[end : len(text) if line < 0 else line].strip() and keeps_line and "\n" in text[len(before) : start]:
        return text[:start] + text[end:].lstrip(" \t")
    return before + text[end:]


def _blanked_comment(found: re.Match[str]) -> str:
    said = found.group()
    return said if said.startswith('"') else _VISIBLE.sub(" ", said)


def _blanked_comma(found: re.Match[str]) -> str:
    said = found.group()
    return said if said.startswith('"') or found["none"] is not None else " "
