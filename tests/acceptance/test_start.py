"""Before a daemon serves it looks at the modes of its files, and whether all that trust is made of can be loaded."""

from __future__ import annotations

import ast
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from poisoned import poisoned
from real_home import RealHome
from talk import Talk
from warmline import security

UNDER_NO_UMASK = ("sh", "-c", 'umask 0; exec "$@"', "sh")

FOLDER = Path(security.__path__[0])
OURS = sorted(f"{security.__name__}.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__")


EXTRAS = {"cryptography", "keyring"}
"""Needed by an encrypted home alone."""


def foreign_modules() -> list[str]:
    """Name what the parts of trust import from elsewhere, whenever they do, and the driver with the ciphers."""
    named = {"apsw"}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                named.add(node.module)
    roots = {name.partition(".")[0] for name in named}
    return sorted(roots - {*sys.stdlib_module_names, "warmline", *EXTRAS})


def modes(folder: Path) -> dict[str, int]:
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def refusal(done: subprocess.CompletedProcess[bytes]) -> str:
    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    return line


@pytest.mark.parametrize("command", ["serve --port 0", "ask why?"])
@pytest.mark.parametrize("name", ["owner.token", "seal.keys", "store.db"])
def test_a_file_open_to_others_stops_the_start_and_the_advice_mends_it(
    real_home: RealHome, name: str, command: str
) -> None:
    ticket = real_home.json("ask", "why?", "--wait", "0", code=4)["id"]
    real_home.run("stop")
    opened = real_home.home.path / name
    opened.chmod(0o644)
    said = refusal(real_home.run(*shlex.split(command)))
    assert f"{opened} is open to others" in said
    assert opened.read_bytes()
    assert subprocess.run(shlex.split(said.split("`")[1]), check=True).returncode == 0
    real_home.serve()
    assert real_home.run("ticket", ticket, "--wait", "30").returncode == 3
    assert "closed" not in real_home.run("status").stdout.decode()


def test_a_home_that_others_could_write_to_gets_no_daemon(real_home: RealHome) -> None:
    real_home.home.make()
    (real_home.home.path / "somebody's").touch(mode=0o600)
    real_home.home.path.chmod(0o777)
    for command in (["serve", "--port", "0"], ["ask", "why?"]):
        assert "others can write to the home" in refusal(real_home.run(*command))
    assert [path.name for path in real_home.home.path.iterdir()] == ["somebody's"]


def test_what_an_older_version_left_open_in_a_closed_home_is_closed_and_shown(real_home: RealHome, notes: Path) -> None:
    assert real_home.run("memory", "add", str(notes)).returncode == 0
    real_home.run("stop")
    index = [path for path in real_home.home.memory.rglob("*") if path.is_file()]
    for path in (*index, real_home.home.log):
        path.chmod(0o644)
    assert real_home.run("ask", "Which port does the exporter listen on?").returncode == 0
    assert real_home.json("status")["closed_at_start"] == len(index) + 1
    assert f"at the start, {len(index) + 1} files and folders to others" in real_home.run("status").stdout.decode()
    assert "warning closed to others" in real_home.home.log.read_text("utf-8")
    assert {mode & 0o077 for mode in modes(real_home.home.path).values()} == {0}


def test_a_home_that_others_could_look_into_is_closed_and_shown(real_home: RealHome) -> None:
    real_home.run("ask", "why?")
    real_home.run("stop")
    real_home.home.path.chmod(0o755)
    assert real_home.run("ask", "why?").returncode == 3
    assert stat.S_IMODE(real_home.home.path.stat().st_mode) == 0o700
    assert real_home.json("status")["closed_at_start"] == 1


@pytest.mark.parametrize("way", ["in the foreground", "in the background"])
def test_whatever_the_umask_nothing_is_made_open(tmp_path: Path, notes: Path, way: str) -> None:
    home = RealHome(tmp_path / "home", started_by=UNDER_NO_UMASK)
    try:
        if way == "in the foreground":
            home.serve()
        assert home.run("memory", "add", str(notes)).returncode == 0
        assert "\nUmask:\t0077\n" in Path(f"/proc/{home.pid()}/status").read_text("ascii")
        assert home.run("ask", "Which port does the exporter listen on?").returncode == 0
        talk = Talk(home, "--between", "coordinator,docs")
        talk.say("coordinator", "send", "docs", "hello")
        talk.say("docs", "inbox", "--keep")
        assert home.run("store", "archive", "--older-than", "0s").returncode == 0
        assert list((home.home.path / "archive").iterdir())
        assert list(home.home.held.iterdir())
        assert {path: mode for path, mode in modes(home.home.path).items() if mode & 0o077} == {}
    finally:
        home.close()


@pytest.mark.parametrize("module", [*OURS, *foreign_modules()])
def test_a_part_of_trust_that_cannot_be_loaded_stops_the_daemon_with_its_name(
    real_home: RealHome, tmp_path: Path, module: str
) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as announced:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "warmline", "--home", str(real_home.home.path)),
                *("serve", "--port", "0", "--announce", str(write_end)),
            ],
            capture_output=True,
            timeout=60,
            check=False,
            pass_fds=[write_end],
            env=poisoned(tmp_path, module),
        )
        os.close(write_end)
        said = refusal(done)
        assert f"cannot be loaded ({module} is broken)" in said
        assert f"warmline: {announced.read().decode()}" == f"{said}\n"
    assert not real_home.home.store.exists()


def test_a_redaction_that_finds_nothing_stops_the_daemon(real_home: RealHome, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from warmline.security import redaction\nredaction.redact = redaction.Redacted\n", "utf-8"
    )
    assert "warmline.security.redaction finds no secret" in refusal(
        real_home.run("serve", "--port", "0", PYTHONPATH=str(tmp_path))
    )
