"""What takes long, in the client that is least patient; and what is long, in the client that cuts the most."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from real_clients.codex import Codex
from real_clients.line import DOORS, ClientsLine, Tell
from real_clients.opencode import OpenCode
from scripted_model.dialect import Call

ASK = Call("ask", {"question": "What do the stations measure?", "to": "docs"})

STATIONS = [f"Station {number} measures the wind at {number} metres." for number in range(1, 13)]
LONG = "".join(f"{number:05d} and so on.\n" for number in range(1_800))
"""30 KB and more, which tell where each character stands."""


def _collected(results: Sequence[str]) -> Mapping[str, object]:
    return {"ticket": re.findall(r"ticket: (\w+)", results[0])[0]}


def _gone_on(results: Sequence[str]) -> Mapping[str, object]:
    return {**_collected(results), "first_character": int(re.findall(r"first_character (\d+)", results[0])[0])}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("client", [OpenCode()], indirect=True, ids=["opencode"])
def test_a_question_of_75_seconds_is_answered(client: OpenCode, door: str, line: ClientsLine, tell: Tell) -> None:
    with line.answering("The wind, at twelve heights.", after_seconds=75):
        asked, collected = tell(client, door, ASK, Call("get_answer", _collected)).results
    assert "No answer yet" in asked
    assert "The wind, at twelve heights." in collected


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("client", [Codex()], indirect=True, ids=["codex"])
def test_of_an_answer_of_30_kb_the_start_and_all_citations_arrive_and_the_rest_follows(
    client: Codex, door: str, line: ClientsLine, tell: Tell
) -> None:
    assert len(LONG) >= 30_000
    line.remember("stations.md", "\n".join(STATIONS) + "\n")
    cited = [
        {"path": "notes/stations.md", "first_line": number, "last_line": number, "quote": text}
        for number, text in enumerate(STATIONS, 1)
    ]
    with line.answering(LONG, cited):
        start, more = tell(client, door, ASK, Call("get_answer", _gone_on)).results
    assert "| 00000 and so on." in start
    places = {f"notes/stations.md:{number}" for number in range(1, 13)}
    assert places <= set(re.findall(r"(?m)^- (\S+)$", start))
    assert "truncated" not in start
    shown = [int(number) for number in re.findall(r"(\d{5}) and so on", start + more)]
    assert shown == sorted(shown)
    assert len(shown) >= 700
