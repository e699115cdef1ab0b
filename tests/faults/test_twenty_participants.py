"""Twenty participants send and read while readers and the daemon are killed at random: nothing is lost or undone,
and the audit of what they leave is whole.

2,000 messages by default; `make soak` sends 20,000 (WARMLINE_MESSAGES).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome

MESSAGES = int(os.environ.get("WARMLINE_MESSAGES", "2000"))
PARTICIPANTS = [f"agent-{number:02d}" for number in range(1, 21)]
ORDERED = set(PARTICIPANTS[::4])
SENDERS = 4
KILL_EVERY_SECONDS = (0.1, 0.6)
LIMIT_SECONDS = 60 + MESSAGES * 0.05
DAEMON_SHARE = 0.2
NO_LIMIT = 1_000_000
WORKER = Path(__file__).parents[1] / "line_worker.py"


@dataclass(slots=True)
class Worker:
    """A process, and how to start it again."""

    words: list[str]
    process: subprocess.Popen[bytes]


class Crowd:
    """The processes of all participants."""

    def __init__(
        self,
        home: RealHome,
        daemon: subprocess.Popen[bytes],
        conversation: str,
        folder: Path,
        tokens: dict[str, str],
    ) -> None:
        self._home = home
        self._daemon = daemon
        self._conversation = conversation
        self._folder = folder
        self._tokens = tokens
        self.readers: dict[str, Worker] = {}
        self.senders: list[Worker] = []

    def start(self) -> None:
        for name in PARTICIPANTS:
            words = self._words(name, "read", name)
            self.readers[name] = Worker(words, subprocess.Popen(words))
        share = MESSAGES // SENDERS
        for number in range(SENDERS):
            words = self._words(
                PARTICIPANTS[number], "send", str(number * share), str((number + 1) * share), *PARTICIPANTS
            )
            self.senders.append(Worker(words, subprocess.Popen(words)))

    def kill_a_reader(self) -> None:
        """kill -9 a reader, and start it again once it is gone."""
        worker = random.choice(list(self.readers.values()))
        worker.process.kill()
        worker.process.wait(30)
        worker.process = subprocess.Popen(worker.words)

    def kill_the_daemon(self) -> None:
        """kill -9 the daemon, verify what it left, and start another."""
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait(30)
        self.verify()
        self._daemon = self._home.serve()

    def verify(self) -> None:
        """Nobody has tampered with anything, and `audit verify` says nothing else."""
        found = self._home.run("audit", "verify", "--json")
        assert found.returncode == 0, (found.stdout, found.stderr)

    def is_sending(self) -> bool:
        """Tell whether a sender is at work; one that was refused fails the test."""
        codes = [worker.process.poll() for worker in self.senders]
        assert not any(codes), codes
        return None in codes

    def open_deliveries(self) -> int:
        """Count what is ready or handed over in the participants' mailboxes."""
        states = self._home.client().call("GET", "/v1/mailboxes")["mailboxes"]
        return sum(state["ready"] + state["leased"] for state in states if state["name"] in PARTICIPANTS)

    def receipts(self) -> dict[str, tuple[str, int]]:
        """Return the one receipt's word and position of each message of the conversation."""
        found: dict[str, tuple[str, int]] = {}
        after = 0
        client = self._home.client()
        while True:
            path = f"/v1/conversations/{self._conversation}/messages?after={after}&limit=1000"
            posts = client.call("GET", path)["messages"]
            if not posts:
                return found
            for post in posts:
                [receipt] = post["receipts"]
                found[post["id"]] = receipt["receipt"], receipt["position"]
                after = post["number"]

    def log(self, name: str, verb: str) -> list[dict[str, Any]]:
        path = self._folder / f"{name}.{verb}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        for worker in [*self.readers.values(), *self.senders]:
            worker.process.kill()
            worker.process.wait(30)

    def _words(self, name: str, verb: str, *words: str) -> list[str]:
        log = self._folder / f"{name}.{verb}"
        return [sys.executable, str(WORKER), str(self._home.home.path), self._tokens[name], str(log), verb, *words]


@pytest.fixture
def crowd(real_home: RealHome, tmp_path: Path) -> Iterator[Crowd]:
    folder = tmp_path / "logs"
    folder.mkdir()
    daemon = real_home.serve()
    conversation = real_home.json("conversation", "new", "--between", "first,second")["id"]
    client = real_home.client()
    tokens = {}
    for name in PARTICIPANTS:
        limits = {"per_minute": NO_LIMIT, "per_hour": NO_LIMIT, "per_day": NO_LIMIT}
        made = client.call("POST", "/v1/credentials", {"name": name, "conversation": conversation, **limits})
        tokens[name] = made["token"]
        policy = {"conversation": conversation, "ordered": name in ORDERED, "answered_by": "anyone"}
        client.call("PUT", f"/v1/mailboxes/{name}/policy", policy)
    crowd = Crowd(real_home, daemon, conversation, folder, tokens)
    yield crowd
    crowd.close()


@pytest.mark.timeout(LIMIT_SECONDS * 2)
def test_nothing_is_lost_or_handed_again_after_its_acknowledgement(crowd: Crowd) -> None:
    crowd.start()
    kills = 0
    end = time.monotonic() + LIMIT_SECONDS
    while crowd.is_sending() or crowd.open_deliveries():
        assert time.monotonic() < end, f"{crowd.open_deliveries()} left of {MESSAGES} after {kills} kills"
        time.sleep(random.uniform(*KILL_EVERY_SECONDS))
        if random.random() < DAEMON_SHARE:
            crowd.kill_the_daemon()
        else:
            crowd.kill_a_reader()
        kills += 1
    sent = {entry["id"]: entry for number in range(SENDERS) for entry in crowd.log(PARTICIPANTS[number], "send")}
    assert len({entry["number"] for entry in sent.values()}) == len(sent) == MESSAGES
    receipts = crowd.receipts()
    assert {each: word for each, (word, _) in receipts.items()} == dict.fromkeys(sent, "read")
    positions = {each: position for each, (_, position) in receipts.items()}
    handed = [_check_reader(crowd.log(name, "read"), positions, ordered=name in ORDERED) for name in PARTICIPANTS]
    assert set().union(*handed) == set(sent)
    assert kills >= MESSAGES // 200
    crowd.verify()


def _check_reader(log: list[dict[str, Any]], positions: dict[str, int], *, ordered: bool) -> set[str]:
    """Check one mailbox's hand-overs in the order in which its readers saw them; return what was handed over."""
    batches: defaultdict[str, list[str]] = defaultdict(list)
    acknowledged: set[str] = set()
    first_handed: list[int] = []
    last_handed = 0
    for entry in log:
        assert entry["event"] != "refused", entry
        if entry["event"] == "done":
            acknowledged.update(batches[entry["token"]])
        elif entry["event"] == "handed":
            message_id, position = entry["id"], positions[entry["id"]]
            assert message_id not in acknowledged, f"handed again after its acknowledgement: {entry}"
            batches[entry["token"]].append(message_id)
            if entry["deliveries"] == 1:
                first_handed.append(position)
            if ordered:  # a killed reader may have acknowledged what its log does not say; nothing is passed by
                assert position >= last_handed, entry
                assert len(batches[entry["token"]]) == 1, entry
            last_handed = position
    assert first_handed == sorted(first_handed)
    return {each for batch in batches.values() for each in batch}
