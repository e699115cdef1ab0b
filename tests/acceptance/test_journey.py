"""What a person does on the first day, by real processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from real_home import RealHome, wait_until_gone
from warmline import __version__
from warmline.home import MAX_HOME_BYTES
from warmline.security.fence import Block, parse
from warmline.security.long_paths import MAX_PATH_BYTES


@pytest.fixture
def line(real_home: RealHome, notes: Path) -> RealHome:
    """A home with the notes in its memory."""
    done = real_home.run("memory", "add", str(notes))
    assert done.returncode == 0, done.stderr
    return real_home


def test_a_question_is_answered_with_a_citation_that_stands_in_the_file(line: RealHome, notes: Path) -> None:
    answer = line.json("ask", "Which port does the exporter listen on?")
    assert (answer["state"], answer["outcome"], answer["author"]) == ("settled", "answered", "extractive")
    first = answer["citations"][0]
    assert (first["path"], first["status"]) == ("notes/exporter.md", "verified")
    lines = (notes / "exporter.md").read_text().split("\n")
    assert first["quote"] == "\n".join(lines[first["first_line"] - 1 : first["last_line"]])
    assert "9187" in first["quote"]
    assert first["absolute_path"] == str(notes / "exporter.md")


def test_what_the_memory_does_not_hold_is_said_and_not_guessed(line: RealHome) -> None:
    answer = line.json("ask", "Who won the chess championship in Reykjavik?", code=3)
    assert (answer["outcome"], answer["citations"]) == ("insufficient_evidence", [])


def test_the_answer_reads_the_same_over_a_ticket(line: RealHome) -> None:
    asked = line.json("ask", "Where does the spare key hang?")
    assert {**line.json("ticket", asked["id"]), "redacted": []} == asked  # the receipt of the question stays its own


def test_an_asker_may_walk_away_and_come_back(line: RealHome) -> None:
    ticket = line.run("ask", "--wait", "0", "Where does the spare key hang?")
    assert ticket.returncode == 4
    answer = line.json("ticket", ticket.stdout.decode().strip(), "--wait", "30")
    assert "blue watering can" in answer["text"]


def test_a_question_is_read_from_standard_input(line: RealHome) -> None:
    done = line.run("ask", "-", stdin=b"Where does the spare key hang?\n")
    assert done.returncode == 0
    assert b"blue watering can" in done.stdout


def test_the_same_key_and_question_are_the_same_ticket_and_another_question_is_refused(line: RealHome) -> None:
    first = line.json("ask", "--key", "k1", "Where does the spare key hang?")
    assert line.json("ask", "--key", "k1", "Where does the spare key hang?")["id"] == first["id"]
    other = line.run("ask", "--key", "k1", "Something else?")
    assert other.returncode == 1
    assert b"idempotency key" in other.stderr


def test_questions_are_listed_filtered_and_counted(line: RealHome) -> None:
    answer = line.json("ask", "Where does the spare key hang?")
    line.json("ask", "Which port does the exporter listen on?")
    assert line.json("questions", "--count") == {"count": 2}
    assert line.run("questions", "--state", "ready", "--since", "1h", "--count").stdout == b"0\n"
    listed = line.json("questions", "--state", "settled", "--since", "1h")["questions"]
    assert [each["question"] for each in listed] == [
        "Which port does the exporter listen on?",
        "Where does the spare key hang?",
    ]
    assert listed[1]["id"] == answer["id"]
    assert answer["id"].encode() in line.run("questions").stdout


def test_cancelling_what_is_settled_is_refused(line: RealHome) -> None:
    answer = line.json("ask", "Where does the spare key hang?")
    for verb in ("cancel", "requeue"):
        done = line.run(verb, answer["id"])
        assert done.returncode == 1
        assert b"settled" in done.stderr


def test_capturing_the_output_returns_although_it_started_the_daemon(real_home: RealHome, notes: Path) -> None:
    command = f'x=$({sys.executable} -m warmline --home "{real_home.home.path}" memory add "{notes}"); echo "got:$x"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=True)
    assert done.stdout.startswith(b"got:")


def test_a_started_daemon_holds_nothing_of_its_starter(real_home: RealHome, tmp_path: Path) -> None:
    held = (tmp_path / "held").open("w")
    os.set_inheritable(held.fileno(), True)
    done = subprocess.run(
        [sys.executable, "-m", "warmline", "--home", str(real_home.home.path), "questions"],
        cwd=tmp_path,
        env={**os.environ, "CANARY": "sings"},
        capture_output=True,
        close_fds=False,
        timeout=30,
        check=True,
    )
    assert done.returncode == 0
    held.close()
    pid = real_home.pid()
    process = Path("/proc") / str(pid)
    assert b"CANARY" not in (process / "environ").read_bytes()
    assert (process / "cwd").readlink() == Path("/")
    assert os.getsid(pid) == pid
    targets = [each.readlink() for each in (process / "fd").iterdir() if each.is_symlink()]
    assert tmp_path / "held" not in targets
    assert not [target for target in targets if str(target).startswith("/dev/pts")]


def test_files_are_closed_to_others(line: RealHome) -> None:
    line.json("ask", "Where does the spare key hang?")
    assert stat.S_IMODE(line.home.path.stat().st_mode) == 0o700
    for path in line.home.path.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def long_path(above: Path, size: int) -> Path:
    """Return a path of so many bytes."""
    rest = size - len(os.fsencode(above)) - 2
    return Path(f"{above}{('/' + 'long' * 20) * (rest // 81)}/{'n' * (rest % 81 + 1)}")


@pytest.mark.parametrize("size", [MAX_PATH_BYTES - len("/store.db") + 1, 600, 2_000, MAX_HOME_BYTES])
def test_a_home_with_a_long_path_works(tmp_path: Path, notes: Path, size: int) -> None:
    home = RealHome(long_path(tmp_path, size))
    assert len(os.fsencode(home.home.path)) == size
    try:
        assert home.run("memory", "add", str(notes)).returncode == 0
        assert home.json("ask", "Where does the spare key hang?")["outcome"] == "answered"
        assert home.run("stop").returncode == 0
        assert home.json("ask", "Where does the spare key hang?")["outcome"] == "answered"
        assert len(home.json("questions")["questions"]) == 2
    finally:
        home.close()


def test_a_home_with_a_long_path_is_encrypted_and_decrypted(tmp_path: Path, notes: Path) -> None:
    home = RealHome(long_path(tmp_path, 2_000))
    question = "Where does the spare key hang?"
    try:
        assert home.run("memory", "add", str(notes)).returncode == 0
        home.json("ask", question)
        done = home.run("store", "encrypt", "--key-file", str(tmp_path / "key"))
        assert done.returncode == 0, done.stderr
        assert home.json("ask", question)["outcome"] == "answered"
        home.kill()  # what was not put into the database yet stands in its log
        written = [
            path for path in home.home.path.rglob("*") if path.is_file() and question.encode() in path.read_bytes()
        ]
        assert (home.home.path / "store.db-wal").stat().st_size > 0
        assert written == []
        assert home.run("store", "decrypt").returncode == 0
        assert len(home.json("questions")["questions"]) == 2
        assert home.run("audit", "verify").returncode == 0
    finally:
        home.close()


@pytest.mark.parametrize("words", [["ask", "why?"], ["serve", "--port", "0"]], ids=["ask", "serve"])
def test_a_home_with_a_longer_path_is_refused_by_its_length(tmp_path: Path, words: list[str]) -> None:
    home = RealHome(long_path(tmp_path, MAX_HOME_BYTES + 1))
    done = home.run(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the home's path has 3,841 bytes, more than the 3,840" in done.stderr
    assert not home.home.path.exists()


def test_a_second_daemon_refuses_and_names_the_first(real_home: RealHome) -> None:
    first = real_home.serve()
    second = real_home.run("serve", "--port", "0")
    assert second.returncode == 1
    assert f"pid {first.pid}, started 20".encode() in second.stderr


def test_starters_at_once_get_one_daemon(real_home: RealHome) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "warmline", "--home", str(real_home.home.path), "ask", f"question {n}?", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(6)
    ]
    results = [each.communicate(timeout=60) for each in started]
    assert [each.returncode for each in started] == [3] * 6, results
    assert real_home.json("questions", "--count") == {"count": 6}
    assert [line.split()[2] for line in real_home.home.log.read_text("utf-8").splitlines()].count("serving") == 1


def test_a_daemon_of_another_version_is_replaced(real_home: RealHome) -> None:
    real_home.run("questions")
    old = real_home.pid()
    lock = real_home.home.lock
    lock.write_text(lock.read_text().replace(__version__, "0.0.1"))
    assert real_home.run("questions").returncode == 0
    assert real_home.pid() != old
    wait_until_gone(old)


def test_status_and_stop_start_no_daemon(real_home: RealHome) -> None:
    status = real_home.run("status")
    assert (status.returncode, status.stdout) == (1, b"")
    assert b"no daemon runs" in status.stderr
    assert real_home.json("stop") == {"stopped": False, "pid": None}


def test_an_idle_daemon_leaves_and_the_next_ask_finds_everything(real_home: RealHome, notes: Path) -> None:
    real_home.run("memory", "add", str(notes))
    real_home.run("stop")
    daemon = real_home.serve("--idle-leave", "2s")
    answer = real_home.client().call("POST", "/v1/questions", {"question": "Where does the spare key hang?"})
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert not real_home.home.socket.exists()
    assert "blue watering can" in real_home.json("ticket", answer["id"], "--wait", "10")["text"]


def test_a_stop_names_the_daemon_that_it_ended(real_home: RealHome) -> None:
    daemon = real_home.serve()
    assert real_home.json("stop") == {"stopped": True, "pid": daemon.pid}
    assert daemon.wait(timeout=5) == 0


def test_json_logs_are_json_and_hold_no_question(real_home: RealHome) -> None:
    daemon = real_home.serve("--log-format", "json")
    real_home.json("ask", "a very private question", code=3)
    real_home.run("stop")
    _, logged = daemon.communicate(timeout=30)
    lines = [json.loads(line) for line in logged.splitlines()]
    assert {"serving", "left"} <= {line["message"] for line in lines}
    assert b"private" not in logged


def test_completion_scripts_name_the_commands(real_home: RealHome) -> None:
    for shell in ("bash", "zsh", "tcsh"):
        script = real_home.run("completion", shell).stdout
        assert b"requeue" in script


@pytest.mark.parametrize("environment", ["", "1"])
@pytest.mark.parametrize("words", [("ask",), ("memory", "search")])
def test_what_the_memory_says_is_fenced_for_a_model(line: RealHome, words: tuple[str, ...], environment: str) -> None:
    option = () if environment else ("--fenced",)
    done = line.run(*words, *option, "Where does the spare key hang?", WARMLINE_FENCED=environment)
    assert done.returncode == 0
    preamble, *rest = done.stdout.decode().split("\n")
    blocks = parse("\n".join(rest), preamble.split("warmline-")[1][:16])
    memory = [each for each in blocks if isinstance(each, Block) and each.what == "memory"]
    assert any("blue watering can" in each.text for each in memory)
    assert all(isinstance(each, Block) and each.trust == "unknown" for each in blocks)


def test_people_are_answered_without_fences(line: RealHome) -> None:
    for environment in ("", "0"):
        done = line.run("ask", "Where does the spare key hang?", WARMLINE_FENCED=environment)
        assert b"blue watering can" in done.stdout
        assert b"<warmline-" not in done.stdout
