"""Participants set to answer each other for ever: stopped, told once to those concerned, and nobody else's loss."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from real_home import RealHome
from speaking import Reply, Speaker, until
from warmline.settings import StoreSettings

MAX_HOPS = StoreSettings().max_hops
NO_LIMIT = {"per_minute": 1_000_000, "per_hour": 1_000_000, "per_day": 1_000_000}
WAIT_SECONDS = 4
OTHERS = 20


class Crew:
    """A conversation of agents, and ada, who is one too and begins things."""

    def __init__(self, home: RealHome, names: list[str], limits: dict[str, int]) -> None:
        self.home = home
        self.owner = Speaker(home.home, home.home.read_token())
        self.id = self.owner.ok("POST", "/v1/conversations", {"between": ["ada", *names]})["id"]
        self._credentials: list[str] = []
        self.ada = self._speaker("ada", {})
        self.speakers = [self._speaker(name, limits) for name in names]

    def posts(self, *, by_the_line: bool) -> list[dict[str, Any]]:
        """Return what was said in the conversation, by its agents or by the line."""
        said = self.owner.ok("GET", f"/v1/conversations/{self.id}/messages?limit=1000")["messages"]
        return [post for post in said if (post["sender"] == "warmline") is by_the_line and post["sender"] != "owner"]

    def stops(self) -> list[dict[str, Any]]:
        """Return what the command line's status tells of this conversation."""
        return [stop for stop in self.home.json("status")["stops"] if stop["conversation"] == self.id]

    def refusals(self) -> int:
        stops = self.owner.ok("GET", "/v1/status")["stops"]
        return sum(stop["refusals"] for stop in stops if stop["conversation"] == self.id)

    def open_deliveries(self) -> int:
        boxes = self.owner.ok("GET", "/v1/mailboxes")["mailboxes"]
        return sum(
            box["ready"] + box["leased"] for box in boxes if box["conversation"] == self.id and box["name"] != "ada"
        )

    def notices(self) -> list[str]:
        """Return the names of the mailboxes that the line put a notice of this conversation into."""
        own = [each["mailbox"] for post in self.posts(by_the_line=True) for each in post["receipts"]]
        batch = self.owner.ok("POST", "/v1/mailboxes/receive", {"limit": 100, "lease_seconds": 1})
        told = [each for each in batch["messages"] if f"in the conversation {self.id}:" in each["body"]]
        return sorted([*own, *("owner" for _ in told)])

    def end(self) -> None:
        """Revoke all credentials, and wake whoever waits for messages, to find that out."""
        for credential in self._credentials:
            self.owner.ok("POST", f"/v1/credentials/{credential}/revoke")
        self.owner.ok("POST", "/v1/messages", {"broadcast": True, "conversation": self.id, "body": "the end"})

    def _speaker(self, name: str, limits: dict[str, int]) -> Speaker:
        made = self.owner.ok("POST", "/v1/credentials", {"name": name, "conversation": self.id, **limits})
        self._credentials.append(made["id"])
        return Speaker(self.home.home, made["token"])


class Looper(threading.Thread):
    """Receives, and sends on whatever it gets, notices too, until its credential is revoked. Keeps each refusal."""

    def __init__(self, speaker: Speaker, to: str, *, limit: int = 1) -> None:
        super().__init__(name=f"sends to {to}")
        self.speaker = speaker
        self.to = to
        self.refused: list[Reply] = []
        self._limit = limit

    def run(self) -> None:
        while True:
            wanted = {"wait": WAIT_SECONDS, "limit": self._limit}
            received = self.speaker.call("POST", "/v1/mailboxes/receive", wanted)
            if received.status == 401:
                return
            if received.json["token"] is not None:
                self.serve(received.json)

    def serve(self, batch: dict[str, Any]) -> None:
        """Send on while it holds the batch."""
        for message in batch["messages"]:
            self.answer(batch, message)
        self.acknowledge(batch)

    def answer(self, batch: dict[str, Any], message: dict[str, Any]) -> None:
        self.tried(self.speaker.call("POST", "/v1/messages", {"to": self.to, "body": f"re: {message['body']}"[:200]}))

    def tried(self, reply: Reply) -> None:
        if reply.status >= 400:
            self.refused.append(reply)

    def acknowledge(self, batch: dict[str, Any]) -> None:
        self.speaker.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")


class Replier(Looper):
    """Replies to whatever it gets."""

    def answer(self, batch: dict[str, Any], message: dict[str, Any]) -> None:
        path = f"/v1/batches/{batch['token']}/messages/{message['id']}/reply"
        self.tried(self.speaker.call("POST", path, {"body": "and to you"}))


class Forgetter(Looper):
    """Acknowledges first, so that nothing is held when it sends on."""

    def serve(self, batch: dict[str, Any]) -> None:
        self.acknowledge(batch)
        for message in batch["messages"]:
            self.answer(batch, message)


