#!/usr/bin/env bash
# Every check of the deployment that needs no AWS account, one line each. Needs a network only to make its environment.
#
#   run.sh [--without-image] [--calls FILE] [--values FILE]
#
# --without-image  leaves out the Dockerfile
# --calls FILE     holds the calls of a run against the roles, as iam_proof.py says
# --values FILE    what the names in those calls are in the template's terms [default: iam_values.json]
set -euo pipefail

usage() {
    echo "usage: run.sh [--without-image] [--calls FILE] [--values FILE]" >&2
    exit 2
}

image=yes
proof=()
while [ $# -gt 0 ]; do
    case $1 in
        --without-image) image=no ;;
        --calls | --values)
            [ $# -ge 2 ] || usage
            # Files are named from where the caller stands.
            proof+=("$1" "$(realpath -- "$2")")
            shift
            ;;
        *) usage ;;
    esac
    shift
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
python=$("$here/setup.sh")
said=$(mktemp)
trap 'rm -f "$said"' EXIT
cd "$here"
export PYTHONDONTWRITEBYTECODE=1

failed=0
check() {
    local name=$1
    shift
    # What a check says last is its line; what it says when it fails is wanted in full.
    if "$python" "$@" >"$said" 2>&1; then
        printf 'ok    %-12s %s\n' "$name" "$(tail -n 1 "$said")"
    else
        printf 'FAIL  %-12s\n' "$name"
        sed 's/^/      /' "$said"
        failed=$((failed + 1))
    fi
}

check cfn-lint lint.py cfn-lint
check checkov lint.py checkov
if [ "$image" = yes ]; then
    check hadolint lint.py hadolint
fi
check unit-tests run_tests.py
check iam-proof iam_proof.py ${proof[@]+"${proof[@]}"}
check lifecycle lifecycle.py

if [ "$failed" -gt 0 ]; then
    echo "$failed checks failed" >&2
    exit 1
fi
