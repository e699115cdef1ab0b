"""`agents add`: find the program, say what goes where, write the file, try one question; or put the old file back."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmline.errors import (
    AgentError,
    ConfigurationError,
    ConflictError,
    DaemonError,
    InvalidInputError,
    UnknownRootError,
)
from warmline.interfaces.cli.arguments import absolute_path, add_json, segment, whole
from warmline.interfaces.cli.output import complain, counted, hint, one_line, show_json

if TYPE_CHECKING:
    from warmline.agents import AgentKind, AgentPlan
    from warmline.interfaces.cli.client import Client

KINDS = ("claude",)
"""Those of agents.AgentKind, and below what agents.Mode and configuration.keys say: to import these takes longer than
the rest of a command."""

MODES = ("resident", "recalled")
MAX_WORKERS = 64
MIN_WINDOW_TOKENS, MAX_WINDOW_TOKENS = 1_000, 10_000_000

BYTES_PER_TOKEN = 3
"""About: of what people write, with the numbers of its lines."""

TRY_SECONDS = 600.0
"""For a program to start, be told its shard and answer: more than any of these may take."""

_WORKERS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `agents`."""
    add = verbs.add_parser("add", help="add one, and try it with one question", description=_add.__doc__)
    add.add_argument("kind", choices=KINDS, metavar="KIND", help=f"which program it is: {', '.join(KINDS)}")
    add.add_argument("--name", metavar="NAME", help="what it is called here (its kind)")
    add.add_argument("--program", metavar="PATH", help="where the program is (found by itself)")
    add.add_argument("--model", metavar="MODEL", help="which model it uses (the program's own choice)")
    add.add_argument(
        "--mode", choices=MODES, default=MODES[0], help="hold the memory's text, or get passages with each question"
    )
    add.add_argument("--base-url", metavar="URL", help="where its model is served (the program's own provider)")
    add.add_argument("--key-file", metavar="FILE", help="a file of mode 0600 with the provider's key (the login)")
    add.add_argument(
        "--memory", action="append", metavar="ROOT", help="a root that it may hold and answer from; repeatable (all)"
    )
    add.add_argument(
        "--window-tokens",
        type=whole(MIN_WINDOW_TOKENS, MAX_WINDOW_TOKENS),
        metavar="N",
        help="the model's window (200,000)",
    )
    add.add_argument("--workers", type=_workers, metavar="MIN-MAX", help="how many processes to keep (1-2)")
    add.add_argument("--tool", action="append", metavar="TOOL", help="a tool that it may use; repeatable (none)")
    add.add_argument(
        "--fallback",
        action=argparse.BooleanOptionalAction,
        help="whether quotes from the memory stand in while every agent is down (left as it is)",
    )
    add.add_argument("--keep", action="store_true", help="leave it in the file even when it does not answer")
    add.add_argument("--yes", action="store_true", help="do not ask whether the texts may go to the provider")
    add_json(add)
    add.set_defaults(run=_add)


def _workers(text: str) -> tuple[int, int]:
    found = _WORKERS.fullmatch(text.strip())
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not (least <= most and 1 <= most <= MAX_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!a} is no number of workers: write 2 or 1-4, at most {MAX_WORKERS}")
    return least, most


def _add(options: argparse.Namespace) -> int:
    """Find the program, say which text goes to which provider, add the agent to warmline.toml, and try one question.

    When it does not answer, the file is as before, and the exit code 1. `agents remove` undoes it.
    """
    from warmline.configuration.reading import read
    from warmline.interfaces.cli.client import client_for

    plan = _plan(options)
    client = client_for(options.home)
    path = client.home.configuration
    client.call("GET", "/v1/agents")  # who may not, is refused before anything is changed
    said = read(path)
    if said.trouble:
        raise ConfigurationError(said.trouble)
    if plan.name in {*said.problems, *(each.name for each in said.agents)}:
        raise ConflictError(
            f"there is an agent {plan.name!a} already: choose another --name, or `warmline agents remove` it first"
        )
    _say_what_goes_where(client, plan)
    if not options.yes:
        _have_it_agreed()
    tested = _added(client, plan, fallback=options.fallback, keep=options.keep)
    added = client.call("GET", f"/v1/agents/{segment(plan.name)}")
    show_json({"agent": added, "tested": tested}) if options.json else _tell(added, tested)
    return 0 if tested["ok"] else 1


def _plan(options: argparse.Namespace) -> AgentPlan:
    """Make the agent that was asked for. Raises InvalidInputError or AgentError when it could not work."""
    from dataclasses import replace

    from warmline.agents import AgentKind, AgentPlan, Mode
    from warmline.configuration.writing import check
    from warmline.operations.installed_agents import find_program, is_program

    kind, user_home = AgentKind(options.kind), Path.home()
    program = Path(absolute_path(options.program)) if options.program else find_program(kind, user_home)
    if not is_program(program):
        raise InvalidInputError(f"{program} is no program that can be run: name another by --program")
    key_file = Path(absolute_path(options.key_file)) if options.key_file else None
    plan = AgentPlan(
        name=options.kind if options.name is None else options.name,
        kind=kind,
        program=program,
        mode=Mode(options.mode),
        model=options.model,
        base_url=options.base_url,
        key_file=key_file,
        user_home=None if key_file else user_home,
        tools=tuple(options.tool or ()),
        memories=tuple(dict.fromkeys(options.memory)) if options.memory else None,
    )
    if options.window_tokens:
        plan = replace(plan, window_tokens=options.window_tokens)
    if options.workers:
        plan = replace(plan, min_workers=options.workers[0], max_workers=options.workers[1])
    check(plan)
    if key_file is None:
        _check_login(kind, user_home)
    return plan


