"""What `memory add` meets on its way: skipped, and listed with the reason, never an error."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_home import RealHome

NOBODY = 65534


@pytest.fixture
def rough(tmp_path: Path) -> Iterator[Path]:
    """A folder with one good file among much that is none."""
    folder = tmp_path / "rough"
    folder.mkdir()
    (folder / "good.md").write_text("The spare key of the shed hangs behind the blue watering can.\n")
    (folder / "loop").symlink_to(folder)
    (folder / "one.link").symlink_to(folder / "two.link")
    (folder / "two.link").symlink_to(folder / "one.link")
    (folder / "dangling").symlink_to(folder / "nothing")
    (folder / "latin.txt").write_bytes(b"caf\xe9\n")
    (folder / "program.bin").write_bytes(b"\x7fELF\0\0\0")
    with (folder / "long.txt").open("wb") as file:
        file.write(b"x" * 3_000_000)
    with (folder / "huge.txt").open("wb") as file:
        file.write(b"x" * 50_000_000)
    os.mkfifo(folder / "fifo")
    (folder / os.fsdecode(b"name\xff.txt")).write_text("half a character\n")
    (folder / "line\nbreak\x1b[31m.bin").write_bytes(b"\0")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
        yield folder


REASONS = {
    "loop": "a symbolic link; links are not followed",
    "one.link": "a symbolic link; links are not followed",
    "two.link": "a symbolic link; links are not followed",
    "dangling": "a symbolic link; links are not followed",
    "latin.txt": "not valid UTF-8: byte 3",
    "program.bin": "binary: it holds NUL bytes",
    "long.txt": "a line over the limit of 1,048,576 bytes",
    "huge.txt": "50,000,000 bytes, over the limit of 16,777,216",
    "fifo": "a FIFO, not a regular file",
    "socket": "a socket, not a regular file",
    "name\\xff.txt": "its name is not valid UTF-8",
    "line\nbreak\x1b[31m.bin": "binary: it holds NUL bytes",
}


def test_what_is_no_text_is_skipped_and_listed_with_the_reason(real_home: RealHome, rough: Path) -> None:
    report = real_home.json("memory", "add", str(rough))
    assert (report["indexed"], report["skipped_count"]) == (1, len(REASONS))
    assert {each["path"]: each["reason"] for each in report["skipped"]} == {
        f"{rough}/{name}": reason for name, reason in REASONS.items()
    }
    assert real_home.json("ask", "Where does the spare key hang?")["outcome"] == "answered"


def test_the_list_for_people_keeps_one_line_a_file(real_home: RealHome, rough: Path) -> None:
    shown = real_home.run("memory", "add", str(rough)).stdout.decode().splitlines()
    assert len(shown) == 1 + len(REASONS)
    assert f"  skipped {rough}/line\\nbreak\\x1b[31m.bin: binary: it holds NUL bytes" in shown
    assert f"  skipped {rough}/name\\xff.txt: its name is not valid UTF-8" in shown


@pytest.fixture
def ordinary_home(tmp_path: Path) -> Iterator[RealHome]:
    """A home whose commands and daemon are bound by files' modes, also when the tests run as root."""
    started_by: list[str] = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("NOT TESTED: root reads everything, and there is no setpriv to give that up")
        started_by = [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--"]
    home = RealHome(tmp_path / "home", started_by=started_by)
    yield home
    home.close()


@pytest.fixture
def closed_notes(notes: Path) -> Iterator[Path]:
    """Notes among which a file and a folder may not be read."""
    (notes / "secret.md").write_text("for nobody")
    (notes / "secret.md").chmod(0)
    (notes / "locked").mkdir(mode=0)
    yield notes
    (notes / "locked").chmod(0o700)


def test_a_file_and_a_folder_that_may_not_be_read_are_skipped(ordinary_home: RealHome, closed_notes: Path) -> None:
    report = ordinary_home.json("memory", "add", str(closed_notes))
    assert {each["path"]: each["reason"] for each in report["skipped"]} == {
        str(closed_notes / "secret.md"): "cannot be read: Permission denied",
        str(closed_notes / "locked"): "cannot be read: Permission denied",
    }
    assert report["indexed"] == 2


@pytest.mark.parametrize("name", ["secret.md", "locked"])
def test_a_named_path_that_may_not_be_read_is_refused(ordinary_home: RealHome, closed_notes: Path, name: str) -> None:
    done = ordinary_home.run("memory", "add", str(closed_notes / name))
    assert (done.returncode, done.stdout) == (2, b"")
    assert str(closed_notes / name) in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_file_that_is_gone_when_the_answer_is_made_drops_out_and_the_question_is_settled(
    real_home: RealHome, notes: Path
) -> None:
    real_home.run("memory", "add", str(notes))
    assert real_home.json("ask", "Which port does the exporter listen on?")["outcome"] == "answered"
    (notes / "exporter.md").unlink()
    answer = real_home.json("ask", "Which port does the exporter listen on?", code=3)
    assert (answer["state"], answer["citations"]) == ("settled", [])


def test_a_root_that_vanished_is_named_and_its_lines_are_shown_no_more(real_home: RealHome, notes: Path) -> None:
    real_home.run("memory", "add", str(notes))
    notes.rename(notes.with_name("elsewhere"))
    assert real_home.json("ask", "Which port does the exporter listen on?", code=3)["citations"] == []
    report = real_home.json("memory", "refresh")
    assert report["skipped"] == [{"path": str(notes), "reason": "no longer exists"}]
    assert real_home.run("memory", "remove", "notes").returncode == 0
