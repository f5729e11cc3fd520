#!/bin/sh
# Each line of the protocol, of its names and of its pace, wrong in one place at a time: would a test notice?
#     tests/mutations/run.sh [K/N]        the K-th of N samples, counted from 0, each of which is spread over all modules
# First the tests of the module's own crate; what they miss is tried on SIM_WORLDS whole jobs of the simulation. On one core, in
# a copy of the tree with a target folder of its own, which all of them share. The table of both is the last thing printed.
set -eu
cd "$(dirname "$0")/../.."
sample=${1:-0/1}
out=$PWD/target/mutations
tree=$out/tree
rm -rf "$out/own" "$out/simulation"
mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
# With their times, so that what was compiled for the last run need not be again.
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --preserve=timestamps --target-directory="$tree"
export CARGO_BUILD_JOBS=1 SIM_WORLDS="${SIM_WORLDS:-2000}"
unset CARGO_TARGET_DIR CARGO_INCREMENTAL

# A deliberate break (core/mutant.rs) is a constant here: to mutate the question for it says nothing.
mutate() {
    folder=$1 seconds=$2
    shift 2
    mkdir -p "$folder"
    (cd "$tree" && nice -n 19 cargo mutants --in-place --profile mutants --timeout "$seconds" --build-timeout 1800 \
        --output "$folder" --exclude-re 'match guard mutant::is' "$@") && return
    # Something was missed, or hung: the table says so.
    case $? in 2 | 3) ;; *) exit 1 ;; esac
}

# A crate, its modules, and the arguments for its tests.
by_its_own_tests() {
    crate=$1 modules=$2
    shift 2
    set -f
    for module in $modules; do
        set -- --file "$crate/src/$module.rs" "$@"
    done
    set +f
    mutate "$out/own/$(basename "$crate")" 60 --shard "$sample" --sharding round-robin "$@"
}

# Those that were missed, each by its whole name, and what cargo-mutants does not choose by name of the same files.
by_the_simulation() {
    crate=$1
    missed=$out/own/$crate/mutants.out/missed.txt
    [ -s "$missed" ] || return 0
    set --
    while read -r name; do
        set -- "$@" --file "${name%%:*}" --re "^$(printf %s "$name" | sed 's/[][().*+?^$|{}\\]/\\&/g')\$"
    done <"$missed"
    mutate "$out/simulation/$crate" 600 "$@" --test-package backfleet-sim --cargo-arg=--test --cargo-arg=simulation -- ten_thousand
}

by_its_own_tests shared/core 'layout key chain completion manifest message control pace paced retry retry/*' \
    --cargo-arg=--lib -- -- --skip local:: --skip memory:: --skip ahead::
by_its_own_tests worker 'attempt claim complete ack settle keepalive lane hand_on upload scan receive' \
    --cargo-arg=--lib --cargo-arg=--test --cargo-arg=protocol --cargo-arg=--test --cargo-arg=scanning
by_its_own_tests coordinator 'verify invariants finish enqueue watch' \
    --cargo-arg=--lib -- -- verify:: invariants:: finish:: enqueue:: watch::
for crate in core worker coordinator; do by_the_simulation "$crate"; done
python3 tests/mutations/table.py "$out"
