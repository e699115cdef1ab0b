"""`memory search --batch`: many questions, one JSON object a line in and out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.client import Client


def search_batch(client: Client, file: Path, top: int) -> int:
    """Answer each {"qid", "question"} line by a {"qid", "ms", "cites": [...]} line, in order.

    A cite's file is relative to the folder that was added, so batches are for a memory of one root.
    Raises InvalidInputError at the first line that is none.
    """
    for number, question in _questions(file):
        try:
            qid, text = question["qid"], question["question"]
        except (KeyError, TypeError) as error:
            raise InvalidInputError(f'line {number} of {file} is no {{"qid", "question"}} object') from error
        if not isinstance(text, str) or not text.strip() or "\0" in text:
            raise InvalidInputError(f"line {number} of {file} asks nothing: its question is a text, and holds no NUL")
        try:
            found = client.search(text, top)
        except InvalidInputError as error:
            raise InvalidInputError(f"line {number} of {file}: {error}") from error
        cites = [_cite(passage) for passage in found["passages"]]
        print(json.dumps({"qid": qid, "ms": found["ms"], "cites": cites}, ensure_ascii=False))
    return 0


def _cite(passage: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": passage["path"].partition("/")[2] or passage["path"],
        "start": passage["first_line"],
        "end": passage["last_line"],
        "quote": passage["text"],
    }


def _questions(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        lines = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}") from error
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InvalidInputError(f"line {number} of {file} is no JSON that can be read: {error}") from error
