"""Which files are taken, and why the others are not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from warmline.memory.files import FoundFile, NotTextError, Skipped, read_text, walk
from warmline.settings import MemorySettings

SMALL = MemorySettings(max_file_bytes=100, max_line_bytes=40, max_depth=2)


def taken(root: Path, settings: MemorySettings = SMALL) -> list[str]:
    return [found.relative for found in walk(root, settings) if isinstance(found, FoundFile)]


def reasons(root: Path, settings: MemorySettings = SMALL) -> dict[str, str]:
    return {
        str(Path(found.path).relative_to(root)): found.reason
        for found in walk(root, settings)
        if isinstance(found, Skipped)
    }


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_files_come_in_order_of_name(tmp_path: Path) -> None:
    assert taken(write(tmp_path, b="1", a__z="1", c="1", a__b="1")) == ["a/b", "a/z", "b", "c"]


def test_gitignore_is_read_as_git_reads_it(tmp_path: Path) -> None:
    write(tmp_path, keep="1", a_log="1", sub__a_log="1", sub__deep__x="1", build__x="1", kept__a_log="1")
    (tmp_path / ".gitignore").write_text("*_log\nbuild/\n/sub/deep\n")
    (tmp_path / "kept" / ".gitignore").write_text("!a_log\n")
    assert taken(tmp_path) == ["keep", "kept/a_log"]
    assert reasons(tmp_path)["build"] == "named by .gitignore"


def test_gitignore_above_the_root_counts_up_to_the_top_of_the_working_tree(tmp_path: Path) -> None:
    write(tmp_path, repository__sub__a_log="1", repository__sub__b="1")
    (tmp_path / ".gitignore").write_text("b\n")
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / ".gitignore").write_text("*_log\n")
    assert taken(tmp_path / "repository" / "sub") == ["b"]


def test_what_cannot_be_read_as_files_is_passed_over_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, large="x" * 101, a__b__c__d="1")
    (tmp_path / ".env").write_text("secret")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "large")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        assert reasons(tmp_path) == {
            ".env": "hidden",
            "a/b/c": "more than 2 folders below its root",
            "large": "101 bytes, over the limit of 100",
            "link": "a symbolic link; links are not followed",
            "loop": "a symbolic link; links are not followed",
            "pipe": "a FIFO, not a regular file",
            "sock": "a socket, not a regular file",
        }
    assert taken(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything: needs an ordinary user")
def test_an_unreadable_folder_and_file_are_passed_over_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, shut__x="1", closed="1")
    (tmp_path / "shut").chmod(0)
    (tmp_path / "closed").chmod(0)
    assert reasons(tmp_path) == {"shut": "cannot be read: Permission denied"}
    with pytest.raises(NotTextError, match="Permission denied"):
        read_text(next(found for found in walk(tmp_path, SMALL) if isinstance(found, FoundFile)), SMALL)
    (tmp_path / "shut").chmod(0o700)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a\0b", "binary"),
        (b"fine\n\xff\n", "not valid UTF-8: byte 5"),
        (b"x" * 41 + b"\n", "a line over the limit of 40 bytes"),
        (b"x\n" * 51, "102 bytes, over the limit of 100"),
    ],
)
def test_what_is_not_text_is_refused_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(NotTextError, match=reason):
        read_text(FoundFile("file", str(path), len(data), 0), SMALL)


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, target="secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(NotTextError, match="cannot be read"):
        read_text(FoundFile("link", str(tmp_path / "link"), 6, 0), SMALL)


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotTextError, match="No such file"):
        read_text(FoundFile("gone", str(tmp_path / "gone"), 6, 0), SMALL)
