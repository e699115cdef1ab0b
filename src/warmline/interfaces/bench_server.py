"""The server that benches ask from other processes: `python -m warmline.interfaces.bench_server HOME on|off WORKERS`.

It is the daemon's own but for the line, which is composed by bench_parts. The asker's token comes on standard input.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvloop

from warmline import __version__, daemon
from warmline.home import Home
from warmline.interfaces.serve import serve
from warmline.operations.bench_parts import Security, open_served_line
from warmline.settings import DaemonSettings, DispatchSettings, Settings


def main() -> None:
    """Serve the Unix socket until SIGTERM; say `ready` when it does."""
    home, security, workers = Home(Path(sys.argv[1])), Security(sys.argv[2]), int(sys.argv[3])
    token = sys.stdin.readline().strip()
    settings = replace(
        Settings(), daemon=replace(DaemonSettings(), port=0), dispatch=replace(DispatchSettings(), workers=workers)
    )
    with daemon.own(home, __version__) as owner:
        uvloop.run(
            serve(
                home,
                settings,
                owner,
                leave_when_idle=False,
                on_ready=lambda _: print("ready", flush=True),  # noqa: T201  # the one who started it waits for this
                open_line=partial(open_served_line, security, token),
            )
        )


if __name__ == "__main__":
    main()
