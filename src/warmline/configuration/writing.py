"""Changing `warmline.toml` as a careful person would: what else stands in it, comments included, stays as it is."""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from warmline.agents import AgentPlan, Configuration
from warmline.configuration.keys import KEYS
from warmline.configuration.reading import AGENTS, FALLBACK, LISTEN, document_of, parse, read_text
from warmline.durable import sync, write_anew
from warmline.errors import ConfigurationError, ConflictError, UnknownAgentError

ALWAYS_WRITTEN = ("kind", "program", "mode")
"""Also where they are what they would be unsaid: they tell a reader what this is."""

DEFAULTS = {each.name: each.default for each in fields(AgentPlan)} | {"environment": {}}

NEW_FILE = "# The agents that answer from the memory: see docs/agents.md, or `warmline agents --help`.\n"


NOT_BY_PROGRAM = "is written in a way that a program cannot change: edit it yourself"


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Let no other command change the file until the block ends. Raises ConflictError when one just does.

    The folder is there. A person with an editor is not kept out.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(f"another command just changes {path}: try again when it is done") from error
        yield
    finally:
        os.close(folder)


def check(plan: AgentPlan) -> None:
    """Refuse a plan that would be a problem in the file. Raises ConfigurationError."""
    for problem in parse(_rendered(plan)).problems.values():
        raise ConfigurationError(problem)


def add(path: Path, plan: AgentPlan, *, fallback: bool | None = None) -> None:
    """Add an agent at the file's end; fallback of None leaves that as it is.

    Raises ConflictError when there is one of this name, ConfigurationError when the file or the plan cannot be used.
    """
    before, was = _read(path)
    if plan.name in _by_name(was) or any(_is_of(plan.name, line) for line in before.splitlines()):
        raise ConflictError(f"{path} has an agent {plan.name} already: choose another name, or remove that one first")
    text = before or NEW_FILE
    if fallback is not None and fallback is not was.fallback:
        with _editing(path, text) as document:
            document[FALLBACK] = fallback
        text, was = tomlkit.dumps(document), replace(was, fallback=fallback)
    text = f"{text.rstrip()}\n\n{_rendered(plan)}"
    _write(path, text, replace(was, agents=(*was.agents, plan)))


def change(path: Path, plan: AgentPlan) -> None:
    """Make the agent of the plan's name what the plan says. Raises UnknownAgentError, ConfigurationError."""
    before, was = _read(path)
    old = next((each for each in was.agents if each.name == plan.name), None)
    if old is None:
        raise UnknownAgentError(was.problems.get(plan.name) or f"{path} names no agent {plan.name}")
    with _editing(path, before) as document:
        table: Any = document[AGENTS][plan.name]
        for key, (field, _, write) in KEYS.items():
            said = getattr(plan, field)
            if said != getattr(old, field):
                if said == DEFAULTS.get(field):
                    del table[key]
                else:
                    table[key] = write(said)
    agents = tuple(plan if each is old else each for each in was.agents)
    _write(path, tomlkit.dumps(document), replace(was, agents=agents))


def remove(path: Path, name: str) -> None:
    """Take an agent out, also one that cannot be used. Raises UnknownAgentError, ConfigurationError.

    What was said after it, behind an empty line, is about something else and stays.
    """
    before, was = _read(path)
    lines = before.splitlines(keepends=True)
    kept: list[str] = []
    table: list[str] | None = None
    for line in lines:
        if _header(line):
            kept += _remarks_after(table or [])
            table = [] if _is_of(name, line) else None
        (kept if table is None else table).append(line)
    kept += _remarks_after(table or [])
    if len(kept) == len(lines):
        raise UnknownAgentError(f"{path} names no agent {name}: see `warmline agents list`")
    agents = tuple(each for each in was.agents if each.name != name)
    _write(path, "".join(kept), replace(was, agents=agents))


def put_back(path: Path, before: bytes | None) -> None:
    """Make the file what it was; None: there was none."""
    if before is None:
        path.unlink(missing_ok=True)
        sync(path.parent)
    else:
        _replace(path, before)


def _read(path: Path) -> tuple[str, Configuration]:
    text = read_text(path)
    try:
        return text, parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _header(line: str) -> list[str]:
    """Return the names in the header of a table, `[a."b c"]`; of any other line none."""
    if not line.lstrip().startswith("["):
        return []
    try:
        table, names = tomllib.loads(line), list[str]()
    except ValueError:  # such a line within a list or a text of several
        return []
    while table:
        ((name, table),) = table.items()
        names.append(name)
        if not isinstance(table, dict):  # [[a]]
            break
    return names


def _is_of(agent: str, line: str) -> bool:
    """Tell whether a table of the agent begins in this line."""
    return _header(line)[:2] == [AGENTS, agent]


def _remarks_after(table: list[str]) -> list[str]:
    """Return the lines at a table's end that are not about it: comments, from the first empty line on."""
    at = len(table)
    while at and (not table[at - 1].strip() or table[at - 1].lstrip().startswith("#")):
        at -= 1
    empty = next((at + n for n, line in enumerate(table[at:]) if not line.strip()), len(table))
    return table[empty + 1 :]  # the one above the table is left


@contextmanager
def _editing(path: Path, text: str) -> Iterator[tomlkit.TOMLDocument]:
    """Yield what stands in the file, to be changed. Raises ConfigurationError when it stands there in an odd form."""
    try:
        yield tomlkit.parse(text)
    except (TOMLKitError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} {NOT_BY_PROGRAM}") from error


def _rendered(plan: AgentPlan) -> str:
    table = tomlkit.table()
    for key, (field, _, write) in KEYS.items():
        said = getattr(plan, field)
        if key in ALWAYS_WRITTEN or said != DEFAULTS.get(field):
            table.append(key, write(said))
    tables = tomlkit.table(is_super_table=True)
    tables.append(plan.name, table)
    return tomlkit.dumps({AGENTS: tables})


def _write(path: Path, text: str, wanted: Configuration) -> None:
    """Write the file, if it then says what is wanted, of every agent. Raises ConfigurationError."""
    try:
        said, listens = parse(text), document_of(text).get(LISTEN)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} {NOT_BY_PROGRAM}") from error
    if listens != document_of(read_text(path)).get(LISTEN):  # a key that was added may have got into its table
        raise ConfigurationError(f"{path} {NOT_BY_PROGRAM}")
    # One that could not be used beside what is gone now may be there as well.
    agents = {name: plan for name, plan in _by_name(said).items() if name not in wanted.problems}
    if agents != _by_name(wanted) or said.fallback is not wanted.fallback:
        new = [problem for name, problem in said.problems.items() if wanted.problems.get(name) != problem]
        raise ConfigurationError(new[0] if new else f"{path} {NOT_BY_PROGRAM}")
    _replace(path, f"{text.rstrip()}\n".encode())


def _by_name(configuration: Configuration) -> dict[str, AgentPlan]:
    return {each.name: each for each in configuration.agents}


def _replace(path: Path, content: bytes) -> None:
    """Write the file anew, closed to others, durably. One that is a link stays one."""
    try:
        write_anew(path.resolve(), content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): mend that") from error
