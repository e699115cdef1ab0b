"""`agents list|show|restart|drain|test|remove`: programs that answer, kept warm. `agents add` is adding_agents.py."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warmline.errors import ConfigurationError, UnknownAgentError
from warmline.interfaces.cli import adding_agents
from warmline.interfaces.cli.arguments import add_json, segment
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import (
    BOLD,
    DIM,
    GREEN,
    YELLOW,
    counted,
    harmless,
    hint,
    local_time,
    one_line,
    paint,
    show_json,
)

if TYPE_CHECKING:
    from warmline.agents import AgentPlan
    from warmline.interfaces.cli.client import Client

EXIT_OK = 0
EXIT_NOT_WELL = 1

_ABOUT = """An agent is a program that answers from the memory, such as Claude Code, of which some processes are kept
warm. They are named in the file warmline.toml in your home, which these commands change, and you may edit."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    agents = commands.add_parser("agents", description=_ABOUT)
    verbs = agents.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding_agents.add_parser(verbs)
    listing = verbs.add_parser("list", help="how they all stand", description=_list.__doc__)
    add_json(listing)
    listing.set_defaults(run=_list)
    one: tuple[tuple[str, Callable[[argparse.Namespace], int], str], ...] = (
        ("show", _show, "how one stands, and what it was told"),
        ("restart", _restart, "start one anew; also after you edited the file, or drained it"),
        ("drain", _drain, "give one nothing more, until `agents restart`"),
        ("test", _test, "put one question to one, past the line"),
        ("remove", _remove, "take one out; undoes `agents add`"),
    )
    for verb, run, words in one:
        command = verbs.add_parser(verb, help=words, description=run.__doc__)
        command.add_argument("name", metavar="NAME", help="as `agents list` shows it")
        add_json(command)
        command.set_defaults(run=run)


def _list(options: argparse.Namespace) -> int:
    """List all agents: state, mode, provider, workers, answers.

    Exit code 1 when one is down, or something in warmline.toml cannot be used; 0 also when there are none.
    """
    from warmline.interfaces.cli.client import client_for

    found = client_for(options.home).call("GET", "/v1/agents")
    if options.json:
        show_json(found)
    else:
        show_agents(found)
    is_well = not (found["problems"] or found["trouble"] or any(each["state"] == "down" for each in found["agents"]))
    return EXIT_OK if is_well else EXIT_NOT_WELL


def show_agents(found: dict[str, Any]) -> None:
    """Print a row for each agent and each problem."""
    from warmline.interfaces.cli.columns import in_columns

    if found["agents"]:
        print("\n".join(in_columns([row(each) for each in found["agents"]])))
    for problem in found["problems"].values():
        print(f"{paint('cannot be used', YELLOW)}  {one_line(problem)}")
    if found["trouble"]:
        print(f"{paint('cannot be read', YELLOW)}  {one_line(found['trouble'])}")
    elif not found["agents"] and not found["problems"]:
        hint("none: questions are answered by quotes from the memory; `warmline agents add claude` adds one")


def row(agent: dict[str, Any]) -> tuple[str, ...]:
    """Return an agent as cells: name, state, mode, provider, workers, their memory, answered, failed, reason."""
    workers = agent["workers"]
    busy = sum(each["busy"] for each in workers)
    return (
        agent["name"],
        agent["state"],
        agent["mode"],
        agent["provider"],
        counted(len(workers), "worker") + (f" ({busy} busy)" if busy else ""),
        f"{sum(each['rss_bytes'] for each in workers) / 2**20:.0f} MB",
        f"{agent['answered']:,} answered",
        f"{agent['failed']:,} failed",
        agent["reason"] or "",
    )


def _show(options: argparse.Namespace) -> int:
    """Show one agent: how it stands, its workers, what was found out at its start, what warmline.toml says of it.

    Exit code 1 when it is down, or what the file says of it cannot be used.
    """
    from warmline.interfaces.cli.client import client_for

    client = client_for(options.home)
    agent = client.call("GET", f"/v1/agents/{segment(options.name)}")
    told = _told(client, options.name)
    if options.json:
        show_json(agent | {"configuration": told})
    else:
        _show_one(agent, told)
    return EXIT_NOT_WELL if agent["state"] == "down" else EXIT_OK


def _told(client: Client, name: str) -> dict[str, object] | None:
    """Return what the file says of an agent, as it stands there."""
    from warmline.configuration.keys import KEYS
    from warmline.configuration.reading import read

    plan = next((each for each in read(client.home.configuration).agents if each.name == name), None)
    if plan is None:
        return None
    said = {key: (getattr(plan, field), write) for key, (field, _, write) in KEYS.items()}
    return {key: write(value) for key, (value, write) in said.items() if value is not None}


