# Everything one does with this repository. The targets make what they need: start with any of them.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Set PYTHON to choose the interpreter; otherwise the first of these that works is taken.
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
USABLE := import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))

TYPED := schemas bus services deploy/embedded sdk bench tests/shared tests/typing

# Wherever this is set, each command that is typed, and tests type hundreds, would compile the SDK anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup lock demo test check audit fmt simulate chaos fuzz sbom bench bench-growth bench-peers clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## Make .venv with everything in it
	@echo "Ready: $(BIN) has flyte, the services, nats-server and the tools."

# UPGRADE=1 takes the newest version of everything; else only what pyproject.toml changed changes.
lock:  ## Write requirements.lock from pyproject.toml (UPGRADE=1: newer versions)
	@[ -x $(BIN)/uv ] || $(MAKE) setup
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group build --group dev --group fuzz --universal \
	  --python-version 3.11 --generate-hashes --no-config --quiet --custom-compile-command "make lock" \
	  $(if $(UPGRADE),--upgrade) --output-file requirements.lock

demo: $(STAMP)  ## Start the stack, deploy and run an example, stop
	@$(BIN)/python deploy/demo.py

# Tests wait for processes and servers as much as they compute: one more at a time than there are cores.
WORKERS ?= $(shell python3 -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))' 2>/dev/null || echo 2)

test: $(STAMP)  ## Run every test
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/docker >$(VENV)/docker-tests.txt 2>&1 & docker=$$!; \
	trap 'kill $$docker' INT TERM; \
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist worksteal --ignore tests/docker; \
	code=$$?; wait $$docker || code=$$?; \
	echo "The docker tier, which ran meanwhile:"; cat $(VENV)/docker-tests.txt; exit $$code

check: $(STAMP)  ## Check format, lint, types and imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(TYPED)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python deploy/advisories.py

audit: $(STAMP)  ## Look for known vulnerabilities; fail where the advisories cannot be had
	@$(BIN)/python deploy/advisories.py --insist

fmt: $(STAMP)  ## Format the code and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

SEEDS ?= 2000
simulate: $(STAMP)  ## Simulate SEEDS=2000 worlds in which everything goes wrong
	@PYTHONHASHSEED=0 PYTHONPATH=tests/shared $(BIN)/python -m testkit.simulation.many $(SEEDS)

MINUTES ?= 10
chaos: $(STAMP)  ## Kill, pause and cut off real processes for MINUTES=10
	@FLYTE_CHAOS_MINUTES=$(MINUTES) $(BIN)/python -m pytest -q tests/chaos

# Without it a wheel follows the same entries with random inputs only, so what cannot have it still fuzzes.
fuzz: $(STAMP)  ## Feed bad input to every public entry for MINUTES=10 (ENTRY=name: only that one)
	@$(BIN)/python deploy/locked.py group:fuzz >$(VENV)/fuzz.txt && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	  -r $(VENV)/fuzz.txt || echo "Without atheris: no wheel of it could be had for this Python."
	@PYTHONPATH=tests/shared $(BIN)/python -m testkit.fuzz --minutes $(MINUTES) $(if $(ENTRY),--entry $(ENTRY))

# Licences are read from what is installed, so the extras that .venv does not have are put beside it.
sbom: $(STAMP)  ## Build the wheel into dist/, and beside it what it is made of (CycloneDX)
	@$(BIN)/python deploy/locked.py abfs gcs >$(VENV)/sbom.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile --upgrade \
	  --target $(VENV)/sbom -r $(VENV)/sbom.txt
	@rm -rf dist && $(BIN)/python -m hatchling build --target wheel
	@PYTHONPATH=$(VENV)/sbom $(BIN)/python deploy/sbom.py dist/*.whl

bench: $(STAMP)  ## Measure
	@$(BIN)/python -m bench

bench-growth: $(STAMP)  ## Measure up to 100,000 actions and 100 runs at a time, and draw docs/growth.svg
	@$(BIN)/python -m bench.growth

PEERS ?=
bench-peers: $(STAMP)  ## Measure other systems beside ours (PEERS="flytejet restate": only these)
	@$(BIN)/python -m bench.peers $(PEERS)

clean:  ## Remove .venv, .peers, caches and builds
	@rm -rf $(VENV) .peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Done once for each change of what is needed. A .venv whose interpreter is gone or unfit is made anew.
$(STAMP): pyproject.toml requirements.lock
	@python=; if ! $(BIN)/python -c '$(USABLE)' >/dev/null 2>&1; then \
	  for candidate in $(CANDIDATES); do \
	    if "$$candidate" -c '$(USABLE)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Needs Python 3.11 or newer with ssl, sqlite3, venv and ensurepip; tried: $(CANDIDATES)." >&2; \
	    echo "Name one that has them: make setup PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$python" --version) ..."; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing the project and its tools into $(VENV) ..."
	@$(BIN)/python deploy/locked.py services s3 telemetry group:dev >$(VENV)/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
