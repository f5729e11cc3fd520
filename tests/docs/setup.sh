#!/bin/sh
# Makes the virtual environment of the pages' readers, once: target/docs-venv. Prints the path of its Python.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
exec "$here/../venv.sh" "$here/requirements.txt" "${1:-"$(dirname "$(dirname "$here")")/target/docs-venv"}"
