"""What `connect` says about what it did, to a person or a program."""

from __future__ import annotations

import json
import shlex
from typing import Any

from warmline.errors import ConfigurationError, ForeignEntryError, InvalidInputError
from warmline.interfaces.cli.connecting import Result, Work, masked
from warmline.interfaces.cli.connecting_wake import WOKEN
from warmline.interfaces.cli.output import complain, explained, harmless, hint, one_line, show_json

EXIT_ERROR, EXIT_BAD_INPUT = 1, 2


def tell(work: Work) -> int:
    """Say what came of each client, and return the exit code: the highest of all."""
    if work.options.json:
        show_json({"clients": [_shown(work, each) for each in work.results]})
    else:
        for each in work.results:
            _tell_one(work, each)
        for client in dict.fromkeys(each.client.name for each in work.results if each.outcome == WOKEN):
            _tell_of_waking(client)
        if not work.results:
            print("no client is connected")
    return max((_code(each) for each in work.results), default=0)


def _code(result: Result) -> int:
    if result.error is None:
        return 0
    return EXIT_BAD_INPUT if isinstance(result.error, InvalidInputError) else EXIT_ERROR


def _shown(work: Work, result: Result) -> dict[str, Any]:
    error = result.error
    return {
        "client": result.client.name,
        "outcome": result.outcome,
        "path": result.path,
        "scope": result.scope,
        "entry": result.entry,
        "diff": result.diff,
        "backup": result.backup,
        "token_file": str(work.daemon.home.client_token(result.client.name)) if _is_connected(result) else None,
        "problem": error and masked(explained(error)),
        "found": json.loads(masked(json.dumps(error.there))) if isinstance(error, ForeignEntryError) else None,
        "by_hand": _by_hand(work, result),
    }


def _is_connected(result: Result) -> bool:
    return result.outcome in {"connected", "unchanged"}


def _by_hand(work: Work, result: Result) -> str | None:
    """Return the text to add by hand where a program cannot."""
    is_wanted = isinstance(result.error, ConfigurationError | ForeignEntryError) and not work.options.undo
    if not is_wanted or result.entry is None:
        return result.by_hand
    return result.client.language.snippet(result.client.keys, result.entry)


def _tell_one(work: Work, result: Result) -> None:
    name, where = result.client.name, one_line(result.path or "")
    if result.error is not None:
        untouched = "; nothing was changed there" if result.path else ""
        complain(f"{name}: {explained(result.error)}{untouched}")
        _tell_what_to_do(work, result)
    elif result.outcome == "would be written":
        print(harmless(result.diff), end="")
    elif not result.path:
        print(f"{name}: {result.outcome}")
    else:
        before = f"; as it was before: {one_line(result.backup)}" if result.backup else ""
        print(f"{name}: {result.outcome}: {where}{before}")
        if result.outcome == "connected":
            _tell_what_follows(work, result)


def _tell_what_follows(work: Work, result: Result) -> None:
    client, scope = result.client, result.scope or "user"
    if client in work.missing:
        hint(f"  no {client.title} was found here: is it installed?")
    if work.options.http and not client.reads_token_file:
        file = shlex.quote(str(work.daemon.home.client_token(client.name)))
        hint(f'  have your shell set what it reads its token from: export {client.variable}="$(cat {file})"')
    if scope == "project":
        hint("  the entry names paths of this machine: think of that before you commit the file")
    hint(f"  {client.after[scope]}; on the line it is `{client.name}`")
    hint(f"  undo: `warmline connect {client.name} --undo`")


def _tell_of_waking(name: str) -> None:
    hint(
        f"  {name} works without you when it is woken: allow it the line's tools before, or its turn ends at a question"
    )
    hint(f"  start `{name}` anew; it waits for messages once its first turn has ended")
    hint(f"  wake it no more: `warmline connect {name} --wake --undo`")


def _tell_what_to_do(work: Work, result: Result) -> None:
    if isinstance(result.error, ForeignEntryError):
        hint(f"  it says: {harmless(masked(json.dumps(result.error.there, ensure_ascii=False)))}")
        hint(f"  ours is: {harmless(json.dumps(result.error.ours, ensure_ascii=False))}")
    if work.options.undo:
        hint("  take it out by hand, then say --undo again: that ends the credential, if it has one")
    elif result.by_hand is not None:
        hint(f"  this belongs at the beginning of {one_line(result.path or '')}: put it there, and say the same again")
        hint(harmless(result.by_hand))
    elif (text := _by_hand(work, result)) is not None:
        hint(f"  add this to {one_line(result.path or '')} by hand, then say the same again: that makes the credential")
        hint(harmless(text))
