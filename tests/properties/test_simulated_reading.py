"""The simulated model reads a file to its end, however a program's Read cuts it, and cites the right line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warmline.simulation.messages import read_prompt
from warmline.simulation.turns import Call, next_turn

PATH = "/srv/notes.md"


@dataclass(frozen=True)
class Reader:
    """A Read of so many lines, which at most says more than `most` lines at a time, or refuses to."""

    lines: list[str]
    most: int
    refuses: bool
    advises_behind: bool

    def read(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the messages that bring the result."""
        first, limit = asked.get("offset", 1), asked.get("limit", 2000)
        found = list(enumerate(self.lines, 1))[first - 1 : first - 1 + limit]
        if len(found) > self.most and self.refuses:
            return [_result("This exceeds what may be read at once.", is_error=True)]
        told = "\n".join(f"{number}\t{line}" for number, line in found[: self.most])
        if len(found) <= self.most:
            return [_result(told)]
        advice = f"PARTIAL view. Call Read with offset={first + self.most} limit={self.most} for the next page."
        if self.advises_behind:
            return [_result(told), {"role": "system", "content": advice}]
        return [_result(f"<system-reminder>{advice}</system-reminder>\n\n{told}")]


def _result(text: str, *, is_error: bool = False) -> dict[str, Any]:
    back = {"type": "tool_result", "tool_use_id": "t", "content": text, "is_error": is_error}
    return {"role": "user", "content": [back]}


@given(
    count=st.integers(1, 90),
    place=st.integers(0),
    most=st.integers(20, 40),
    refuses=st.booleans(),
    behind=st.booleans(),
)
def test_every_line_of_a_file_is_read(count: int, place: int, most: int, *, refuses: bool, behind: bool) -> None:
    wanted = place % count
    lines = [f"Nothing stands in line {number}." for number in range(count)]
    lines[wanted] = "The zebra sleeps."
    reader = Reader(lines, most, refuses, behind)
    turns: list[dict[str, Any]] = [{"role": "user", "content": f"Read {PATH}.\n\nWhere does the zebra sleep?"}]
    for _ in range(30):
        body = {"model": "m", "tools": [{"name": "Read"}], "messages": turns}
        turn = next_turn(read_prompt(json.dumps(body).encode()), 150)
        if not isinstance(turn, Call):
            break
        use = {"type": "tool_use", "id": "t", "name": turn.name, "input": turn.input}
        turns += [{"role": "assistant", "content": [use]}, *reader.read(dict(turn.input))]
    assert turn == f'{PATH}:{wanted + 1}-{wanted + 1} "The zebra sleeps."'
