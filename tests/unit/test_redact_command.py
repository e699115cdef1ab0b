"""What `redact --test` prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from made_secrets import ALNUM, draw, private_key
from warmline.interfaces.cli.main import main

TOKEN = f"ghp_{draw(Random(8), ALNUM, 36)}"


def test_a_found_secret_is_named_by_line_and_kind_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.md"
    file.write_text(f"one\ntwo {TOKEN} three {TOKEN}\n{private_key(Random(9), 'PRIVATE KEY')}\n", encoding="utf-8")
    assert main(["redact", "--test", str(file)]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        f"{file}:2: github-token: two [redacted github-token] three [redacted github-token]",
        f"{file}:2: github-token: two [redacted github-token] three [redacted github-token]",
        f"{file}:3: private-key: [redacted private-key]",
    ]
    assert TOKEN[4:9] not in shown.out + shown.err


def test_a_clean_file_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clean").write_text("nothing here\n", encoding="utf-8")
    assert main(["redact", "--test", str(tmp_path / "clean")]) == 0
    assert capsys.readouterr().out == ""


def test_binary_and_unreadable_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary").write_bytes(b"\0" + TOKEN.encode())
    assert main(["redact", "--test", str(tmp_path / "binary"), str(tmp_path / "gone")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'binary'} is binary" in said
    assert f"{tmp_path / 'gone'} cannot be read" in said
    assert "0 secrets in 0 files; 2 files not looked through" in said


def test_only_files_that_were_looked_through_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text(TOKEN, encoding="utf-8")
    assert main(["redact", "--test", str(tmp_path / "a"), str(tmp_path / "gone")]) == 1
    assert "1 secret in 1 file; 1 file not looked through\n" in capsys.readouterr().err
    assert main(["redact", "--test", str(tmp_path / "a")]) == 1
    assert "1 secret in 1 file\n" in capsys.readouterr().err


def test_a_file_that_is_no_utf_8_is_looked_through_and_told_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9 " + TOKEN.encode())
    assert main(["redact", "--json", "--test", str(tmp_path / "latin")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(each["line"], each["kind"]) for each in told["found"]] == [(1, "github-token")]
    assert told["unread"] == []
