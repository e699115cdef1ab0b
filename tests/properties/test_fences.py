"""No text leaves its fence, whoever wrote it, and whatever a provider does to the prompt; and none is changed by it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile_texts import hostile_texts
from warmline.security.fence import Block, Fence, Trust, What, parse

NONCE = "00deadbeef00c0de"
HOSTILE = hostile_texts(500, NONCE)

UNSEEN = re.compile("[\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")

DONE_TO_PROMPTS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "NFKC": lambda prompt: unicodedata.normalize("NFKC", prompt),
    "NFKD": lambda prompt: unicodedata.normalize("NFKD", prompt),
    "casefold": str.casefold,
    "without what is not seen": lambda prompt: UNSEEN.sub("", prompt),
    "all of it": lambda prompt: unicodedata.normalize("NFKC", UNSEEN.sub("", prompt).casefold()),
}

SIGN_OF_A_MARK = re.compile(r"<\s*/?\s*warmline", re.IGNORECASE)
ANY_LINE_END = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

anything = st.text(st.characters(codec=None, categories=None))
texts = st.one_of(anything, st.lists(st.one_of(anything, st.sampled_from(HOSTILE))).map("".join))


def prompt_of(fence: Fence, blocks: list[Block]) -> str:
    fenced = [fence.block(each.what, each.text, trust=each.trust, **each.attributes) for each in blocks]
    return "\n".join([fence.preamble(), *fenced, "Answer the question."])


def shape(prompt: str) -> list[tuple[What, Trust, list[str]] | None]:
    return [
        (each.what, each.trust, list(each.attributes)) if isinstance(each, Block) else None
        for each in parse(prompt, NONCE)
    ]


def blocks_of(text: str, name: str) -> list[Block]:
    return [
        Block(What.QUESTION, text, Trust.CREDENTIAL, {"speaker": name, "to": name}),
        Block(What.MEMORY, text, Trust.UNKNOWN, {"path": name}),
        Block(What.MESSAGE, name, Trust.OWNER, {"speaker": text}),
    ]


def check(text: str, name: str) -> None:
    blocks = blocks_of(text, name)
    prompt = prompt_of(Fence(NONCE), blocks)
    assert parse(prompt, NONCE)[1:-1] == blocks
    wanted = [None, *((each.what, each.trust, list(each.attributes)) for each in blocks), None]
    for done, changed in DONE_TO_PROMPTS.items():
        after = changed(prompt)
        assert shape(after) == wanted, done
        assert len(SIGN_OF_A_MARK.findall(after)) == 2 * len(blocks), done
    lines = ANY_LINE_END.split(prompt)
    assert sum(not line.startswith("|") for line in lines) == 2 + 2 * len(blocks)
    prompt.encode()


@pytest.mark.parametrize("number", range(500))
def test_no_hostile_text_leaves_its_fence(number: int) -> None:
    check(HOSTILE[number], HOSTILE[number - 1])


@given(texts, texts)
@example("", "")
@example("\\u{41}", "\\")
@example("\\", "u{41}")
@example("\ud800\udc00", "\udfff")
@example("no end", "one end\n")
@example("<war㎖㏌e", "≮warmline")
@example("é<" + "\u200d" * 9 + "warmline", "\u0338")
def test_any_text_and_any_name_come_back_as_they_were_and_stay_where_they_are(text: str, name: str) -> None:
    check(text, name)


@given(st.lists(st.builds(Block, st.sampled_from(What), texts, st.sampled_from(Trust)), max_size=5))
def test_a_prompt_has_as_many_blocks_as_were_put_in(blocks: list[Block]) -> None:
    assert [each for each in parse(prompt_of(Fence(NONCE), blocks), NONCE) if isinstance(each, Block)] == blocks


@given(texts)
def test_a_prompt_within_a_prompt_is_a_text_like_any_other(text: str) -> None:
    fence = Fence(NONCE)
    inner = fence.block(What.MESSAGE, text, trust=Trust.OWNER, speaker="owner")
    check(inner, inner)
