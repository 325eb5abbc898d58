# The few commands of the project. Longer automation is Rust or Node, not shell.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: build ui demo test test-rust test-ui test-browser test-clients bench bench-push bench-exemplars bench-clients golden lint deny fuzz soak clean

# Vite 8 installs with npm 11; Node 20 may come with npm 10, which then fetches npm 11 for this one call.
NPM := $(shell if [ "$$(npm --version 2>/dev/null | cut -d. -f1)" -ge 11 ] 2>/dev/null; then echo npm; else echo npx --yes npm@11; fi)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
CHROMIUM ?= /usr/bin/chromium
# The real peer of the tests: what it discovers, scrapes and stores, so do we.
PROMETHEUS ?= /usr/bin/prometheus

build: ui
	cargo build --release --locked -p sigyn

ui: ui/dist/index.html

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	$(NPM) ci --prefix ui --no-audit --no-fund
	@touch $@

UI_SOURCES := $(shell find ui/src ui/index.html ui/public ui/vite.config.ts ui/tsconfig.json -type f 2>/dev/null)
ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	$(NPM) run build --prefix ui

demo: build
	./target/release/sigyn demo

test: test-rust test-ui test-browser test-clients

test-rust: ui $(PROMETHEUS)
	cargo test --workspace --locked

# What a first visit loads is measured in the built pages.
test-ui: ui
	$(NPM) test --prefix ui

# A real browser against the real demo; screenshots stay in ui/test/artefacts. The binary is the one of
# the Rust tests: built alone it would want its dependencies with other features, all over again.
test-browser: ui $(CHROMIUM)
	cargo test --workspace --locked --no-run
	node ui/test/e2e/with-demo.mjs target/debug/sigyn

# Span buffers in other languages, with the binary of the Rust tests. What the machine lacks is skipped, aloud.
test-clients: ui
	cargo test --workspace --locked --no-run
	@SIGYN_BINARY=$(CURDIR)/target/debug/sigyn NPM="$(NPM)" node clients/run.mjs test

bench-clients:
	@NPM="$(NPM)" node clients/run.mjs bench

$(CHROMIUM):
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends chromium

$(PROMETHEUS):
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends prometheus

lint: ui/node_modules/.package-lock.json ui
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked --test tidy
	$(NPM) run lint --prefix ui
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "cargo-deny is not installed: licences were not checked (cargo install cargo-deny)"; fi

# One JSON object a line.
bench:
	@cargo bench --locked -q -p sigyn-buffer --bench record | grep --line-buffered '^{'
	@cargo bench --locked -q -p sigyn-store --bench ingest | grep --line-buffered '^{'
	@cargo bench --locked -q -p sigyn-query --bench search | grep --line-buffered '^{'
	@cargo bench --locked -q -p sigyn-generator --bench series | grep --line-buffered '^{'
	@$(MAKE) --no-print-directory bench-push

# The whole server under the reference workload: CPU, memory, disk, look-ups.
bench-push:
	@cargo build --release --locked -q -p sigyn
	@cargo run --release --locked -q -p sigyn-load -- target/release/sigyn

# Whether exemplars lead to their traces: a quarter of an hour with a real Prometheus, or EXEMPLAR_SECONDS of load.
bench-exemplars: $(PROMETHEUS)
	@cargo build --release --locked -q -p sigyn
	@cargo run --release --locked -q -p sigyn-load -- target/release/sigyn exemplars $(EXEMPLAR_SECONDS)

# Every parser of bytes from outside: first its seeds and what earlier runs found to be worth keeping, then what libFuzzer makes
# of them.
FUZZ_SECONDS ?= 20
fuzz:
	@if cargo fuzz --version >/dev/null 2>&1 && command -v c++ >/dev/null; then \
		cd fuzz; \
		for target in $$(cargo fuzz list); do \
			mkdir -p corpus/$$target; \
			if [ -f corpora/$$target.tar.gz ]; then tar -xzf corpora/$$target.tar.gz -C corpus/$$target; fi; \
			cargo fuzz run --sanitizer none $$target corpus/$$target seeds/$$target -- \
				-max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1; \
		done; \
	else echo "fuzzing is skipped: it needs a C++ compiler and cargo-fuzz (cargo install cargo-fuzz --locked)"; fi

# What Prometheus' own packages find at the Kubernetes and Consul servers of the tests, written down for the
# tests to compare with. Not part of `test`: it fetches and compiles Go modules for minutes.
golden:
	cd tests/oracle && go build -o $(CURDIR)/target/oracle .
	SIGYN_ORACLE=$(CURDIR)/target/oracle cargo test --locked -p sigyn-collector --lib -- roles::role consul_is_read

# The long form of the slow suites: among them 1,000 reloads under load and two minutes of killed replicas
# (tests/black_box/fleet.rs).
soak: fuzz
	SIGYN_SOAK=1 cargo test --workspace --locked --release
	SIGYN_SOAK=1 $(MAKE) test-clients

clean:
	cargo clean
	rm -rf ui/dist ui/node_modules
