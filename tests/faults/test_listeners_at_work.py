"""A real daemon that listens everywhere: crowds, floods, callers who leave or are killed, and its own death.

`make test-listeners` does the same with more callers.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import flood
import restless_caller
from channel_talker import ChannelTalker
from configuration_file import written
from real_home import RealHome
from speaking import until
from talk import QUOTE
from warmline import connect
from warmline.interfaces.cli.client import Client
from warmline.listen.addresses import Via
from warmline.model import Outcome
from warmline.operations.bench_transports.held import lasting
from warmline.settings import ListenSettings

QUESTION = "Which port does the exporter listen on?"
CROWD = 1000
PACED, PER_SECOND = int(os.environ.get("WARMLINE_PACED", "30")), 10
FLOOD = int(os.environ.get("WARMLINE_FLOOD", "1500"))
"""Connections; more than an instance lets in. One over FIFOs costs 1.5 ms."""

KILLS = int(os.environ.get("WARMLINE_KILLS", "10"))
GOOD_PERIOD_SECONDS = 0.05
MAX_GROWN_BYTES = 48 * 2**20
SWEPT_SECONDS = 5 + (ListenSettings().leftover_age + ListenSettings().sweep_period).total_seconds()
"""Until nothing lies there any more of who was killed between making its FIFOs and knocking."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: shared memory, and /proc, are Linux's")


