#!/bin/sh
# Fetch the Claude Code program that `make test-agents` runs, once, and print its path. Nothing is installed, and no root is needed.
# It comes out of the wheel of claude-agent-sdk, by pip and whatever index pip is configured with; version and hashes are pinned here.
# Exit code 0: it is there. 69: it could not be had (no index is reached, or there is none for this system). 1: what came is not it.
set -eu
version=2.1.330
pinned='claude-agent-sdk==0.2.187
    --hash=sha256:693132296d1ffca857b5d393e449fd138a89bd08024d9a3e519615ba4040d9c3
    --hash=sha256:3f9f9de8676779af46a0ae49a9dafb9934ea8bd9526a0cd60cc86cde787eee41
    --hash=sha256:83e3a0471f116e08f31dd2c60d5002ff3ea34943fb4cd72a0f57147d93cb97c2
    --hash=sha256:dbae79ea1fc4d1ff83f7f5c9bd13ed4674b26ec60aa6ddb2bfc215887425a739'

cache=${XDG_CACHE_HOME:-$HOME/.cache}/warmline-agents
program=$cache/claude-$version/claude
if [ -x "$program" ]; then
    echo "$program"
    exit 0
fi

python=$(dirname "$0")/../.venv/bin/python
mkdir -p "$cache"
folder=$(mktemp -d "$cache/fetching.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

echo "fetching Claude Code $version into $cache (170 MB, once)" >&2
echo "$pinned" | tr '\n' ' ' >"$folder/pinned.txt"
if ! "$python" -m pip --disable-pip-version-check --timeout 30 --retries 2 download --quiet --no-cache-dir --no-deps \
    --only-binary :all: --require-hashes --requirement "$folder/pinned.txt" --dest "$folder" >"$folder/said" 2>&1; then
    cat "$folder/said" >&2
    if grep -q 'DO NOT MATCH THE HASHES' "$folder/said"; then
        echo "what came is NOT the pinned Claude Code $version" >&2
        exit 1
    fi
    echo "Claude Code $version COULD NOT BE FETCHED" >&2
    exit 69
fi
"$python" -m zipfile -e "$folder"/*.whl "$folder/wheel"
found=$folder/wheel/claude_agent_sdk/_bundled/claude
chmod 755 "$found"
said=$(env -i "HOME=$folder" PATH=/usr/bin:/bin DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 "$found" --version </dev/null)
case $said in
"$version "*) ;;
*)
    echo "the program says that it is $said, not $version" >&2
    exit 1
    ;;
esac
mkdir -p "$(dirname "$program")"
mv -f "$found" "$program" # whole or not at all, also when two fetch at once
echo "$program"
