"""A process that receives one question over REST, and answers it; with `hang` it stands still between the two.

`python hanging_worker.py HOME TOKEN MAILBOX CONVERSATION LEASE_SECONDS [hang]` writes what it received as a line of
JSON, then the status of its reply and the type of the problem. It hangs as under SIGSTOP, until somebody sends SIGCONT.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from speaking import Speaker
from warmline.home import Home


def main(home: str, token: str, mailbox: str, conversation: str, lease_seconds: str, *hang: str) -> None:
    speaker = Speaker(Home(Path(home)), token)
    wanted = {"mailbox": mailbox, "conversation": conversation, "wait": 4, "lease_seconds": float(lease_seconds)}
    batch = speaker.ok("POST", "/v1/mailboxes/receive", wanted)
    (message,) = batch["messages"]
    tell({"id": message["id"], "deliveries": message["deliveries"]})
    if hang:
        os.kill(os.getpid(), signal.SIGSTOP)
    path = f"/v1/batches/{batch['token']}/messages/{message['id']}/reply"
    reply = speaker.call("POST", path, {"body": f"by {os.getpid()}"})
    tell({"status": reply.status, "type": reply.json.get("type")})


def tell(said: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
