"""A full disk: askers are told, what was accepted survives, the daemon lives on, and work resumes with the room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_home import RealHome
from warmline.errors import StoreFullError

QUESTION = "Where does the spare key of the shed hang?"
SIZE_BYTES = 3 * 1024 * 1024
MOST_IN_THE_LOG = 40
"""Questions: its room is a quarter of a MiB, and each of them changes a dozen pages of 2 KB."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB. Mounting one takes root: without, the test is skipped, loudly."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = f"size={SIZE_BYTES}"
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"NOT TESTED: no small file system can be mounted here ({mount.stderr.decode().strip()})")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def line(small_disk: Path, notes: Path) -> Iterator[RealHome]:
    home = RealHome(small_disk / "home")
    home.serve()
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


class Ballast:
    """A file that takes all the room there is."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "ballast"
        with self._path.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return

    def shrink(self, size_bytes: int) -> bool:
        """Make this much room; False when none is left to make."""
        left = self._path.stat().st_size - size_bytes
        os.truncate(self._path, max(left, 0))
        return left > 0

    def drop(self) -> None:
        self._path.unlink()


def test_a_full_disk_refuses_aloud_and_work_resumes_when_there_is_room(line: RealHome, small_disk: Path) -> None:
    before = line.json("ask", QUESTION)
    pid = line.pid()
    ballast = Ballast(small_disk)
    answered = 0
    while (asked := line.run("ask", QUESTION)).returncode == 0:  # the store's log has some room of its own
        answered += 1
        assert answered < MOST_IN_THE_LOG
    assert (asked.returncode, asked.stdout) == (1, b"")
    assert asked.stderr == b"warmline: the disk that holds the store is full: make room, then try again\n"
    with pytest.raises(StoreFullError):
        line.client().call("POST", "/v1/questions", {"question": QUESTION})
    assert {**line.json("ticket", before["id"]), "redacted": []} == before
    ballast.drop()
    assert line.json("ask", QUESTION)["outcome"] == "answered"
    assert line.json("questions", "--count") == {"count": 2 + answered}
    assert line.pid() == pid


def test_a_memory_that_finds_no_room_stays_as_it_was(line: RealHome, small_disk: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    for number in range(50):
        (more / f"{number}.txt").write_text(f"The answer to riddle {number} is {number * 7}.\n" * 20)
    ballast = Ballast(small_disk)
    for room in (0, 64 * 1024, 64 * 1024):  # none, some for the catalogue, some for the index
        ballast.shrink(room)
        added = line.run("memory", "add", str(more))
        if added.returncode == 0:
            break
        assert added.returncode == 1
        assert added.stderr == b"warmline: the disk that holds the memory's index is full: make room, then try again\n"
        assert line.run("memory", "search", QUESTION).stdout.startswith(b"notes/garden.txt:1")
    ballast.drop()
    assert line.json("memory", "add", str(more))["skipped_count"] == 0
    assert b"is 91" in line.run("memory", "search", "What is the answer to riddle 13?", "--top", "3").stdout


def test_what_was_accepted_while_room_ran_out_is_answered_without_blame(line: RealHome, small_disk: Path) -> None:
    client = line.client()
    ballast = Ballast(small_disk)
    accepted: list[str] = []
    while ballast.shrink(4096) and len(accepted) < 20:
        try:
            accepted.append(client.call("POST", "/v1/questions", {"question": QUESTION})["id"])
        except StoreFullError:
            continue
    assert accepted
    ballast.drop()
    for question_id in accepted:
        answer = client.call("GET", f"/v1/questions/{question_id}?wait=60", wait_seconds=60)
        assert answer["outcome"] == "answered"
        assert answer["receipt"]["failures"] == 0


@pytest.mark.parametrize("is_new", [True, False])
def test_a_daemon_that_finds_no_room_says_so_to_its_starter(small_disk: Path, is_new: bool) -> None:
    home = RealHome(small_disk / "home")
    try:
        if not is_new:
            home.run("questions")
            home.run("stop")
        ballast = Ballast(small_disk)
        refused = home.run("ask", QUESTION)
        assert refused.returncode == 1
        assert refused.stderr.count(b"\n") == 1
        assert b"No space left" in refused.stderr or b"is full" in refused.stderr
        ballast.drop()
        assert home.json("ask", QUESTION, code=3)["outcome"] == "insufficient_evidence"
    finally:
        home.close()
