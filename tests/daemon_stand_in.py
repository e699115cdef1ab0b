"""Stands in for a daemon that is killed with -9: holds workers, says all pids, and stays.

Usage: python daemon_stand_in.py FOLDER, with the workers' environment as JSON at stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from guarded import PYTHON, SCRUBBED, STRAY, STUBBORN, first_number
from warmline.settings import WarmSettings
from warmline.warm.guarding import Guardian


async def main() -> None:
    """Hold three workers, two of which left a daemonised process behind."""
    environment = json.loads(sys.stdin.readline())
    async with Guardian(Path(sys.argv[1]), WarmSettings()) as guardian:
        workers = [
            await guardian.spawn([*PYTHON, program], environment=environment, folder=Path("/"))
            for program in (STRAY, SCRUBBED, STUBBORN)
        ]
        pids = [guardian.pid, *[worker.pid for worker in workers], *[await first_number(worker) for worker in workers]]
        sys.stdout.write(f"{json.dumps(pids)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
