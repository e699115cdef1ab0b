"""What a made-up secret looks like, and what stands in its place: pure tests of one value, each linear in it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from math import log2

_STAND_INS = re.compile(
    r"(?i)example|changeme|change[-_]me|placeholder|replace|your[-_ ]?|insert|dummy|redacted|undefined|unknown"
    r"|x{5}|\*{3}|\.{3}|…|<|>|\$\{|\$\(|^\$|\{\{|%[({]|#\{|^%s|^\{|environ|getenv|process\.env|^(?:none|null|nil|true|false|"
    r"pass|password|passwd|passphrase|pwd|pw|secret|secrets|token|user|username|test|key|str|string|any|"
    r"bytes|optional|required)\W*$"
)
_WORDS = re.compile(r"(?:[A-Z][a-z]+|[a-z]{2,}|(?<![A-Z0-9])[A-Z]+(?![A-Z0-9])|[0-9]{1,4}|[^A-Za-z0-9])*+")
_CONSONANTS = re.compile(r"(?i)[bcdfghjklmnpqrstvwxz]{6}")
_CODE = re.compile(
    r"[A-Za-z_][\w.]*+[(\[{]|[A-Za-z_]\w*+(?:(?:\.|::|->)[A-Za-z_]\w*+)+\W*$|[./~]*+/|[a-z]+://|arn:|@|\\"
)
_DIGIT, _LETTER, _UPPER, _LOWER = (re.compile(each) for each in (r"[0-9]", r"[A-Za-z]", r"[A-Z]", r"[a-z]"))
_MIN_DISTINCT = 6
_MIN_BITS = 2.7
"""Of Shannon's entropy a character: eight characters that are all different have 3.0."""


def is_varied(value: str) -> bool:
    """Tell what was drawn by lot from `xxxx` and `0000`."""
    return len(set(value)) >= _MIN_DISTINCT


def is_issued(value: str) -> bool:
    """Tell a token as its issuer made it from `xxxx`, `0000` and `your-token-here`."""
    return is_varied(value) and not _is_words(value)


def is_password(value: str) -> bool:
    """Tell a password that a person may have chosen from a word of the language, a name in code or a stand-in."""
    return (
        bool(_LETTER.search(value))
        and any(not each.isalpha() for each in value)
        and len(set(value)) >= 4
        and not is_stand_in(value)
        and not _CODE.match(value)
        and not re.fullmatch(r"_*[A-Za-z]+(?:[-_. ][A-Za-z]+)*\W?", value)
    )


def is_random(value: str) -> bool:
    """Tell what a machine drew by lot from words, names, paths and stand-ins."""
    return (
        value.lower() != value.upper()
        and (bool(_DIGIT.search(value)) or value not in {value.lower(), value.upper()})
        and bits_a_character(value) >= _MIN_BITS
        and not is_stand_in(value)
        and not _CODE.match(value)
        and not _is_words(value)
    )


def is_key_material(value: str) -> bool:
    """Tell base64 of random bytes, as a cloud's secret key is, from a digest in hexadecimal or a path."""
    mixed = _DIGIT.search(value) and _UPPER.search(value) and _LOWER.search(value)
    return bool(mixed) and bits_a_character(value) >= 3.8 and not _is_words(value)


def is_basic(value: str) -> bool:
    """Tell base64 of `name:password` (RFC 7617) from a word."""
    try:
        plain = b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except ValueError:
        return False
    return plain.isprintable() and len(plain.partition(":")[2]) >= 3


def is_chosen(value: str) -> bool:
    """Tell a password in a URL from what documents write there: `password`, `${PASSWORD}`, `***`."""
    return not is_stand_in(value) and len(set(value)) >= 3


def is_stand_in(value: str) -> bool:
    """Tell what stands where a secret would: `changeme`, `<token>`, `${VAR}`, `os.environ[...]`."""
    return bool(_STAND_INS.search(value))


def bits_a_character(value: str) -> float:
    """Shannon's entropy of the value's own characters; 0 when it is empty."""
    size = len(value)
    return -sum(count / size * log2(count / size) for count in Counter(value).values())


def _is_words(value: str) -> bool:
    """Whether words, abbreviations, short numbers and what joins them make up the whole value."""
    return bool(_WORDS.fullmatch(value)) and not _CONSONANTS.search(value)
