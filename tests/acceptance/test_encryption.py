"""A home that its owner encrypts, works with, kills and decrypts, by real processes."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path

import pytest

from real_home import RealHome, wait_until_gone
from warmline.security.databases import open_database
from warmline.security.key_place import find_key
from warmline.security.keys import read_seals
from warmline.security.workspace import PLACE, workspace_prefix
from warmline.stores import ledger

BODY = "Where does the heron of the boathouse nest?"
OLD_BODY = "Who feeds the otter of the harbour?"
LINE = "The heron of the boathouse nests under the eaves."
MARKS = (b"heron", b"otter", b"boathouse", b"birds.md", b"eaves")


class EncryptedHome:
    """A real home with a marked question, archive and memory, and a place for its key."""

    def __init__(self, real: RealHome, folder: Path) -> None:
        self.real = real
        self.key_file = folder / "keys" / "key"
        self.key_file.parent.mkdir()
        notes = folder / "notes"
        notes.mkdir()
        (notes / "birds.md").write_text(f"# Birds\n\n{LINE}\n")
        assert real.run("memory", "add", str(notes)).returncode == 0
        real.run("ask", OLD_BODY)
        self.ask()  # the newest stays
        assert real.run("store", "archive", "--older-than", "0s").returncode == 0

    def ask(self) -> None:
        assert LINE.split(" nests ")[1] in self.real.json("ask", BODY)["text"]

    def encrypt(self) -> str:
        done = self.real.run("store", "encrypt", "--key-file", str(self.key_file))
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).decode()

    def plain(self) -> set[str]:
        """Return the names of the files in the home that hold any of the marks, packed or not."""
        found = set()
        for path in self.real.home.path.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                if path.suffix == ".gz":
                    content = gzip.decompress(content)
                if any(mark in content.lower() for mark in MARKS):
                    found.add(path.name)
        return found

    def refusal(self, *words: str) -> str:
        """Return the one line by which a command is refused."""
        done = self.real.run(*(words or ("memory", "list")))
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert done.stderr.count(b"\n") == 1
        return done.stderr.decode()

    def workspaces(self) -> set[Path]:
        """Return those of this home alone: other tests have theirs at the same time."""
        return set(PLACE.glob(f"{workspace_prefix(self.real.home.path)}*"))


@pytest.fixture
def home(real_home: RealHome, tmp_path: Path) -> EncryptedHome:
    return EncryptedHome(real_home, tmp_path)


def archived(home: EncryptedHome) -> set[str]:
    """Return how the names of the archive's files end."""
    return {path.suffix for path in home.real.home.archive.iterdir()}


def is_whole(home: EncryptedHome) -> bool:
    """Stop the daemon, and tell whether the ledger's sums are those of the rows."""
    assert home.real.run("audit", "verify").returncode == 0
    home.real.run("stop")
    assert home.real.run("audit", "verify").returncode == 0
    connection = open_database(home.real.home.store, find_key(home.real.home.encryption))
    seals = read_seals(home.real.home.seal_keys)
    weighed = ledger.weigh_all(connection, seals)
    whole = ledger.is_sealed(connection, seals) and ledger.read(connection).sums == weighed
    connection.close()
    return whole


def test_nothing_readable_is_left_in_the_home_and_all_works_before_and_after(home: EncryptedHome) -> None:
    assert {"store.db-wal", "catalog.sqlite-wal"} < home.plain()
    assert archived(home) == {".gz"}
    assert any(name.endswith(".gz") for name in home.plain())
    before = home.workspaces()
    said = home.encrypt()
    assert archived(home) == {".enc"}
    assert str(home.key_file) in said
    assert "copy of the key" in said
    assert home.plain() == set()
    home.ask()
    assert home.plain() == set()
    home.real.kill()
    assert home.plain() == set()
    home.ask()
    assert len(home.workspaces() - before) == 1  # that of the killed daemon is gone
    assert home.real.run("store", "archive", "--older-than", "0s").returncode == 0
    assert home.plain() == set()
    assert is_whole(home)
    assert home.workspaces() == before
    assert home.real.run("store", "decrypt").returncode == 0
    assert {"store.db", "catalog.sqlite"} <= home.plain()
    home.ask()
    assert is_whole(home)
    assert not home.real.home.encryption.exists()


def test_a_key_that_is_gone_another_or_open_to_others_stops_the_daemon_with_the_reason(home: EncryptedHome) -> None:
    home.encrypt()
    kept = home.key_file.read_text()
    home.key_file.chmod(0o644)
    assert "chmod 600" in home.refusal()
    home.key_file.unlink()
    assert str(home.key_file) in home.refusal()
    home.key_file.write_text("00" * 32)
    home.key_file.chmod(0o600)
    assert "not the one" in home.refusal()
    assert "not the one" in home.refusal("store", "decrypt")
    home.key_file.write_text(kept)
    home.ask()


