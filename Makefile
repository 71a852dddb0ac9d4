# `make run` and `make test` need Python 3.10 or newer (with venv), a C compiler and make: nothing else, nothing set up first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
BUILD_FILES := setup.py pyproject.toml $(wildcard pywasmvm/_fast/*.pyx pywasmvm/_fast/*.pxd)
PYTEST_ARGS ?=

.PHONY: run test bench lint format dist clean sanitize fuzz

# One request through a filter written in Rust: what it changed, what it logged, what each callback cost.
run: $(VENV)/.installed-run
	$(BIN)/pywasmvm run host/filters/rust/header_rewrite.wasm --config docs/demo-config.json \
	  --request 'GET /api/v1/users?x=1' -H 'user-agent: curl/8' -H 'x-internal: secret' -H 'x-old: a' \
	  --upstream-status 302 --upstream-header 'location: http://example.test/v2/home' --upstream-header 'server: Apache'

test: $(VENV)/.installed-test
	$(BIN)/pytest --timeout=900 $(PYTEST_ARGS)

# Everyone side by side. BENCH_ARGS='--quick' takes two minutes, --help tells the rest.
BENCH_ARGS ?= --out build/bench
bench: $(VENV)/.installed-bench
	$(BIN)/python -m bench $(BENCH_ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The compiled engine under the address and undefined-behaviour sanitizers: official suite, damaged modules, random
# modules. Whatever they see is printed and fails the target. Takes ten minutes; needs gcc's libasan and libubsan, and
# the suite's folder in WASM_SPEC_SUITE (python spec-tests/download.py FOLDER fetches it).
SANITIZED := $(CURDIR)/build/sanitized
UNDER = cd $(SANITIZED) && PYTHONPATH=$(SANITIZED) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
  LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" $(abspath $(BIN))/python -m
sanitize: $(VENV)/.installed-test
	test -d "$(WASM_SPEC_SUITE)/core" # WASM_SPEC_SUITE=FOLDER
	PYWASMVM_REQUIRE_FAST=1 PYWASMVM_SANITIZE=1 $(BIN)/python setup.py -q build --build-base build/sanitizing --build-lib $(SANITIZED)
	$(UNDER) pywasmvm spec "$(WASM_SPEC_SUITE)/core" --engine cython
	$(UNDER) pywasmvm.testing.fuzz load --seconds 60 $(CURDIR)/bench/kernels/*.wasm
	$(UNDER) pywasmvm.testing.fuzz run --seconds 60

# Random and damaged modules for as long as one likes; what fails lands in build/fuzz with the command to see it again.
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pywasmvm.testing.fuzz load --seconds $(FUZZ_SECONDS) --keep build/fuzz bench/kernels/*.wasm
	$(BIN)/python -m pywasmvm.testing.fuzz run --seconds $(FUZZ_SECONDS) --keep build/fuzz

dist: $(VENV)/.installed-test
	$(PIP) install -q build
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pywasmvm needs Python 3.10 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# The full installation serves `make run` too, so a newer one of either kind is enough.
$(VENV)/.installed-run: $(BUILD_FILES) | $(BIN)/python
	@if [ -e $(VENV)/.installed-test ]; then $(MAKE) $(VENV)/.installed-test; else \
	  echo "setting up $(VENV) (once)"; PYWASMVM_PURE=1 $(PIP) install -q -e '.[cli]'; fi
	@touch $@

$(VENV)/.installed-test: $(BUILD_FILES) | $(BIN)/python
	@echo "setting up $(VENV) with everything the tests need (once)"
	$(PIP) install -q -e '.[test]'
	@touch $@

# why the flag: the alignment of functions alone moves a C interpreter's figures by 20 %, so pywasm3 gets what ours has.
# A peer that cannot be installed here is reported by the bench, not fatal.
$(VENV)/.installed-bench: $(BUILD_FILES) | $(BIN)/python
	@echo "setting up $(VENV) with the engines to compare with (once)"
	CFLAGS=-falign-functions=64 $(PIP) install -q --no-binary pywasm3 -e '.[bench]' || \
	  { echo "not all of the engines could be installed: going on with ours"; $(PIP) install -q -e '.[cli]'; }
	@touch $@
