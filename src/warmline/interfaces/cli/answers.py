"""Showing an answer, and the exit code that tells a script how it came out."""

from __future__ import annotations

from typing import Any

from warmline.interfaces.cli.output import (
    BOLD,
    DIM,
    GREEN,
    YELLOW,
    harmless,
    hint,
    local_time,
    one_line,
    paint,
    show_json,
)
from warmline.places import place

EXIT_CODES = {"answered": 0, "insufficient_evidence": 3, None: 4}
EXIT_FAILED = 1


def show_answer(answer: dict[str, Any], *, as_json: bool, fenced: bool = False, shown: str = "") -> int:
    """Print an answer, or the ticket when there is none yet, and return the exit code of `ask`.

    shown is what stands on the terminal already, of the text or of what was to become it.
    """
    if as_json:
        show_json(answer)
    elif answer["outcome"] is None:
        print(f"\n{answer['id']}" if shown else answer["id"])
        hint(f"no answer yet ({answer['state']}): come back with `warmline ticket {answer['id']} --wait 30`")
    elif fenced:
        from warmline.interfaces.cli.fenced import Reading

        Reading().answer(answer)
    else:
        _show(answer, shown)
    return EXIT_CODES.get(answer["outcome"], EXIT_FAILED)


def _show(answer: dict[str, Any], shown: str) -> None:
    if not answer["text"].startswith(shown):
        print()
        hint("what was written until here is not the answer:")
        shown = ""
    print(harmless(answer["text"][len(shown) :]))
    if answer["citations"]:
        print()
    for citation in answer["citations"]:
        print(f"  {paint(span(citation), BOLD)}  {found(citation)}")
    if not answer["intact"]:
        hint(paint("not what was written: something else wrote into the store", YELLOW))
    if answer["in_place_of"]:
        hint(f"{one_line(answer['author'])} answered instead: {one_line(answer['in_place_of'])}")
    total = answer["timings_ms"].get("total")
    took = f" in {total:.0f} ms" if total is not None else ""
    hint(f"{answer['outcome']} by {answer['author']}{took} · ticket {answer['id']}")


def found(citation: dict[str, Any]) -> str:
    """Write what the check of a citation found, and whether a secret is masked in what it shows."""
    style = GREEN if citation["status"] in {"verified", "moved"} else YELLOW
    return paint(citation["status"], style) + (", redacted" if citation["redacted"] else "")


def span(lines: dict[str, Any]) -> str:
    """Write where lines stand, which were cited or found, as the blocks of a prompt have it; on one line."""
    return one_line(place(lines["path"], lines["first_line"], lines["last_line"]))


def show_row(answer: dict[str, Any], width: int) -> None:
    """Print a question as one row: ticket, state, outcome, when by the local clock, and its first words."""
    outcome = answer["outcome"] or "-"
    when = local_time(answer["receipt"]["accepted_at"])
    words = harmless(" ".join(answer["question"].split()))[: max(20, width - 75)]
    print(f"{answer['id']}  {answer['state']:<9}  {outcome:<21}  {paint(when, DIM)}  {words}")
