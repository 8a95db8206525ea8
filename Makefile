# Every entry point of the project. `make help` lists them.
.PHONY: help setup lint test build demo

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
	cargo build --release

demo: build ## a throwaway Postgres with a lively shop, and the pipeline on it
	@target/release/millrace demo $(DEMO)
