"""What may stand in the table of an agent: each key, what it is read as, and how it is written. Without I/O.

A ValueError that a reader raises says what to write instead. It never repeats what stands there, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from warmline.agents import EMBEDDED, AgentKind, Mode
from warmline.parties import is_reserved
from warmline.security.redaction import find_secrets

MAX_NAME_CHARACTERS = 100
"""As of a participant's."""

MAX_NAME_BYTES = 200
"""A folder is called so."""

MAX_TEXT_CHARACTERS = 4096
"""Of any one text, a path included."""

MAX_ENTRIES = 1000
"""In one list, or one table of variables."""

MAX_WORKERS = 64
"""Of one agent: each is a program of some 300 MB."""

MAX_WINDOW_TOKENS = 10_000_000
MIN_WINDOW_TOKENS = 1_000
"""Below, not even a question with its passages has room."""

MAX_TURN_SECONDS = 3600

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELSEWHERE = {
    "HOME": "user_home",
    "ANTHROPIC_BASE_URL": "base_url",
    "ANTHROPIC_API_KEY": "key_file",
    "ANTHROPIC_AUTH_TOKEN": "key_file",
    "ANTHROPIC_MODEL": "model",
}
"""Variables for which there is a key: said twice, nobody knew which holds."""


class Key(NamedTuple):
    """How a field of AgentPlan stands in the file. read raises ValueError; write is its inverse."""

    field: str
    read: Callable[[object], object]
    write: Callable[[Any], object] = lambda value: value


def check_name(name: str) -> None:
    """Refuse what no agent can be called: the rules of participants' names, and no spaces. Raises ValueError."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(
            f"a name has 1 to {MAX_NAME_CHARACTERS} printable characters, and at most {MAX_NAME_BYTES} bytes"
        )
    if "/" in name or any(map(str.isspace, name)) or name in {".", ".."}:
        raise ValueError("a name holds no / and no space, and is more than dots: choose another")
    if is_reserved(name) or name.casefold() == EMBEDDED:
        raise ValueError("the name is the line's own: choose another")
    if find_secrets(name):
        raise ValueError("the name holds what looks like a secret: choose another")


def read_line(said: object) -> str:
    """Read a text on one line. Raises ValueError."""
    if not isinstance(said, str) or not 1 <= len(said) <= MAX_TEXT_CHARACTERS or not said.isprintable():
        raise ValueError('write a text on one line, such as "..."')
    return said


def _open_text(said: object) -> str:
    """Read what is shown and handed on as it is."""
    if find_secrets(text := read_line(said)):
        raise ValueError("this looks like a secret: put it into a file of mode 0600, and name that as key_file")
    return text


def _path(said: object) -> Path:
    path = Path(read_line(said))
    if not path.is_absolute():
        raise ValueError("write an absolute path, which begins with /")
    return path


def _word(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    words = {each.value: each for each in kind}
    wanted = " or ".join(f'"{each}"' for each in words)

    def read(said: object) -> StrEnum:
        if not isinstance(said, str) or said not in words:
            raise ValueError(f"write {wanted}")
        return words[said]

    return read


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(said: object) -> int:
        if type(said) is not int or not least <= said <= most:  # True is an int, too
            raise ValueError(f"write a whole number from {least} to {most}")
        return said

    return read


def read_truth(said: object) -> bool:
    """Read true or false. Raises ValueError."""
    if not isinstance(said, bool):
        raise ValueError("write true or false")  # noqa: TRY004  # as every reader
    return said


def _turn_limit(said: object) -> timedelta:
    if type(said) not in {int, float} or not 1 <= said <= MAX_TURN_SECONDS:  # type: ignore[operator]
        raise ValueError(f"write a number of seconds from 1 to {MAX_TURN_SECONDS}")
    return timedelta(seconds=said)  # type: ignore[arg-type]


def _seconds(limit: timedelta) -> int | float:
    seconds = limit.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _address(said: object) -> str:
    address = _open_text(said)
    wrong = ValueError('write an address such as "https://api.example.com", without a name or a key in it')
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise wrong from None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc or " " in address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not is_plain:
        raise wrong
    return address


def _texts(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > MAX_ENTRIES:
        raise ValueError(f'write a list of at most {MAX_ENTRIES} texts, such as ["a", "b"]')
    return tuple(map(_open_text, said))


def _roots(said: object) -> tuple[str, ...]:
    if said == []:
        raise ValueError("name a root, as `warmline memory list` shows it, or leave it out for all")
    return _texts(said)


def _tools(said: object) -> tuple[str, ...]:
    tools = _texts(said)
    if any(tool.startswith("-") for tool in tools):
        raise ValueError("a tool's name begins with no -")
    return tools


def _variables(said: object) -> Mapping[str, str]:
    if not isinstance(said, dict) or len(said) > MAX_ENTRIES:
        raise ValueError(f'write a table of at most {MAX_ENTRIES} variables, such as {{ LANG = "C.UTF-8" }}')
    for name, value in said.items():
        if not _VARIABLE.fullmatch(name) or name.startswith("WARMLINE_"):
            raise ValueError("a variable's name has letters, digits and _, and does not begin with WARMLINE_")
        if name in _ELSEWHERE:
            raise ValueError(f"in the place of {name}, write the key {_ELSEWHERE[name]} of the agent")
        if not isinstance(value, str) or "\0" in value or len(value) > MAX_TEXT_CHARACTERS:
            raise ValueError(f"give the variable {name} a text")
        if find_secrets(f"{name}={value}"):
            raise ValueError(f"the variable {name} looks like a secret: everybody who sees the agent sees it")
    return dict(said)


KEYS: Mapping[str, Key] = {
    "kind": Key("kind", _word(AgentKind), str),
    "program": Key("program", _path, str),
    "mode": Key("mode", _word(Mode), str),
    "model": Key("model", _open_text),
    "base_url": Key("base_url", _address),
    "key_file": Key("key_file", _path, str),
    "user_home": Key("user_home", _path, str),
    "tools": Key("tools", _tools, list),
    "folder": Key("folder", _path, str),
    "memories": Key("memories", _roots, list),
    "window_tokens": Key("window_tokens", _whole(MIN_WINDOW_TOKENS, MAX_WINDOW_TOKENS)),
    "min_workers": Key("min_workers", _whole(0, MAX_WORKERS)),
    "max_workers": Key("max_workers", _whole(1, MAX_WORKERS)),
    "turn_limit_seconds": Key("turn_limit", _turn_limit, _seconds),
    "drained": Key("drained", read_truth),
    "environment": Key("environment", _variables, dict),
}
"""In the order in which they are written; environment, as a table of its own, is the last."""
