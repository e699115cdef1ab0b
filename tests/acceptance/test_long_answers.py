"""Answers as long as a message may be, asked for by programs and shells over every transport: they come whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from agents_home import AgentsHome
from stand_in_agent import long_reply
from talk import QUOTE, Talk
from warmline import connect
from warmline.listen.addresses import Via, parse_address
from warmline.settings import AgentSettings, BridgeSettings

SIZE = BridgeSettings().max_body_bytes
ANSWER = long_reply(SIZE)
QUESTION = f"What is so long? stand-in: long {SIZE}"
LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentsHome]:
    """One whose agent answers as long as it is asked to."""
    home = AgentsHome(tmp_path_factory.mktemp("long"))
    home.serve()
    notes = home.folder / "notes"
    notes.mkdir()
    (notes / "exporter.md").write_text(f"{QUOTE}\n", encoding="utf-8")
    assert home.run("memory", "add", str(notes)).returncode == 0
    done = home.add("claude", "answering", "--memory", "notes")
    assert done.returncode == 0, done.stderr
    yield home
    home.close()


@pytest.fixture(scope="module")
def urls(home: AgentsHome) -> Mapping[Via, str]:
    """Where it listens, without a token."""
    places = ("--unix", f"{home.folder}/line", "--fifo", f"{home.folder}/fifo", "--shm", f"long-{home.pid()}")
    opened = home.json("instance", "open", "--tcp", "127.0.0.1:0", "--no-token", *places)
    return {Via(each["via"]): each["address"] for each in opened["listeners"]}


def test_a_reply_may_be_as_long_as_a_message() -> None:
    assert AgentSettings().max_reply_bytes == SIZE == len(ANSWER.encode())


@pytest.mark.parametrize("via", Via)
def test_an_agents_answer_of_1_mib_comes_whole_to_a_program(urls: Mapping[Via, str], via: Via) -> None:
    with connect(urls[via]) as line:
        answer = line.ask(f"{QUESTION} {via}", wait=LIMIT_SECONDS)
        assert answer.author == "claude"
        assert answer.text == ANSWER
        assert line.collect(answer.ticket).text == ANSWER


@pytest.mark.parametrize("via", [Via.TCP, Via.UNIX])
def test_an_agents_answer_of_1_mib_comes_whole_to_a_shell(urls: Mapping[Via, str], via: Via) -> None:
    if (nc := shutil.which("nc")) is None:
        pytest.skip("NOT TESTED: no nc is installed")
    address = parse_address(urls[via])
    place = ["-U", address.place] if via is Via.UNIX else [*map(str, address.host_and_port)]
    said = json.dumps({"type": "query", "question": f"{QUESTION} {via} nc"}) + "\n"
    done = subprocess.run(
        [nc, "-N", *place], input=said.encode(), capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    (answer,) = (json.loads(each) for each in done.stdout.splitlines())
    assert answer["answer"] == ANSWER


@pytest.mark.parametrize("via", Via)
def test_a_participants_answer_of_1_mib_comes_whole_by_its_ticket(
    home: AgentsHome, urls: Mapping[Via, str], via: Via
) -> None:
    talk = Talk(home, "--between", "coordinator,docs")
    question = talk.ask("coordinator", "--to", "docs", "What is so long?")
    assert talk.json("docs", "inbox")["messages"][0]["id"] == question
    replied = talk.run("docs", "reply", question, "-", stdin=ANSWER.encode())
    assert replied.returncode == 0, replied.stderr
    with connect(urls[via], token=talk.tokens["coordinator"]) as line:
        answer = line.collect(question, wait=LIMIT_SECONDS)
    assert (answer.author, answer.text) == ("docs", ANSWER)
    home.run("conversation", "close", talk.id)
