# Every entry point of the project. `make help` lists them.
.PHONY: help setup lint test build soak bench

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what this machine lacks
	@scripts/setup.sh

lint: setup ## formatting and lints, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test: setup ## every test
	cargo test --workspace

build: setup ## target/release/millrace
	cargo build --release -p millrace

soak: setup ## the fault harness, N rounds: make soak N=200 SEED=7
	MILLRACE_ROUNDS=$(or $(N),200) MILLRACE_SEED=$(SEED) MILLRACE_SOAK_REPORT=$(CURDIR)/docs/soak.md \
		cargo test -p millrace --test soak

bench: build ## every promised number: make bench ONLY=stream_tcp ROUNDS=5 ROWS=2000000
	cargo run --release -q -p bench -- $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ROWS),--rows $(ROWS))
