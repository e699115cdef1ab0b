"""Fetching the programs of `make test-clients`: once, the pinned ones or none, and loudly when they cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "fetch-clients.sh"
PINNED = sorted((ROOT / "scripts" / "clients").iterdir())

each_pinned = pytest.mark.parametrize("pinned", PINNED, ids=lambda pinned: pinned.name)


def run(cache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run with an empty cache and a registry that is not there, whatever is configured here."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cache),
        "XDG_CACHE_HOME": str(cache),
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_fetch_retries": "0",
        "WARMLINE_CLAUDE": "/bin/false",
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)


def test_without_a_registry_it_says_so_loudly_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, str(SCRIPT), "codex")
    assert (done.returncode, done.stdout) == (69, "")
    assert "NOT TESTED" in done.stderr
    assert list((tmp_path / "warmline-clients").iterdir()) == []


def test_make_test_clients_then_says_that_nothing_was_tested(tmp_path: Path) -> None:
    done = run(tmp_path, "make", "--old-file", ".venv/tested", "test-clients", "CLIENTS=codex")
    assert done.returncode == 0, done
    assert "NOT TESTED" in done.stdout


def test_a_client_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, str(SCRIPT), "left-pad")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no client left-pad" in done.stderr


def test_what_was_fetched_before_is_not_fetched_again(tmp_path: Path) -> None:
    lock = (ROOT / "scripts" / "clients" / "codex" / "package-lock.json").read_bytes()
    number = subprocess.run(["cksum"], input=lock, capture_output=True, check=True).stdout.split()[0].decode()
    place = tmp_path / "warmline-clients" / f"codex-{number}"
    place.mkdir(parents=True)
    done = run(tmp_path, str(SCRIPT), "codex")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{place}\n", "")


@each_pinned
def test_all_that_a_lock_brings_has_its_hash_and_no_address(pinned: Path) -> None:
    lock = json.loads((pinned / "package-lock.json").read_text("utf-8"))
    brought = {name: each for name, each in lock["packages"].items() if name and not each.get("inBundle")}
    assert brought
    assert all(each["integrity"].startswith("sha512-") for each in brought.values())
    assert not any("resolved" in each for each in brought.values())


@each_pinned
def test_a_client_is_named_with_one_version(pinned: Path) -> None:
    package = json.loads((pinned / "package.json").read_text("utf-8"))
    versions = [*package.get("dependencies", {}).values(), *package.get("optionalDependencies", {}).values()]
    assert versions
    assert all(version[0].isdigit() for version in versions)
