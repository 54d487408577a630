# The ways in. `make help` lists them; what they do is in CMakePresets.json and scripts/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One compile job can take 1.5 GB: no more jobs than memory allows.
JOBS ?= $(shell awk -v cores=$$(nproc) '/^MemAvailable/ { fit = int($$2 / 1572864) } \
          END { n = cores < fit ? cores : fit; print n < 1 ? 1 : n }' /proc/meminfo)
BUILD := build/dev
RELEASE := build/release
.PHONY: help deps build test check release deb faults fmt tidy clean

help: ## this list
	@awk -F ':.*## ' -v hidden=' $(HIDDEN) ' \
	  '/^[a-z]+:.*## / && !index(hidden, " " $$1 " ") { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the distribution packages that are missing
	@scripts/install-deps

$(BUILD)/build.ninja $(RELEASE)/build.ninja: build/%/build.ninja: CMakePresets.json
	cmake --preset $* --log-level=WARNING

build: deps $(BUILD)/build.ninja ## the dev build: ASan and UBSan
	@ninja -C $(BUILD) -j $(JOBS)

test: build ## build and run everything: unit, sim, system, fuzz (ASan and UBSan)
	@scripts/run-tests $(BUILD)

check: build ## build and run the quick tests, unit and sim: the loop while writing code
	@scripts/run-tests $(BUILD) --label 'unit|sim'

release: deps $(RELEASE)/build.ninja ## the optimised build, in build/release
	@ninja -C $(RELEASE) -j $(JOBS)

deb: deps $(RELEASE)/build.ninja ## the Debian package, in build/
	@ninja -C $(RELEASE) -j $(JOBS) apps/all
	@packaging/deb/build $(RELEASE) build

faults: release ## break real clusters in network namespaces, as root; half an hour (RUNS=5: five times)
	@/usr/bin/python3 tests/faults/run.py $(RELEASE)/apps/matriarch/matriarch --runs $${RUNS:-1}

fmt: ## format the C++ files with clang-format-19
	@git ls-files --cached --others --exclude-standard '*.h' '*.cc' | xargs -r clang-format-19 -i

tidy: build ## static analysis with clang-tidy-19 (some minutes)
	@scripts/tidy $(BUILD) -j $(JOBS)

clean: ## remove the build folder
	@rm -rf build

# Each of these two lives in a script of its name.
ifneq ($(wildcard scripts/demo),)
.PHONY: demo
demo: deps $(RELEASE)/build.ninja ## a cluster on this machine, and a failover to watch
	@ninja -C $(RELEASE) -j $(JOBS) apps/all
	@scripts/demo
else
HIDDEN += demo
endif

ifneq ($(wildcard scripts/bench),)
.PHONY: bench
bench: release ## measure what takes time
	@scripts/bench
else
HIDDEN += bench
endif