class Instance:
    """A daemon that listens over each kind of transport, and what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = RealHome(folder / "home")
        notes = folder / "notes"
        notes.mkdir()
        (notes / "exporter.md").write_text(f"# The exporter\n\n{QUOTE}\n", encoding="utf-8")
        assert self.home.run("memory", "add", str(notes)).returncode == 0
        assert self.home.run("stop").returncode == 0
        written(self.home.home.configuration, self._toml())
        self.daemon = self.home.serve()
        listed = self.home.json("instance", "list")
        assert listed["problems"] == []
        self.urls: Mapping[Via, str] = {Via(each["via"]): each["address"] for each in listed["listeners"]}
        for url in self.urls.values():
            with ChannelTalker(url) as talker:
                assert talker.ask(QUESTION)["outcome"] == Outcome.ANSWERED

    def _toml(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        places = f'tcp = "127.0.0.1:{port}"\nunix = "{self.folder}/line"\nfifo = "{self.folder}/fifo"\n'
        return f'[listen]\n{places}no_token = true\nshm = "at-work-{os.getpid()}"\n'

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.daemon.pid}/fd").iterdir()))

    def rss(self) -> int:
        status = Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def get(self, path: str) -> Any:
        """Look over HTTP, and keep no connection."""
        with closing(Client(self.home.home)) as client:
            return client.call("GET", path)

    def count(self) -> int:
        count = self.get("/v1/questions/count")["count"]
        assert isinstance(count, int)
        return count

    def kill(self) -> None:
        """kill -9, and start the next."""
        self.daemon.kill()
        self.daemon.wait(timeout=5)
        self.daemon = self.home.serve()

    @contextmanager
    def level(self) -> Iterator[None]:
        """Hold it to holding no more after the block than before it, but for what it opens for a moment."""
        before = lasting(self.descriptors), self.rss()
        yield
        until(lambda: self.descriptors() <= before[0])
        assert self.rss() < before[1] + MAX_GROWN_BYTES

    @contextmanager
    def serving_others(self) -> Iterator[None]:
        """Hold it to answering all that its owner asks meanwhile over each transport, one after the other."""
        token = self.home.home.read_token()
        ending, wrong, answered = threading.Event(), list[object](), dict.fromkeys(self.urls, 0)

        def ask(via: Via) -> None:
            with ChannelTalker(self.urls[via]) as talker:
                while not (ending.wait(GOOD_PERIOD_SECONDS) and answered[via]):
                    reply = talker.ask(QUESTION, token=token)
                    if reply is None or reply.get("outcome") != Outcome.ANSWERED:
                        wrong.append((via, reply))
                        return
                    answered[via] += 1

        asking = [threading.Thread(target=ask, args=(via,)) for via in self.urls]
        for each in asking:
            each.start()
        try:
            yield
        finally:
            ending.set()
            for each in asking:
                each.join()
        assert wrong == []
        assert all(answered.values())


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("at_work"))
    yield instance
    instance.home.close()


@pytest.fixture(params=list(Via))
def url(instance: Instance, request: pytest.FixtureRequest) -> str:
    return instance.urls[request.param]


def test_what_was_said_whole_is_asked_though_its_caller_left_at_once(instance: Instance, url: str) -> None:
    before = instance.count()
    kinds: list[dict[str, object]] = [
        {"question": f"{QUESTION} {url}"},
        {"question": f"{QUESTION} {url} it is", "context_file": "notes/exporter.md"},
        {"question": f"{QUESTION} {url}" + " please" * 20_000},
    ]
    for number, kind in enumerate(kinds):
        with ChannelTalker(url) as talker:
            talker.send(type="query", id=f"{url} {number}", **kind)
    until(lambda: instance.count() == before + len(kinds))
    with ChannelTalker(url) as talker:
        for number, kind in enumerate(kinds):
            talker.send(type="query", id=f"{url} {number}", **kind)
            answer = talker.hear()
            assert (answer["type"], answer["id"]) == ("response", f"{url} {number}")
            talker.send(type="query", ticket=answer["ticket"])
            assert talker.hear()["answer"] == answer["answer"]
    assert instance.count() == before + len(kinds)


def test_a_thousand_at_once_are_all_answered_and_handed_over_in_their_order(instance: Instance, url: str) -> None:
    with instance.level():
        talkers = [ChannelTalker(url) for _ in range(CROWD)]
        for talker in talkers:
            talker.send(type="query", question=QUESTION)
        replies = [talker.hear() for talker in talkers]
        for talker in talkers:
            talker.close()
    assert [each for each in replies if each["type"] != "response" or each["outcome"] != Outcome.ANSWERED] == []
    tickets = {each["ticket"] for each in replies}
    assert len(tickets) == CROWD
    assert_handed_over_in_order(instance, tickets)


def test_those_who_ask_at_an_even_pace_are_all_answered(instance: Instance) -> None:
    wrong: list[object] = []
    pace = threading.Event()

    def ask(via: Via) -> None:
        for _ in range(PACED):
            with ChannelTalker(instance.urls[via]) as talker:
                talker.send(type="query", question=QUESTION)
                pace.wait(1 / PER_SECOND)
                reply = talker.hear()
                if reply["type"] != "response":
                    wrong.append((via, reply))

    with instance.level():
        asking = [threading.Thread(target=ask, args=(via,)) for via in instance.urls]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
    assert wrong == []


def test_a_question_of_900_kb_comes_whole_in_any_script(instance: Instance, url: str) -> None:
    with instance.level(), connect(url) as line:
        for letter in ("a", "€", "\x01"):
            said = (url + letter * 900_000).encode()[:900_000].decode(errors="ignore")
            ticket = line.ask(said).ticket
            kept = instance.get(f"/v1/questions/{ticket}")
            assert kept["question"] == said


def test_a_flood_of_strangers_who_say_half_a_line_keeps_nobody_from_asking(instance: Instance, url: str) -> None:
    program = [sys.executable, flood.__file__, url, str(FLOOD)]
    with instance.level(), subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flooding:
        assert flooding.stdout is not None
        with instance.serving_others():
            assert flooding.stdout.readline() == f"{FLOOD} connected\n".encode()
        flooding.kill()


def test_callers_who_are_killed_while_they_write_leave_nothing_behind(instance: Instance, url: str) -> None:
    chance, pause = random.Random(url), threading.Event()
    with instance.level(), instance.serving_others():
        for number in range(KILLS):
            program = [sys.executable, restless_caller.__file__, url, str(number)]
            with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
                assert caller.stdout is not None
                assert caller.stdout.readline()
                pause.wait(chance.uniform(0, 0.1))
                caller.kill()
    until(lambda: not list(instance.folder.glob(".fifo.*")), SWEPT_SECONDS)


def test_an_instance_that_is_killed_answers_each_question_once_when_it_is_back(instance: Instance) -> None:
    questions, tickets, pause = 20, dict[Via, list[str]](), threading.Event()

    def ask(via: Via) -> None:
        with connect(instance.urls[via]) as line:
            tickets[via] = [line.ask(QUESTION, id=f"killed {via} {each}").ticket for each in range(questions)]

    before = instance.count()
    asking = [threading.Thread(target=ask, args=(via,)) for via in instance.urls]
    for each in asking:
        each.start()
    for _ in range(3):
        pause.wait(0.1)
        instance.kill()
    for each in asking:
        each.join()
    assert [len(set(got)) for got in tickets.values()] == [questions] * len(instance.urls)
    assert instance.count() == before + questions * len(instance.urls)
    for via, url in instance.urls.items():
        with connect(url) as line:
            again = [line.ask(QUESTION, id=f"killed {via} {each}").ticket for each in range(questions)]
        assert again == tickets[via]


def assert_handed_over_in_order(instance: Instance, tickets: set[str]) -> None:
    with closing(apsw.Connection(str(instance.home.home.store), flags=apsw.SQLITE_OPEN_READONLY)) as store:
        rows = store.execute("select message_id, deliveries, handed_at from delivery order by position")
        times = [handed_at for ticket, deliveries, handed_at in rows if ticket in tickets and deliveries == 1]
    assert len(times) == len(tickets)
    assert times == sorted(times)
