# Everything a developer or CI runs. Each target sets up what it needs, and again only when the lock file has changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 3

# Compiled once, not by every process anew, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check fix bench soak

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## serve on http://127.0.0.1:8000, data in ./data
	@exec $(BIN)/headgate serve

test: check ## every check, then every test
	$(BIN)/pytest -n $(JOBS)

check: $(READY) ## style, types, who imports whom, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check

fix: $(READY) ## repair what a program can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/generate.py

bench: $(READY) ## compare with a plain server over the same fake provider
	$(BIN)/python -m benchmarks

soak: $(READY) ## the long forms of tests, with the figures of docs/promises.md
	$(BIN)/pytest -m soak -s --timeout 1800

$(READY): pyproject.toml uv.lock scripts/uv
	@./scripts/uv sync --quiet --frozen
	@touch $@
