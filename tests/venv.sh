#!/bin/sh
# Makes a virtual environment once, every package pinned by hash: venv.sh REQUIREMENTS FOLDER. Prints the path of its Python.
set -eu

requirements=$1 venv=$2
wanted=$(cksum <"$requirements")

if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$wanted" ]; then
    mkdir -p "$(dirname "$venv")"
    # Several processes may come at once: one makes it, the others wait.
    exec 9>"$venv.lock"
    if command -v flock >/dev/null; then flock 9; fi
    if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$wanted" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" >&2
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$requirements" >&2
        echo "$wanted" >"$venv/.requirements"
    fi
fi
echo "$venv/bin/python"
