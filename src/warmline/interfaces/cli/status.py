"""`status` and `stop`: see what the daemon does, and end it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from warmline.interfaces.cli.agents import row
from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import BOLD, YELLOW, counted, local_time, one_line, paint, show_json


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    status = commands.add_parser("status", description=_status.__doc__)
    stop = commands.add_parser("stop", description=_stop.__doc__)
    for command, run in ((status, _status), (stop, _stop)):
        add_json(command)
        command.set_defaults(run=run)


def _status(options: argparse.Namespace) -> int:
    """Show how the daemon, its messages and its memory stand; exit code 1 when none runs. Starts none."""
    from warmline.interfaces.cli.client import client_for

    status = client_for(options.home, start=False).call("GET", "/v1/status")
    if options.json:
        show_json(status)
    else:
        _show(status)
    return 0


def _show(status: dict[str, Any]) -> None:
    up = datetime.now(UTC) - datetime.fromisoformat(status["started_at"])
    rows = {
        "daemon": f"pid {status['pid']}, version {status['version']}, up {str(up).partition('.')[0]}",
        "home": one_line(status["home"]) + (", encrypted" if status["encrypted"] else ""),
        "listens": _listens(status),
        "messages": ", ".join(f"{count} {state}" for state, count in status["messages"].items() if count) or "none",
        "waiting": f"{counted(status['waiting'], 'caller')}, {status['receiving']:,} of them for messages",
        "memory": ", ".join(counted(status[f"{noun}s"], noun) for noun in ("root", "file", "line")),
        "resident": f"{status['rss_bytes'] / 2**20:.0f} MB",
    }
    for name, value in rows.items():
        print(f"{paint(f'{name:<10}', BOLD)} {value}")
    for listener in status["listeners"]:
        print(f"{paint('listens   ', BOLD)} {_listener(listener)}")
    for agent in status["agents"]:
        print(f"{paint('agent     ', BOLD)} {_agent(agent)}")
    _warn(status)
    for stop in status["stops"]:
        print(f"{paint('stopped   ', YELLOW)} {_stopped(stop)}")


def _warn(status: dict[str, Any]) -> None:
    if status["listener_problems"]:
        found = counted(status["listener_problems"], "thing")
        print(f"{paint('listens   ', YELLOW)} {found} in [listen] cannot be had: see `warmline instance list`")
    if status["agent_problems"]:
        found = counted(status["agent_problems"], "thing")
        print(f"{paint('agents    ', YELLOW)} {found} in warmline.toml cannot be used: see `warmline agents list`")
    exposed = [status["address"]] * status["exposed"] + [
        one_line(each["address"]) for each in status["listeners"] if each["exposed"]
    ]
    for address in exposed:
        print(f"{paint('UNENCRYPTED', YELLOW)} other machines reach {address}, and all can be read on the way")
    if status["closed_at_start"]:
        said = f"at the start, {counted(status['closed_at_start'], 'file or folder', 'files and folders')} to others"
        print(f"{paint('closed    ', YELLOW)} {said}: the log names the last")
    if status["broken"]:
        found = f"{counted(status['broken'], 'message')} of the last 24 hours, not what was sent"
        print(f"{paint('withheld  ', YELLOW)} {found}: see `warmline audit verify`")


def _agent(agent: dict[str, Any]) -> str:
    name, state, mode, _, workers, memory, answered, failed, reason = map(one_line, row(agent))
    said = f": {reason}" if reason else ""
    return f"{name}, {mode}, {state}{said}; {workers}, {memory}, {answered}, {failed}"


def _listener(listener: dict[str, Any]) -> str:
    tokens = "with a token" if listener["needs_token"] else "without a token"
    used = f"{counted(listener['connections'], 'connection')}, {counted(listener['requests'], 'request')}"
    return f"{one_line(listener['address'])} for lines, {tokens}; {used}"


def _listens(status: dict[str, Any]) -> str:
    if not status["address"]:
        return "its Unix socket; the TCP port is taken"
    return f"its Unix socket and {status['address']}{' by TLS' if status['tls'] else ''}"


def _stopped(stop: dict[str, Any]) -> str:
    what = {"loop": "a loop", "rate": "a burst", "budget": "a spent budget"}.get(stop["kind"], stop["kind"])
    return (
        f"{what} of {one_line(stop['participant'])} in {one_line(stop['conversation'])}:"
        f" {counted(stop['refusals'], 'message')} refused, the last {local_time(stop['last_at'])}"
    )


def _stop(options: argparse.Namespace) -> int:
    """Let the daemon finish what it is answering, and leave. Nothing is lost; the next command starts it again."""
    from warmline.daemon import stop
    from warmline.home import find_home
    from warmline.settings import DaemonSettings

    home = find_home(options.home)
    owner = stop(home, DaemonSettings())
    if options.json:
        show_json({"stopped": owner is not None, "pid": owner and owner.pid})
    else:
        print(f"stopped the daemon (pid {owner.pid})" if owner else f"no daemon runs for {one_line(str(home.path))}")
    return 0
