# PostgreSQL major version: 15, 16, 17 or 18.
PG ?= 15
# What `make install` installs into.
PG_CONFIG ?= pg_config

.PHONY: help demo test bench install fmt lint clean

help:
	@echo 'make demo               see it work; KEEP=1 leaves the server running'
	@echo 'make test [PG=15]       every test; ONLY="sql/attack_*" for some'
	@echo 'make install            into the server of PG_CONFIG=/path/to/pg_config'
	@echo 'make bench [PG=15]      the figures of the README'
	@echo 'make fmt lint clean'

demo:
	@PG=$(PG) PROFILE=test-install KEEP=$(KEEP) pg_test/server/with-cluster pg_test/demo/run

# Patterns are for pg_test/run, not for the shell, which would look in this directory.
test:
	@set -f; PG=$(PG) pg_test/run $(ONLY)

bench:
	@PG=$(PG) PROFILE=release pg_test/server/with-cluster pg_test/bench/run

install:
	@pg_test/server/install $(PG_CONFIG)

fmt:
	@pg_test/server/lint --fix

lint:
	@pg_test/server/lint

clean:
	cargo clean
	rm -rf .build
