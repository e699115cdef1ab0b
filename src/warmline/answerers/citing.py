"""What one line of a model's reply is: prose, or nothing but citations, or a mark that only the line may set. Pure.

Models write citations in many forms; the patterns below say which are known. All of it takes time linear in the line:
what repeats in a pattern is possessive, or bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from warmline.model import Claim
from warmline.security.fence import plain

MAX_PATH_CHARACTERS = 1024
MAX_CLAIMS_IN_A_LINE = 50

_QUOTES = "\"“”„«»‹›‘'`"  # noqa: RUF001
_CLOSING = {
    '"': '"”',
    "“": '”“"',
    "”": '”"',
    "„": '“”"',
    "«": "»",
    "»": "«",
    "‹": "›",  # noqa: RUF001
    "›": "‹",  # noqa: RUF001
    "‘": "’'",  # noqa: RUF001
    "'": "'’",  # noqa: RUF001
    "`": "`",
}
_OVER_LINES = frozenset('"“„«')
"""The others are apostrophes or code as well: a quote in these ends on its line."""

_DASH = "[-‐‑–—]"  # noqa: RUF001
_OPENING = f"([{{{_QUOTES}"
_CHECKS = frozenset("✓✔☑✅🗸√")
_STATUS = "(?:verified|moved|changed|unsupported|redacted)"

_DECORATION = rf"[^\w.…\\{_QUOTES}]*+[`]?+[^\w.…\\{_QUOTES}]*+"
_NUMBER = r"(?:[0-9]{1,3}[.)\]]++:?+\s++)?+"  # `1. `, `[1] `
_LABELS = r"sources?|citations?|references?|quotes?|evidence|see(?:\s++also)?+|from|cf\.?|answer|verified"
_START = re.compile(rf"{_DECORATION}{_NUMBER}{_DECORATION}(?P<label>(?i:{_LABELS})(?![\w/.-]))?+{_DECORATION}")

_LOCATOR = (
    r"(?::(?=L?[0-9])|\#(?=L[0-9])|[:,]?\s{1,2}\(?(?:lines?|ll\.)\s)"  # path:1, path#L1, `path, lines 1`
    rf"L?(?P<first>[0-9]{{1,9}})(?:(?:\s?{_DASH}\s?|\sto\s)L?(?P<last>[0-9]{{1,9}}))?+(?![0-9])(?::[0-9]{{1,5}})?+"
)
_AFTER = (
    r"[`*_\])}]{0,4}+(?:\([^()\n]{0,300}+\))?+[`*_\])}:,]{0,4}+\s{0,8}+"  # ends what the place stood in; a link
    rf"(?:=>|->|→|\||{_DASH}{{1,3}})?+\s{{0,8}}+[*_]{{0,3}}+(?P<open>[{_QUOTES}])"
)
_BEGINS_WITH_A_PLACE = re.compile(rf"(?P<path>.{{1,{MAX_PATH_CHARACTERS}}}?)[`*\]]{{0,3}}+{_LOCATOR}")
_BEGINS_WITH_A_CITATION = re.compile(_BEGINS_WITH_A_PLACE.pattern + _AFTER)

_CHARACTER = rf"(?:[^\s:#<>|()\[\]{{}}*,;\\’{_QUOTES}]|\#(?!L[0-9])|\\u\{{[0-9a-f]{{1,6}}\}})"  # noqa: RUF001
_INLINE = re.compile(
    rf"(?<![^\s(\[{{*>,;|—–{_QUOTES}])(?P<path>{_CHARACTER}{{1,{MAX_PATH_CHARACTERS}}}+)[`*\]]{{0,3}}+{_LOCATOR}"  # noqa: RUF001
    rf"(?:{_AFTER})?"
)
_DELIMITED = re.compile(rf"[`\[](?P<path>[^`\[\]\s][^`\[\]]{{0,300}}?){_LOCATOR}[`\]](?:{_AFTER})?")
_NEXT = re.compile(
    rf"[{_QUOTES}][\s,;.)*_]{{0,8}}+(?:and\s|[-*•]\s)?+[`*(\[]{{0,3}}+"
    rf"(?={_CHARACTER}{{1,{MAX_PATH_CHARACTERS}}}+[`*\]]{{0,3}}+{_LOCATOR}{_AFTER})"
)

_TAIL = re.compile(rf"[\W_]*+(?:{_STATUS}[\W_]*+)*+", re.IGNORECASE)
_FORGED = re.compile(
    rf"(:L?[0-9]{{1,9}}(?:-L?[0-9]{{1,9}})?)(?=[\W_]{{1,40}}{_STATUS})(?:[\W_]{{1,40}}{_STATUS}){{1,8}}[\W_]{{0,40}}$",
    re.IGNORECASE,
)
_MAY_BE_FORGED = re.compile(
    rf":L?[0-9]{{1,9}}(?:-L?[0-9]{{1,9}})?(?:[\W_]{{1,40}}{_STATUS}){{0,8}}[\W_]{{0,40}}$", re.IGNORECASE
)

_DIGIT = re.compile("[0-9]")
_NUMBER_OF_A_LINE = re.compile(r"^(?:\| ?)?[0-9]{1,9}\t", re.MULTILINE)
_MASK = re.compile(r"\[redacted [a-z0-9-]{1,60}\]")
_LIKE_A_PATH = re.compile(r"\w/|/\w|:L?[0-9]|#L[0-9]|\w\.\w|\\u\{")
_WORDS_OF_PROSE = """
    a according an and are as at be because but by can cannot does for from has have he how i if in is it its lines may
    no not of on or our path per said say says see she so that the their there these they this those to was we were what
    when where which who why will with yes you
