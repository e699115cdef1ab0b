"""Many receivers that wait in one daemon: what they cost it, and who is woken."""

from __future__ import annotations

import json
import select
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from real_home import RealHome
from speaking import Speaker, until

WAITING = 500
MAX_MORE_BYTES = 60 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: the resident size is told on Linux only")
def test_500_receivers_cost_60_mb_at_most_and_one_message_wakes_one(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    home.serve()
    try:
        with ExitStack() as readers:
            wake_one_of_many(Speaker(home.home, home.home.read_token()), readers)
    finally:
        home.close()


def wake_one_of_many(owner: Speaker, readers: ExitStack) -> None:
    made = owner.ok("POST", "/v1/conversations", {"between": ["ann", "bob"]})
    tokens = {each["name"]: each["token"] for each in made["credentials"]}
    bob = Speaker(owner.home, tokens["bob"])
    before = owner.ok("GET", "/v1/status")["rss_bytes"]
    waiting: dict[Any, Any] = {}
    for _ in range(WAITING):
        connection = readers.enter_context(closing(bob.begin("POST", "/v1/mailboxes/receive", {"wait": 600})))
        waiting[connection.sock] = connection
    until(lambda: owner.ok("GET", "/v1/status")["receiving"] == WAITING)
    assert owner.ok("GET", "/v1/status")["rss_bytes"] - before <= MAX_MORE_BYTES
    sent = Speaker(owner.home, tokens["ann"]).ok("POST", "/v1/messages", {"to": "bob", "body": "one of you"})
    (woken,), _, _ = select.select(waiting, [], [], 5)
    assert [each["id"] for each in _messages(waiting.pop(woken))] == [sent["id"]]
    assert owner.ok("GET", "/v1/status")["receiving"] == WAITING - 1
    assert select.select(waiting, [], [], 0) == ([], [], [])


def _messages(connection: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = json.loads(connection.getresponse().read())["messages"]
    return messages
