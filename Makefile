# Every entry point of the project. `make help` lists them.
.PHONY: help setup lint test fuzz build demo

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what this machine lacks
	@scripts/setup.sh

lint: setup ## formatting and lints, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test: setup ## every test
	cargo test --workspace

SECONDS ?= 60
fuzz: ## every decoder under cargo fuzz, SECONDS=60 each
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	@# The sanitizer needs unstable flags, which this lets the pinned compiler take.
	@for target in $$(cargo fuzz list); do \
	    echo "== $$target"; \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run $$target -- -max_total_time=$(SECONDS) -max_len=4096 || exit 1; \
	done

build: setup ## target/release/millrace
	cargo build --release

demo: build ## a throwaway Postgres with a lively shop, and the pipeline on it
	@target/release/millrace demo $(DEMO)
