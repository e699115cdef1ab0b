"""Reading `warmline.toml`. One agent that cannot be used is a problem of that agent, and of no other."""

from __future__ import annotations

import os
import stat
import tomllib
import unicodedata
from pathlib import Path

from warmline.agents import AgentPlan, Configuration
from warmline.configuration.keys import KEYS, check_name, read_truth
from warmline.errors import ConfigurationError, UnsafeKeyError
from warmline.security.provider_key import read_provider_key

MAX_FILE_BYTES = 1024 * 1024
MAX_AGENTS = 64
MAX_SHOWN_CHARACTERS = 100
MAX_REASON_CHARACTERS = 300
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_ENTER = stat.S_IXGRP | stat.S_IXOTH

AGENTS = "agents"
FALLBACK = "fallback"
LISTEN = "listen"
"""What listening.py reads."""


def read(path: Path) -> Configuration:
    """Read the file; without one there are no agents. Never raises for what stands in it, or how it lies there."""
    try:
        return parse(read_text(path))
    except ConfigurationError as error:
        return Configuration(trouble=f"{path}: {error}")


def read_text(path: Path) -> str:
    """Return the file's text; empty without one. Raises ConfigurationError when it cannot be read, or trusted."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError("this is no regular file: put it away")
        if found.st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"the file has more than {MAX_FILE_BYTES:,} bytes: shorten it")
        # Whoever writes it has programs run as the user.
        if found.st_uid != os.geteuid():
            raise ConfigurationError("the file belongs to another user: make it your own")
        if found.st_mode & OTHERS_WRITE and path.resolve().parent.stat().st_mode & OTHERS_ENTER:
            raise ConfigurationError("others can write to the file: look through it, then run `chmod 600` on it")
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the file is not UTF-8 (byte {error.start}): save it as that") from error
    except OSError as error:
        raise ConfigurationError(f"the file cannot be read ({error.strerror}): mend that") from error


def parse(text: str) -> Configuration:
    """Read which agents stand in a file. Raises ConfigurationError as `document_of`."""
    document = document_of(text)
    document.pop(LISTEN, None)
    tables = document.pop(AGENTS, {})
    if not isinstance(tables, dict):
        raise ConfigurationError("`agents`: write a table for each agent, such as [agents.claude]")
    problems: dict[str, str] = {}
    fallback = _fallback(document, problems)
    plans: dict[str, AgentPlan] = {}
    for name, table in tables.items():
        try:
            plan = _plan(name, table)
            _check_beside(plan, plans)
            plans[_folded(name)] = plan
        except ConfigurationError as error:
            problems[shown(name)] = str(error)
    return Configuration(agents=tuple(plans.values()), fallback=fallback, problems=problems)


def document_of(text: str) -> dict[str, object]:
    """Read TOML. Raises ConfigurationError, with line and column, when it is none."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigurationError("this is nested too deeply: see docs/agents.md for what may stand here") from error
    except ValueError as error:
        raise ConfigurationError(f"this is no TOML: {' '.join(str(error).split())[:MAX_REASON_CHARACTERS]}") from error


def _fallback(document: dict[str, object], problems: dict[str, str]) -> bool:
    """Read what stands outside of agents' tables; what is wrong there is no agent's problem, and keeps its own name."""
    fallback = False
    try:
        fallback = read_truth(document.pop(FALLBACK, False))
    except ValueError as error:
        problems[FALLBACK] = f"`{FALLBACK}`: {error}"
    for key in map(shown, document):
        problems[key] = (
            f"`{key}`: there is no such key; there are `{FALLBACK}`, [listen] and tables such as [agents.claude]"
        )
    return fallback


def _plan(name: str, table: object) -> AgentPlan:
    """Read one agent. Raises ConfigurationError with the key that is wrong, and what to write."""
    place = f"{AGENTS}.{shown(name)}"
    try:
        check_name(name)
    except ValueError as error:
        raise ConfigurationError(f"[{place}]: {error}") from error
    if not isinstance(table, dict):
        raise ConfigurationError(f"`{place}`: this stands in no agent's table; write [agents.NAME] above it")
    said = {}
    for key, value in table.items():
        if key not in KEYS:
            raise ConfigurationError(f"`{place}.{shown(key)}`: there is no such key; there are {', '.join(KEYS)}")
        try:
            said[KEYS[key].field] = KEYS[key].read(value)
        except ValueError as error:
            raise ConfigurationError(f"`{place}.{key}`: {error}") from error
    if "program" not in said:
        raise ConfigurationError(f'[{place}]: write which program it is, such as program = "/usr/local/bin/claude"')
    plan = AgentPlan(name=name, **said)  # type: ignore[arg-type]  # each reader returns its field's type
    _check_whole(plan, place)
    return plan


def _check_whole(plan: AgentPlan, place: str) -> None:
    """Refuse what fits each key and not together, and a key that others may have seen."""
    if plan.min_workers > plan.max_workers:
        raise ConfigurationError(f"`{place}.min_workers`: write at most max_workers, which is {plan.max_workers}")
    if plan.key_file is not None:
        try:
            read_provider_key(plan.key_file)
        except UnsafeKeyError as error:
            raise ConfigurationError(f"`{place}.key_file`: {error}") from error


def _check_beside(plan: AgentPlan, others: dict[str, AgentPlan]) -> None:
    if other := others.get(_folded(plan.name)):
        raise ConfigurationError(f"[{AGENTS}.{plan.name}]: this reads the same as {other.name}: choose another name")
    if len(others) >= MAX_AGENTS:
        raise ConfigurationError(f"[{AGENTS}.{plan.name}]: there are {MAX_AGENTS} agents already, which is the most")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def shown(key: str) -> str:
    """Show what somebody wrote as a key: on one line, and not at length."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in key[:MAX_SHOWN_CHARACTERS])
