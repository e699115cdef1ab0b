"""The command line where the shell, the terminal or the home is odd: the right exit code, one line, no traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_home import RealHome

QUESTION = "Where does the spare key hang?"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    folder = tmp_path_factory.mktemp("odd")
    notes = folder / "nötes"
    notes.mkdir()
    (notes / "garden.txt").write_text("The spare key of the shed hangs behind the blue watering can.\n", "utf-8")
    home = RealHome(folder / "a home with ü and spaces")
    home.serve()
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


def shell(line: RealHome, script: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in bash; $W stands for warmline with the line's home."""
    program = f'W() {{ {shlex.quote(sys.executable)} -m warmline --home {shlex.quote(str(line.home.path))} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", program + script],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(line: RealHome, closed: str) -> None:
    assert shell(line, f"W ask {QUESTION!r} {closed}").returncode == 0
    assert shell(line, f"W ask '' {closed}").returncode == 2


def test_a_daemon_is_started_with_all_streams_closed(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home")
    try:
        assert shell(home, "W questions <&- >&- 2>&-").returncode == 0
        assert home.pid()
    finally:
        home.close()


@pytest.mark.parametrize("command", [f"ask {QUESTION!r}", f"ask --json {QUESTION!r}", "status", "completion bash"])
def test_output_that_finds_no_room_is_an_error_of_one_line(line: RealHome, command: str) -> None:
    done = shell(line, f"W {command} > /dev/full")
    assert done.returncode == 1
    assert [said for said in done.stderr.splitlines() if said.startswith(b"warmline: ")] == [
        b"warmline: this could not be finished: No space left on device"
    ]


def test_errors_that_find_no_room_keep_the_exit_code(line: RealHome) -> None:
    assert shell(line, "W ask '' 2> /dev/full").returncode == 2
    assert shell(line, f"W ask {QUESTION!r} 2> /dev/full").returncode == 0


@pytest.mark.parametrize("command", [f"ask {QUESTION!r}", "questions", "memory search key --json"])
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_has_enough_ends_the_command_cleanly(line: RealHome, command: str, reader: str) -> None:
    done = shell(line, f'W {command} | {reader} > /dev/null; echo "${{PIPESTATUS[0]}}"')
    assert done.stdout == b"0\n"
    assert b"warmline: " not in done.stderr


@pytest.mark.parametrize("command", [f"ask {QUESTION!r}", "questions", "memory refresh", "status"])
def test_a_command_leaves_nothing_open(line: RealHome, command: str) -> None:
    done = shell(line, f"W {command}", PYTHONDEVMODE="1", PYTHONWARNINGS="error")
    assert done.returncode == 0
    assert b"ResourceWarning" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_terminal_gets_escapes_and_whole_json(line: RealHome, encoding: str) -> None:
    found = shell(line, "W memory search key --json", PYTHONIOENCODING=encoding)
    assert json.loads(found.stdout.decode(encoding))["passages"][0]["path"] == "nötes/garden.txt"
    assert shell(line, "W memory list", PYTHONIOENCODING=encoding).returncode == 0


def test_what_the_daemon_starts_in_the_c_locale_reads_names_in_utf_8(tmp_path: Path) -> None:
    (tmp_path / "ünï").mkdir()
    (tmp_path / "ünï" / "çé.md").write_text("The spare key hangs behind the blue can.\n", "utf-8")
    home = RealHome(tmp_path / "home")
    try:
        script = f"W memory add {shlex.quote(str(tmp_path / 'ünï'))} && W ask --json {QUESTION!r}"
        done = shell(home, script, LC_ALL="C", LANG="C")
        assert done.returncode == 0, done.stderr
        assert "ünï/çé.md" in done.stdout.decode()
    finally:
        home.close()


def test_a_folder_that_is_gone_asks_for_an_absolute_path(line: RealHome, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    done = shell(line, f"mkdir {gone}; cd {gone}; rmdir {gone}; W memory add x; echo $?; W ask {QUESTION!r}")
    assert done.stdout.startswith(b"2\n")
    assert done.returncode == 0
    assert b"give an absolute path" in done.stderr


def test_without_a_home_variable_the_user_still_has_a_home(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(tmp_path)}
    status = subprocess.run(
        [sys.executable, "-m", "warmline", "status"], capture_output=True, timeout=60, check=False, env=bare
    )
    assert status.returncode == 1
    assert str(tmp_path / "warmline").encode() in status.stderr


@pytest.mark.parametrize("inside", ["", "/below"])
@pytest.mark.parametrize("command", ["ask why?", "status", "stop", "serve --port 0"])
def test_a_home_that_is_a_file_is_refused(tmp_path: Path, inside: str, command: str) -> None:
    (tmp_path / "file").write_text("no home")
    done = RealHome(Path(f"{tmp_path}/file{inside}")).run(*command.split())
    assert done.returncode == 1
    assert done.stderr.startswith(b"warmline: the home ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"too short"])
def test_a_damaged_credential_opens_no_door(real_home: RealHome, content: bytes) -> None:
    real_home.home.make()
    real_home.home.token.write_bytes(content)
    real_home.home.token.chmod(0o600)
    for command in (["ask", "why?"], ["serve", "--port", "0"]):
        done = real_home.run(*command)
        assert done.returncode == 1
        assert b"holds no credential" in done.stderr
        assert done.stderr.count(b"\n") == 1
