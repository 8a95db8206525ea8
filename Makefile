# Every entry point of the project. `make help` lists them.
.PHONY: help setup setup-kafka web lint test test-cluster test-schedules check-dashboards test-large matrix fuzz build demo demo-kafka soak soak-kafka bench compat

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what this machine lacks
	@scripts/setup.sh

setup-kafka: setup ## what the Kafka tests and demo need: Java, a broker, Debezium, a registry
	@scripts/setup-kafka.sh >/dev/null

PAGE := web/dist/index.html.br
web: setup $(PAGE) ## the page, which the binary holds

web/node_modules/.package-lock.json: web/package-lock.json
	@scripts/setup.sh node
	cd web && npm ci --no-audit --no-fund --loglevel=error

$(PAGE): web/node_modules/.package-lock.json web/index.html web/vite.config.ts $(shell find web/src web/public web/scripts -type f)
	cd web && npm run --silent build
	@# Which files there are is told to the binary as it is compiled.
	@touch crates/serve/src/people/assets.rs

lint: setup web ## formatting and lints, warnings are errors
	cd web && npm run --silent check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@# What that leaves out.
	cargo clippy -p millrace -p flow --test cluster -- -D warnings
	cargo clippy -p millrace --no-default-features -- -D warnings

test: setup setup-kafka web ## every test
	cd web && npm test --silent
	cargo test --workspace --exclude flow
	@# Beside millrace, flow has the features that it was built with above. It waits for Postgres and brokers.
	export RUST_TEST_THREADS=$$((2 * $$(nproc))); \
	cargo test -p millrace -p flow --lib --test pipeline && \
	cargo test -p millrace -p flow --test cluster -- promises:: shards:: shapes:: nulls::

test-cluster: setup ## the pipeline on two ClickHouse servers, a shard each: the tests that it passes on one
	cargo test -p flow --test cluster

matrix: setup ## the tests on each Postgres: MILLRACE_TEST_PG=dir:dir, by default the installed one and 18; TESTS="-p flow"
	@scripts/matrix.sh $(TESTS)

test-schedules: setup ## exported schedules, read by actionlint, Airflow and Dagster (which it installs; Go is needed)
	cargo build -p millrace
	@scripts/schedules.sh

check-dashboards: setup ## dashboards of the shop and of init against Grafana's own schemas: make check-dashboards FSDK=/checkout/of/grafana-foundation-sdk
	@test -n "$(FSDK)" || { echo "make check-dashboards FSDK=/checkout/of/grafana-foundation-sdk"; exit 2; }
	scripts/check-dashboards.py $(FSDK) examples/shop/dashboards
	MILLRACE_FSDK=$(abspath $(FSDK)) cargo test -p millrace --test cli init_writes

test-large: setup ## what the tests take small ones for: a transaction of 5 million rows; 65 million through the door, 5.3 GB
	MILLRACE_TEST_ROWS=5000000 cargo test -p flow --test pipeline large
	MILLRACE_TEST_ROWS=65000000 cargo test -p serve --test flat -- --nocapture

SECONDS ?= 60
fuzz: ## every decoder under cargo fuzz, SECONDS=60 each
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	@# Coverage needs unstable flags, which this lets the pinned compiler take. No sanitizer: decoders have no
	@# unsafe code, and the C that their crates build beside them does not link with one.
	@for target in $$(cargo fuzz list); do \
	    echo "== $$target"; \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run -s none $$target -- -max_total_time=$(SECONDS) -max_len=4096 || exit 1; \
	done

build: setup web ## target/release/millrace
	cargo build --release -p millrace

demo: build ## a throwaway Postgres with a lively shop, and the pipeline on it
	@target/release/millrace demo $(DEMO)

demo-kafka: build setup-kafka ## one shop, straight and by way of Debezium and Kafka, side by side: make demo-kafka SECONDS=60
	cargo run --release -q -p kafka-cluster --example demo -- target/release/millrace $(SECONDS)

soak: setup ## the fault harness, N rounds: make soak N=200 SEED=7, on a ClickHouse server with STORE=server
	MILLRACE_ROUNDS=$(or $(N),200) MILLRACE_SEED=$(SEED) MILLRACE_SOAK_STORE=$(STORE) \
		MILLRACE_SOAK_REPORT=$(CURDIR)/docs/soak$(if $(filter server,$(STORE)),-server).md \
		cargo test --release -p millrace --test soak

soak-kafka: setup-kafka ## the random mix by a real Debezium, N rounds of each format with kills: make soak-kafka N=100
	MILLRACE_KAFKA_ROUNDS=$(or $(N),100) MILLRACE_SEED=$(SEED) cargo test -p flow --features kafka --test pipeline -- --nocapture kafka::debezium

bench: build ## every promised number: make bench ONLY=stream_tcp ROUNDS=5 ROWS=2000000
	cargo run --release -q -p bench -- $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ROWS),--rows $(ROWS))

compat-%: setup # one public client suite: make compat-dbt SUITE=/path/to/its/checkout
	cargo build -p millrace
	@scripts/compat/run.sh $* $(SUITE)

compat: setup ## the public client suites (docs/compatibility.md): make compat SUITES=/folder/of/checkouts
	cargo build -p millrace
	@scripts/compat/all.sh $(SUITES)
