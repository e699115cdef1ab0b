"""A store from before the seals is sealed by the first start on it, and never because others put it there."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from real_home import RealHome
from warmline.stores.opening import APPLICATION_ID
from warmline.stores.queries import load_migrations


def write_store(path: Path, version: int) -> None:
    connection = apsw.Connection(str(path))
    for number, script in load_migrations():
        if number <= version:
            connection.execute(script)
            connection.pragma("user_version", number)
    connection.pragma("application_id", APPLICATION_ID)
    connection.close()
    path.chmod(0o600)


@pytest.mark.parametrize("version", [1, 3])
def test_a_store_from_before_the_seals_is_refused_beside_their_keys_and_left_alone(
    real_home: RealHome, version: int
) -> None:
    """Else its forged messages and credentials would be sealed, and the audit be whole."""
    assert real_home.run("conversation", "list").returncode == 0
    home = real_home.home
    real_home.run("stop")
    home.store.unlink()
    write_store(home.store, version)
    before = home.store.read_bytes()
    refused = real_home.run("conversation", "list")
    assert refused.returncode == 1
    [line] = refused.stderr.decode().splitlines()
    assert "is of before the seals" in line
    assert home.store.read_bytes() == before


def test_a_first_start_on_an_older_store_that_was_cut_off_is_begun_anew(real_home: RealHome) -> None:
    home = real_home.home
    home.make()
    write_store(home.store, 3)
    home.first_seal_keys.write_text("1 " + "ab" * 32)
    home.first_seal_keys.chmod(0o600)
    assert real_home.run("conversation", "list").returncode == 0
    assert real_home.json("audit", "verify")["whole"]
    assert not home.first_seal_keys.exists()


def test_a_start_that_was_cut_off_when_the_store_was_sealed_finds_its_keys(real_home: RealHome) -> None:
    home = real_home.home
    assert real_home.run("conversation", "list").returncode == 0
    real_home.run("stop")
    home.seal_keys.rename(home.first_seal_keys)
    assert real_home.run("conversation", "list").returncode == 0
    assert real_home.json("audit", "verify")["whole"]
    assert home.seal_keys.exists()


def test_keys_without_a_store_serve_a_new_one(real_home: RealHome) -> None:
    home = real_home.home
    assert real_home.run("conversation", "list").returncode == 0
    real_home.run("stop")
    home.store.unlink()
    assert real_home.run("conversation", "list").returncode == 0
    assert real_home.json("audit", "verify")["whole"]
