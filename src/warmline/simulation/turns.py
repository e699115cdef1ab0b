"""The turns of a task that is done with tools: a sub-agent is started, it reads a file to its end and answers. Pure.

This is how agents answered from a memory before they were kept warm. A person's words ask for it when they name a
sub-agent and a file by its absolute path; the sub-agent is then told to read that file, and what it says is relayed.
Nothing else is done with tools: words that ask for neither, or that stand in fences, are answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from warmline.simulation.answers import answer_from, last_written, question_at_the_end
from warmline.simulation.memory import blocks_in
from warmline.simulation.messages import Block, Prompt, Tool, Turn

SUB_AGENT_TOOLS = ("Agent", "Task")
"""What programs call the tool that starts a sub-agent, the newer name first."""

READ_TOOL = "Read"

MOST_LINES = 2000
"""What a read returns that names no limit, at most."""

FEWEST_LINES = 10
"""Lines that are asked for at least: a file of which so many are refused is left as it is."""

_SUB_AGENT = re.compile(r"\bsub-?agents?\b", re.IGNORECASE)
_READING = re.compile(r"\bread\b", re.IGNORECASE)
_FILE = re.compile(r"""(?<![\w./~:])/(?:[^\s"'`<>|]*[^\s"'`<>|.,;:!?)])""")
_HAND_BACK = "[Subagent hand-back]"
_ADVICE = re.compile(r"\boffset=(?P<offset>[1-9]\d{0,8}) limit=(?P<limit>[1-9]\d{0,8})\b")
_NUMBERED = re.compile(r"[ \t]*([1-9]\d{0,8})(?:\t|→)")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that is called, and with what."""

    name: str
    input: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Done:
    """A call that was made, what came of it, and what the program remarked on it, in the result or behind it."""

    call: Call
    result: str
    is_error: bool
    behind: str

    def remarks(self) -> str:
        """Return what stands in no numbered line."""
        return "\n".join(line for line in [*self.result.split("\n"), self.behind] if not _NUMBERED.match(line))


def next_turn(prompt: Prompt, max_tokens: int) -> Call | str | None:
    """Return what is said next in a task that is done with tools; None when this is not one.

    An answer takes at most so many tokens.
    """
    place, texts = last_written(prompt)
    task = texts[-1] if texts else ""
    path = _FILE.search(task)
    if path is None or blocks_in(task):
        return None
    tools = {tool.name: tool for tool in prompt.tools}
    done = list(_done(prompt.messages[place + 1 :]))
    starter = next((tools[name] for name in SUB_AGENT_TOOLS if name in tools), None)
    if starter and _SUB_AGENT.search(task):
        return _delegate(starter, path[0], task, done)
    if READ_TOOL in tools and _READING.search(task):
        return _read_on(path[0], done) or _answer(question_at_the_end(task), path[0], done, max_tokens)
    return None


def _done(turns: Sequence[Turn]) -> Iterator[_Done]:
    """Yield the calls whose results are there, in the order of the results."""
    calls: dict[str, Call] = {}
    for place, turn in enumerate(turns):
        for block in turn.content:
            more = block.model_extra or {}
            if block.type == "tool_use":
                given = more.get("input")
                calls[str(more.get("id"))] = Call(str(more.get("name")), given if isinstance(given, dict) else {})
            elif block.type == "tool_result" and str(more.get("tool_use_id")) in calls:
                call = calls[str(more["tool_use_id"])]
                yield _Done(call, _first_text(block), more.get("is_error") is True, _behind(turns[place + 1 :]))


def _behind(turns: Sequence[Turn]) -> str:
    """Return what the program says before the next turn."""
    own = takewhile(lambda turn: turn.role == "system", turns)
    return " ".join(block.text for turn in own for block in turn.content).replace("\n", " ")


def _first_text(result: Block) -> str:
    """Return what a tool said; pieces behind the first are the program's own remarks."""
    content = (result.model_extra or {}).get("content", "")
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else []
    return next((str(piece.get("text", "")) for piece in pieces if isinstance(piece, dict)), "")


def _delegate(starter: Tool, path: str, task: str, done: Sequence[_Done]) -> Call | str:
    said = [each.result for each in done if each.call.name == starter.name]
    if said:
        return _report(said[-1])
    order = (
        f"Read all of {path}, from its first line to its last, in parts if it is long. Then answer the question below "
        f"from what stands there and from nothing else, and name for each statement its source as FILE:LINE-LINE."
        f"\n\n{question_at_the_end(task)}"
    )
    given = {"description": "Answer from a file", "prompt": order, "subagent_type": "general-purpose"}
    # Programs that run sub-agents in the background unless they are told otherwise would end their turn without it.
    can_be_waited_for = "run_in_background" in starter.parameters()
    return Call(starter.name, given | ({"run_in_background": False} if can_be_waited_for else {}))


def _report(result: str) -> str:
    """Return what a sub-agent said. Newer programs frame it, and indent each line of it by two spaces."""
    frame = result.rfind(_HAND_BACK)
    if frame < 0:
        return result.strip()
    _, *lines = result[frame:].split("\n")
    return "\n".join(line[2:] for line in takewhile(lambda line: line.startswith("  "), lines)).strip()


def _read_on(path: str, done: Sequence[_Done]) -> Call | None:
    """Return the next part to be read; None when the file was read to its end, or cannot be."""
    reads = [each for each in done if each.call.name == READ_TOOL]
    if not reads:
        return Call(READ_TOOL, {"file_path": path})
    last = reads[-1]
    asked, got, remarks = _limit(last.call), _numbers(last.result), last.remarks()
    advised = _ADVICE.search(remarks)
    if got and advised:
        return _part(path, int(advised["offset"]), int(advised["limit"]))
    if len(got) >= asked:
        return _part(path, got[-1] + 1, asked)
    if last.is_error and "exceeds" in remarks and asked // 2 >= FEWEST_LINES:
        return _part(path, _offset(last.call), asked // 2)
    return None


def _part(path: str, offset: int, limit: int) -> Call:
    return Call(READ_TOOL, {"file_path": path, "offset": offset, "limit": limit})


def _limit(call: Call) -> int:
    given = call.input.get("limit")
    return given if isinstance(given, int) else MOST_LINES


def _offset(call: Call) -> int:
    given = call.input.get("offset")
    return given if isinstance(given, int) else 1


def _numbers(result: str) -> list[int]:
    """Return the numbers of the lines in a read's result, as they stand before each."""
    return [int(found[1]) for found in map(_NUMBERED.match, result.split("\n")) if found]


def _answer(question: str, path: str, done: Sequence[_Done], max_tokens: int) -> str:
    """Answer from what was read. The program's remarks have no numbers before them."""
    parts = []
    for each in done:
        lines = [line for line in each.result.split("\n") if _NUMBERED.match(line)]
        parts.append("\n".join([f"==> {path} <==", *lines]) if lines else "")
    return answer_from(question, parts, max_tokens)
