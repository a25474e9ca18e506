# Everything a developer or CI runs. Each target sets up what it needs, and again only when the lock file has changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 4

# Compiled once, not by every process anew, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

# The page and the npm package need Node 20.19 or newer. Without it everything else works; CI, which says
# TEST_BROWSER=required, takes no such excuse.
NODE := $(shell node -e 'const [a, b] = process.versions.node.split("."); console.log(+a > 20 || (+a === 20 && +b >= 19) ? "yes" : "")' 2>/dev/null)
WEB_READY := web/node_modules/.ready
WEB_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -name test -prune -o -type f -print)
UI := src/app/ui/index.html
NO_NODE := Node 20.19 or newer is not on this machine

.PHONY: help run ui test test-web check check-python check-web fix bench soak

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) $(if $(NODE),$(UI)) ## serve on http://127.0.0.1:8000, data in ./data
	@exec $(BIN)/headgate serve

ui: $(UI) ## build the web page that the server serves (needs Node)

test: $(READY) ## every check, then every test
	@$(MAKE) --no-print-directory -j 2 check test-web
	$(BIN)/pytest -n $(JOBS) -m "not soak and not alone"
	$(BIN)/pytest -m "alone and not soak"

check: check-python check-web ## style, types, who imports whom, generated files

check-python: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check

fix: $(READY) ## repair what a program can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/generate.py
	$(if $(NODE),@$(MAKE) --no-print-directory $(WEB_READY) && npm --prefix web run --silent fix)

bench: $(READY) ## compare with a plain server over the same fake provider
	$(BIN)/python -m benchmarks

soak: $(READY) ## the long forms of tests, with the figures of docs/promises.md
	$(BIN)/pytest -m soak -s --timeout 1800

ifneq ($(NODE),)

check-web: $(WEB_READY)
	npm --prefix web run --silent check

test-web: $(UI)
	npm --prefix web run --silent test

# Vite empties the folder and writes this file last but for the time, so it says when the page was built.
$(UI): $(WEB_READY) $(WEB_SOURCES)
	@echo "Building the web page"
	@npm --prefix web run --silent build
	@touch $@

$(WEB_READY): web/package-lock.json web/package.json web/client/package.json web/app/package.json
	@npm --prefix web ci --silent
	@touch $@

else

check-web test-web:
	@echo "THE WEB PAGE AND THE NPM PACKAGE ARE NOT CHECKED: $(NO_NODE)." >&2; \
	test "$$TEST_BROWSER" != required

$(UI):
	@echo "$(NO_NODE), so the web page cannot be built." >&2; exit 1

endif

$(READY): pyproject.toml uv.lock scripts/uv
	@./scripts/uv sync --quiet --frozen
	@touch $@