@contextmanager
def at_work(crew: Crew, loopers: list[Looper]) -> Iterator[None]:
    """Let them loop while the block lasts; nothing goes on after it."""
    for looper in loopers:
        looper.start()
    try:
        yield
    finally:
        crew.end()
        for looper in loopers:
            looper.join(2 * WAIT_SECONDS)
            assert not looper.is_alive()


def others_are_served(home: RealHome) -> None:
    """Ask as the owner, and send as others: each question is answered, and each message is read."""
    crew = Crew(home, ["bob"], {})
    [bob] = crew.speakers
    asked = [
        crew.owner.ok("POST", "/v1/questions", {"question": f"Which port has number {number}?"})["id"]
        for number in range(OTHERS)
    ]
    sent = [crew.ada.ok("POST", "/v1/messages", {"to": "bob", "body": str(number)})["id"] for number in range(OTHERS)]
    read: list[str] = []
    while len(read) < OTHERS:
        batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": WAIT_SECONDS})
        read += bob.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")["settled"]
    assert read == sent
    answers = [crew.owner.ok("GET", f"/v1/questions/{each}?wait={WAIT_SECONDS}") for each in asked]
    assert [answer["state"] for answer in answers] == ["settled"] * OTHERS


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("loops") / "home")
    home.serve()
    yield home
    home.close()


def ring(crew: Crew, names: list[str], kind: type[Looper] = Looper, **how: int) -> list[Looper]:
    """Let each send to the next, and the last to the first."""
    return [kind(speaker, names[(number + 1) % len(names)], **how) for number, speaker in enumerate(crew.speakers)]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_loop_is_stopped_at_the_limit_of_hops_and_told_once_to_those_concerned(line: RealHome, count: int) -> None:
    names = [f"agent-{number}" for number in range(count)]
    crew = Crew(line, names, NO_LIMIT)
    loopers = ring(crew, names)
    with at_work(crew, loopers):
        crew.ada.ok("POST", "/v1/messages", {"to": names[0], "body": "go"})
        others_are_served(line)
        until(lambda: crew.refusals() == 2 and crew.open_deliveries() == 0)
    posts = crew.posts(by_the_line=False)
    assert [post["hops"] for post in posts] == list(range(1, MAX_HOPS + 1))
    assert {post["trace"] for post in posts} == {posts[0]["id"]}
    refused = (MAX_HOPS - 1) % count
    assert [len(looper.refused) for looper in loopers] == [2 if each == refused else 0 for each in range(count)]
    for reply in loopers[refused].refused:  # of the 25th message, and of the one that it made of the notice
        assert (reply.status, reply.json["type"]) == (409, "urn:warmline:LoopStoppedError")
    assert crew.notices() == sorted(["ada", "owner", names[refused]])
    [stop] = crew.stops()
    assert (stop["kind"], stop["participant"], stop["refusals"]) == ("loop", names[refused], 2)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_replies_to_replies_are_stopped_at_the_limit_of_hops(line: RealHome, count: int) -> None:
    """The first says something to all others, and each answers each answer."""
    names = [f"agent-{number}" for number in range(count)]
    crew = Crew(line, names, NO_LIMIT)
    loopers: list[Looper] = [Replier(speaker, "") for speaker in crew.speakers]
    for name in names[1:]:
        crew.speakers[0].ok("POST", "/v1/messages", {"to": name, "body": "go"})
    with at_work(crew, loopers):
        others_are_served(line)
        until(lambda: crew.refusals() == count - 1 and crew.open_deliveries() == 0)
    posts = crew.posts(by_the_line=False)
    traces = {post["trace"] for post in posts}
    assert len(traces) == count - 1
    for trace in traces:
        assert [post["hops"] for post in posts if post["trace"] == trace] == list(range(1, MAX_HOPS + 1))
    assert crew.notices() == sorted([names[0], "owner"] * (count - 1))
    assert [(stop["kind"], stop["refusals"]) for stop in crew.stops()] == [("loop", 1)] * (count - 1)


