#!/bin/sh
# Makes the virtual environment of the deployment's checks, once: target/deploy-venv. Prints the path of its Python, which must
# be 3.11 or later.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
root=$(dirname "$(dirname "$here")")
exec "$root/tests/venv.sh" "$here/requirements.txt" "${1:-"$root/target/deploy-venv"}"
