"""What is wrong with the form of a request, in words that say what to do; what was sent is not echoed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from warmline.interfaces.views.problems import shown_name

MAX_SHOWN_MISTAKES = 5

WITHOUT_NUL = r"^[^\x00]*$"
"""The pattern of a text that holds no NUL byte."""

_MEMBER = re.compile(r"<[\w.]+: ('[^']*')>")
"""Of an enumeration, as Python shows it, around its value."""

_NO_TEXT = "is no text: write it in quotes"
_NO_WHOLE = "is no whole number: write one"
_NO_NUMBER = "is no number: write one"
_NO_TRUTH = "is neither true nor false: write one of them"
_NO_OBJECT = "is no object: write {{...}}"

_WORDS: Mapping[str, str] = {
    "missing": "is missing: add it",
    "extra_forbidden": "is not known here: leave it out, or see how it is spelled",
    "string_type": _NO_TEXT,
    "string_unicode": "holds half a character: leave it out",
    "string_too_long": "has more than {max_length} characters: shorten it",
    "too_long": "has more than {max_length} entries: send fewer",
    "int_type": _NO_WHOLE,
    "int_parsing": _NO_WHOLE,
    "int_parsing_size": "has too many digits: write a smaller number",
    "int_from_float": _NO_WHOLE,
    "float_type": _NO_NUMBER,
    "float_parsing": _NO_NUMBER,
    "finite_number": "is no finite number: write one",
    "bool_type": _NO_TRUTH,
    "bool_parsing": _NO_TRUTH,
    "greater_than": "is not above {gt}: write a larger number",
    "greater_than_equal": "is below {ge}: write that or more",
    "less_than": "is not below {lt}: write a smaller number",
    "less_than_equal": "is above {le}: write that or less",
    "list_type": "is no list: write [...]",
    "dict_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "json_invalid": "is no JSON ({error}): mend that",
}


def _too_short(context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return "is empty: write something" if least == 1 else f"is shorter than {least}: write more"


def _not_as_written(context: Mapping[str, Any]) -> str:
    if context["pattern"] == WITHOUT_NUL:
        return "holds a NUL byte: leave it out"
    return f"is not written as it must be: see that it fits {context['pattern']}"


def _none_of(context: Mapping[str, Any]) -> str:
    values = _MEMBER.sub(r"\1", context["expected"])
    return f"is none of what it may be: write {values}"


_BY_CONTEXT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "string_too_short": _too_short,
    "too_short": _too_short,
    "string_pattern_mismatch": _not_as_written,
    "literal_error": _none_of,
    "enum": _none_of,
}


def mistakes(errors: Iterable[Mapping[str, Any]]) -> str:
    """Say where a request is wrong, and how to mend it, from what pydantic found; of many mistakes, the first few."""
    return "; ".join(_mistake(each) for each in islice(errors, MAX_SHOWN_MISTAKES))


def _mistake(found: Mapping[str, Any]) -> str:
    place, kind, context = ".".join(map(shown_name, found["loc"])), found["type"], found.get("ctx", {})
    if kind in _BY_CONTEXT:
        return f"{place} {_BY_CONTEXT[kind](context)}"
    if kind in _WORDS:
        return f"{place} {_WORDS[kind].format_map(context)}"
    if kind == "value_error":  # one of ours
        return f"{place}: {context['error']}"
    return f"{place}: {found['msg']}"
