"""Questions about one file, by real processes: answered from that file alone, or refused and never on the line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from real_home import LIMIT_SECONDS, RealHome

PORT = "Which port does the exporter listen on?"
KEY = "Where does the spare key hang?"


@pytest.fixture
def line(real_home: RealHome, notes: Path, tmp_path: Path) -> RealHome:
    """A home with the notes in its memory, and a vault that answers better."""
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "exporter.md").write_text("# The exporter\n\nThe exporter listens on port 9999.\n", encoding="utf-8")
    done = real_home.run("memory", "add", str(notes), str(vault))
    assert done.returncode == 0, done.stderr
    return real_home


def cited(answer: Any) -> set[str]:
    return {citation["path"] for citation in answer["citations"] if citation["status"] == "verified"}


def test_a_question_about_a_file_is_answered_from_that_file_alone(line: RealHome, notes: Path) -> None:
    for written in ("notes/exporter.md", str(notes / "exporter.md")):
        answer = line.json("ask", "--file", written, PORT)
        assert (answer["outcome"], cited(answer)) == ("answered", {"notes/exporter.md"})
        assert "9187" in answer["text"]
        assert "9999" not in answer["text"]
    assert line.json("ask", KEY)["outcome"] == "answered"
    assert line.json("ask", "--file", "notes/exporter.md", KEY, code=3)["citations"] == []


def test_a_file_is_named_from_where_the_person_stands(line: RealHome, notes: Path) -> None:
    for folder, written in (
        (notes, "exporter.md"),
        (notes.parent, "notes/exporter.md"),
        (notes, "../notes/./exporter.md"),
    ):
        asked = [*line.program, "ask", "--file", written, PORT]
        done = subprocess.run(
            asked, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=False
        )
        assert (done.returncode, b"9187" in done.stdout) == (0, True), done.stderr


def test_a_file_that_is_not_in_the_memory_is_refused_and_nothing_is_asked(
    line: RealHome, notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "beside.md").write_text("The exporter listens on port 1.\n")
    (notes / "leaving.md").symlink_to(tmp_path / "beside.md")
    (notes / "picture.txt").write_bytes(b"\0\1")
    os.mkfifo(notes / "pipe")
    before = line.json("questions")
    for written in (
        *("/etc/passwd", "/etc/nowhere", "/dev/zero", "/proc/self/environ", "~nobody-at-all/x", "", "x" * 5000),
        *(str(tmp_path / "beside.md"), str(notes / "leaving.md"), "notes/leaving.md", "notes/../beside.md"),
        *(str(notes), "notes", str(notes / "pipe"), "notes/picture.txt", "nothing/exporter.md", "notes/\udcff"),
    ):
        done = line.run("ask", "--file", written, PORT)
        assert done.returncode not in {0, 3, 4}, (written, done.stdout)
        assert (done.stdout, done.stderr.count(b"\n")) == (b"", 1), done.stderr
        assert b"Traceback" not in done.stderr
    assert line.json("questions") == before


def test_nobody_reads_by_a_file_what_it_could_not_read_without(line: RealHome, tmp_path: Path) -> None:
    for scope, readable in (
        ("notes", True),
        ("notes/exporter.md", True),
        ("notes/garden.txt", False),
        ("vault", False),
    ):
        name = f"reader-{scope.replace('/', '-')}"
        token = line.json("credential", "new", name, "--memory", scope)["token"]
        done = line.run("ask", "--file", "notes/exporter.md", PORT, WARMLINE_TOKEN=token)
        assert (b"9187" in done.stdout) is readable, done.stderr
        hidden = line.run("ask", "--file", str(tmp_path / "vault" / "exporter.md"), KEY, WARMLINE_TOKEN=token)
        assert (b"holds no file" in hidden.stderr) is (scope != "vault")


def test_only_the_memory_is_asked_about_a_file(line: RealHome) -> None:
    done = line.run("ask", "--to", "owner", "--file", "notes/exporter.md", PORT)
    assert done.returncode == 2
    assert b"a file is for the memory to answer from" in done.stderr


def test_a_question_whose_file_has_left_the_memory_ends_without_evidence(line: RealHome) -> None:
    """As one that was asked before, and is answered after, its root was removed."""
    token = line.json("credential", "new", "reader", "--memory", "notes/exporter.md")["token"]
    ticket = line.run("ask", "--wait", "0", "--file", "notes/exporter.md", PORT).stdout.decode().strip()
    assert line.json("ticket", ticket, "--wait", "30")["outcome"] == "answered"
    assert line.run("memory", "remove", "notes").returncode == 0
    assert line.run("ask", PORT, WARMLINE_TOKEN=token).returncode == 3
    assert line.run("ask", "--file", "notes/exporter.md", PORT).returncode not in {0, 3, 4}
    assert line.json("ticket", ticket)["outcome"] == "answered"
