#!/bin/sh
# Ask an advisory database about every package that the named locks pin. usage: audit-dependencies.sh LOCK...
# Exit code 0: none is known to be vulnerable. 1: those that are listed. 2: it could not be found out.
# ADVISORIES names another server that speaks OSV's query API, such as a mirror within a closed network.
set -eu
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

found=0
for lock; do
    # --strict: a package that the database does not know is no package that is safe
    if .venv/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement "$lock" \
        --vulnerability-service osv ${ADVISORIES:+--osv-url "$ADVISORIES"} \
        --output "$folder/report" 2>"$folder/said"; then
        echo "$lock: none of $(grep -c '==' "$lock") packages is known to be vulnerable"
    elif [ -s "$folder/report" ]; then
        echo "$lock: known to be vulnerable:"
        cat "$folder/report"
        found=1
    else
        tail -n 1 "$folder/said" >&2
        echo "$lock: NOT AUDITED: the advisory database could not be asked about every package" >&2
        exit 2
    fi
    rm -f "$folder/report"
done
exit $found
