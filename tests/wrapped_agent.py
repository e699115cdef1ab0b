"""Programs that stand before the real one and do what it does not do on demand: crash, lack a verb, say too much."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_BETWEEN = """\
import json, os, subprocess, sys

child = subprocess.Popen([{program!r}, *sys.argv[1:]], stdin=subprocess.PIPE)

def is_first(what):
    try:
        open(os.path.join({folder!r}, what), "x").close()
        return True
    except FileExistsError:
        return False

for line in sys.stdin.buffer:
{what_else}
    child.stdin.write(line)
    child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""

_CRASH = """
    for number, words in enumerate({words!r}):
        if words.encode() in line and is_first("crashed-%d" % number):
            child.kill()
            os._exit(3)
"""

_HANG_UP = """
    if {words!r}.encode() in line and is_first("hung-up"):
        child.stdin.write(line)
        child.stdin.close()
        sys.exit(child.wait())
"""

_LOSE = """
    if json.loads(line)["type"] == "control_response" and is_first("lost"):
        continue
"""

_LACK = """
    said = json.loads(line)
    if said["type"] == "control_request" and said["request"]["subtype"] in {verbs!r}:
        error = dict(subtype="error", request_id=said["request_id"], error="Unsupported control request subtype")
        print(json.dumps(dict(type="control_response", response=error)), flush=True)
        continue
"""

_CHATTER = """\
import json, os, sys

print(json.dumps(dict(type="system", subtype="chatter", text="x" * {size})), flush=True)
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""

_NOISE = """\
import os, sys

while True:
    os.write(1, os.urandom(1000) + b"\\n")
    if not sys.stdin.buffer.read1(1000):
        break
"""


def crashing(folder: Path, program: Path, words: Sequence[str]) -> Path:
    """Make a program that crashes, once for each of these, when it is given a line that holds the words."""
    return _between(folder, program, "crashing", _CRASH.format(words=list(words)))


def hanging_up(folder: Path, program: Path, words: str) -> Path:
    """Make a program that listens no more, once, after a line that holds the words."""
    return _between(folder, program, "hanging-up", _HANG_UP.format(words=words))


def losing(folder: Path, program: Path) -> Path:
    """Make a program that never hears the first answer to a request of its own."""
    return _between(folder, program, "losing", _LOSE)


def lacking(folder: Path, program: Path, *verbs: str) -> Path:
    """Make a program that does not know these control verbs."""
    return _between(folder, program, "-".join(("lacking", *verbs)), _LACK.format(verbs=verbs))


def chattering(folder: Path, program: Path, size: int) -> Path:
    """Make a program that says one line of this many bytes before it begins."""
    return _script(folder / f"chattering-{size}", _CHATTER.format(program=str(program), size=size))


def noisy(folder: Path) -> Path:
    """Make a program that says noise, and nothing else."""
    return _script(folder / "noisy", _NOISE)


def _between(folder: Path, program: Path, name: str, what_else: str) -> Path:
    text = _BETWEEN.format(program=str(program), folder=str(folder), what_else=what_else.strip("\n"))
    return _script(folder / name, text)


def _script(path: Path, text: str) -> Path:
    path.touch(0o700)
    path.write_text(f"#!{sys.executable} -SE\n{text}", "utf-8")
    return path