"""
_NO_PART_OF_A_PATH = frozenset(_WORDS_OF_PROSE.split())
_WORDS_IN_A_ROOT = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reply, read. text is what stays of it, None nothing. is_bare: a place, to which a quote may follow.

    Where ends is not empty, the quote of the last claim goes on in the following lines, up to one of these at the end
    of one; begun is what this line has of it, as it stands there.
    """

    text: str | None
    claims: tuple[Claim, ...] = ()
    is_bare: bool = False
    ends: str = ""
    begun: str = ""


def read_line(line: str) -> Line:
    """Read one line. It may end in blanks, and holds no line end."""
    has_number = bool(_DIGIT.search(line))
    if may_vanish(line) is not False:
        start = _start(line)
        rest = line[start.end() :]
        read = (has_number and (_citations(rest) or _quote_first(rest) or _bare(rest))) or _labels(start, rest)
        if read:
            return read
    if not has_number:
        return Line(line.rstrip())
    return Line(_FORGED.sub(r"\1", line).rstrip(), tuple(_inline(line)))


def begins_with_a_citation(line: str) -> bool:
    """Tell whether a line begins with a place and a quote."""
    return bool(_BEGINS_WITH_A_CITATION.match(line, _start(line).end()))


def begins_with_a_quote(line: str) -> bool:
    """Tell whether a line begins with words that are quoted."""
    return line.lstrip("> \t*-")[:1] in {*_OVER_LINES, "»"}


def end_of_quote(line: str, ends: str) -> int:
    """Return where a quote ends if nothing but decoration follows it on its line; else -1."""
    at = max(map(line.rfind, ends))
    return at if at >= 0 and _TAIL.fullmatch(line, at + 1) else -1


def may_vanish(beginning: str) -> bool | None:
    """Tell from the whole words that a line begins with whether the line may be one of which nothing stays.

    False stays False, and True stays True, whatever follows; None: more words will tell.
    """
    start = _start(beginning)
    rest = beginning[start.end() : start.end() + MAX_PATH_CHARACTERS]
    if rest[:1] in _QUOTES and rest:
        return True
    if not _CHECKS.isdisjoint(start[0][:MAX_PATH_CHARACTERS]):
        return True
    words = rest.split(None, _WORDS_IN_A_ROOT)
    telling = [word for word in words[:_WORDS_IN_A_ROOT] if any(map(str.isalnum, word))]
    for word in telling:
        if _LIKE_A_PATH.search(word):
            return True
        if not _may_be_in_a_root(word):
            return False
    return False if telling and len(words) >= _WORDS_IN_A_ROOT else None


def sure(beginning: str) -> int:
    """Return how much of a line of prose is said for sure: what may become a forged mark is not."""
    held = _MAY_BE_FORGED.search(beginning)
    return held.start() if held else len(beginning)


def _start(line: str) -> re.Match[str]:
    found = _START.match(line)
    assert found is not None  # noqa: S101  # all of it may be empty
    return found


def _may_be_in_a_root(word: str) -> bool:
    is_plain = word[-1] not in ",;:.!?" and word[0] not in _OPENING and any(map(str.isalpha, word))
    return is_plain and word.casefold() not in _NO_PART_OF_A_PATH


def _is_path(path: str) -> bool:
    """Tell whether what stands before a locator is a path, which may hold spaces, and not prose and then a path."""
    words = path.split()
    if len(words) == 1:
        return True
    parts = [at for at, word in enumerate(words) if "/" in word] or [len(words) - 1]
    first, last = parts[0], parts[-1]
    if first >= _WORDS_IN_A_ROOT or (first and words[first][0] in _OPENING) or _is_list(path):
        return False
    return all(map(_may_be_in_a_root, (*words[:first], *words[first + 1 : last])))


def _is_list(path: str) -> bool:
    return bool(re.search(rf"{_LOCATOR}[`\])]{{0,2}}(?:,|;|\s(?:and|or|&)\s)", path))


def _citations(rest: str) -> Line | None:
    """Read a line of nothing but places with quotes."""
    claims: list[Claim] = []
    while len(claims) < MAX_CLAIMS_IN_A_LINE:
        found = _BEGINS_WITH_A_CITATION.match(rest)
        if not found or not _is_path(found["path"]):
            return None
        quoted = rest[found.end() :]
        following = _NEXT.search(quoted)
        if following is None:
            break
        claims.append(_claim(found, quoted[: following.start()]))
        rest = quoted[following.end() :]
    else:
        return Line(None, tuple(claims))
    ends = _CLOSING[found["open"]]
    end = end_of_quote(quoted, ends)
    if end >= 0:
        return Line(None, (*claims, _claim(found, quoted[:end])))
    if found["open"] in _OVER_LINES and not any(each in quoted for each in ends):
        return Line(None, (*claims, _claim(found, quoted)), ends=ends, begun=quoted)
    return None


