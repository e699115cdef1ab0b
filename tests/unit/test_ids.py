"""Ids of messages."""

from datetime import UTC, datetime, timedelta

import pytest

from warmline.errors import InvalidInputError
from warmline.ids import new_message_id, parse_message_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_ids_sort_by_time() -> None:
    ids = [new_message_id(NOW + timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids)


def test_ids_of_the_same_moment_differ() -> None:
    assert len({new_message_id(NOW) for _ in range(1000)}) == 1000


def test_an_id_is_read_in_either_case() -> None:
    message_id = new_message_id(NOW)
    assert parse_message_id(f" {message_id.lower()} ") == message_id


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 25, "0" * 27, "8" + "Z" * 25, "I" * 26, "é" * 26, "\0" * 26, "../../etc"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an id"):
        parse_message_id(text)
