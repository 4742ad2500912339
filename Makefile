# Rotor's commands. `make run` and `make test` do all the set-up on a fresh Debian machine.

SWIFT ?= swift
# What `swift test` builds with, e.g. TEST_FLAGS="-c release -Xswiftc -enable-testing", and what it runs instead of all
# tests, e.g. TESTS="--filter NodeTests".
TEST_FLAGS ?=
TESTS ?=
# Passed on to `rotor bench cluster`, e.g. BENCH="--duration 10".
BENCH ?=
# Passed on to `rotor bench engines`, e.g. ENGINE_BENCH="--engine lmdb,lmdb-c".
ENGINE_BENCH ?=
# Passed on to `rotor simulate`, e.g. SIMULATE="--first-seed 5000 --nodes 5".
SIMULATE ?=

export SWIFT

# An import that no target declares is an error: it would compile today and break in another build order.
IMPORTS_DECLARED := --explicit-target-dependency-import-check error
ROTOR := .build/release/rotor

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format bench simulate test-core torture build clean prepare lint-format

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then run one node with its data in ./rotor-data
	@cat scripts/first-steps.txt
	@exec $(ROTOR) serve

demo: build ## three daemons on three engines, one of them killed half-way
	@exec $(ROTOR) demo

bench: build ## a three-node cluster under load, then the engines beside plain C loops
	@$(ROTOR) bench cluster --start $(BENCH)
	@exec $(ROTOR) bench engines --value-size 1KiB --keys 200000 --duration 20 $(ENGINE_BENCH)

simulate: build ## 10,000 simulated clusters under every fault, by seed
	@exec $(ROTOR) simulate --seeds 10000 $(SIMULATE)

# The tests of servers and daemons run one by one: beside all others on two cores they would be starved.
test: lint-format ## lint and all tests (the tidy tests are among them)
ifeq ($(strip $(TESTS)),)
	$(SWIFT) test $(TEST_FLAGS) $(IMPORTS_DECLARED) --skip RotorTests --skip ServerTests
	$(SWIFT) test $(TEST_FLAGS) $(IMPORTS_DECLARED) --no-parallel --filter RotorTests --filter ServerTests
else
	$(SWIFT) test $(TEST_FLAGS) $(IMPORTS_DECLARED) --no-parallel $(TESTS)
endif

test-core: lint-format ## the tests of what needs no HTTP and TLS packages, which build in a minute or two
	ROTOR_CORE=1 $(SWIFT) test $(TEST_FLAGS) --scratch-path .build-core $(IMPORTS_DECLARED) $(TESTS)

torture: lint-format ## 100 kills, 1,000 power cuts, 1,000 damages of every engine and path; 10,000 crashes of the log
	ROTOR_CORE=1 ROTOR_KILLS=100 ROTOR_CUTS=1000 ROTOR_FLIPS=500 ROTOR_LOG_SEEDS=10000 $(SWIFT) test $(TEST_FLAGS) \
		--scratch-path .build-core $(IMPORTS_DECLARED) --no-parallel \
		--filter KillTests --filter PowerCutTests --filter FlippedBytesTests --filter LogCrashTests

lint: lint-format ## source format, warnings as errors, and the tidy tests
	ROTOR_CORE=1 $(SWIFT) test $(TEST_FLAGS) --scratch-path .build-core $(IMPORTS_DECLARED) --filter TidyTests

lint-format: prepare
	$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift

format: ## rewrite the sources in the house format
	$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

build: prepare ## build rotor in release mode
	$(SWIFT) build -c release --product rotor

prepare:
	@scripts/prepare.sh

clean: ## remove what was built; data folders stay
	rm -rf .build .build-core
