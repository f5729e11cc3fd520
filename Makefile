# The commands of the project; each does its own set-up.
CARGO_DENY = 0.20.2
CARGO_MUTANTS = 27.1.0

.PHONY: test check deny arm64 instructions deploy-check image-check bench sim fuzz mutants

# Tests of fleets wait for leases most of the time: more of them at once than there are cores.
test: ## everything that can fail; BACKFLEET_BIN=folder for programs that are there already
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8} cargo test --workspace --all-features

check: ## format, clippy, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

deny: ## licences, bans, sources; advisories where their database can be had
	cargo deny --version >/dev/null 2>&1 || cargo install --debug --locked --quiet cargo-deny --version $(CARGO_DENY)
	cargo deny --all-features check licenses bans sources
	if cargo deny --all-features fetch db >/dev/null 2>&1; then cargo deny --all-features check advisories; \
		else echo "advisories were not checked: their database cannot be had here"; fi

arm64: ## the converter's tests on an emulated ARM64 processor; Debian
	tests/arm64.sh test -p backfleet-convert

instructions: ## the converter's instruction counts against their baseline; Debian
	deploy/checks/debian.sh valgrind
	python3 tests/instructions/check.py

deploy-check: ## the template, its roles, rules, alerts and dashboard, and a fleet in trouble under a real Prometheus; Debian
	deploy/checks/debian.sh prometheus
	deploy/checks/run.sh
	python=$$(deploy/checks/setup.sh) && "$$python" deploy/prometheus/check.py
	[ -n "$$BACKFLEET_BIN" ] || cargo build -p backfleet -p backfleet-worker
	python=$$(deploy/checks/setup.sh) && \
		BACKFLEET_BIN=$${BACKFLEET_BIN:-$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug} "$$python" deploy/local/live_check.py

image-check: ## the image without a Docker daemon: built, measured, started in an empty root; Debian, as root
	deploy/checks/debian.sh buildah ca-certificates openssl
	deploy/image/build.sh
	python3 deploy/image/check.py

sim: ## whole jobs in virtual time: SEED=n with its trace, SEEDS=n with their table, MUTANT=name or all
	cargo run --quiet -p backfleet-sim -- $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MUTANT),--mutant $(MUTANT))

bench: ## side by side with what a user would write instead; QUICK=1 for a short one; the full one writes docs/benchmarks.md
	cargo build --release -p backfleet -p backfleet-worker -p backfleet-floor
	python3 tests/bench/bench.py $(if $(QUICK),--quick)

fuzz: ## every reader and the conversion under bytes that coverage chooses, SECONDS=60 each; needs a nightly toolchain
	tests/fuzz/run.sh $(or $(SECONDS),60)

mutants: ## what no test would notice, of the protocol, names and pace; hours: SAMPLE=0/10 for a tenth; see docs/proofs.md
	cargo mutants --version 2>/dev/null | grep -qx 'cargo-mutants $(CARGO_MUTANTS)' || \
		cargo install --locked --quiet --force cargo-mutants --version $(CARGO_MUTANTS)
	tests/mutations/run.sh $(SAMPLE)