def test_many_loops_at_once_end_and_others_are_served_meanwhile(line: RealHome) -> None:
    names = [f"agent-{number}" for number in range(4)]
    crew = Crew(line, names, NO_LIMIT)
    begun = 12
    with at_work(crew, ring(crew, names, limit=10)):
        for number in range(begun):
            crew.ada.ok("POST", "/v1/messages", {"to": names[number % 4], "body": "go"})
        others_are_served(line)
        until(lambda: crew.refusals() >= 1 and crew.open_deliveries() == 0)
    posts = crew.posts(by_the_line=False)
    assert max(post["hops"] for post in posts) == MAX_HOPS
    assert len(posts) <= begun * MAX_HOPS
    notices = crew.notices()
    assert 1 <= notices.count("owner") == len(crew.stops()) <= begun


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_loop_that_holds_nothing_is_stopped_by_its_rate_and_told_once(line: RealHome, count: int) -> None:
    each = 5
    names = [f"agent-{number}" for number in range(count)]
    crew = Crew(line, names, {"per_minute": 100, "per_hour": each, "per_day": 100})
    loopers = ring(crew, names, Forgetter)
    with at_work(crew, loopers):
        crew.ada.ok("POST", "/v1/messages", {"to": names[0], "body": "go"})
        others_are_served(line)
        until(lambda: crew.refusals() == 2 and crew.open_deliveries() == 0)
    assert len(crew.posts(by_the_line=False)) == 1 + each * count
    assert [len(looper.refused) for looper in loopers] == [2, *[0] * (count - 1)]
    for reply in loopers[0].refused:
        assert (reply.status, reply.json["type"]) == (429, "urn:warmline:RateLimitedError")
        assert 1 <= int(reply.headers["Retry-After"]) <= 3600 // each
    assert crew.notices() == [names[0], "owner"]
    [stop] = crew.stops()
    assert (stop["kind"], stop["participant"], stop["refusals"]) == ("rate", names[0], 2)


def test_a_loop_that_holds_nothing_is_stopped_by_its_budget_and_told_once(line: RealHome) -> None:
    names = ["agent-0", "agent-1"]
    crew = Crew(line, names, {"per_minute": 100, "per_hour": 100, "per_day": 5})
    loopers = ring(crew, names, Forgetter)
    with at_work(crew, loopers):
        crew.ada.ok("POST", "/v1/messages", {"to": names[0], "body": "go"})
        others_are_served(line)
        until(lambda: crew.refusals() == 2 and crew.open_deliveries() == 0)
    assert len(crew.posts(by_the_line=False)) == 11
    for reply in loopers[0].refused:
        assert (reply.status, reply.json["type"]) == (429, "urn:warmline:BudgetSpentError")
        assert 1 <= int(reply.headers["Retry-After"]) <= 86_400
    assert crew.notices() == ["agent-0", "owner"]
    assert [(stop["kind"], stop["refusals"]) for stop in crew.stops()] == [("budget", 2)]


def restart(home: RealHome) -> None:
    """kill -9 the daemon, and start another."""
    home.kill()
    home.serve()


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        ({"per_minute": 100, "per_hour": 6, "per_day": 100}, "rate"),
        ({"per_minute": 100, "per_hour": 100, "per_day": 6}, "budget"),
    ],
)
def test_what_was_spent_and_who_was_stopped_survive_a_kill(
    real_home: RealHome, limits: dict[str, int], kind: str
) -> None:
    real_home.serve()
    crew = Crew(real_home, ["bob"], limits)
    [bob] = crew.speakers
    said = {"to": "ada", "body": "again"}
    for _ in range(2):
        assert [bob.call("POST", "/v1/messages", said).status for _ in range(3)] == [201] * 3
        restart(real_home)
    assert bob.call("POST", "/v1/messages", said).status == 429
    restart(real_home)
    refused = bob.call("POST", "/v1/messages", said)
    assert (refused.status, int(refused.headers["Retry-After"]) > 1) == (429, True)
    assert [(stop["kind"], stop["refusals"]) for stop in crew.stops()] == [(kind, 2)]
    assert crew.notices() == ["bob", "owner"]
    assert len(crew.posts(by_the_line=False)) == 6


def test_hops_what_is_held_and_who_was_stopped_survive_a_kill(real_home: RealHome) -> None:
    real_home.serve()
    names = ["agent-0", "agent-1"]
    crew = Crew(real_home, names, NO_LIMIT)
    crew.ada.ok("POST", "/v1/messages", {"to": names[0], "body": "go"})
    for hops in range(2, MAX_HOPS + 1):
        speaker, to = crew.speakers[hops % 2], names[(hops + 1) % 2]
        batch = speaker.ok("POST", "/v1/mailboxes/receive", {"wait": WAIT_SECONDS, "lease_seconds": 600})
        if hops in (3, 12, MAX_HOPS):
            restart(real_home)  # while the batch is held
        assert speaker.ok("POST", "/v1/messages", {"to": to, "body": "on"})["hops"] == hops
        speaker.ok("POST", f"/v1/batches/{batch['token']}/acknowledge")
    last = crew.speakers[(MAX_HOPS + 1) % 2]
    last.ok("POST", "/v1/mailboxes/receive", {"wait": WAIT_SECONDS, "lease_seconds": 600})
    for _ in range(2):
        refused = last.call("POST", "/v1/messages", {"to": names[0], "body": "on"})
        assert (refused.status, refused.json["type"]) == (409, "urn:warmline:LoopStoppedError")
        restart(real_home)
    assert [(stop["kind"], stop["refusals"]) for stop in crew.stops()] == [("loop", 2)]
    assert crew.notices() == ["ada", names[(MAX_HOPS + 1) % 2], "owner"]
