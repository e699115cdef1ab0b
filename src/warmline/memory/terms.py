"""Words as the index and the question see them: folded, split at the humps of identifiers, stemmed.

`analyzer` is registered with the index under ANALYZER; everything else here prepares text for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import tantivy

ANALYZER = "warmline"
MAX_TERM_BYTES = 64
MAX_QUESTION_CHARACTERS = 8000
"""Of a question, looked for: what comes after that asks for nothing new, and every word costs a look-up."""

WORD = re.compile(r"[^\W_]+")
HUMP_AT = re.compile(r"[A-Z](?:(?<=[a-z0-9][A-Z])|(?<=[A-Z][A-Z])(?=[a-z]))")
HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
IDEOGRAPH = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
MARKS = re.compile(r"[\u0300-\u036f]+")
FOLDABLE = re.compile(r"[\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|[nrtbf"/\\])')

_STOP_WORDS = """
    a about above after again against all also am an and any anybody anyone anything are aren as at be because been
    before being below between both but by can cannot could couldn d did didn do does doesn doing don down during
    each either else ever everyone everything few for from further had hadn has hasn have haven having he her here
    hers herself him himself his how i if in into is isn it its itself just kind ll m many may me might mightn more
    most much must mustn my myself name needn no nor not of off on once only or other our ours ourselves out over
    own please re s same shall shan she should shouldn so some somebody someone something such t tell than that the
    their theirs them themselves then there these they this those through to too under until up us ve very was wasn
    we were weren what when where whether which while who whom whose why will with won would wouldn you your yours
    yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words of a question that say how it asks and not what it asks for."""


def analyzer() -> tantivy.TextAnalyzer:
    """Make the analyzer of the index: runs of letters and digits, lower case, English stems."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(MAX_TERM_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def fold(text: str) -> str:
    """Return text without accents and with every ideograph a word of its own. Lines stay lines."""
    if text.isascii() or not FOLDABLE.search(text):
        return text
    bare = MARKS.sub("", unicodedata.normalize("NFD", text))
    return IDEOGRAPH.sub(r" \1 ", unicodedata.normalize("NFC", bare))


def split_identifier(word: str) -> list[str]:
    """Return the parts of a word at its humps: `parseHTTPReply2` is parse, HTTP, Reply, 2."""
    return HUMP.findall(word)


def with_identifier_parts(text: str) -> str:
    """Return text with the parts of every humped identifier added at its end."""
    if not HUMP_AT.search(text):
        return text
    humped = [word for word in WORD.findall(text) if not word.islower() and HUMP_AT.search(word)]
    return text + "\n" + " ".join(part for word in humped for part in split_identifier(word))


def unescape(text: str) -> str:
    """Return text with the escapes of JSON strings undone, line ends as spaces, so that words are whole."""
    if "\\" not in text:
        return text
    return ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16)) if match[1] else " "
    return character if character.isprintable() else " "


def indexed_text(text: str, *, is_json: bool) -> str:
    """Return text as the index's analyzer gets it."""
    return with_identifier_parts(fold(unescape(text) if is_json else text))


def question_words(question: str) -> list[str]:
    """Return the words of a question that are looked for, each once, in order, with the parts of identifiers.

    A capital letter within the question makes a name of a stop word: May, US. A question of nothing
    but stop words is looked for whole.
    """
    words = WORD.findall(with_identifier_parts(fold(question[:MAX_QUESTION_CHARACTERS])))
    names = {word for word in words[1:] if not word.islower() and word != "I"}
    wanted = [word for word in words if word in names or word.lower() not in STOP_WORDS]
    return list(dict.fromkeys(wanted or words))


class Stemmer(dict[str, str]):
    """The index's term for each word, empty when it has none: looked up once, for text repeats its words."""

    max_remembered = 50_000

    def __init__(self) -> None:
        super().__init__()
        self._analyzer = analyzer()

    def __missing__(self, word: str) -> str:
        if len(self) >= self.max_remembered:
            self.clear()
        stem = self[word] = "".join(self._analyzer.analyze(word))
        return stem

    def terms(self, words: Iterable[str]) -> list[str]:
        """Return the terms of the words, each once, in order."""
        return list(dict.fromkeys(stem for word in words if (stem := self[word])))
