"""Secrets that people and files bring, over a real daemon: masked wherever they are kept, logged or shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaks import AWS, GITHUB, MASKED_AWS, MASKED_GITHUB, holds_raw, leaking_files
from legacy_database import conversation_id, make_legacy_database
from real_home import RealHome
from talk import Talk
from warmline.errors import InvalidInputError, WarmlineError

LINE = f"The exporter signs its reports with {AWS} since March."
MASKED_LINE = f"The exporter signs its reports with {MASKED_AWS} since March."
QUESTION = "What does the exporter sign its reports with?"
MASKED = b"warmline: masked before it was stored: aws-access-key\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    """A line with a memory that holds secrets, and a daemon in the background, which logs into the home."""
    folder = tmp_path_factory.mktemp("secrets")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "exporter.md").write_text(f"# The exporter\n\n{LINE}\nIt listens on port 9187.\n", "utf-8")
    (notes / "keys.env").write_text(f"FIRST={AWS}\nSECOND={GITHUB}\nTHIRD={GITHUB}\n", "utf-8")
    (notes / "garden.txt").write_text("Beds are watered at four in the morning.\n", "utf-8")
    home = RealHome(folder / "home")
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


@pytest.fixture
def talk(home: RealHome) -> Iterator[Talk]:
    talk = Talk(home, "--between", "lead,docs")
    yield talk
    home.run("conversation", "close", talk.id)


def leaks(home: RealHome) -> list[str]:
    return leaking_files(home.home.path, but=home.home.memory)


def test_an_answer_from_a_line_with_a_secret_is_verified_and_masked(home: RealHome) -> None:
    answer = home.json("ask", QUESTION)
    assert (answer["outcome"], answer["redacted"]) == ("answered", [])
    cited = next(each for each in answer["citations"] if MASKED_AWS in each["quote"])
    assert (cited["status"], cited["redacted"], cited["quote"]) == ("verified", True, MASKED_LINE)
    assert (cited["path"], cited["first_line"], cited["last_line"]) == ("notes/exporter.md", 3, 3)
    assert MASKED_LINE in answer["text"]
    shown = home.run("ask", QUESTION)
    assert b"notes/exporter.md:3  verified, redacted" in shown.stdout
    assert not holds_raw(json.dumps(answer))
    assert not holds_raw(shown.stdout + shown.stderr)
    assert leaks(home) == []


def test_an_answer_from_other_lines_is_not_marked(home: RealHome) -> None:
    answer = home.json("ask", "When are the beds watered?")
    assert [each["redacted"] for each in answer["citations"]] == [False] * len(answer["citations"])
    assert answer["citations"]


def test_a_search_shows_lines_masked(home: RealHome) -> None:
    passages = home.json("memory", "search", QUESTION)["passages"]
    (found,) = [each for each in passages if each["path"] == "notes/exporter.md" and each["first_line"] == 3]
    assert (found["text"], found["redacted"]) == (MASKED_LINE, True)
    assert not any(each["redacted"] for each in passages if "[redacted" not in each["text"])
    batch = json.dumps({"qid": "q1", "question": QUESTION}).encode()
    told = home.run("memory", "search", QUESTION), home.run("memory", "search", "--batch", "-", stdin=batch)
    for done in told:
        assert MASKED_AWS.encode() in done.stdout
        assert not holds_raw(done.stdout + done.stderr)


def test_who_adds_files_is_told_which_hold_secrets(home: RealHome, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "a.env").write_text(f"A={AWS}\nB={GITHUB}\nC={GITHUB}\n", "utf-8")
    (folder / "b.md").write_text("nothing\n", "utf-8")
    report = home.json("memory", "add", str(folder))
    expected = [{"path": "more/a.env", "kinds": ["aws-access-key", "github-token"], "count": 3}]
    assert (report["secret_files"], report["secret_file_count"]) == (expected, 1)
    (folder / "b.md").write_text(f"now {AWS}\n", "utf-8")
    refreshed = home.run("memory", "refresh", "more")
    assert refreshed.returncode == 0
    first, second = refreshed.stderr.decode().splitlines()
    assert first == (
        "warmline: 1 file holds what looks like secrets: shown masked, but the index holds what the files hold"
    )
    assert second.split() == ["more/b.md", "1", "aws-access-key"]
    again = home.run("memory", "refresh", "more")
    assert again.stderr == b""
    assert home.run("memory", "remove", "more").returncode == 0


def test_what_is_said_leaves_no_secret_in_the_home_and_tells_who_said_it(home: RealHome, talk: Talk) -> None:
    asked = talk.run("lead", "ask", "--to", "docs", "--wait", "0", f"is {AWS} ours?")
    sent = talk.run("lead", "send", "docs", f"use {AWS}")
    assert (asked.stderr.startswith(MASKED), sent.stderr.startswith(MASKED)) == (True, True)
    received = talk.json("docs", "inbox", "--keep")
    question, note = received["messages"]
    assert (question["body"], note["body"]) == (f"is {MASKED_AWS} ours?", f"use {MASKED_AWS}")
    cite = ("--cite", "notes/exporter.md:3", LINE)
    answered = talk.run("docs", "reply", question["id"], f"yes, {AWS}", *cite)
    assert answered.stderr.startswith(MASKED)
    assert b"notes/exporter.md:3  verified, redacted" in answered.stdout
    refused = talk.run("docs", "refuse", note["id"], f"no {AWS} here")
    assert refused.stderr.startswith(MASKED)
    ticket = talk.json("lead", "ticket", question["id"])
    assert (ticket["text"], ticket["citations"][0]["quote"]) == (f"yes, {MASKED_AWS}", MASKED_LINE)
    (receipt,) = talk.json("lead", "receipts", note["id"])["receipts"]
    assert receipt["last_error"] == f"refused by docs: no {MASKED_AWS} here"
    outputs = (asked, sent, answered, refused, talk.run("lead", "inbox"))
    assert [holds_raw(each.stdout + each.stderr) for each in outputs] == [False] * len(outputs)
    assert MASKED_AWS.encode() in outputs[-1].stdout  # the notice of why the note died
    assert leaks(home) == []


def test_what_is_said_over_http_comes_back_masked(home: RealHome, talk: Talk) -> None:
    client = home.client()
    sent = client.call(
        "POST", "/v1/messages", {"to": "docs", "body": f"x {GITHUB}", "metadata": {AWS: [AWS], "n": 1}}, key="k1"
    )
    assert sent["redacted"] == ["github-token", "aws-access-key"]
    assert (sent["body"], sent["metadata"]) == (f"x {MASKED_GITHUB}", {MASKED_AWS: [MASKED_AWS], "n": 1})
    again = client.call(
        "POST", "/v1/messages", {"to": "docs", "body": f"x {GITHUB}", "metadata": {AWS: [AWS], "n": 1}}, key="k1"
    )
    assert (again["id"], again["redacted"]) == (sent["id"], sent["redacted"])
    asked = client.call("POST", "/v1/questions", {"question": f"{GITHUB}?"})
    assert (asked["question"], asked["redacted"]) == (f"{MASKED_GITHUB}?", ["github-token"])
    plain = client.call("POST", "/v1/messages", {"to": "docs", "body": "nothing"})
    assert plain["redacted"] == []
    status = client.call("PUT", "/v1/conversations/default/status", {"status": f"with {GITHUB}"})
    assert (status["status"], status["redacted"]) == (f"with {MASKED_GITHUB}", ["github-token"])
    shown = client.call("GET", f"/v1/conversations/{talk.id}/messages?limit=1000")
    assert not holds_raw(json.dumps([sent, again, asked, status, shown]))
    assert leaks(home) == []


def test_the_old_operations_leave_no_secret_either(home: RealHome) -> None:
    client = home.client()
    made = client.call("POST", "/v1/legacy/create_conversation", {"my_role": "one", "partner_role": "two"})
    mine = {"conversation_id": made["conversation_id"], "session_id": "a", "token": made["session_a_token"]}
    theirs = {**mine, "session_id": "b", "token": made["session_b_token"]}
    said = {"message": f"use {AWS}", "files_involved": [f"k/{GITHUB}"]}
    sent = client.call("POST", "/v1/legacy/send_to_partner", {**mine, **said})
    assert sent["redacted"] == ["aws-access-key", "github-token"]
    status = client.call("POST", "/v1/legacy/update_my_status", {**mine, "status": f"on {AWS}"})
    assert (status["status"], status["redacted"]) == (f"on {MASKED_AWS}", ["aws-access-key"])
    got = client.call("POST", "/v1/legacy/check_messages", theirs)
    assert got["messages"][0]["message"] == f"use {MASKED_AWS}"
    assert not holds_raw(json.dumps(got))
    assert leaks(home) == []


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/v1/questions", {"question": "why?"}, AWS),
        ("/v1/questions", {"question": "why?", "to": AWS}, None),
        ("/v1/questions", {"question": "why?", f"x{GITHUB[:3]}": 1, AWS: GITHUB}, None),
        ("/v1/questions", {"question": 3, "deadline_at": AWS}, None),
        ("/v1/conversations", {"between": ["lead", AWS]}, None),
        ("/v1/credentials", {"name": AWS}, None),
        ("/v1/messages", {"to": "docs", "body": f"{AWS}\0"}, None),
        ("/v1/memory/roots", {"paths": [f"/nowhere/{AWS}"]}, None),
        ("/v1/memory/refresh", {"name": GITHUB}, None),
        ("/v1/store/import-legacy", {"path": f"/nowhere/{AWS}"}, None),
    ],
)
def test_a_refusal_repeats_no_secret_and_keeps_none(
    home: RealHome, path: str, body: dict[str, Any], key: str | None
) -> None:
    def tried() -> str:
        try:
            if path.startswith(("/v1/memory", "/v1/store")):
                return str(home.client().work("POST", path, body, lambda _: None))
            return str(home.client().call("POST", path, body, key=key))
        except WarmlineError as error:
            return f"refused: {error}"

    refusal = tried()
    assert refusal.startswith("refused: ")
    assert not holds_raw(refusal)
    assert leaks(home) == []


def test_keys_that_the_commands_make_are_no_secrets(talk: Talk) -> None:
    for number in range(10):
        talk.say("lead", "send", "docs", f"message {number}")
    with pytest.raises(InvalidInputError, match="idempotency key holds what looks like a secret"):
        talk.line.client().call("POST", "/v1/questions", {"question": "why?"}, key=AWS)


def test_an_old_bridges_secrets_are_masked_as_they_are_taken_over(home: RealHome, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    database = make_legacy_database(old, conversations=3, messages=30)
    database.execute("update messages set message = ?, metadata = ? where id = 1", (AWS, json.dumps({GITHUB: AWS})))
    database.execute("update messages set message = ? where id = 2", (f'{{"key": "{GITHUB}"}}',))
    database.execute("update audit_log set details = ? where id = 1", (f"sent {AWS}",))
    database.execute("update session_status set status = ? where session_id = 'a'", (f"with {GITHUB}",))
    database.close()
    reports = [home.json("import", "legacy", str(old)) for _ in range(2)]
    assert [report["redacted"] for report in reports] == [6, 6]  # two messages, an audit row, three conversations
    assert [report["new_messages"] for report in reports] == [30, 0]
    assert b"secrets were masked in 6 of these" in home.run("import", "legacy", str(old)).stdout
    client = home.client()
    shown = [
        client.call("GET", f"/v1/conversations/{conversation_id(number)}/{what}")
        for number in (1, 2, 3)
        for what in ("messages", "participants")
    ]
    told = json.dumps(shown)
    assert not holds_raw(told)
    assert json.dumps({MASKED_GITHUB: MASKED_AWS}) in told
    assert leaks(home) == []


def test_the_archive_and_the_log_hold_none_and_neither_does_what_a_stop_leaves(home: RealHome, talk: Talk) -> None:
    talk.run("lead", "send", "docs", f"use {AWS}")
    asked = talk.ask("lead", "--to", "docs", f"is {GITHUB} ours?")
    talk.json("docs", "inbox")
    talk.run("docs", "reply", asked, f"yes, {GITHUB}", "--cite", "notes/exporter.md:3", LINE)
    talk.run(
        "lead", "send", "docs", "thanks"
    )  # the newest message stays, and the question with it if that is its answer
    assert home.client().call("POST", "/v1/store/archive", {"older_than_days": 0})["messages"] > 2
    assert list(home.home.path.glob("**/*.jsonl.gz"))
    archived = home.json("ticket", asked)
    assert archived["citations"][0]["redacted"]
    assert leaks(home) == []
    assert home.home.log.stat().st_size > 0
    assert home.run("stop").returncode == 0
    assert leaks(home) == []
    assert home.json("ticket", asked) == archived


def test_what_a_daemon_logs_is_masked(tmp_path: Path) -> None:
    home = RealHome(tmp_path / f"home of {GITHUB}")
    try:
        assert home.run("memory", "list").returncode == 0
        log = home.home.log.read_text("utf-8")
        assert f"home of {MASKED_GITHUB}" in log
        assert not holds_raw(log)
    finally:
        home.close()
    assert not holds_raw(home.home.log.read_bytes())
