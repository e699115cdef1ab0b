"""Text to measure the memory's speed on: made up, always the same, with words as rare and as common as in real text.

Four kinds of file in equal shares of bytes: prose with headings, conversations, source code, JSON lines.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

VOCABULARY = 60_000
FILE_BYTES = 40_000
ONSETS = "b br c d f g gl h k l m n p r s st t tr v w"
SYLLABLES = [onset + vowel for onset in ONSETS.split(" ") for vowel in "aeiou"]


class TextMaker:
    """Makes words by Zipf's law, and lines, files and questions of them. Equal seeds make equal text."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- repeatable, not secret
        self.words = self._vocabulary()
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))

    def _vocabulary(self) -> list[str]:
        words: dict[str, None] = {}
        while len(words) < VOCABULARY:
            length = 1 + min(4, len(words) // 40 + 1) if len(words) < 200 else self._random.randint(2, 4)
            words["".join(self._random.choices(SYLLABLES, k=length))] = None
        return list(words)

    def some(self, count: int) -> list[str]:
        """Return count words."""
        return self._random.choices(self.words, cum_weights=self._weights, k=count)

    def prose(self) -> str:
        """Return one line of wrapped prose, sometimes a heading between blank lines."""
        if self._random.random() < 0.03:
            return f"\n## {' '.join(self.some(3)).title()}\n\n"
        return f"{' '.join(self.some(14)).capitalize()}.\n"

    def conversation(self) -> str:
        """Return one turn of a conversation."""
        end = "?" if self._random.random() < 0.2 else "."
        return (
            f"{self._random.choice(('Ana', 'Ben', 'Chris'))}: {' '.join(self.some(self._random.randint(3, 30)))}{end}\n"
        )

    def code(self) -> str:
        """Return one function of a few lines."""
        name, *words = self.some(12)
        camel = words[0] + words[1].title()
        return (
            f"def {name}_{words[2]}({camel}, {words[3]}):\n"
            f'    """{" ".join(words[4:]).capitalize()}."""\n'
            f"    {words[5]} = {camel}.{words[6]}({words[3]}, {len(words[7])})\n"
            f"    return {words[5]} if {words[3]} else {words[8]}_{words[9]}\n\n\n"
        )

    def json_line(self) -> str:
        """Return one turn of a transcript as JSON."""
        role = self._random.choice(("user", "assistant"))
        return json.dumps({"role": role, "content": " ".join(self.some(self._random.randint(5, 40)))}) + "\n"

    def file(self, line: Callable[[], str]) -> str:
        """Return about FILE_BYTES of lines."""
        lines: list[str] = []
        size = 0
        while size < FILE_BYTES:
            lines.append(line())
            size += len(lines[-1])
        return "".join(lines)

    def question(self, text: str) -> str:
        """Return a question of the words of one line of text: the rarer ones, as people ask."""
        lines = [line for line in text.split("\n") if len(line.split()) > 5]
        common = set(self.words[:100])
        words = [word for word in self._random.choice(lines).lower().split() if word.isalpha() and word not in common]
        return "What about " + " ".join(words[: self._random.randint(2, 6)]) + "?"


def write_text(folder: Path, size_bytes: int, questions: int, seed: int = 1) -> list[str]:
    """Fill an empty folder with size_bytes of files, and return questions about them."""
    maker = TextMaker(seed)
    kinds = ((maker.prose, "md"), (maker.conversation, "txt"), (maker.code, "py"), (maker.json_line, "jsonl"))
    files = max(len(kinds), size_bytes // FILE_BYTES)
    every = max(1, files // questions)
    asked: list[str] = []
    for number in range(files):
        line, suffix = kinds[number % len(kinds)]
        text = maker.file(line)
        path = folder / f"{number // 100:03d}" / f"{number:06d}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if number % every == 0 and len(asked) < questions:
            asked.append(maker.question(text))
    return asked
