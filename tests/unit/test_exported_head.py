"""A file that holds no exported head is refused in one line, whatever it holds instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from warmline.errors import InvalidInputError
from warmline.operations.audit import read_head

REST = '"hash": "00", "at": "2026-01-01T00:00:00+00:00"}'


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "Infinity", "9" * 30, '"1"', "null", "true"])
def test_a_head_whose_number_no_row_can_have_is_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "head"
    path.write_text(f'{{"number": {number}, {REST}')
    with pytest.raises(InvalidInputError, match="holds no exported head"):
        read_head(path)


def test_a_file_of_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head"
    path.write_text("[" * 100_000)
    with pytest.raises(InvalidInputError, match="holds no exported head"):
        read_head(path)
