# `make run` and `make test` need Python 3.10 or newer (with venv), a C compiler and make: nothing else, nothing set up first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
BUILD_FILES := setup.py pyproject.toml $(wildcard pywasmvm/_fast/*.pyx pywasmvm/_fast/*.pxd)
PYTEST_ARGS ?=

.PHONY: run test bench lint format dist clean

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
	$(PIP) install -q -e '.[cli]'
	CFLAGS=-falign-functions=64 $(PIP) install -q --no-binary pywasm3 -e '.[bench]' || \
	  echo "some of the engines could not be installed: measuring the others"
	@touch $@
