"""Run schemathesis over the whole OpenAPI document of a real daemon on a throw-away home: `make test-api`.

Exits with schemathesis's code: 0 when every operation does what the document says, with data that fits it and data
that does not, one by one and in sequences. Further arguments are passed on to it (`--seed N`, `--max-time 30`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from speaking import Speaker
from warmline import __version__, daemon
from warmline.home import Home
from warmline.settings import BridgeSettings, DaemonSettings, Settings

HERE = Path(__file__).parent
MAX_SECONDS = 180
"""Of fuzzing and sequences, after each operation's own cases; all of it stays below four minutes."""

SHORT_WAIT = timedelta(milliseconds=20)
"""The line's own limit on a wait, whatever was asked for: an hour would be too long for this."""


def serve(path: Path) -> None:
    """Serve a home as `warmline serve` does, but with short waits; say the address when it can be reached."""
    import uvloop  # noqa: PLC0415  # the other process does without

    from warmline.interfaces.serve import serve as serve_home  # noqa: PLC0415

    home = Home(path)
    settings = Settings(bridge=BridgeSettings(max_wait=SHORT_WAIT), daemon=DaemonSettings(port=0))
    with daemon.own(home, __version__) as owner:
        serving = serve_home(home, settings, owner, leave_when_idle=False, on_ready=_announce)
        uvloop.run(serving)


def _announce(address: str | None) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def prepare(owner: Speaker, folder: Path) -> dict[str, list[str]]:
    """Put something of every kind on the line, so that ids lead somewhere; return values by the field's name."""
    (folder / "notes.md").write_text("The exporter listens on port 9187.\n", encoding="utf-8")
    owner.ok_lines("POST", "/v1/memory/roots", {"paths": [str(folder)]})
    made = owner.ok("POST", "/v1/conversations", {"between": ["ann", "bob"], "persons": ["pat"]})
    old = owner.ok("POST", "/v1/legacy/create_conversation", {"my_role": "lead", "partner_role": "docs"})
    to_ann = {"conversation": made["id"], "to": "ann"}
    notes = [owner.ok("POST", "/v1/messages", {**to_ann, "body": f"note {n}"})["id"] for n in range(200)]
    asked = [owner.ok("POST", "/v1/questions", {**to_ann, "question": f"which {n}?"})["id"] for n in range(50)]
    held = [
        owner.ok("POST", "/v1/mailboxes/receive", {"mailbox": "ann", "limit": 10, "lease_seconds": 3600})
        for _ in range(15)
    ]
    return {
        "path.conversation_id": [made["id"], "default"],
        "path.message_id": [*notes[:20], *asked[:5]],
        "path.question_id": asked,
        "path.token": [batch["token"] for batch in held],
        "path.credential": [made["credentials"][0]["id"], "pat"],
        "path.name": ["ann", "bob", folder.name],
        "body.to": ["ann", "bob", "pat"],
        "body.mailbox": ["ann", "owner"],
        "body.conversation": [made["id"]],
        "body.in_reply_to": notes[:5],
        "body.conversation_id": [old["conversation_id"]],
        "body.token": [old["session_a_token"]],
    }


def configured(values: dict[str, list[str]]) -> str:
    """Return schemathesis's configuration, which is TOML."""
    lines = [(HERE / "api.toml").read_text(encoding="utf-8")]
    for field, known in values.items():
        name = field.replace(".", "-")
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(known)}"]
    lines.append("[parameters]")
    lines += [f'"{field}" = {{ dictionary = "{field.replace(".", "-")}", probability = 0.7 }}' for field in values]
    return "\n".join(lines) + "\n"


def prove(work: Path, more: list[str]) -> int:
    """Start the daemon, run schemathesis against it, end the daemon; return schemathesis's exit code."""
    home, folder = Home(work / "home"), work / "memory"
    folder.mkdir()
    hooks = {"SCHEMATHESIS_HOOKS": "api_hooks", "PYTHONPATH": str(HERE)}
    program = [sys.executable, __file__, "serve", str(home.path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as serving:  # ourselves
        try:
            assert serving.stdout is not None  # that is what PIPE means
            address = serving.stdout.readline().strip()
            owner = Speaker(home, home.read_token())
            (work / "api.toml").write_text(configured(prepare(owner, folder)), encoding="utf-8")
            return subprocess.run(  # the extra that was installed for this
                [
                    *(Path(sys.executable).with_name("st"), "--config-file", str(work / "api.toml"), "run"),
                    *(f"http://{address}/openapi.json", "--header", f"Authorization: Bearer {owner.token}"),
                    *("--max-time", str(MAX_SECONDS), "--continue-on-failure", *more),
                ],
                check=False,
                env=os.environ | hooks | {"API_MEMORY": str(folder)},
                cwd=work,
            ).returncode
        finally:
            serving.terminate()


def main() -> int:
    """Serve when asked to, else prove."""
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="warmline-api-") as work:
        return prove(Path(work), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
