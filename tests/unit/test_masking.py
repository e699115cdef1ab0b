"""Objects of JSON with secrets anywhere in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leaks import AWS, GITHUB, MASKED_GITHUB, OTHER_AWS, holds_raw
from warmline.security.masking import Masking
from warmline.security.redaction import Redacted, redact, redact_aside

texts = st.lists(st.sampled_from([AWS, OTHER_AWS, GITHUB, " ", "\n", '"', "\\", "a", "é"]), max_size=4).map(" ".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)


def size(value: Any) -> int:
    """Count the members and elements of a JSON value, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inner))


@given(objects)
async def test_no_secret_is_left_and_nothing_is_lost(said: dict[str, Any]) -> None:
    masking = Masking(redact_aside)
    masked = await masking.members(said)
    written = json.dumps(masked, ensure_ascii=False)
    assert not holds_raw(written)
    assert json.loads(written) == masked
    assert size(masked) == size(said)
    assert bool(masking.kinds) == holds_raw(json.dumps(said, ensure_ascii=False))


@given(objects)
async def test_what_was_masked_is_not_masked_again(said: dict[str, Any]) -> None:
    masked = await Masking(redact_aside).members(said)
    again = Masking(redact_aside)
    assert await again.members(masked) == masked
    assert again.kinds == ()


async def test_what_only_its_name_makes_a_secret_is_masked_whole() -> None:
    async def knows_passwords(text: str) -> Redacted:
        """Find what stands as `"password": ...`, which no value alone does."""
        return Redacted("?", ("password",)) if '"password": ' in text and "[redacted" not in text else redact(text)

    masking = Masking(knows_passwords)
    said = {"user": "ada", "login": {"password": "blue can"}, "pins": {"password": 4711}, "password": GITHUB}
    assert await masking.members(said) == {
        "user": "ada",
        "login": {"password": "[redacted password]"},
        "pins": {"password": "[redacted password]"},
        "password": MASKED_GITHUB,
    }
    assert masking.kinds == ("password", "github-token")
