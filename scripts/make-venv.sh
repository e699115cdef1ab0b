#!/bin/sh
# Make .venv with this project in it. usage: make-venv.sh [extra]   e.g. make-venv.sh dev
# PYTHON names the interpreter; otherwise the first of the usual names that is new enough.
set -eu
cd "$(dirname "$0")/.."

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    found=$(${PYTHON:-python3} --version 2>/dev/null || echo "no Python")
    echo "Warmline needs Python 3.11 or newer; found: $found." >&2
    echo "Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv; macOS: brew install python) or name it: make PYTHON=/path/to/python" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python has no venv module. Debian and Ubuntu keep it apart: apt install python$version-venv" >&2
    exit 1
fi
[ -x .venv/bin/python ] && new_enough .venv/bin/python || "$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${1:+[$1]}"
