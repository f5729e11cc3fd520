#!/bin/sh
# Makes the virtual environment of the deployment's checks, once: target/deploy-venv.
# Every package is pinned by hash. Prints the path of its Python, which must be 3.11 or later.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
venv=${1:-"$(dirname "$(dirname "$here")")/target/deploy-venv"}
wanted=$(cksum <"$here/requirements.txt")

if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$wanted" ]; then
    mkdir -p "$(dirname "$venv")"
    # Several runs may come at once: one makes it, the others wait.
    exec 9>"$venv.lock"
    if command -v flock >/dev/null; then flock 9; fi
    if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$wanted" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" >&2
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            -r "$here/requirements.txt" >&2
        echo "$wanted" >"$venv/.requirements"
    fi
fi
echo "$venv/bin/python"
