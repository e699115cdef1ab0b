"""`audit`: whether the store holds what the line wrote, and who did what. Reads the home itself, without a daemon."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from warmline.interfaces.cli.arguments import absolute_path, add_json, duration, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import counted, hint, local_time, one_line, show_json

if TYPE_CHECKING:
    from warmline.stores.chain import Fault

TAMPERED = 1
DAY = timedelta(days=1)


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    audit = commands.add_parser("audit", description="The audit of the line.")
    verbs = audit.add_subparsers(title="commands", metavar="COMMAND", required=True)
    verify = verbs.add_parser("verify", help="tell whether others wrote in the store", description=_verify.__doc__)
    verify.add_argument("--head", metavar="FILE", help="what `audit export` wrote: shows what was cut off at the end")
    export = verbs.add_parser("export", help="write the audit's head to a file", description=_export.__doc__)
    export.add_argument("--head", metavar="FILE", required=True, help="where: keep it out of reach of this machine")
    show = verbs.add_parser("show", help="list who did what, or was refused", description=_show.__doc__)
    show.add_argument("--since", type=duration, metavar="TIME", default=DAY, help="1h, 2d (1d)")
    show.add_argument("--actor", metavar="ID", help="only what this credential did; owner, warmline, unknown")
    show.add_argument("--verb", metavar="VERB", help="only this: ask, lease, settle, erase, ...")
    show.add_argument("--subject", metavar="ID", help="only what was done to this message or credential")
    show.add_argument(
        "--limit", type=whole(1, 1_000_000), metavar="N", default=1000, help="at most this many, the newest (1000)"
    )
    for command, run in ((verify, _verify), (export, _export), (show, _show)):
        add_json(command)
        command.set_defaults(run=run)


def _verify(options: argparse.Namespace) -> int:
    """Look whether every message, every row and every archive file is as the line wrote it.

    Exit code 1 when something is not. An older copy of the whole home is whole: compare with a head that was
    exported, by --head.
    """
    from pathlib import Path

    from warmline.home import find_home
    from warmline.interfaces.cli.progress import audit_bar
    from warmline.operations.audit import auditing, read_head

    expected = None if options.head is None else read_head(Path(absolute_path(options.head))).head
    with auditing(find_home(options.home)) as audit, audit_bar() as on_progress:
        found = audit.verify(expected, on_progress)
    if options.json:
        head = None if found.head is None else {"number": found.head.number, "hash": found.head.hash.hex()}
        counts = {"audit_rows": found.audit_rows, "archived_audit_rows": found.archived_rows, "rows": found.rows}
        faults = [_fault_view(fault) for fault in found.faults]
        show_json({"whole": found.is_whole, "head": head, **counts, "files": found.files, "faults": faults})
        return 0 if found.is_whole else TAMPERED
    for fault in found.faults:
        print(one_line(_said(fault)))
    looked_at = (
        f"{counted(found.audit_rows, 'row')} of the audit, {counted(found.rows, 'other row')},"
        f" {counted(found.files, 'archive file')}"
    )
    print(f"whole: {looked_at}" if found.is_whole else f"tampered with: {counted(len(found.faults), 'fault')}")
    if not found.is_whole:
        hint("others wrote in the store, or it is damaged: see docs/security.md before you go on")
    return 0 if found.is_whole else TAMPERED


def _export(options: argparse.Namespace) -> int:
    """Write the number and hash of the audit's last row to a file, in place of an older head of the same audit."""
    from pathlib import Path

    from warmline.home import find_home
    from warmline.operations.audit import auditing, export_head

    with auditing(find_home(options.home)) as audit:
        exported = export_head(audit, Path(absolute_path(options.head)))
    number, hashed, at = exported.head.number, exported.head.hash.hex(), exported.at.isoformat()
    if options.json:
        show_json({"number": number, "hash": hashed, "at": at})
    else:
        print(f"row {number:,} of {local_time(at)} is the head")
    return 0


def _show(options: argparse.Namespace) -> int:
    """List what was done and what was refused, oldest first, with what old bridges' audits held."""
    from warmline.home import find_home
    from warmline.interfaces.cli.columns import in_columns
    from warmline.operations.audit import auditing, entries
    from warmline.stores.auditing import AuditFilter
    from warmline.stores.rows import micros

    which = AuditFilter(
        micros(datetime.now(UTC) - options.since), actor=options.actor, verb=options.verb, subject=options.subject
    )
    with auditing(find_home(options.home)) as audit:
        found = entries(audit, which, options.limit)
    if options.json:
        show_json(found)
        return 0
    for line in in_columns([_cells(entry) for entry in found]) if found else ():
        print(line)
    return 0


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    done = entry["verb"] if entry["refusal"] is None else f"{entry['verb']} refused: {entry['refusal']}"
    detail = entry["detail"]
    said = detail if isinstance(detail, str) else " ".join(f"{name}={value}" for name, value in (detail or {}).items())
    number = f"imported {entry['number']}" if entry["imported"] else str(entry["number"])
    at = local_time(entry["at"]) if entry["at"] else "-"
    subject, conversation = entry["subject"] or "-", entry["conversation"] or "-"
    return number, at, entry["actor"] or "-", done, subject, conversation, said


def _fault_view(fault: Fault) -> dict[str, Any]:
    return {"where": fault.where, "number": fault.number, "subject": fault.subject, "text": fault.text}


def _said(fault: Fault) -> str:
    where = f"audit row {fault.number}" if fault.number is not None else fault.where
    return f"{where}{f' {fault.subject}' if fault.subject else ''}: {fault.text}"
