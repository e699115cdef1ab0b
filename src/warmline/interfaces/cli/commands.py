"""The table of commands. A command's own file is loaded when that command is named, and for `--help` none is."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any, NamedTuple


class Command(NamedTuple):
    """The file that knows a command, and what `--help` says of it."""

    file: str
    help: str


COMMANDS = {
    "ask": Command("ask", "ask a question and wait for the answer"),
    "ticket": Command("ask", "look after a question asked before"),
    "questions": Command("questions", "list or count questions"),
    "dead": Command("questions", "list the dead letters, with reasons"),
    "cancel": Command("questions", "cancel a question, or give up a dead one"),
    "requeue": Command("questions", "put what is dead or expired back on the line"),
    "memory": Command("memory", "what the memory holds: add, list, remove, refresh, search"),
    "agents": Command("agents", "programs that answer: add, list, show, restart, drain, test, remove"),
    "send": Command("message", "send a message; it is durable when this returns"),
    "receipts": Command("message", "what became of a message, one row a recipient"),
    "inbox": Command("inbox", "read what came for you, oldest first"),
    "reply": Command("inbox", "answer a question, or reply to a message"),
    "refuse": Command("inbox", "refuse a question, with the reason"),
    "escalate": Command("inbox", "hand a question on to a person"),
    "release": Command("inbox", "give a message back, for others"),
    "conversation": Command("conversation", "who can reach whom: new, list, show, close, erase"),
    "mailbox": Command("mailbox", "where participants receive: list, policy"),
    "credential": Command("credential", "who may speak as whom: new, list, revoke, rotate"),
    "instance": Command("instance", "where other programs reach the daemon: open, close, list, ask"),
    "status": Command("status", "how the daemon, its messages and its memory stand"),
    "stop": Command("status", "let the daemon finish and leave; nothing is lost"),
    "audit": Command("audit", "verify what the line wrote; see who did what"),
    "import": Command("importing", "take over an old bridge's database"),
    "store": Command("store", "keep the database small and its seals fresh, or encrypt it"),
    "redact": Command("redact", "which secrets files hold, without showing them"),
    "serve": Command("serve", "run the daemon in the foreground"),
    "connect": Command("connect", "let an agent's program use the line: claude, codex, ..."),
    "mcp": Command("mcp", "speak MCP over standard input and output"),
    "wake": Command("wake", "wait until messages lie ready for an agent"),
    "bench": Command("bench", "measure the line and the memory on this machine"),
    "demo": Command("demo", "see it work: three questions, nothing left running"),
    "completion": Command("completion", "print a completion script for your shell"),
}
"""In the order of the help. Those of a file stand together."""

FILES = frozenset(command.file for command in COMMANDS.values())


class Commands:
    """The commands of a command line: those of these files with all their arguments, others with their names alone."""

    def __init__(self, parser: argparse.ArgumentParser, files: Collection[str]) -> None:
        self._parsers = parser.add_subparsers(title="commands", metavar="COMMAND", prog=parser.prog)
        for name, command in COMMANDS.items():
            if name in self._parsers.choices:
                continue  # its file knows several
            if command.file in files:
                import_module(f"warmline.interfaces.cli.{command.file}").add_parsers(self)
            else:
                self.add_parser(name, add_help=False)

    def add_parser(self, name: str, **said: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse's own
        """Add a command, with what the table says of it."""
        return self._parsers.add_parser(name, help=COMMANDS[name].help, **said)


def files_for(words: Sequence[str]) -> Collection[str]:
    """Return the file whose command these words name; none where they name none, and all where that is not plain."""
    following = iter(words)
    for word in following:
        if word == "--home":
            next(following, None)
        elif word in COMMANDS:
            return {COMMANDS[word].file}
        elif not word.startswith("--home="):
            return FILES if word.startswith("-") and word not in {"-h", "--help", "--version"} else ()
    return ()
