"""`bench mcp`: the MCP tool `recall` by several clients at once, beside the search's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from warmline.interfaces.cli.arguments import add_json, whole
from warmline.interfaces.cli.output import hint, show_json


def add_parser(benches: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    mcp = benches.add_parser("mcp", help="the MCP tool `recall` by several clients at once", description=_mcp.__doc__)
    mcp.add_argument("--megabytes", type=whole(1, 10_000), metavar="N", default=10, help="of made-up text (10)")
    mcp.add_argument("--clients", type=whole(1, 100), metavar="N", default=10, help="at once (10)")
    mcp.add_argument("--calls", type=whole(100, 1_000_000), metavar="N", default=1000, help="in each round (1000)")
    mcp.add_argument("--folder", type=Path, metavar="DIR", help="where temporary files go (where they live)")
    add_json(mcp)
    mcp.set_defaults(run=_mcp)


def _mcp(options: argparse.Namespace) -> int:
    """Measure the MCP tool `recall` by several clients at once, beside as many that search over REST."""
    from warmline.operations import bench_mcp

    figures = bench_mcp.run(
        options.folder, megabytes=options.megabytes, clients=options.clients, calls=options.calls, on_step=hint
    )
    if options.json:
        show_json(figures.as_json())
        return 0
    print(
        f"{figures.clients} clients, {figures.text_bytes / 1e6:.0f} MB of memory: recall"
        f" {figures.calls_per_second:,.0f} calls/s, p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms"
    )
    print(
        f"floor (the search itself over REST, as many clients): {figures.search_per_second:,.0f} searches/s,"
        f" p50 {figures.search_p50_ms:.1f} ms; MCP adds {figures.added_p50_ms:+.1f} ms to the p50"
    )
    return 0
