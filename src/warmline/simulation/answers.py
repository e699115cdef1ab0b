"""What the model says: the lines of the memory that hold most of the question's words, each with its place. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from warmline.security.fence import What
from warmline.simulation.memory import Line, Lines, Standing, blocks_in, lines_in, roots
from warmline.simulation.messages import Prompt
from warmline.simulation.settings import BYTES_PER_TOKEN

NOT_IN_THE_MEMORY = "not in the memory"

MAX_QUOTES = 3

ENOUGH = 0.3
"""Of the weight of the question's words, in the best line: with less than this the memory does not hold the answer."""

NEARLY = 0.7
"""Of the best line's weight, in a line that is quoted beside it."""


def question_in(prompt: Prompt) -> str:
    """Return what is asked: the last fenced question, or the last paragraph of the last message that a person wrote."""
    _, texts = last_written(prompt)
    for text in reversed(texts):
        fenced = [block.text for block in blocks_in(text) if block.what is What.QUESTION]
        if fenced:
            return fenced[-1]
    return question_at_the_end(texts[-1] if texts else "")


def last_written(prompt: Prompt) -> tuple[int, list[str]]:
    """Return the place of the last message that a person wrote, and its texts; without one, the end and none."""
    for place in range(len(prompt.messages) - 1, -1, -1):
        turn = prompt.messages[place]
        texts = _own([block.text for block in turn.content if turn.role == "user"])
        if texts:
            return place, texts
    return len(prompt.messages), []


def question_at_the_end(text: str) -> str:
    """Return the last paragraph."""
    return re.split(r"\n[ \t]*\n", text.strip())[-1]


def answer(prompt: Prompt, max_tokens: int) -> str:
    """Answer from the memory in the prompt: quotes that fit into so many tokens, or NOT_IN_THE_MEMORY."""
    question = question_in(prompt)
    return answer_from(question, _memory(prompt, question), max_tokens)


def answer_from(question: str, texts: Sequence[str], max_tokens: int) -> str:
    """Answer from these texts: see `answer`."""
    read = [lines_in(text) for text in texts]
    surest = max((each.standing for each in read if each.lines), default=Standing.BARE)
    lines = _best(question, [each for each in read if each.standing == surest])
    return "\n".join(_quotes(lines, max_tokens * BYTES_PER_TOKEN)) or NOT_IN_THE_MEMORY


def _own(texts: Sequence[str]) -> list[str]:
    """Return the texts without what a program put beside them."""
    return [text for text in texts if text.strip() and not text.lstrip().startswith("<system-reminder>")]


def _memory(prompt: Prompt, question: str) -> list[str]:
    """Return the texts in which memory may stand."""
    blocks = [block for turn in prompt.messages if turn.role == "user" for block in turn.content]
    texts = [block.words() for block in prompt.system] + _own([block.words() for block in blocks])
    return [text.rstrip().removesuffix(question) for text in texts]


def _best(question: str, memory: Sequence[Lines]) -> list[Line]:
    """Return the lines that are worth quoting, the most telling first; of equals the first that stands."""
    wanted = roots(question)
    size = 1 + sum(len(each.lines) for each in memory)
    found_in = {root: sum(len(each.places.get(root, ())) for each in memory) for root in wanted}
    weights = {root: math.log(1 + size / (1 + count)) for root, count in found_in.items()}
    worth: defaultdict[tuple[int, int], float] = defaultdict(float)
    for number, each in enumerate(memory):
        for root in sorted(wanted & each.places.keys()):
            for place in each.places[root]:
                worth[number, place] += weights[root]
    best = max(worth.values(), default=0.0)
    if best < ENOUGH * sum(weights.values()) or not best:
        return []
    found = sorted((key for key in worth if worth[key] >= NEARLY * best), key=lambda key: (-worth[key], key))
    return [memory[number].lines[place] for number, place in found[:MAX_QUOTES]]


def _quotes(lines: Sequence[Line], room_bytes: int) -> Iterator[str]:
    """Yield lines with their places while they fit; of the first as much as fits."""
    for rank, line in enumerate(lines):
        place = f"{line.path}:{line.number}-{line.number}"
        left = room_bytes - len(place.encode()) - len(' ""\n')
        text = line.text.strip()
        if rank and len(text.encode()) > left:
            return
        text = text.encode()[: max(left, 0)].decode(errors="ignore")
        room_bytes = left - len(text.encode())
        yield f'{place} "{text}"'