def test_an_encrypted_store_without_its_encryption_json_is_refused(home: EncryptedHome) -> None:
    home.encrypt()
    kept = home.real.home.encryption.rename(home.key_file.with_name("kept"))
    assert "encryption.json" in home.refusal()
    assert "encryption.json" in home.refusal("store", "encrypt", "--key-file", str(home.key_file))
    kept.rename(home.real.home.encryption)
    home.ask()


def test_what_is_so_already_is_said_and_the_daemon_goes_on(home: EncryptedHome) -> None:
    pid = home.real.pid()
    assert "not encrypted" in home.refusal("store", "decrypt")
    assert home.real.pid() == pid
    assert not home.real.json("status")["encrypted"]
    assert f"{home.real.home.path}\n" in home.real.run("status").stdout.decode()
    home.encrypt()
    home.ask()
    pid = home.real.pid()
    assert "encrypted already" in home.refusal("store", "encrypt", "--key-file", str(home.key_file))
    assert home.real.pid() == pid
    assert home.real.json("status")["encrypted"]
    assert f"{home.real.home.path}, encrypted\n" in home.real.run("status").stdout.decode()


def test_a_key_within_the_home_is_refused(home: EncryptedHome) -> None:
    inside = home.real.home.path / "key"
    done = home.real.run("store", "encrypt", "--key-file", str(inside))
    assert done.returncode == 2
    assert b"outside" in done.stderr
    assert not inside.exists()


def test_the_key_is_in_no_file_of_the_home_and_in_no_argument_or_environment(home: EncryptedHome) -> None:
    home.encrypt()
    home.ask()
    key = home.key_file.read_text().strip()
    for path in home.real.home.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key.encode() not in content
            assert bytes.fromhex(key) not in content
    process = Path(f"/proc/{home.real.pid()}")
    if process.exists():
        assert key.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()


def test_a_command_that_is_killed_half_way_leaves_a_home_that_works(home: EncryptedHome) -> None:
    (home.real.home.path / "turning.new").mkdir()
    (home.real.home.path / "turning.new" / "store.db").write_bytes(b"half")
    home.real.run("stop")
    home.ask()
    assert not (home.real.home.path / "turning.new").exists()
    home.encrypt()
    home.real.run("stop")
    whole = home.real.home.path / "turning"
    whole.mkdir()
    home.real.home.store.rename(whole / "store.db")
    home.real.home.encryption.rename(whole / "encryption.json")
    home.ask()
    assert not whole.exists()
    assert home.plain() == set()


def test_a_daemon_in_the_foreground_holds_no_readable_file_either(home: EncryptedHome) -> None:
    home.encrypt()
    before = home.workspaces()
    daemon = home.real.serve()
    home.ask()
    assert {path.stat().st_mode & 0o777 for path in home.workspaces() - before} == {0o700}
    daemon.send_signal(signal.SIGTERM)
    wait_until_gone(daemon.pid)
    assert home.workspaces() == before
    assert home.plain() == set()


KEYRING = """
import json
from pathlib import Path
from keyring.backend import KeyringBackend

KEPT = Path(__file__).with_name("kept.json")

class OnFile(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return json.loads(KEPT.read_text()).get(f"{service} {username}") if KEPT.exists() else None

    def set_password(self, service, username, password):
        KEPT.write_text(json.dumps({f"{service} {username}": password}))
"""


def test_a_daemon_that_starts_by_itself_finds_the_key_in_the_keyring(home: EncryptedHome) -> None:
    """The keyring is one that a file of settings names, as a user's own may: the daemon's clean environment tells."""
    config = home.key_file.parent
    (config / "on_file.py").write_text(KEYRING)
    (config / "python_keyring").mkdir()
    settings = f"[backend]\ndefault-keyring=on_file.OnFile\nkeyring-path={config}\n"
    (config / "python_keyring" / "keyringrc.cfg").write_text(settings)
    done = home.real.run("store", "encrypt", "--keyring", "--json", XDG_CONFIG_HOME=str(config))
    assert (done.returncode, json.loads(done.stdout)["keyring"]) == (0, True), done.stderr
    assert home.plain() == set()
    assert home.real.run("memory", "list", XDG_CONFIG_HOME=str(config)).returncode == 0
    home.ask()
    home.real.run("stop")
    (config / "kept.json").unlink()
    done = home.real.run("memory", "list", XDG_CONFIG_HOME=str(config))
    assert done.returncode == 1
    assert b"holds no key" in done.stderr
