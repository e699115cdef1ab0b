#!/bin/sh
# Fetch the programs that `make test-clients` runs, each once, and print the folder of each, CACHE/NAME-SUM, on a line.
# Usage: fetch-clients.sh NAME... where a NAME is a folder of scripts/clients, whose lock pins all that npm brings, by hash.
# Nothing is installed elsewhere, no package's own scripts are run, and no root is needed.
# Exit code 0: all are there. 69: one could not be had (no registry is reached, or there is no npm). 1: what came is not it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/warmline-clients

fetch() {
    pinned=$here/clients/$1
    [ -f "$pinned/package-lock.json" ] || {
        echo "there is no client $1; there are: $(ls "$here/clients" | tr '\n' ' ')" >&2
        exit 1
    }
    place=$cache/$1-$(cksum <"$pinned/package-lock.json" | cut -d ' ' -f 1)
    if [ -d "$place" ]; then
        echo "$place"
        return
    fi
    if ! command -v npm >/dev/null; then
        echo "$1 COULD NOT BE FETCHED: there is no npm. NOT TESTED." >&2
        exit 69
    fi
    echo "fetching $1 into $cache (once)" >&2
    folder=$(mktemp -d "$cache/fetching.XXXXXX")
    cp "$pinned/package.json" "$pinned/package-lock.json" "$folder"
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
        --fetch-retries=1 --fetch-timeout=60000) >"$folder/said" 2>&1; then
        cat "$folder/said" >&2
        if grep -q -e EINTEGRITY -e EUSAGE "$folder/said"; then
            echo "what came is NOT the pinned $1" >&2
            exit 1
        fi
        echo "$1 COULD NOT BE FETCHED. NOT TESTED." >&2
        exit 69
    fi
    # whole or not at all, also when two fetch at once: `mv` would put one into the other
    node -e 'require("fs").renameSync(process.argv[1], process.argv[2])' "$folder" "$place" 2>/dev/null || [ -d "$place" ]
    echo "$place"
}

mkdir -p "$cache"
folder=
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
for name in "$@"; do
    fetch "$name"
done