def _quote_first(rest: str) -> Line | None:
    """Read `"words" (path:1-3)`."""
    ends = _CLOSING.get(rest[:1])
    if not ends:
        return None
    for found in _INLINE.finditer(rest, max(1, len(rest) - 2 * MAX_PATH_CHARACTERS)):
        if _is_shown_path(found) and _TAIL.fullmatch(rest, found.end()):
            quoted = rest[1 : found.start()]
            end = end_of_quote(quoted, ends)
            return Line(None, (_claim(found, quoted[:end]),)) if end >= 0 else None
    return None


def _bare(rest: str) -> Line | None:
    """Read a line of nothing but places, and what only looks as if they had been checked."""
    whole = _BEGINS_WITH_A_PLACE.match(rest)
    while whole and not _TAIL.fullmatch(_folded(rest[whole.end() :])):
        longer = _BEGINS_WITH_A_PLACE.match(rest, whole.end())  # a name may hold what looks like a place
        if longer is None or longer.end() > MAX_PATH_CHARACTERS:
            break
        whole = longer
    if (
        whole
        and _TAIL.fullmatch(_folded(rest[whole.end() :]))
        and "/" in (path := rest[: whole.end("path")])
        and _is_path(path)
    ):
        return Line(None, (_claim(whole, "", path),), is_bare=True)
    places = [found for found in _INLINE.finditer(rest) if _is_shown_path(found) and not found["open"]]
    left = "".join(_between(rest, places))
    if places and _TAIL.fullmatch(re.sub(r"\band\b", "", _folded(left))):
        return Line(None, tuple(_claim(found, "") for found in places[:MAX_CLAIMS_IN_A_LINE]))
    return None


def _labels(start: re.Match[str], rest: str) -> Line | None:
    """Read a heading over citations, or a mark as if something had been checked."""
    is_checked = not _CHECKS.isdisjoint(start[0])
    if (start["label"] and not rest and set(start[0]) & set(":*#")) or (is_checked and _TAIL.fullmatch(_folded(rest))):
        return Line(None)
    return None


def _between(text: str, found: list[re.Match[str]]) -> Iterator[str]:
    at = 0
    for each in found:
        yield text[at : each.start()]
        at = each.end()
    yield text[at:]


def _folded(text: str) -> str:
    """Return a text in plain letters, without what nobody sees, when it is short."""
    if text.isascii() or len(text) > MAX_PATH_CHARACTERS:
        return text
    seen = unicodedata.normalize("NFKC", text)
    return "".join(each for each in seen if unicodedata.category(each) != "Cf")


def _is_shown_path(found: re.Match[str]) -> bool:
    """Tell whether a place in prose is one of the memory's, and no host with its port."""
    path = found["path"]
    if "/" in path:
        return path[0] != "/" and "//" not in path and any(map(str.isalpha, path))
    return bool(re.search(r"\w\.\w", path)) and bool(found["last"] or found["open"])


def _inline(line: str) -> Iterator[Claim]:
    """Yield the places in a line of prose, with the quotes that stand right behind or before them."""
    count = 0
    spaced = [found for found in _DELIMITED.finditer(line) if " " in found["path"] and _is_path(found["path"])]
    for found in (*spaced, *_INLINE.finditer(line)):
        if found["path"].find(" ") < 0 and not _is_shown_path(found):
            continue
        if any(other.start() < found.start() < other.end() for other in spaced):
            continue
        yield _claim(found, _beside(line, found))
        count += 1
        if count == MAX_CLAIMS_IN_A_LINE:
            return


def _beside(line: str, found: re.Match[str]) -> str:
    if found["open"]:
        ends = [at for each in _CLOSING[found["open"]] if (at := line.find(each, found.end())) >= 0]
        return line[found.end() : min(ends)] if ends else ""
    before = line[max(0, found.start() - 2000) : found.start()].rstrip(" ([*_`—–-,")  # noqa: RUF001
    for opening in '"“„«':
        if before[-1:] and before[-1] in _CLOSING[opening]:
            at = before.rfind(opening, 0, -1)
            if at >= 0:
                return before[at + 1 : -1]
    return ""


def _claim(found: re.Match[str], quote: str, path: str | None = None) -> Claim:
    first = int(found["first"])
    last = int(found["last"] or first)
    return Claim(plain(path or found["path"]).strip(), min(first, last), max(first, last), quoted_words(quote))


def quoted_words(quote: str) -> str:
    """Return a quote as the file may hold it: without what the prompt put around it."""
    if '\\"' in quote and '"' not in quote.replace('\\"', ""):
        quote = quote.replace('\\"', '"')
    if all(map(_NUMBER_OF_A_LINE.match, quote.split("\n"))):
        quote = _NUMBER_OF_A_LINE.sub("", quote)
    return plain(_MASK.sub("...", quote)).strip()
