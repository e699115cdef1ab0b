"""How an entry is written into a client's configuration: as a person would, who edits only that."""

from __future__ import annotations

from random import Random

import pytest

from made_secrets import ALNUM, draw
from warmline.operations.connect.difference import difference
from warmline.operations.connect.json_language import JsonLanguage
from warmline.operations.connect.language import Entry, Language
from warmline.operations.connect.toml_language import TomlLanguage
from warmline.security.redaction import redact

JSON, JSONC, TOML = JsonLanguage(comments=False), JsonLanguage(comments=True), TomlLanguage()
KEYS = ("mcp", "warmline")
ENTRY = {"command": "w"}

COMMENTED = """\
// mine
{
\t"theme": "dark", // at night
\t"mcp": {
\t\t"other": {"url": "http://x"}, // "}" is no end
\t\t/* the last */
\t},
}
"""


def put(language: Language, text: str, entry: Entry = ENTRY) -> str:
    return language.put(text, KEYS, entry, {})


def test_an_entry_comes_last_indented_as_the_others_with_a_comma_as_theirs() -> None:
    assert put(JSONC, COMMENTED) == COMMENTED.replace(
        "/* the last */\n", '/* the last */\n\t\t"warmline": {\n\t\t\t"command": "w"\n\t\t},\n'
    )


def test_an_entry_between_others_is_taken_out_with_its_comma_and_line() -> None:
    text = '{"mcp": {\n  "a": 1,\n  "warmline": {"command": "w"}, // of ours\n  "b": 2\n}}'
    assert JSONC.take(text, KEYS, with_holder=True) == '{"mcp": {\n  "a": 1,\n  // of ours\n  "b": 2\n}}'


def test_a_file_of_one_line_stays_one() -> None:
    text = '{"a":1,"mcp":{"b":{}}}'
    there = put(JSON, text)
    assert there == '{"a":1,"mcp":{"b":{}, "warmline": {"command": "w"}}}'
    assert JSON.take(there, KEYS, with_holder=True) == text


@pytest.mark.parametrize("text", ["", "\n", "  \r\n"])
def test_an_empty_file_gets_all_that_is_needed(text: str) -> None:
    assert JSON.read(put(JSON, text)) == {"mcp": {"warmline": ENTRY}}
    assert TOML.read(put(TOML, text)) == {"mcp": {"warmline": ENTRY}}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "{,}",
        '{"a": [,]}',
        '{"a": 1,,}',
        '{"a": NaN}',
        '{"a": 1} x',
        '{"a": "\n"}',
        "{/* without an end",
        "[" * 100_000,
        "{'a': 1}",
    ],
)
def test_what_is_broken_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the parser's own words
        JSONC.read(text)


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": 1} // mine', '/* mine */ {"a": 1}'])
def test_comments_and_last_commas_are_broken_json_for_a_client_that_reads_none(text: str) -> None:
    assert JSONC.read(text) == {"a": 1}
    with pytest.raises(ValueError):  # noqa: PT011
        JSON.read(text)


@pytest.mark.parametrize("text", ['{"mcp": {}, "mcp": {}}', '{"mcp": {"warmline": 1, "warmline": 2}}'])
def test_a_name_that_stands_there_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="stands in it 2 times"):
        put(JSON, text)


def test_a_large_file_is_edited_without_looking_at_all_of_it() -> None:
    """Ten megabytes: what a walk over every character in Python would take a minute for is within the test's limit."""
    history = ",".join(f'"p{n}": {{"history": ["{"x" * 1000}"]}}' for n in range(10_000))
    text = f'{{"projects": {{{history}}}, "mcp": {{"a": 1}}}}'
    there = put(JSON, text)
    assert there == text[:-2] + ', "warmline": {"command": "w"}}}'
    assert JSON.take(there, KEYS, with_holder=False) == text


CODEX = """\
# mine
model = "x"

[mcp.other] # of others
command = "o"

# the end
"""


def test_a_table_comes_last_and_leaves_without_a_trace() -> None:
    there = put(TOML, CODEX)
    assert there == CODEX + '\n[mcp.warmline]\ncommand = "w"\n'
    assert TOML.take(there, KEYS, with_holder=True) == CODEX


def test_a_table_that_another_program_wrote_otherwise_is_taken_out_as_well() -> None:
    text = CODEX.replace("[mcp.other]", "[mcp.warmline]\ncommand   = 'w' # kept\n\n[mcp.other]")
    assert TOML.read(TOML.take(text, KEYS, with_holder=True)) == TOML.read(CODEX)


def test_a_changed_entry_stands_where_the_old_one_did() -> None:
    after = put(TOML, CODEX) + "\n[more]\nx = 1\n"
    assert put(TOML, after, {"url": "u"}) == after.replace('command = "w"', 'url = "u"')


def test_a_difference_shows_what_changes_and_three_lines_around_it() -> None:
    before = "".join(f"line {n}\n" for n in range(100_000))
    after = before.replace("line 50000\n", "line 50000\nnew\n")
    assert difference("f", before, after).splitlines() == [
        "--- f",
        "+++ f",
        "@@ from line 49999 @@",
        *(f" line {n}" for n in (49998, 49999, 50000)),
        "+new",
        *(f" line {n}" for n in (50001, 50002, 50003)),
    ]


def test_a_difference_of_nothing_is_empty_and_one_of_a_long_line_is_short() -> None:
    assert difference("f", "a\n", "a\n") == ""
    assert len(difference("f", "x" * 10**6, "x" * 10**6 + "y")) < 1000


def test_a_difference_within_a_long_line_shows_all_that_changes_and_what_stands_beside_it() -> None:
    entry = '"warmline": {' + "w" * 250 + "}, "
    before = "{" + "x" * 1000 + "y" * 1000 + "}"
    removed, added = difference("f", before, before.replace("xy", f"x{entry}y")).splitlines()[3:]
    assert added == f"+... {'x' * 75}{entry}{'y' * 75} ..."
    assert removed == f"-... {'x' * 75}{'y' * 75} ..."


def test_a_secret_is_masked_where_a_long_line_is_cut_within_it() -> None:
    token = "ghp_" + draw(Random(7), ALNUM, 36)
    for beside in range(100):
        before = f'{{"{"x" * 1000}","key":"{token}","{"y" * beside}":1,"mcpServers":{{"{"z" * 1000}":1}}}}'
        shown = difference("f", before, before.replace('{"z', '{"warmline":1,"z'), lambda text: redact(text).text)
        assert '"warmline":1' in shown
        assert not any(token[first : first + 8] in shown for first in range(len(token) - 7))
