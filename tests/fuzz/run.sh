#!/bin/sh
# Every target guided by coverage for so many seconds each, then a table of the inputs that each was given:
#     tests/fuzz/run.sh SECONDS [TARGET …]
# What breaks a promise, takes 10 seconds or 1 GiB lies in guided/artifacts and belongs into regressions/<target>.
set -eu
cd "$(dirname "$0")"
seconds=$1
shift

if ! rustc +nightly --version >/dev/null 2>&1; then
    echo "guided fuzzing needs a nightly toolchain: rustup toolchain install nightly" >&2
    echo "without one, FUZZ_INPUTS=1000000 cargo test -p backfleet-fuzz tries as many made inputs of each target" >&2
    exit 1
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked --quiet cargo-fuzz

# The versions of everything else are those of the workspace.
cp ../../Cargo.lock guided/Cargo.lock
# Without a sanitizer: nothing of ours is unsafe, and it would take half of the inputs.
fuzz() {
    command=$1
    shift
    cargo +nightly fuzz "$command" --sanitizer none --fuzz-dir guided "$@"
}
fuzz build
[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list --fuzz-dir guided)

table=$(mktemp)
trap 'rm -f "$table"' EXIT
failed=0
for target in "$@"; do
    log=guided/artifacts/$target.log
    mkdir -p guided/artifacts "guided/corpus/$target" "regressions/$target"
    found=nothing
    fuzz run "$target" "guided/corpus/$target" "corpus/$target" "regressions/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -max_len=65536 -dict=tokens.dict -print_final_stats=1 \
        >"$log" 2>&1 || { found="something: see $log"; failed=1; }
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-16s %12s  %s\n' "$target" "${inputs:-?}" "$found" | tee -a "$table"
done
awk '{ inputs += $2 } END { printf "%-16s %12d\n", "all", inputs }' "$table"
exit $failed