def _show_one(agent: dict[str, Any], told: dict[str, object] | None) -> None:
    again = f", tried again {local_time(agent['again_at'])}" if agent["again_at"] else ""
    since = f" since {local_time(agent['since'])}" if agent["since"] else ""
    left = f", {counted(agent['left_out'], 'file')} recalled with each question" if agent["left_out"] else ""
    rows = {
        "agent": f"{one_line(agent['name'])}, {agent['kind']}, {agent['mode']}",
        "state": agent["state"] + since + (f": {one_line(agent['reason'])}" if agent["reason"] else "") + again,
        "provider": one_line(agent["provider"]),
        "holds": f"{counted(agent['resident_files'], 'file')}, {counted(agent['resident_tokens'], 'token')}{left}",
        "questions": f"{agent['answered']:,} answered, {agent['failed']:,} failed, {agent['waiting']:,} waiting",
        "workers": f"{len(agent['workers']):,}; {agent['restarts']:,} restarts, {agent['recycled']:,} recycled",
    }
    for name, value in rows.items():
        print(f"{paint(f'{name:<10}', BOLD)} {value}")
    for worker in agent["workers"]:
        print(
            f"{'':<10} pid {worker['pid']}, {worker['mode']}, {'busy' if worker['busy'] else 'idle'},"
            f" {worker['rss_bytes'] / 2**20:.0f} MB, {counted(worker['questions'], 'question')},"
            f" since {local_time(worker['started_at'])}"
        )
    for name, value in agent["traits"].items():
        print(f"{paint(f'{one_line(name):<10}', BOLD)} {one_line(value)}")
    for key, said in (told or {}).items():
        print(paint(f"{'':<10} {key} = {one_line(json.dumps(said, ensure_ascii=False))}", DIM))


def _restart(options: argparse.Namespace) -> int:
    """Read warmline.toml anew, and start the agent anew; one that was drained is given questions again."""
    from dataclasses import replace

    with _changing(options) as (client, plan):
        agent = f"/v1/agents/{segment(options.name)}"
        if plan is not None and plan.drained:
            _write(client, replace(plan, drained=False))
            shown = client.call("GET", agent)
        else:
            adding_agents.reload(client)
            shown = client.call("POST", f"{agent}/restart")
    show_json(shown) if options.json else print(f"started {one_line(shown['name'])} anew: {shown['state']}")
    return EXIT_OK


def _drain(options: argparse.Namespace) -> int:
    """Let the agent finish what it has and give it nothing more, until `agents restart`. Its workers end."""
    from dataclasses import replace

    with _changing(options) as (client, plan):
        if plan is None:
            raise UnknownAgentError(f"no agent {options.name!a} is configured: see `warmline agents list`")
        _write(client, replace(plan, drained=True))
        shown = client.call("GET", f"/v1/agents/{segment(options.name)}")
    if options.json:
        show_json(shown)
    else:
        print(f"drained {one_line(plan.name)}: questions for it alone wait")
        hint(f"undo: `warmline agents restart {shlex.quote(one_line(plan.name))}`")
    return EXIT_OK


def _test(options: argparse.Namespace) -> int:
    """Put one question to the agent, past the line, and show how it came out. Exit code 1 when it did not answer."""
    from warmline.interfaces.cli.client import client_for

    tested = adding_agents.try_one(client_for(options.home), options.name)
    show_json(tested) if options.json else show_tested(options.name, tested)
    return EXIT_OK if tested["ok"] else EXIT_NOT_WELL


def show_tested(name: str, tested: dict[str, Any]) -> None:
    """Print how one question came out."""
    if tested["ok"]:
        print(f"{paint('answers', GREEN)}  {one_line(name)} in {tested['took_ms']:,.0f} ms")
        print(paint("\n".join(f"  {line}" for line in harmless(tested["text"] or "").splitlines()), DIM))
    else:
        print(f"{paint('fails', YELLOW)}  {one_line(name)}: {one_line(tested['reason'] or 'it said not why')}")


def _remove(options: argparse.Namespace) -> int:
    """Take the agent out of warmline.toml and end its workers. Its key file and its program stay."""
    from warmline.configuration.writing import remove

    with _changing(options) as (client, _):
        remove(client.home.configuration, options.name)
        adding_agents.reload(client)
    show_json({"removed": options.name}) if options.json else print(f"removed {one_line(options.name)}")
    return EXIT_OK


@contextmanager
def _changing(options: argparse.Namespace) -> Iterator[tuple[Client, AgentPlan | None]]:
    """Yield a client that may do this, and what the file says of the agent, while no other command changes the file."""
    from warmline.configuration.reading import read
    from warmline.configuration.writing import changing
    from warmline.interfaces.cli.client import client_for

    client = client_for(options.home)
    client.call("GET", "/v1/agents")  # who may not, is refused before anything is changed
    path = client.home.configuration
    with changing(path):
        said = read(path)
        if said.trouble:
            raise ConfigurationError(said.trouble)
        yield client, next((each for each in said.agents if each.name == options.name), None)


def _write(client: Client, plan: AgentPlan) -> None:
    from warmline.configuration.writing import change

    change(client.home.configuration, plan)
    adding_agents.reload(client)
