# Everything a newcomer needs: `make run` to see it, `make test` to trust it. Both do all their own set-up.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# The machine's own certificates where it has some (a company's proxy is in them, as pip knows); else those uv brings.
CERTS := $(if $(wildcard /etc/ssl/cert.pem /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),--system-certs)

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit("Calltape needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.11'
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync $(CERTS) --quiet --frozen --all-extras --inexact --python $(BIN)/python
	@touch $@

setup: $(STAMP)  ## the virtual environment with everything in it

run: $(STAMP)  ## simulator, recorder, pipeline, dashboard, and a few calls through them
	$(BIN)/calltape up --tryout

test: $(STAMP)  ## everything that can be shown to work, shown
	$(BIN)/python tests/browser.py
	$(BIN)/python tests/kafka/broker.py
	$(BIN)/python -m pytest

quick: $(STAMP)  ## the tests that take no time
	$(BIN)/python -m pytest -m 'not slow and not browser'

check: $(STAMP) format-check lint types imports test  ## what CI runs: format, lint, types, imports, tests

format-check: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy tests bench

imports: $(STAMP)
	$(BIN)/lint-imports

.PHONY: help setup run test quick check format-check lint types imports
