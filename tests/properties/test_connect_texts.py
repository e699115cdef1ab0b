"""Whatever a configuration looks like: an entry put in and taken out leaves every other character as it was."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from warmline.operations.connect.json_language import JsonLanguage
from warmline.operations.connect.language import Document, Entry, entry_in, without
from warmline.operations.connect.toml_language import TomlLanguage

KEYS = ("servers", "warmline")
FIRST: Entry = {"$schema": "x"}

names = st.text(st.sampled_from('ab"\\/*{},:é\u2028😀 \t#'), max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
entries = st.fixed_dictionaries({"command": names, "args": st.lists(names, max_size=3)})
documents = st.builds(
    lambda rest, holder, old: {**rest, **({} if holder is None else {KEYS[0]: {**holder, **old}})},
    st.dictionaries(names, values, max_size=4),
    st.none() | st.dictionaries(names, values, max_size=3),
    st.just({}) | st.just({KEYS[1]: {"command": "old"}}),
)
SPACES = ["", "", " ", "  ", "\t", "\n", "\n  ", " \n\t"]
COMMENTS = ["//c1c, {\n", ' // c2c "\n\t', "/*c3c }*/", "/* c4c\n, */ "]


class Writer:
    """Writes JSON as oddly as people and programs do; the same for the same seed."""

    def __init__(self, seed: int, *, comments: bool) -> None:
        self._chance = Random(seed)
        self._comments = comments
        self._usual = self._chance.choice([["\n  "], [""], [" "], SPACES])

    def written(self, document: Document) -> str:
        text = self._gap() + self._value(document) + self._gap()
        return text.replace("\n", "\r\n") if self._chance.random() < 0.3 else text

    def _gap(self) -> str:
        return self._chance.choice(COMMENTS if self._comments and self._chance.random() < 0.2 else self._usual)

    def _value(self, value: object) -> str:
        match value:
            case dict():
                members = [self._value(name) + self._gap() + ":" + self._value(each) for name, each in value.items()]
                return "{" + self._joined(members) + "}"
            case list():
                return "[" + self._joined([self._value(each) for each in value]) + "]"
            case _:
                return json.dumps(value, ensure_ascii=self._chance.random() < 0.5)

    def _joined(self, pieces: list[str]) -> str:
        text = ",".join(self._gap() + piece + self._gap() for piece in pieces)
        return text + ("," if pieces and self._comments and self._chance.random() < 0.4 else "") + self._gap()


def comments_of(text: str) -> list[str]:
    return re.findall(r"c\dc", text)


def check(language: JsonLanguage, document: Document, text: str, entry: dict[str, Any]) -> None:
    assert language.read(text) == document
    had_holder, old = KEYS[0] in document, entry_in(document, KEYS)
    there = language.put(text, KEYS, entry, FIRST)
    assert entry_in(language.read(there), KEYS) == entry
    assert without(language.read(there), KEYS) == without(document, KEYS)
    assert language.read(language.put(there, KEYS, entry, FIRST)) == language.read(there)
    taken = language.take(there, KEYS, with_holder=not had_holder)
    assert entry_in(language.read(taken), KEYS) is None
    assert without(language.read(taken), KEYS) == without(document, KEYS)
    if old is None:  # what is said within an entry goes with it
        assert comments_of(there) == comments_of(taken) == comments_of(text)
    if old is None and document and document.get(KEYS[0]) != {}:  # an empty object stays one, without its space
        assert taken == text


@given(documents, st.integers(0, 10**9), entries)
def test_json_with_comments_keeps_every_other_character(document: Document, seed: int, entry: dict[str, Any]) -> None:
    check(JsonLanguage(comments=True), document, Writer(seed, comments=True).written(document), entry)


@given(documents, st.integers(0, 10**9), entries)
def test_json_keeps_every_other_character(document: Document, seed: int, entry: dict[str, Any]) -> None:
    check(JsonLanguage(comments=False), document, Writer(seed, comments=False).written(document), entry)


@given(st.text(st.sampled_from('{}[]",:/*\\ \nab1'), max_size=30))
def test_what_is_no_json_is_refused_and_never_something_else_than_a_value_error(text: str) -> None:
    language = JsonLanguage(comments=True)
    try:
        document = language.read(text)
    except ValueError:
        return
    if KEYS[0] not in document:
        there = language.read(language.put(text, KEYS, {"command": "c"}, {}))
        assert there == {**document, KEYS[0]: {KEYS[1]: {"command": "c"}}}


toml_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | names, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
toml_names = st.text(st.sampled_from("ab-_\"' é."), max_size=4)
toml_values_and_tables = toml_values | st.dictionaries(toml_names, toml_values, max_size=2)
toml_tables = st.dictionaries(toml_names, toml_values_and_tables, max_size=3)


@given(
    toml_tables,
    st.none() | st.dictionaries(toml_names, st.dictionaries(toml_names, toml_values, max_size=2), max_size=2),
    st.sampled_from(["", "# mine\n", "\n", "\n# end\n\n"]),
    st.sampled_from(["\n", "\r\n"]),
    entries,
)
def test_toml_keeps_every_other_character(
    tables: Document, holder: Document | None, remark: str, newline: str, entry: dict[str, Any]
) -> None:
    document = {**tables, **({} if holder is None else {KEYS[0]: holder})}
    text = (tomlkit.dumps(document) + remark).replace("\n", newline)
    language = TomlLanguage()
    there = language.put(text, KEYS, entry, {})
    assert there.startswith(text)
    assert entry_in(language.read(there), KEYS) == entry
    assert without(language.read(there), KEYS) == without(language.read(text), KEYS)
    changed = language.put(there, KEYS, {"url": "u"}, {})
    assert changed.startswith(text)
    assert entry_in(language.read(changed), KEYS) == {"url": "u"}
    assert language.take(there, KEYS, with_holder=True) == text == language.take(changed, KEYS, with_holder=True)
