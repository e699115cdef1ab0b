"""What a made-up secret looks like, and what stands in its place: pure tests of one value, each linear in it."""

from __future__ import annotations

import re
from base64 import b64decode

_STAND_INS = (
    *("example", "changeme", "change_me", "change-me", "placeholder", "replace", "insert", "dummy", "redacted"),
    *("your_", "your-", "yourpass", "yourtoken", "yoursecret", "yourkey", "yourapi", "undefined", "unknown"),
    *("xxxxx", "***", "...", "\u2026", "<", ">", "${", "$(", "{{", "%(", "%{", "#{"),
    *("environ", "getenv", "process.env"),
)
_STANDS_ALONE = re.compile(
    r"(?:none|null|nil|true|false|pass|password|passwd|passphrase|pwd|pw|secret|secrets|token|user|username|test|key"
    r"|str|string|any|bytes|optional|required)\W*|[${].*|%s.*"
)
_WORD = r"(?:[A-Z][a-z]+|[a-z]{2,}|(?<![A-Z0-9])[A-Z]+(?![A-Z0-9]))"
_WORDS = re.compile(rf"(?:{_WORD}|[0-9]{{1,4}}|[^A-Za-z0-9])*+")
_ONE_WORD = re.compile(_WORD)
_MIN_WORD = 3
"""Letters of a word, on average: letters drawn by lot make shorter ones."""

_CONSONANTS = re.compile(r"(?i)[bcdfghjklmnpqrstvwxz]{6}")
_CODE = re.compile(r"[A-Za-z_][\w.]*+[(\[{]|[A-Za-z_]\w*+(?:(?:\.|::|->)[A-Za-z_]\w*+)+\W*$|[./~]*+/|[a-z]+://|arn:|\\")
_DIGIT, _LETTER, _UPPER, _LOWER = (re.compile(each) for each in (r"[0-9]", r"[A-Za-z]", r"[A-Z]", r"[a-z]"))
_DISTINCT = 6
"""Different characters in what was drawn by lot: eight hexadecimal digits have 6.5 on average, sixteen 10."""

_DISTINCT_OF_40 = 20
"""Of 40 characters of base64, on average 30 differ."""


def is_varied(value: str) -> bool:
    """Tell what was drawn by lot from `xxxx` and `0000`."""
    return len(set(value)) >= _DISTINCT


def is_issued(value: str) -> bool:
    """Tell a token as its issuer made it from `xxxx`, `0000` and `your-token-here`."""
    return is_varied(value) and not _is_words(value)


def is_password(value: str) -> bool:
    """Tell a password that a person may have chosen from a word of the language, a name in code or a stand-in.

    Of letters alone it is one if they look drawn by lot.
    """
    return is_random(value) or (
        bool(_LETTER.search(value))
        and any(not each.isalpha() for each in value)
        and len(set(value)) >= 4
        and not is_stand_in(value)
        and not _CODE.match(value)
        and not re.fullmatch(r"_*[A-Za-z]+(?:[-_. ][A-Za-z]+)*\W*", value)
    )


def is_drawn(value: str) -> bool:
    """Tell what a machine drew by lot from words and stand-ins."""
    return (
        value.lower() != value.upper()
        and (bool(_DIGIT.search(value)) or value not in {value.lower(), value.upper()})
        and is_varied(value)
        and not is_stand_in(value)
        and not _is_words(value)
    )


def is_random(value: str) -> bool:
    """Do as `is_drawn`, and tell it from names in code and paths, too."""
    return is_drawn(value) and not _CODE.match(value)


def is_key_material(value: str) -> bool:
    """Tell base64 of random bytes, as a cloud's secret key is, from a digest in hexadecimal or a path."""
    mixed = _DIGIT.search(value) and _UPPER.search(value) and _LOWER.search(value)
    return bool(mixed) and len(set(value)) >= _DISTINCT_OF_40 and not _is_words(value)


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
    lowered = value.lower()
    return any(map(lowered.__contains__, _STAND_INS)) or bool(_STANDS_ALONE.fullmatch(lowered))


def _is_words(value: str) -> bool:
    """Whether words, abbreviations, short numbers and what joins them make up the whole value."""
    if not _WORDS.fullmatch(value) or _CONSONANTS.search(value):
        return False
    words = _ONE_WORD.findall(value)
    return sum(map(len, words)) >= _MIN_WORD * len(words)