def _check_login(kind: AgentKind, user_home: Path) -> None:
    """Refuse to go on without a login. A key of this shell does not count: the daemon's workers get nothing of it.

    Raises AgentError.
    """
    from warmline.operations.installed_agents import KINDS as ABOUT
    from warmline.operations.installed_agents import has_login

    if has_login(kind, user_home):
        return
    about = ABOUT[kind]
    log_in = f"start `{about.command}` once and log in, or name a file with the key by --key-file"
    if os.environ.get(about.key_variable):
        log_in = (
            f"{about.key_variable} of this shell reaches no worker; put it into a file, and name that by --key-file:"
            f" `(umask 077; printenv {about.key_variable} > ~/{about.command}.key)`"
        )
    raise AgentError(f"{about.command} is not logged in at {user_home}: {log_in}")


def _say_what_goes_where(client: Client, plan: AgentPlan) -> None:
    """Say which text goes to whom, before anything does. Raises UnknownRootError."""
    roots = _roots_of(client, plan)
    names = ", ".join(one_line(each["name"]) for each in roots)
    files = counted(sum(each["files"] for each in roots), "file") + (
        f" of {names}" if names else ", as long as it is empty"
    )
    tokens = sum(each["size_bytes"] for each in roots) // BYTES_PER_TOKEN
    room = plan.shard_tokens
    by = f"with the key in {plan.key_file}" if plan.key_file else f"by the login of {plan.user_home}"
    hint(one_line(f"{plan.name} is {plan.program}, and sends to {plan.provider}, {by}:"))
    if plan.mode == "resident":
        held = f"about {tokens:,} tokens" + (f", of which {room:,} have room" if tokens > room else "")
        hint(f"  when it starts: the text of the memory, {files} ({held})")
    else:
        hint(f"  with each question: the passages that may answer it, of {files}")
    hint("  every question that is put to it or to the memory")
    if (plan.base_url or "").startswith("http://") and not is_here(plan.provider):
        complain("it is sent unencrypted: whoever listens in on the way reads it")


def _have_it_agreed() -> None:
    """Ask the person at the terminal whether it may go there. Raises InvalidInputError when not, or nobody is there."""
    if not sys.stdin.isatty():
        raise InvalidInputError("nobody can be asked here whether these texts may go there: say --yes if they may")
    print("May it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInputError("nothing was sent, and nothing changed")


def is_here(provider: str) -> bool:
    """Tell whether a host, with its port, is this machine."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(f"//{provider}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _roots_of(client: Client, plan: AgentPlan) -> list[dict[str, Any]]:
    """Return the memory's roots that the agent is to have. Raises UnknownRootError."""
    roots: list[dict[str, Any]] = client.call("GET", "/v1/memory/roots")["roots"]
    if plan.memories is None:
        return roots
    known = {each["name"]: each for each in roots}
    for name in plan.memories:
        if name not in known:
            raise UnknownRootError(f"the memory has no root {name!a}: see `warmline memory list`")
    return [known[name] for name in plan.memories]


def _added(client: Client, plan: AgentPlan, *, fallback: bool | None, keep: bool) -> dict[str, Any]:
    """Write the agent into the file and try one question; whatever goes wrong, the file is then as it was.

    Raises AgentError with the reason when it does not answer, unless it is to be kept.
    """
    from warmline.configuration.writing import add, changing

    path = client.home.configuration
    with changing(path):
        before = path.read_bytes() if path.exists() else None
        add(path, plan, fallback=fallback)
        written = path.read_bytes()
        try:
            reload(client)
            tested = _tried(client, plan.name, keep=keep)
        except BaseException:  # Ctrl-C, too
            client.close()  # an answer may still be under way
            _put_back(client, before, written)
            raise
    return tested


def _tried(client: Client, name: str, *, keep: bool) -> dict[str, Any]:
    hint("starting it, and trying one question ...")
    tested = try_one(client, name)
    if not (tested["ok"] or keep):
        raise AgentError(f"{name} does not answer: {tested['reason']}; warmline.toml is as it was before")
    return tested


def _put_back(client: Client, before: bytes | None, written: bytes) -> None:
    from warmline.configuration.writing import put_back

    path = client.home.configuration
    if path.read_bytes() != written:
        complain(f"{path} was changed meanwhile, and is left as it is: see `warmline agents list`")
        return
    put_back(path, before)
    try:
        reload(client)
    except DaemonError as error:
        complain(str(error))  # the next daemon reads the file


def reload(client: Client) -> dict[str, Any]:
    """Have the daemon read the file, and return what it made of it. Raises ConfigurationError when it cannot."""
    found = client.call("POST", "/v1/agents/reload")
    if found["trouble"]:
        raise ConfigurationError(found["trouble"])
    return found


def try_one(client: Client, name: str) -> dict[str, Any]:
    """Put one question to an agent, past the line, and return how it came out."""
    return client.call("POST", f"/v1/agents/{segment(name)}/test", wait_seconds=TRY_SECONDS)


def _tell(agent: dict[str, Any], tested: dict[str, Any]) -> None:
    name = one_line(agent["name"])
    if not tested["ok"]:
        complain(f"{name} does not answer, and is kept: {tested['reason']}")
        return
    held = ""
    if agent["mode"] == "resident":
        held = f", holds {counted(agent['resident_files'], 'file')} ({counted(agent['resident_tokens'], 'token')})"
    print(f"added {name}: {agent['mode']}{held}; started and answered a question in {tested['took_ms']:,.0f} ms")
    typed = shlex.quote(name)
    hint(f'ask it: `warmline ask --agent {typed} "..."`; undo: `warmline agents remove {typed}`')
