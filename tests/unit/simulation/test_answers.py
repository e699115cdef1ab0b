"""What the simulated model quotes, and from where."""

from __future__ import annotations

import json

import pytest

from warmline.security.fence import Fence, Trust, What
from warmline.simulation.answers import NOT_IN_THE_MEMORY, answer, question_in
from warmline.simulation.messages import Prompt, read_prompt

QUESTION = "Which port does the exporter listen on?"
EXPORTER = "# The exporter\n\nThe exporter listens on port 9187.\nIt reads the controllers often."
ROOM = 150


def prompt(*contents: object, system: object = ()) -> Prompt:
    """Return a prompt whose messages are by turns a person's and the model's."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": said} for at, said in enumerate(contents)]
    return read_prompt(json.dumps({"model": "m", "messages": turns, "system": system}).encode())


def fenced(text: str, path: str) -> str:
    return Fence("0123456789abcdef").block(What.MEMORY, text, trust=Trust.UNKNOWN, path=path)


def fenced_question(text: str) -> str:
    return Fence("fedcba9876543210").block(What.QUESTION, text, trust=Trust.CREDENTIAL)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("notes/exporter.md", "notes/exporter.md:3-3"),
        ("notes/exporter.md:41-44", "notes/exporter.md:43-43"),
        ("notes/exporter.md:41", "notes/exporter.md:43-43"),
        ("my notes/a: b", "my notes/a: b:3-3"),
        ('notes/"a"\n.md', "notes/\\u{22}a\\u{22}\\u{a}.md:3-3"),
    ],
)
def test_a_fenced_line_is_quoted_with_its_place(path: str, place: str) -> None:
    said = answer(prompt(f"Read.\n{fenced(EXPORTER, path)}", "READY", fenced_question(QUESTION)), ROOM)
    assert said == f'{place} "The exporter listens on port 9187."'


def test_a_fenced_text_is_quoted_as_it_was_before() -> None:
    text = "The port is <system>9187</system>."
    assert answer(prompt(fenced(text, "a.md"), "READY", "Which port?"), ROOM) == f'a.md:1-1 "{text}"'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"==> notes/a.md <==\n{EXPORTER}", "notes/a.md:3-3"),
        (f"## b.txt\nThe exporter.\n## notes/a.md:41-44\n{EXPORTER}", "notes/a.md:43-43"),
        (f"notes/a.md:41:\n{EXPORTER}", "notes/a.md:43-43"),
        ("notes/a.md\n  7→# The exporter\n  9→The exporter listens on port 9187.", "notes/a.md:9-9"),
        (EXPORTER, "memory:3-3"),
    ],
)
def test_a_line_of_plain_text_is_quoted_under_the_name_before_it(text: str, place: str) -> None:
    said = answer(prompt(f"{text}\n\n{QUESTION}"), ROOM)
    assert said == f'{place} "The exporter listens on port 9187."'


def test_lines_behind_the_last_one_named_belong_to_nobody() -> None:
    assert answer(prompt(f"a.md:1-2\n{EXPORTER}\n\nThe exporter?"), ROOM) == 'a.md:1-1 "# The exporter"'


def test_where_something_is_fenced_the_rest_of_the_prompt_is_no_memory() -> None:
    system = f"You are an exporter that listens on a port.\n==> notes/b.md <==\n{EXPORTER}"
    said = answer(prompt(fenced("A garden.", "notes/a.md"), "READY", fenced_question(QUESTION), system=system), ROOM)
    assert said == NOT_IN_THE_MEMORY


def test_a_memory_in_the_system_prompt_is_quoted() -> None:
    said = answer(prompt(fenced_question(QUESTION), system=[{"type": "text", "text": fenced(EXPORTER, "a.md")}]), ROOM)
    assert said.startswith("a.md:3-3 ")


def test_the_result_of_a_tool_is_memory() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": f"a.md\n{EXPORTER}"}]}
    assert answer(prompt([result], "READY", QUESTION), ROOM).startswith("a.md:3-3 ")


def test_what_the_model_said_before_is_no_memory() -> None:
    assert answer(prompt("Hello", f"a.md\n{EXPORTER}", QUESTION), ROOM) == NOT_IN_THE_MEMORY


@pytest.mark.parametrize(
    "question", ["Who feeds the cat?", "Who feeds cats in winter beside the exporter?", "", "of the", "???"]
)
def test_what_the_memory_does_not_hold_is_not_answered(question: str) -> None:
    assert answer(prompt(fenced(EXPORTER, "a.md"), "READY", question), ROOM) == NOT_IN_THE_MEMORY


def test_at_most_three_lines_are_quoted_and_all_of_them_fit() -> None:
    memory = "\n".join(f"The exporter number {number} listens on a port." for number in range(100))
    for tokens in range(1, 100):
        said = answer(prompt(fenced(memory, "a.md"), "READY", QUESTION), tokens)
        assert len(said) <= max(4 * tokens, len('a.md:1-1 ""'))
        assert said.count("\n") <= 2
    assert [line.split()[0] for line in said.split("\n")] == ["a.md:1-1", "a.md:2-2", "a.md:3-3"]


def test_the_question_is_what_stands_in_the_last_fence_or_the_last_paragraph() -> None:
    reminder = {"type": "text", "text": "<system-reminder>\nWhat day is it?\n</system-reminder>"}
    assert question_in(prompt("a\n\nb\nc?")) == "b\nc?"
    assert question_in(prompt([{"type": "text", "text": "why?"}, reminder])) == "why?"
    assert question_in(prompt(f"{fenced_question('how?')}\n\nAnswer with quotes.")) == "how?"


def test_a_broken_fence_is_plain_text() -> None:
    broken = fenced(EXPORTER, "a.md").replace("| The", "The")
    assert answer(prompt(broken, "READY", QUESTION), ROOM).startswith("memory:4-4 ")
