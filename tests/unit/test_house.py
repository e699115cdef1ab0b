"""The house rules that a tool can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmline.model import Event, State
from warmline.operations.life_of_a_message import redrawn
from warmline.stores.queries import load_all_queries

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FILES = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "src").rglob("*.sql"))]
LIFE = ROOT / "docs" / "life-of-a-message.md"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name of every function in the file and how many lines it takes, its decorators not counted."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_file_is_longer_than_400_lines() -> None:
    sizes = {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in FILES}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    sizes = {
        f"{path.relative_to(ROOT)}: {name}": size
        for path in FILES
        if path.suffix == ".py"
        for name, size in functions(path)
    }
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [
        str(path.relative_to(ROOT)) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_bytes()))
    ] == []


def test_imports_go_down_and_parts_are_strangers() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_named_statement_is_run_by_a_verb() -> None:
    stores = ROOT / "src" / "warmline" / "stores"
    verbs = "".join(path.read_text("utf-8") for path in stores.glob("*.py"))
    assert load_all_queries()
    assert [name for name in load_all_queries() if f'"{name}"' not in verbs] == []


def test_the_picture_in_the_document_is_the_one_drawn_from_the_table() -> None:
    document = LIFE.read_text(encoding="utf-8")
    assert document == redrawn(document), (
        f"run: python -m warmline.operations.life_of_a_message {LIFE.relative_to(ROOT)}"
    )


def test_a_document_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="0 pictures"):
        redrawn("# No picture\n")


@pytest.mark.parametrize("word", [*State, *Event])
def test_the_document_explains_every_state_and_event(word: str) -> None:
    assert f"| `{word}` |" in LIFE.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", sorted(ROOT.glob("docs/decisions/[0-9]*.md")), ids=lambda path: path.stem)
def test_every_decision_has_its_four_parts(document: Path) -> None:
    headings = re.findall(r"^## (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Status", "Context", "Decision", "Consequences"]


@pytest.mark.parametrize(
    "document", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog/*.md")]), ids=str
)
def test_no_link_between_documents_is_broken(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not (document.parent / link).exists()] == []
