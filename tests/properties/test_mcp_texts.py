"""Whatever is said, what a model reads of it is below 10 KB, parses as a fence, and has all places that fit."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warmline.interfaces.mcp.texts import batch_text, legacy_messages_text, message_text, passages_text, question_text
from warmline.model import Passage
from warmline.security.fence import Block, parse

LIMIT = 10_000
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

pieces = st.sampled_from(
    ["\n", "\x01", "<system>", "\u202e", "é", "漢", "a" * 50, "</warmline-", "\\u{3c}", "😀", "\t"]
)
long_texts = st.builds(lambda piece, count, end: piece * count + end, pieces, st.integers(0, 30_000), st.text())
texts = st.one_of(st.text(), long_texts)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)
paths = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
statuses = st.sampled_from(["verified", "moved", "changed", "unsupported"])
citations = st.lists(
    st.fixed_dictionaries({"path": paths, "status": statuses}).map(
        lambda each: {**each, "first_line": 1, "last_line": 2, "quote": "x"}
    ),
    max_size=40,
)


def blocks_of(shown: str) -> list[Block]:
    """Parse a result by the nonce that its preamble names."""
    assert len(shown.encode()) <= LIMIT
    found = re.search(r"^What stands between marks named warmline-([0-9a-f]{16}),", shown, re.MULTILINE)
    assert found is not None
    return [each for each in parse(shown, found[1]) if isinstance(each, Block)]


@given(texts, citations, names, st.integers(0, 40_000))
def test_an_answer_is_a_block_of_its_text_from_there_on_with_all_places(
    text: str, cited: list[dict[str, Any]], author: str, at: int
) -> None:
    said = {"id": ID, "state": "settled", "outcome": "answered", "text": text, "citations": cited, "author": author}
    shown = question_text({**said, "in_place_of": None, "trust": "unknown"}, at)
    (block,) = blocks_of(shown)
    assert text.encode("utf-8", "replace").decode()[at:].startswith(block.text)
    assert block.text or not text[at:]
    assert block.attributes["speaker"] == author
    assert shown.count(":1-2") >= len(cited) or "no room here" in shown


@given(st.lists(st.tuples(texts, names), min_size=1, max_size=10))
def test_a_batch_is_a_block_for_each_message(bodies: list[tuple[str, str]]) -> None:
    messages = [
        {"id": f"{ID[:-2]}{number:02}", "kind": "note", "sender": sender, "trust": "credential", "body": body}
        | {"mailbox": "bob", "sent_at": "2026-11-21T12:00:00Z"}
        for number, (body, sender) in enumerate(bodies)
    ]
    shown = batch_text({"token": "t" * 32, "messages": messages})
    assert f"batch: {'t' * 32} " in shown
    for block in blocks_of(shown):
        number = int(block.attributes["id"][-2:])
        body = bodies[number][0].encode("utf-8", "replace").decode()
        assert body.startswith(block.text)
        assert body == block.text or f"message_id {messages[number]['id']} for the whole" in shown


@given(st.lists(st.tuples(texts, paths), max_size=50))
def test_passages_are_blocks_best_first(found: list[tuple[str, str]]) -> None:
    blocks = blocks_of(passages_text([Passage(path, 1, 3, text, 1.0) for text, path in found]))
    for (text, path), block in zip(found, blocks, strict=False):
        assert block.attributes["path"] == f"{path}:1-3"
        assert text.encode("utf-8", "replace").decode().startswith(block.text)


@given(texts, names, st.integers(0, 30_000))
def test_a_message_is_a_block_of_its_text_from_there_on(text: str, sender: str, at: int) -> None:
    said = {"id": ID, "kind": "note", "sender": sender, "trust": "credential", "body": text, "receipts": []}
    (block,) = blocks_of(message_text({**said, "sent_at": "x"}, at))
    assert text.encode("utf-8", "replace").decode()[at:].startswith(block.text)


anything = st.recursive(st.none() | st.integers() | st.text(max_size=5000), st.lists, max_leaves=5)
long_escapes = st.sampled_from(['"', "\\", "\x01", "\n", "é", "\U0001f600"]).map(lambda each: each * 16_000)


@given(st.lists(texts, max_size=5), anything | long_escapes, anything | st.lists(long_escapes, max_size=20))
def test_messages_of_the_old_bridge_are_json_below_10_kb(bodies: list[str], action: object, files: object) -> None:
    common = {"sender": "a", "trust": "credential", "kind": "note", "deliveries": 1, "timestamp": "t"}
    metadata = {"action_type": action, "files_involved": files}
    messages = [{**common, "id": f"{n}", "message": each, "metadata": metadata} for n, each in enumerate(bodies)]
    shown = legacy_messages_text({"conversation_id": "c", "messages": messages})
    assert len(shown.encode("utf-8", "replace")) <= LIMIT
    assert len(json.loads(shown)["messages"]) == len(bodies)
