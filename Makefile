# The commands of the project; each does its own set-up.
CARGO_DENY = 0.20.2

.PHONY: test check deny bench

test: ## everything that can fail
	cargo test --workspace --all-features

check: ## format, clippy, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

deny: ## licences, bans, sources; advisories where their database can be had
	cargo deny --version >/dev/null 2>&1 || cargo install --locked --quiet cargo-deny --version $(CARGO_DENY)
	cargo deny --all-features check licenses bans sources
	if cargo deny --all-features fetch db >/dev/null 2>&1; then cargo deny --all-features check advisories; \
		else echo "advisories were not checked: their database cannot be had here"; fi

bench: ## side by side with what a user would write instead; QUICK=1 for a short one; the full one writes docs/benchmarks.md
	cargo build --release -p backfleet -p backfleet-worker
	python3 tests/bench/bench.py $(if $(QUICK),--quick)
