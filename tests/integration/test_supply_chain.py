"""What the program is made of: pinned with hashes, and asked about, here of an advisory database of the test's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HASHED = re.compile(r"(?P<requirement>[^\\]+?)(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n(?:    # via .*\n)?")

PINNED = """# by hand
{package}=={version} \\
    --hash=sha256:{digest}
"""


def pins(lock: Path) -> dict[str, Version]:
    """Return the version of each package. All of the file are pinned packages with their hashes, and comments."""
    found: dict[str, Version] = {}
    text = re.sub(r"^#.*\n", "", lock.read_text("ascii"), flags=re.MULTILINE)
    while text:
        entry = HASHED.match(text)
        assert entry, text[:200]
        requirement = Requirement(entry["requirement"])
        [pin] = requirement.specifier
        assert pin.operator == "=="
        assert canonicalize_name(requirement.name) not in found
        found[canonicalize_name(requirement.name)] = Version(pin.version)
        text = text[entry.end() :]
    assert found
    return found


def wanted(lock: Path) -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values() if lock == DEVELOPMENT else []
    return [Requirement(text) for texts in (PROJECT["dependencies"], *extras) for text in texts]


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_a_lock_pins_a_version_in_the_range_of_every_dependency(lock: Path) -> None:
    pinned = pins(lock)
    outside = [
        str(each)
        for each in wanted(lock)
        if canonicalize_name(each.name) not in pinned
        or not each.specifier.contains(pinned[canonicalize_name(each.name)])
    ]
    assert outside == [], "run: make lock"


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_a_lock_pins_what_its_packages_need_in_turn(lock: Path) -> None:
    """As far as they are installed here; pip refuses to install what is in no lock."""
    pinned = pins(lock)
    missing = {
        str(need)
        for name in pinned
        for need in (Requirement(text) for text in _needs(name))
        if (need.marker is None or need.marker.evaluate({"extra": ""})) and canonicalize_name(need.name) not in pinned
    }
    assert missing == set(), "run: make lock"


def _needs(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def test_both_locks_pin_the_same_versions() -> None:
    development = pins(DEVELOPMENT)
    assert {name: version for name, version in pins(RUNTIME).items() if development[name] != version} == {}


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_a_lock_names_no_server_and_no_place_on_a_machine(lock: Path) -> None:
    text = lock.read_text("ascii")
    assert "make lock" in text
    assert re.findall(r"://|^-|^\s+--(?!hash=sha256:)|@ |(?<![\w.])/\w+", text, re.MULTILINE) == []


class _Advisories(BaseHTTPRequestHandler):
    """Speaks OSV's query API: knows a fault of one version of one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found: dict[str, object] = {}
        if (asked["package"]["name"], asked["version"]) == ("leaky", "1.0"):
            found = {"vulns": [{"id": "TEST-2026-1", "summary": "it leaks", "affected": []}]}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def advisories() -> Iterator[str]:
    """Serve them until the block ends; the address is refused afterwards."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Advisories) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(address: str, *locks: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "scripts" / "audit-dependencies.sh"), *map(str, locks)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "ADVISORIES": address},
    )


def pinned(folder: Path, package: str, version: str) -> Path:
    lock = folder / f"{package}.lock"
    lock.write_text(PINNED.format(package=package, version=version, digest="0" * 64), "ascii")
    return lock


def test_what_is_not_known_to_be_vulnerable_passes() -> None:
    with advisories() as address:
        done = audit(address, RUNTIME)
    assert done.returncode == 0, done.stderr
    assert f"{RUNTIME}: none of {len(pins(RUNTIME))} packages is known to be vulnerable" in done.stdout


def test_a_vulnerable_package_fails_and_is_named_whatever_comes_after_it(tmp_path: Path) -> None:
    with advisories() as address:
        done = audit(address, pinned(tmp_path, "leaky", "1.0"), pinned(tmp_path, "leakproof", "1.0"))
    assert done.returncode == 1
    assert re.search(r"^leaky +1\.0 +TEST-2026-1", done.stdout, re.MULTILINE)
    assert "leakproof.lock: none of 1 packages is known" in done.stdout


def test_a_database_that_cannot_be_reached_is_no_pass() -> None:
    with advisories() as address:
        pass
    done = audit(address, RUNTIME)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("NOT AUDITED: the advisory database could not be asked about every package\n")


@pytest.mark.parametrize("spoilt", ["uvicorn\n", "uvicorn==0.54.0\n"])
def test_a_package_without_a_pin_or_a_hash_is_no_pass(tmp_path: Path, spoilt: str) -> None:
    lock = tmp_path / "spoilt.lock"
    lock.write_text(spoilt, "ascii")
    with advisories() as address:
        done = audit(address, lock)
    assert done.returncode == 2, done.stdout
    assert "NOT AUDITED" in done.stderr
