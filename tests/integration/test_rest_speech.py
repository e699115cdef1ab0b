"""What is said of an answer while it is written, over HTTP."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaks import AWS, MASKED_AWS
from real_home import RealHome
from speaking import Events, Speaker

LONG = "It stands in the folder of the old machine, and nobody has looked there since. " * 3


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("speech") / "home")
    telling = Path(__file__).parent.parent / "telling_daemon.py"
    home.serve(program=[sys.executable, str(telling), "--home", str(home.home.path)])
    yield home
    home.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def ask(owner: Speaker, **told: object) -> str:
    asked = owner.ok("POST", "/v1/questions", {"question": json.dumps(told)})
    return f"/v1/questions/{asked['id']}/events"


def said_until(events: Events, text: str) -> list[dict[str, Any]]:
    """Return what is said until all of it together holds the text."""
    said: list[dict[str, Any]] = []
    while text not in "".join(each["text"] for each in said):
        (event,) = events.read(1)
        assert event["event"] == "text"
        assert "id" not in event
        said.append(json.loads(event["data"]))
    return said


def test_an_answer_is_heard_while_it_is_written_and_late_comers_hear_what_was_said(owner: Speaker, gate: Path) -> None:
    path = ask(owner, say=["It stands ", "in ", LONG[13:100]], text=LONG, until=str(gate))
    with owner.listen(path) as early:
        first = said_until(early, "folder")
        with owner.listen(path) as late:
            assert said_until(late, "folder")[0]["text"] == "".join(each["text"] for each in first)
            gate.write_bytes(b"")
            ends = [events.read(1)[0] for events in (early, late)]
            assert [early.next(), late.next()] == [None, None]
    assert [(end["event"], json.loads(end["data"])["text"]) for end in ends] == [("answer", LONG)] * 2
    assert [each["delivery"] for each in first] == [1] * len(first)
    for place, each in enumerate(first):
        assert each["offset"] == sum(len(before["text"]) for before in first[:place])
    assert LONG.startswith("".join(each["text"] for each in first))


def test_no_part_of_a_secret_is_heard(owner: Speaker, gate: Path) -> None:
    text = f"The key is KEY. {LONG}"
    path = ask(owner, say=["The key is ", "KEY", ". ", LONG], text=text, until=str(gate))
    with owner.listen(path) as events:
        heard = said_until(events, MASKED_AWS)
        gate.write_bytes(b"")
        (end,) = events.read(1)
    assert AWS[:8] not in json.dumps(heard)
    assert json.loads(end["data"])["text"].startswith("".join(each["text"] for each in heard))


def test_another_hand_over_begins_anew(owner: Speaker, gate: Path) -> None:
    with owner.listen(ask(owner, say=[LONG], text=LONG, until=str(gate), fail=1)) as events:
        first = said_until(events, "folder")
        gate.write_bytes(b"")
        second = said_until(events, "folder")
        gate.write_bytes(b"")
        (end,) = events.read(1)
    assert [(each["delivery"], each["offset"]) for each in (first[0], second[0])] == [(1, 0), (2, 0)]
    assert end["event"] == "answer"


def test_an_answer_that_an_agent_gives_is_of_unknown_trust_and_says_in_whose_place(owner: Speaker) -> None:
    told = {"say": [], "text": "Yes.", "in_place_of": "ada is down: no login"}
    asked = owner.ok("POST", "/v1/questions", {"question": json.dumps(told), "agent": "extractive"})
    answer = owner.ok("GET", f"/v1/questions/{asked['id']}?wait=5")
    posted = owner.ok("GET", f"/v1/messages/{asked['id']}")["answer"]
    for each in (answer, posted):
        assert (each["trust"], each["author"], each["in_place_of"]) == ("unknown", "telling", told["in_place_of"])


def test_an_agent_that_is_none_is_a_404_and_one_beside_a_mailbox_a_400(owner: Speaker) -> None:
    reply = owner.call("POST", "/v1/questions", {"question": "?!", "agent": "nobody"})
    assert (reply.status, reply.json["type"]) == (404, "urn:warmline:UnknownAgentError")
    assert owner.call("POST", "/v1/questions", {"question": "?!", "agent": "extractive", "to": "memory"}).status == 400


def test_the_document_declares_both_events(owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    declared = document["paths"]["/v1/questions/{question_id}/events"]["get"]["responses"]["200"]
    events = declared["content"]["text/event-stream"]["schema"]["oneOf"]
    assert [each["properties"]["event"]["const"] for each in events] == ["text", "answer"]
    for each in events:
        name = each["properties"]["data"]["contentSchema"]["$ref"].rpartition("/")[2]
        assert name in document["components"]["schemas"]
