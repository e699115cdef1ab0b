"""Programs that stand before the real one and do what it does not do on demand: crash, lack a verb, say too much."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_FORWARD = """\
import json, os, signal, subprocess, sys
child = subprocess.Popen([{program}, *sys.argv[1:]], stdin=subprocess.PIPE)
for line in sys.stdin.buffer:
    {meanwhile}
    child.stdin.write(line)
    child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""

_CRASH = """
    for number, words in enumerate({words}):
        if words in line:
            try:
                open(os.path.join({folder}, f"crashed-{{number}}"), "x").close()
            except FileExistsError:
                continue
            child.kill()
            os._exit(3)
"""

_LACK = """
    said = json.loads(line)
    if said.get("type") == "control_request" and said["request"]["subtype"] in {verbs}:
        error = dict(subtype="error", request_id=said["request_id"], error="Unsupported control request subtype")
        print(json.dumps(dict(type="control_response", response=error)), flush=True)
        continue
"""

_CHATTER = """\
import json, os, sys
print(json.dumps(dict(type="system", subtype="chatter", text="x" * {size})), flush=True)
os.execv({program}, [{program}, *sys.argv[1:]])
"""

_NOISE = """\
import os, sys
while True:
    os.write(1, os.urandom(1000) + b"\\n")
    if not sys.stdin.buffer.read1(1000):
        break
"""


def crashing(folder: Path, program: Path, words: list[str]) -> Path:
    """Make a program that crashes, once for each of these, when it is given a line that holds the words."""
    crash = _CRASH.format(words=[each.encode() for each in words], folder=repr(str(folder)))
    return _script(folder / "crashing", _FORWARD.format(program=repr(str(program)), meanwhile=crash.strip()))


def lacking(folder: Path, program: Path, *verbs: str) -> Path:
    """Make a program that does not know these control verbs."""
    lack = _LACK.format(verbs=json.dumps(verbs))
    return _script(folder / "lacking", _FORWARD.format(program=repr(str(program)), meanwhile=lack.strip()))


def chattering(folder: Path, program: Path, size: int) -> Path:
    """Make a program that says one line of this many bytes before it begins."""
    return _script(folder / f"chattering-{size}", _CHATTER.format(program=repr(str(program)), size=size))


def noisy(folder: Path) -> Path:
    """Make a program that says noise, and nothing else."""
    return _script(folder / "noisy", _NOISE)


def _script(path: Path, text: str) -> Path:
    path.touch(0o700)
    path.write_text(f"#!{sys.executable} -SE\n{text}", "utf-8")
    return path
