"""Agents over HTTP: who may, what can be asked for, and what is noted of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from agents_home import AgentsHome
from leaks import AWS, MASKED_AWS
from speaking import Speaker, until

FILE = """\
[agents.claude]
program = "{answering}"
key_file = "{key}"
mode = "recalled"
max_workers = 1

[agents.sick]
program = "{refusing}"
key_file = "{key}"
mode = "recalled"
max_workers = 1
"""

VERBS = [("GET", ""), ("POST", "/reload"), ("GET", "/claude"), ("POST", "/claude/test"), ("POST", "/claude/restart")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentsHome]:
    home = AgentsHome(tmp_path_factory.mktemp("agents"))
    home.home.make()
    home.write(FILE)
    home.serve()
    yield home
    home.close()


@pytest.fixture
def owner(home: AgentsHome) -> Speaker:
    home.write(FILE)
    owner = Speaker(home.home, home.home.read_token())
    owner.ok("POST", "/v1/agents/reload")
    return owner


def names(view: Any) -> list[str]:
    return [each["name"] for each in view["agents"]]


def test_no_request_can_say_what_is_run(owner: Speaker) -> None:
    paths = owner.ok("GET", "/openapi.json")["paths"]
    operations = [
        operation for path, methods in paths.items() if path.startswith("/v1/agents") for operation in methods.values()
    ]
    assert len(operations) == len(VERBS)
    assert not any("requestBody" in each for each in operations)
    assert {(part["in"], part["name"]) for each in operations for part in each.get("parameters", [])} == {
        ("path", "name")
    }


@pytest.mark.parametrize(("method", "rest"), VERBS)
def test_all_of_it_wants_the_right_to_administer(owner: Speaker, method: str, rest: str) -> None:
    made = owner.ok("POST", "/v1/credentials", {"name": f"somebody-{method}{rest.replace('/', '-')}"})
    somebody = Speaker(owner.home, made["token"])
    assert somebody.call(method, f"/v1/agents{rest}").status == 403
    assert Speaker(owner.home, None).call(method, f"/v1/agents{rest}").status == 401
    assert owner.call(method, f"/v1/agents{rest}").status == 200


def test_agents_are_listed_with_their_workers_and_what_they_are(owner: Speaker) -> None:
    assert owner.ok("POST", "/v1/agents/claude/test")["ok"]
    claude = owner.ok("GET", "/v1/agents")["agents"][0]
    assert claude == owner.ok("GET", "/v1/agents/claude")
    assert (claude["name"], claude["state"], claude["mode"], claude["kind"]) == ("claude", "up", "recalled", "claude")
    assert [each["mode"] for each in claude["workers"]] == ["recalled"]
    assert claude["workers"][0]["pid"] > 1
    assert claude["traits"]
    assert "program" not in claude
    assert owner.ok("GET", "/v1/status")["agents"][0]["name"] == "claude"


def test_one_that_fails_its_test_says_why(owner: Speaker) -> None:
    tested = owner.ok("POST", "/v1/agents/sick/test")
    assert (tested["ok"], tested["outcome"], tested["text"]) == (False, None, None)
    assert tested["reason"]


@pytest.mark.parametrize("name", ["absent", "reload", "%2e%2e", "a%20b", "CLAUDE", "x" * 100])
def test_an_unknown_agent_is_404(owner: Speaker, name: str) -> None:
    for method, rest in (("GET", ""), ("POST", "/test"), ("POST", "/restart")):
        assert owner.call(method, f"/v1/agents/{name}{rest}").status == 404, (method, rest)


def test_a_name_that_nobody_could_have_is_422(owner: Speaker) -> None:
    assert owner.call("GET", f"/v1/agents/{'x' * 101}").status == 422


def test_one_that_cannot_be_used_is_409_with_the_reason(home: AgentsHome, owner: Speaker) -> None:
    home.write(FILE + '[agents.bad]\nprogram = "relative"\n')
    view = owner.ok("POST", "/v1/agents/reload")
    assert names(view) == ["claude", "sick"]
    assert view["problems"]["bad"].startswith("`agents.bad.program`: write an absolute path")
    for method, rest in (("GET", ""), ("POST", "/test"), ("POST", "/restart")):
        reply = owner.call(method, f"/v1/agents/bad{rest}")
        assert reply.status == 409
        assert "`agents.bad.program`" in reply.json["detail"]
    assert owner.ok("GET", "/v1/status")["agent_problems"] == 1


def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(home: AgentsHome, owner: Speaker) -> None:
    home.write("[agents.claude\n")
    view = owner.ok("POST", "/v1/agents/reload")
    assert names(view) == ["claude", "sick"]
    assert "(at line 1, column" in view["trouble"]
    assert view == {**owner.ok("GET", "/v1/agents"), "agents": view["agents"]}
    assert owner.ok("POST", "/v1/questions", {"question": "Who is there?", "agent": "claude"})["id"]
    absent = owner.call("GET", "/v1/agents/absent")
    assert (absent.status, view["trouble"] in absent.json["detail"]) == (409, True)


def test_what_was_edited_shows_once_it_is_reloaded(home: AgentsHome, owner: Speaker) -> None:
    home.write(FILE.partition("[agents.sick]")[0])
    assert names(owner.ok("GET", "/v1/agents")) == ["claude", "sick"]
    assert names(owner.ok("POST", "/v1/agents/reload")) == ["claude"]
    assert names(owner.ok("GET", "/v1/agents")) == ["claude"]


def test_a_restart_has_another_worker_answer(owner: Speaker) -> None:
    owner.ok("POST", "/v1/agents/claude/test")
    before = owner.ok("GET", "/v1/agents/claude")["workers"][0]["pid"]
    owner.ok("POST", "/v1/agents/claude/restart")
    until(lambda: before not in [each["pid"] for each in owner.ok("GET", "/v1/agents/claude")["workers"]])
    assert owner.ok("POST", "/v1/agents/claude/test")["ok"]


def test_a_secret_in_the_file_is_shown_masked(home: AgentsHome, owner: Speaker) -> None:
    home.write(FILE + f'[agents."{AWS}"]\nprogram = "/opt/a"\n[other."{AWS}"]\n["{AWS}"]\n')
    reply = owner.call("POST", "/v1/agents/reload")
    assert AWS.encode() not in reply.body
    assert MASKED_AWS.encode() in reply.body


def test_what_changes_something_is_audited_with_who_and_to_what(home: AgentsHome, owner: Speaker) -> None:
    for verb in ("reload", "claude/test", "claude/restart"):
        owner.ok("POST", f"/v1/agents/{verb}")
    rows = home.json("audit", "show", "--limit", "100000")
    said = [(each["verb"], each["actor"], each["subject"]) for each in rows]
    for verb, subject in (("reload_agents", None), ("test_agent", "claude"), ("restart_agent", "claude")):
        assert (verb, "owner", subject) in said
    assert home.run("audit", "verify").returncode == 0


def test_a_caller_who_leaves_ends_the_test(home: AgentsHome, owner: Speaker) -> None:
    home.write(FILE.replace("{answering}", "{hanging}"))
    owner.ok("POST", "/v1/agents/reload")
    with closing(owner.begin("POST", "/v1/agents/claude/test")):
        until(lambda: owner.ok("GET", "/v1/agents/claude")["waiting"] == 1)
    until(lambda: owner.ok("GET", "/v1/agents/claude")["waiting"] == 0)
