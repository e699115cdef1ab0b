"""A small program that speaks as Claude Code does over stdio, with a model inside that quotes its memory.

Run as a program it serves. A question that holds `stand-in: WORD` makes it do what `befall` says; what stands in
STAND_IN, with commas, makes it a version that lacks something: rewind, clear, aside, uuids, interrupt (it minds none),
start (it says nothing), honesty (what it answers aside may be an error), code (of errors), login,
provider (no model answers).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK_CHARACTERS = 9
VERSION = "9.9.9"
SAYING = "The memory says it. "

_MEMORY = re.compile(r'^<warmline-\w+ memory [^\n]*?path="([^"\n]*)"[^\n]*>\n((?:\|[^\n]*\n)+)</warmline', re.MULTILINE)
_WANTED = re.compile(r"stand-in: ([a-z0-9-]+)(?: ([\w.-]+))?")


def installed(folder: Path) -> Path:
    """Put a program there that is this stand-in."""
    program = folder / "claude"
    program.write_text(f"#!{sys.executable} -SE\n{Path(__file__).read_text('utf-8')}", "utf-8")
    program.chmod(0o755)
    return program


def long_reply(size: int) -> str:
    """Return a text of so many bytes, no piece of which is like another."""
    lines = "".join(f'What stands in line {number} is "ä".\n' for number in range(size // 30))
    begun = lines.encode()[: size - 2].decode(errors="ignore")
    return begun + "." * (size - len(begun.encode()))


class StandIn:
    """One process of it."""

    def __init__(self, lacking: set[str]) -> None:
        self.lacking = lacking
        self.history: list[tuple[str, str]] = []
        self.session = 1
        self.hanging: str | None = None
        self.interrupts_to_miss = 0
        self.rewinds_to_miss = 0
        self.permitted: str | None = None

    def hear(self, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        if message["type"] == "control_request":
            self.control(message["request_id"], message["request"])
        elif message["type"] == "user":
            self.ask(message["uuid"], message["message"]["content"])
        elif message["type"] == "control_response" and self.permitted:
            uuid, self.permitted = self.permitted, None
            self.answer(uuid, f"The tool: {message['response']['response']['behavior']}.")

    def control(self, request_id: str, request: dict[str, Any]) -> None:
        """Reply to a request, unless this version lacks it."""
        subtype = request["subtype"]
        if subtype == "initialize" and "start" in self.lacking:
            return
        known = {"initialize", "interrupt", "get_session_cost"}
        known |= set() if "rewind" in self.lacking else {"rewind_conversation"}
        known |= set() if "aside" in self.lacking else {"side_question"}
        said: dict[str, Any] = {"subtype": "error", "error": f"Unsupported: {subtype}"}
        if subtype in known:
            said = {"subtype": "success", "response": self.done(subtype, request)}
        elif "code" not in self.lacking:
            said["error_code"] = "unsupported_request"
        say({"type": "control_response", "response": {"request_id": request_id, **said}})

    def done(self, subtype: str, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is known, and return what to say of it."""
        if subtype == "interrupt" and self.interrupts_to_miss:
            self.interrupts_to_miss -= 1
            return {"still_queued": [self.hanging]}
        if subtype == "interrupt" and self.hanging and "interrupt" not in self.lacking:
            uuid, self.hanging = self.hanging, None
            self.event("content_block_delta", delta={"type": "text_delta", "text": "words that come too late "})
            self.over(uuid, subtype="error_during_execution", is_error=True, terminal_reason="aborted_streaming")
        if subtype == "rewind_conversation":
            if self.hanging or self.rewinds_to_miss:
                self.rewinds_to_miss = max(0, self.rewinds_to_miss - 1)
                return {"rewound": False, "reason": "turn_running"}
            places = [at for at, (uuid, _) in enumerate(self.history) if uuid == request["target_message_uuid"]]
            self.history = self.history[: places[0]] if places else self.history
            return {"rewound": bool(places)}
        if subtype == "side_question":
            if "question" not in request and "honesty" not in self.lacking:
                return {"response": "(API error: no question)", "synthetic": True}
            is_error = "fail aside" in request.get("question", "")
            return {"response": self.quote(request.get("question", "")), "synthetic": is_error}
        return {}

    def ask(self, uuid: str, prompt: str) -> None:
        """Take a question in, and do what it wants or answer it."""
        if prompt == "/clear" and "clear" not in self.lacking:
            self.history, self.session = [], self.session + 1
            self.over(uuid, result="")
            return
        self.history.append((uuid, prompt))
        self.tell("system", subtype="init", claude_code_version=VERSION, model="stand-in")
        if "login" in self.lacking:
            self.fail(uuid, "authentication_failed", None, "Not logged in")
            return
        if "provider" in self.lacking:
            self.tell("system", subtype="api_retry", error="overloaded", error_status=529)
            self.hang(uuid, "")
            return
        wanted = _WANTED.search(prompt)
        if wanted and self.befall(uuid, wanted[1], wanted[2] or ""):
            return
        self.answer(uuid, self.quote(prompt))

    def befall(self, uuid: str, what: str, more: str) -> bool:
        """Do what was wanted; False when the answer comes all the same."""
        ends: dict[str, Callable[[], None]] = {
            "crash": lambda: crash(f"fatal: the stand-in was told to, with {more}"),
            "exit": lambda: sys.exit(int(more)),
            "hang": lambda: self.hang(uuid, ""),
            "hang-late": lambda: self.hang(uuid, "", interrupts_to_miss=2),
            "hang-midway": lambda: self.hang(uuid, f"{SAYING}And then "),
            "closed-output": close_output,
            "garbage": lambda: write("this is no message"),
            "status": lambda: self.fail(uuid, "", int(more), f"API Error: {more}"),
            "fault": lambda: self.fail(uuid, more, None, f"API Error: {more}"),
            "empty": lambda: self.over(uuid, result=""),
            "long": lambda: self.over(uuid, result=long_reply(int(more))),
            "refuse": lambda: self.over(uuid, is_error=True, stop_reason="refusal", result="I will not."),
            "use": lambda: self.use(uuid, more),
            "environment": lambda: self.answer(uuid, "\n".join(sorted(os.environ))),
        }
        goes_on: dict[str, Callable[[], None]] = {
            "long-line": lambda: self.tell("padding", text="x" * int(more)),
            "noise": lambda: complain("n" * int(more)),
            "cut-off": lambda: self.stream(SAYING, stop_reason="max_tokens"),
            "again": lambda: self.stream(f"{SAYING}\nnotes"),
            "end-late": lambda: setattr(self, "rewinds_to_miss", 2),
            "otherwise": lambda: self.stream("I first thought so "),
            "stale": lambda: self.over("a-question-of-before", result="what another question was answered"),
        }
        {**ends, **goes_on}[what]()
        return what in ends

    def hang(self, uuid: str, begun: str, *, interrupts_to_miss: int = 0) -> None:
        """Say no more until it is interrupted; the real one misses interrupts that come before its turn has begun."""
        self.hanging, self.interrupts_to_miss = uuid, interrupts_to_miss
        if begun:
            self.stream(begun)

    def use(self, uuid: str, tool: str) -> None:
        """Ask whether a tool may be used, and wait for that."""
        self.permitted = uuid
        say(
            {
                "type": "control_request",
                "request_id": "p1",
                "request": {"subtype": "can_use_tool", "tool_name": tool, "input": {"a": 1}},
            }
        )

    def quote(self, prompt: str) -> str:
        """Quote the first line of memory in the prompt, or else in what was told before."""
        for text in (prompt, *(told for _, told in reversed(self.history))):
            for path, block in _MEMORY.findall(text):
                place = re.fullmatch(r"(.*):(\d+)(?:-\d+)?", path)
                lines = [line[2:] for line in block.splitlines()]
                for number, line in enumerate(lines, int(place[2]) if place else 1):
                    words = (line if place else line.partition("\t")[2])[:60].partition('"')[0].strip()
                    if words:
                        return f'{SAYING}\n{place[1] if place else path}:{number}-{number} "{words}"'
        return "not in the memory"

    def answer(self, uuid: str, text: str) -> None:
        """Stream a whole answer, and tell that it is over. The usage is that of all that it was told."""
        self.stream(text)
        told = sum(len(each) for _, each in self.history)
        self.over(uuid, result=text, usage={"input_tokens": told, "output_tokens": len(text)})

    def stream(self, text: str, stop_reason: str | None = "end_turn") -> None:
        """Tell of a message of the model as it is written."""
        self.event("message_start")
        self.event("content_block_start", content_block={"type": "text", "text": ""})
        for at in range(0, len(text), CHUNK_CHARACTERS):
            self.event("content_block_delta", delta={"type": "text_delta", "text": text[at : at + CHUNK_CHARACTERS]})
        self.event("message_delta", delta={"stop_reason": stop_reason})

    def fail(self, uuid: str, fault: str, status: int | None, text: str) -> None:
        """Tell that there is no answer."""
        self.tell("assistant", error=fault, message={"content": [{"type": "text", "text": text}]})
        self.over(uuid, result=text, is_error=True, api_error_status=status, terminal_reason="api_error")

    def event(self, kind: str, **fields: object) -> None:
        self.tell("stream_event", parent_tool_use_id=None, event={"type": kind, **fields})

    def over(self, uuid: str, **fields: object) -> None:
        result = {"subtype": "success", "is_error": False, "stop_reason": "end_turn", **fields}
        if "uuids" not in self.lacking:
            result["user_message_uuids"] = [uuid]
        self.tell("result", **result)

    def tell(self, kind: str, **fields: object) -> None:
        say({"type": kind, "session_id": f"s{self.session}", **fields})


def say(message: dict[str, Any]) -> None:
    write(json.dumps(message))


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def crash(reason: str) -> None:
    complain(reason)
    os.kill(os.getpid(), signal.SIGKILL)


def close_output() -> None:
    os.close(1)
    time.sleep(60)


def main() -> None:
    if "-p" not in sys.argv:
        raise SystemExit("error: a stand-in is spoken to over stdio: -p is missing")
    stand_in = StandIn(set(os.environ.get("STAND_IN", "").split(",")))
    for line in sys.stdin:
        stand_in.hear(json.loads(line))


if __name__ == "__main__":
    main()
