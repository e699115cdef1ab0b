"""What kind of text it is, and where blocks begin."""

from __future__ import annotations

import pytest

from warmline.memory.blocks import Kind, cut, recognise
from warmline.memory.documents import line_ends
from warmline.memory.lines import split_lines

PROSE = "# Garden\n\nThe beds are dug in March. Nothing is sown before the frost is over.\nPeas come first.\n" * 3
CHAT = "## Monday\n\n" + "Ana: Did the pump arrive?\nBen Ode: It did, on Friday.\n" * 6
STAMPED = "[10:02] Ana: hello\n[10:03] Ben: hello yourself\n" * 5
CODE = (
    "import os\n\n\nclass Pump:\n    def start(self, speed):\n        self.speed = speed\n        return self.speed\n"
    * 3
)
C_LIKE = "static int run(int a) {\n    int b = a + 1;\n    return b;\n}\n" * 4
JSON_LINES = '{"role": "user", "content": "Is it on?"}\n' * 4
JSON = '{\n  "name": "pump",\n  "parts": [\n    "valve"\n  ]\n}\n'
YAML = "name: pump\nsize: 3\ncolour: red\nowner: ana\nplace: shed\nstate: new\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PROSE, Kind.PROSE),
        (CHAT, Kind.CHAT),
        (STAMPED, Kind.CHAT),
        (CODE, Kind.CODE),
        (C_LIKE, Kind.CODE),
        (JSON_LINES, Kind.JSON),
        (JSON, Kind.JSON),
        ("", Kind.PROSE),
    ],
)
def test_the_kind_is_recognised_from_the_text(text: str, kind: Kind) -> None:
    assert recognise(split_lines(text.encode())) is kind


def test_keys_of_settings_are_no_speakers() -> None:
    assert recognise(split_lines(YAML.encode())) is not Kind.CHAT


def blocks_of(text: str, kind: Kind) -> list[tuple[int, int, int]]:
    data = text.encode()
    return [
        (block.first_line, block.last_line, block.heading_line)
        for block in cut(split_lines(data), line_ends(data), kind)
    ]


def test_a_heading_begins_a_block_and_stands_over_those_after_it() -> None:
    text = "# One\n" + "a\n" * 12 + "# Two\nb\n"
    assert blocks_of(text, Kind.PROSE) == [(1, 10, 0), (11, 13, 1), (14, 15, 0)]


def test_a_definition_begins_a_block_unless_the_last_is_short() -> None:
    text = "type A = int\ntype B = int\n\ndef run():\n    pass\n"
    assert blocks_of(text, Kind.CODE) == [(1, 3, 0), (4, 5, 0)]


def test_a_blank_line_ends_a_block_of_eight() -> None:
    assert blocks_of("a\n" * 7 + "\n" + "b\n" * 3, Kind.PROSE) == [(1, 8, 0), (9, 11, 0)]
