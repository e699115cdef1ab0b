"""Listeners over HTTP, at the start of the daemon, and at its end."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from configuration_file import written
from line_talker import LIMIT_SECONDS, Talker
from real_home import RealHome
from speaking import Speaker, until

QUESTION = "Which port does the exporter listen on?"
WRONG = "wl_of_nobody"
LOOPBACK = "tcp://127.0.0.1:0"

Open = Callable[..., Any]


@pytest.fixture
def opened(owner: Speaker) -> Iterator[Open]:
    """Open listeners that are closed at the end."""

    def opened(address: str, **more: object) -> Any:
        return owner.ok("POST", "/v1/listeners", {"address": address, **more})

    yield opened
    for each in owner.ok("GET", "/v1/listeners")["listeners"]:
        close(owner, each["address"])


def close(owner: Speaker, address: str) -> Any:
    return owner.ok("DELETE", f"/v1/listeners?address={quote(address, safe='')}")


def test_all_of_it_wants_the_right_to_administer(owner: Speaker, tmp_path: Path) -> None:
    somebody = Speaker(owner.home, owner.ok("POST", "/v1/credentials", {"name": "somebody"})["token"])
    url = f"unix://{tmp_path}/line"
    for speaker, status in ((somebody, 403), (Speaker(owner.home, None), 401)):
        assert speaker.call("GET", "/v1/listeners").status == status
        assert speaker.call("POST", "/v1/listeners", {"address": url}).status == status
        assert speaker.call("DELETE", f"/v1/listeners?address={quote(url, safe='')}").status == status
    assert not Path(f"{tmp_path}/line").exists()


def test_one_that_is_opened_is_listed_counted_and_closed(owner: Speaker, opened: Open, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/line"
    made = opened(url)
    assert (made["address"], made["via"], made["needs_token"], made["exposed"]) == (url, "unix", False, False)
    assert stat.S_IMODE((tmp_path / "line").stat().st_mode) == 0o600
    with Talker(url) as talker:
        assert talker.ask(QUESTION)["type"] == "response"
        (listed,) = owner.ok("GET", "/v1/listeners")["listeners"]
        assert listed == made | {"connections": 1, "requests": 1}
        assert owner.ok("GET", "/v1/status")["listeners"] == [listed]
        assert close(owner, url)["listeners"] == []
        assert talker.hear() is None
    assert not (tmp_path / "line").exists()
    assert owner.call("DELETE", f"/v1/listeners?address={quote(url, safe='')}").status == 404


def test_opening_and_closing_are_audited(line: RealHome, owner: Speaker, opened: Open, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/audited"
    opened(url)
    close(owner, url)
    rows = line.json("audit", "show", "--subject", url)
    assert [(each["verb"], each["actor"]) for each in rows] == [("open_listener", "owner"), ("close_listener", "owner")]


def test_tcp_wants_a_token_and_then_knows_who_speaks(owner: Speaker, opened: Open) -> None:
    url = opened(LOOPBACK)["address"]
    with Talker(url) as talker:
        assert talker.ask(QUESTION)["code"] == "unauthorized"
        assert talker.ask(QUESTION, token=WRONG)["code"] == "unauthorized"
        token = owner.ok("POST", "/v1/credentials", {"name": "program", "rights": ["ask"]})["token"]
        answer = talker.ask(QUESTION, token=token)
        assert answer["type"] == "response"
        assert talker.ask(QUESTION)["type"] == "response"
    assert owner.ok("GET", f"/v1/messages/{answer['ticket']}")["sender"] == "program"


def test_who_needs_no_token_is_a_guest_that_can_be_shut_out(owner: Speaker, opened: Open) -> None:
    url = opened(LOOPBACK, no_token=True)["address"]
    with Talker(url) as talker:
        ticket = talker.ask(QUESTION)["ticket"]
        assert owner.ok("GET", f"/v1/messages/{ticket}")["sender"] == "guest"
        owner.ok("POST", "/v1/credentials/guest/revoke")
        assert talker.ask(QUESTION)["code"] == "unauthorized"
    close(owner, url)
    with Talker(opened(LOOPBACK, no_token=True)["address"]) as talker:  # the owner said so again
        assert talker.ask(QUESTION)["type"] == "response"


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"address": "http://127.0.0.1:1"}, 400, "tcp://HOST:PORT"),
        ({"address": "tcp://127.0.0.1"}, 400, "a host and a port"),
        ({"address": "tcp://127.0.0.1:70000"}, 400, "a host and a port"),
        ({"address": "tcp://0.0.0.0:0"}, 400, "other machines reach '0.0.0.0', and can read all"),
        ({"address": "tcp://[::]:0", "no_token": True}, 400, "must show a token: leave out `no_token`"),
        ({"address": "tcp://0.0.0.0:0", "no_token": True, "unencrypted": True}, 400, "must show a token"),
        ({"address": "tcp://192.0.2.1:1", "unencrypted": True}, 409, "cannot listen at tcp://192.0.2.1:1"),
        ({"address": "unix://relative"}, 400, "an absolute path"),
        ({"address": "unix:///nowhere/at/all/line"}, 409, "No such file"),
        ({"address": "unix:///tmp/line", "no_token": True}, 400, "said of TCP alone"),
        ({"address": "shm://../x"}, 400, "letters, digits"),
        ({"address": "shm://x", "no_token": "yes"}, 422, "no_token"),
        ({"address": 3}, 422, "address"),
        ({}, 422, "address"),
    ],
)
def test_what_cannot_be_opened_is_told_and_opens_nothing(
    owner: Speaker, asked: dict[str, object], status: int, told: str
) -> None:
    reply = owner.call("POST", "/v1/listeners", asked)
    assert (reply.status, told in reply.json["detail"]) == (status, True), reply.json
    assert owner.ok("GET", "/v1/listeners")["listeners"] == []


def test_a_place_that_is_taken_is_409_and_what_is_there_stays(owner: Speaker, opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert owner.call("POST", "/v1/listeners", {"address": f"unix://{file}"}).status == 409
    assert file.read_text(encoding="utf-8") == "mine"
    first = opened(LOOPBACK)["address"]
    assert owner.call("POST", "/v1/listeners", {"address": first}).status == 409
    assert [each["address"] for each in owner.ok("GET", "/v1/listeners")["listeners"]] == [first]


def test_other_machines_are_let_in_when_that_is_said(owner: Speaker, opened: Open) -> None:
    made = opened("tcp://0.0.0.0:0", unencrypted=True)
    assert (made["needs_token"], made["exposed"]) == (True, True)


def test_a_line_in_a_body_reaches_nobody_as_a_question_of_a_browser(opened: Open) -> None:
    url = opened(LOOPBACK, no_token=True)["address"]
    with Talker(url) as talker:
        talker.socket.sendall(b'POST / HTTP/1.1\r\nHost: x\r\n\r\n{"type":"query","question":"x"}\n')
        assert talker.hear() is None


def test_what_the_file_names_is_open_from_the_start_and_what_cannot_be_is_told(
    real_home: RealHome, tmp_path: Path
) -> None:
    real_home.home.make()
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        written(
            real_home.home.configuration,
            f'[listen]\ntcp = "127.0.0.1:{port}"\nunix = "{tmp_path}/line"\nfifo = "{taken}"\nwrong = 1\n',
        )
        real_home.serve()
        done = real_home.run("instance", "list", "--json")
    found = real_home.json("instance", "list", code=1)
    assert done.returncode == 1
    assert [each["address"] for each in found["listeners"]] == [f"unix://{tmp_path}/line"]
    assert [each.partition(":")[0] for each in found["problems"]] == ["`listen.wrong`", "`listen.tcp`", "`listen.fifo`"]
    assert real_home.json("status")["listener_problems"] == 3
    assert taken.read_text(encoding="utf-8") == "mine"
    with Talker(f"unix://{tmp_path}/line") as talker:
        assert talker.ask(QUESTION)["type"] == "response"


def test_guests_that_were_revoked_stay_out_after_a_restart(real_home: RealHome, tmp_path: Path) -> None:
    real_home.home.make()
    written(real_home.home.configuration, f'[listen]\nunix = "{tmp_path}/line"\n')
    real_home.serve()
    assert real_home.run("credential", "revoke", "guest").returncode == 0
    real_home.run("stop")
    real_home.serve()
    with Talker(f"unix://{tmp_path}/line") as talker:
        assert talker.ask(QUESTION)["code"] == "unauthorized"


def test_a_daemon_that_leaves_gives_who_waits_a_ticket_and_leaves_nothing_behind(
    real_home: RealHome, tmp_path: Path
) -> None:
    daemon = real_home.serve()
    assert real_home.run("agents", "list").returncode == 0
    owner = Speaker(real_home.home, real_home.home.read_token())
    url = owner.ok("POST", "/v1/listeners", {"address": f"unix://{tmp_path}/line"})["address"]
    owner.ok("POST", "/v1/conversations", {"between": ["a", "b"], "persons": []})
    with Talker(url) as talker, Talker(url) as idle:
        talker.send(type="query", question=QUESTION, progress=True)
        assert talker.hear()["type"] == "progress"
        daemon.send_signal(signal.SIGTERM)
        last = talker.hear()
        while last["type"] == "progress":
            last = talker.hear()
        assert last["type"] in {"ticket", "response"}
        assert talker.hear() is None
        assert idle.hear() is None
    assert daemon.wait(LIMIT_SECONDS) == 0
    assert not (tmp_path / "line").exists()


def test_a_daemon_that_listens_does_not_leave_when_idle(real_home: RealHome, tmp_path: Path) -> None:
    daemon = real_home.serve("--idle-leave", "300ms")
    owner = Speaker(real_home.home, real_home.home.read_token())
    url = owner.ok("POST", "/v1/listeners", {"address": f"unix://{tmp_path}/line"})["address"]
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(1.5)
    close(owner, url)
    until(lambda: daemon.poll() is not None)
