"""kill -9 of the daemon under load: nothing accepted is lost, nothing is answered twice, nothing is buried."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from real_home import RealHome
from sealing import assert_ledger_is_true
from warmline.errors import WarmlineError
from warmline.security.keys import read_seals

KILLS = 50
ASKERS = 4
LIMIT_SECONDS = 5
QUESTION = "Where does the spare key of the shed hang?"


class Asker(threading.Thread):
    """Asks in turn, each question with a key of its own, until told to stop; keeps every receipt."""

    def __init__(self, home: RealHome, number: int) -> None:
        super().__init__(name=f"asker {number}")
        self._home = home
        self._number = number
        self.accepted: dict[str, str] = {}
        self.asked = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            key = f"{self._number}-{self.asked}"
            self.asked += 1
            client = self._home.client()
            try:
                receipt = client.call("POST", "/v1/questions", {"question": QUESTION}, key=key)
                self.accepted[key] = receipt["id"]
            except WarmlineError:
                continue  # refused aloud, so nothing was promised
            finally:
                client.close()


@pytest.mark.timeout(300)
def test_fifty_kills_under_load_lose_nothing_and_answer_nothing_twice(real_home: RealHome, notes: Path) -> None:
    assert real_home.run("memory", "add", str(notes)).returncode == 0
    askers = [Asker(real_home, number) for number in range(ASKERS)]
    for asker in askers:
        asker.start()
    chance = random.Random(7)
    pause = threading.Event()
    for _ in range(KILLS):
        pause.wait(chance.uniform(0.0, 0.3))
        real_home.kill()
        verified = real_home.run("audit", "verify")  # while others begin the next daemon, too
        assert verified.returncode == 0, (verified.stdout, verified.stderr)
        real_home.run("questions", "--count")  # any command starts the next daemon
    for asker in askers:
        asker.stopping.set()
        asker.join(timeout=60)
    accepted = {key: receipt for asker in askers for key, receipt in asker.accepted.items()}
    assert len(accepted) > KILLS
    client = real_home.client()
    for key, question_id in accepted.items():
        answer = client.call("GET", f"/v1/questions/{question_id}?wait=60", wait_seconds=60)
        assert answer["outcome"] == "answered", (key, answer)
        again = client.call("POST", "/v1/questions", {"question": QUESTION}, key=key)
        assert again["id"] == question_id
    states = Counter(client.call("GET", "/v1/status")["messages"])
    assert states["dead"] == states["expired"] == 0
    assert states["settled"] >= len(accepted)
    real_home.run("stop")
    assert answered_twice(real_home) == []
    assert_ledger_is_true(real_home.home.store, read_seals(real_home.home.seal_keys))


def test_a_peer_that_has_said_nothing_yet_hears_of_the_end(real_home: RealHome) -> None:
    real_home.serve()
    host, _, port = real_home.client().call("GET", "/v1/status")["address"].rpartition(":")
    with socket.create_connection((host, int(port)), LIMIT_SECONDS) as spare:
        real_home.kill()
        try:
            said = spare.recv(1)
        except ConnectionResetError:
            said = b""  # it was not accepted yet
    assert said == b""


def answered_twice(home: RealHome) -> list[object]:
    """Return the ids of questions with more than one answer in the store's file."""
    with closing(apsw.Connection(str(home.home.store), flags=apsw.SQLITE_OPEN_READONLY)) as store:
        found = store.execute(
            "select in_reply_to from message where answer is not null group by in_reply_to having count(*) > 1"
        )
        return [question_id for (question_id,) in found]
