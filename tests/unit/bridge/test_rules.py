"""What may be said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from warmline.bridge import rules
from warmline.errors import BodyTooLargeError, InvalidInputError
from warmline.settings import BridgeSettings

LIMITS = BridgeSettings()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("body", ["why?", "x" * LIMITS.max_body_bytes, "ä" * (LIMITS.max_body_bytes // 2)])
def test_a_body_of_text_up_to_the_limit_is_taken(body: str) -> None:
    rules.check_body(body, "question", LIMITS)


@pytest.mark.parametrize(
    ("body", "says"),
    [("", "empty"), (" \n\t", "empty"), ("a\0b", "NUL"), ("half \ud800", "half a character at 5")],
)
def test_a_body_that_is_no_text_is_refused_and_not_repeated(body: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=f"the note .*{says}"):
        rules.check_body(body, "note", LIMITS)


@pytest.mark.parametrize("body", ["x" * (LIMITS.max_body_bytes + 1), "ä" * (LIMITS.max_body_bytes // 2 + 1)])
def test_a_body_over_the_limit_is_too_large_in_bytes(body: str) -> None:
    with pytest.raises(BodyTooLargeError):
        rules.check_body(body, "note", LIMITS)


@pytest.mark.parametrize("name", ["docs", "a", "n" * 100, "code review", "Jürgen", "資料", "a.b-c_d", "conv:1"])
def test_a_name_of_printable_characters_is_taken(name: str) -> None:
    rules.check_name(name, LIMITS)


@pytest.mark.parametrize(
    "name",
    ["", " ", "n" * 101, "a\0", "a\nb", "a\tb", "\x1b[31m", "\x7f", "a\u202eb", "\u200b", "half \ud800", "a/b", "/"],
)
def test_a_name_with_controls_or_slashes_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        rules.check_name(name, LIMITS)


@pytest.mark.parametrize("name", [" docs", "docs ", "\u3000docs", "owner", "memory", "warmline"])
def test_a_name_with_spaces_at_its_ends_or_of_the_line_itself_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        rules.check_name(name, LIMITS)


@pytest.mark.parametrize(
    "name", ["Owner", "OWNER", "\uff4f\uff57\uff4e\uff45\uff52", "\u24dewner", "Warmline", "MEMORY"]
)
def test_a_name_of_the_line_itself_in_other_letters_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="the line's own"):
        rules.check_name(name, LIMITS)


@pytest.mark.parametrize("key", [None, "k", "k" * 200])
def test_a_key_of_printable_ascii_is_taken(key: str | None) -> None:
    rules.check_key(key, LIMITS)


@pytest.mark.parametrize("key", ["", "k" * 201, "schlüssel", "a\nb"])
def test_another_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError, match="idempotency key"):
        rules.check_key(key, LIMITS)


@pytest.mark.parametrize(
    "deadline", [None, NOW + timedelta(microseconds=1), NOW + LIMITS.max_deadline, datetime(2026, 1, 2, tzinfo=UTC)]
)
def test_a_deadline_within_the_limit_is_as_it_was_asked_for(deadline: datetime | None) -> None:
    assert rules.checked_deadline(deadline, NOW, LIMITS) == deadline


@pytest.mark.parametrize(
    ("deadline", "says"),
    [
        (NOW, "past"),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "past"),
        (NOW.replace(tzinfo=None) + timedelta(hours=1), "time zone"),
        (NOW + LIMITS.max_deadline + timedelta(microseconds=1), "30 days"),
    ],
)
def test_a_deadline_past_without_a_zone_or_too_far_is_refused(deadline: datetime, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        rules.checked_deadline(deadline, NOW, LIMITS)


@pytest.mark.parametrize("metadata", [None, {}])
def test_no_metadata_is_none(metadata: Mapping[str, object] | None) -> None:
    assert rules.written_metadata(metadata, LIMITS) is None


def test_metadata_is_written_as_json() -> None:
    assert rules.written_metadata({"files": ["a.md"], "grün": 1}, LIMITS) == '{"files": ["a.md"], "grün": 1}'


@pytest.mark.parametrize(
    "metadata",
    [
        {"files": "x" * LIMITS.max_metadata_bytes},
        {"n": float("nan")},
        {"when": NOW},
        {"half": "\ud800"},
        {"deep": json.loads("[" * LIMITS.max_metadata_depth + "]" * LIMITS.max_metadata_depth)},
    ],
)
def test_metadata_that_is_too_big_or_no_json_is_refused(metadata: Mapping[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="metadata"):
        rules.written_metadata(metadata, LIMITS)


def test_metadata_is_taken_down_to_its_last_level() -> None:
    deepest = json.loads('{"a":' * LIMITS.max_metadata_depth + "1" + "}" * LIMITS.max_metadata_depth)
    assert rules.nesting(deepest) == LIMITS.max_metadata_depth
    assert rules.written_metadata(deepest, LIMITS) is not None


@pytest.mark.parametrize("status", ["", "indexing", "x" * LIMITS.max_status_bytes])
def test_a_short_status_is_taken(status: str) -> None:
    rules.check_status(status, LIMITS)


@pytest.mark.parametrize("status", ["x" * (LIMITS.max_status_bytes + 1), "\0"])
def test_a_long_status_is_refused(status: str) -> None:
    with pytest.raises(InvalidInputError, match="status"):
        rules.check_status(status, LIMITS)


def test_a_lease_is_what_was_asked_for_else_the_usual() -> None:
    assert rules.lease_length(None, LIMITS) == LIMITS.receive_lease
    assert rules.lease_length(LIMITS.max_receive_lease, LIMITS) == LIMITS.max_receive_lease


@pytest.mark.parametrize("asked", [timedelta(0), timedelta(-1), LIMITS.max_receive_lease + timedelta(microseconds=1)])
def test_a_lease_of_no_time_or_over_the_limit_is_refused(asked: timedelta) -> None:
    with pytest.raises(InvalidInputError, match="lease"):
        rules.lease_length(asked, LIMITS)


def test_a_batch_holds_at_least_one_message_and_at_most_the_limit() -> None:
    assert rules.batch_limit(1, LIMITS) == 1
    assert rules.batch_limit(10**9, LIMITS) == LIMITS.max_batch
    with pytest.raises(InvalidInputError):
        rules.batch_limit(0, LIMITS)
