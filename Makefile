# Every target works on a fresh Debian 12 or Ubuntu 24.04 that has Python 3.11 and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
ASSETS := src/autodialer/web/static/dist/manifest.json
PYTHON ?= $(firstword $(shell command -v python3.11) $(shell command -v python3))
CODE := src tests tools bench examples
ARGS ?=

# Tests start some hundred processes: without bytecode each compiles the source again, for a second.
unexport PYTHONDONTWRITEBYTECODE

# Django reads the models, not the tables: no check may depend on a database that happens to run.
NO_DATABASE := AUTODIALER_DATABASE_URL=postgresql:///none?host=/nonexistent

.PHONY: help setup check check-format check-lint check-types check-imports check-migrations \
	check-tree check-words test test-full test-unit test-asterisk wire-tools asterisk \
	demo bench sim soak docs lock format clean assets screenshots browser

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Make .venv with the pinned packages; instant when nothing changed

$(STAMP): requirements/dev.txt pyproject.toml
	@tools/require_python.sh "$(PYTHON)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What browsers load, bundled by npm's packages; again when a source or a template's icons changed.
assets: $(ASSETS) ## Bundle the pages' scripts and styles; instant when nothing changed

$(ASSETS): package-lock.json tools/assets.mjs $(shell find src/autodialer/web -name '*.html' -o -name '*.py' -o -path '*/static/src/*' -type f)
	@tools/require_node.sh
	@npm ci --silent --no-audit --no-fund --ignore-scripts
	@npm run --silent build

check: setup ## Format, lint, types, imports, migrations, sizes, words (what CI runs first)
	@$(MAKE) -k -j2 --output-sync=target check-types check-imports check-migrations check-lint \
		check-format check-tree check-words
	@echo "check: all passed"

check-format:
	@$(BIN)/ruff format --check --quiet $(CODE)

check-lint:
	@$(BIN)/ruff check --quiet $(CODE)

check-types:
	@$(BIN)/mypy --strict $(CODE)

check-imports:
	@$(BIN)/lint-imports --no-logo

# The warning says that no database was asked, which is what we want here.
check-migrations:
	@$(NO_DATABASE) DJANGO_SETTINGS_MODULE=autodialer.config.settings \
		$(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run

check-tree:
	@$(BIN)/python -m tools.sizes
	@$(BIN)/python -m tools.tree

check-words:
	@git ls-files -z | xargs -0 $(BIN)/codespell

# The tests on Asterisk wait for rings and talks most of their time, so the others run meanwhile,
# behind them: calls are real and must not wait for a processor.
test: setup assets browser wire-tools asterisk ## Run the tests, the ones on real Asterisk included
	@echo "Two parts run at the same time, ten minutes on two cores (the slow tests twenty-five);" \
		"each is shown when it ends."
	@$(MAKE) -j2 --output-sync=target BEHIND="nice -n 10" test-asterisk test-unit

BEHIND ?=
PACE ?= not slow
# 5 is pytest's word for no test: what ARGS choose need not be in each part.
NONE_CHOSEN = $(if $(strip $(ARGS)),|| [ $$? -eq 5 ])

test-unit: setup assets browser
	$(BEHIND) $(BIN)/python -m pytest -n 2 -m "not asterisk and $(PACE)" $(ARGS) $(NONE_CHOSEN)

# One after another: they measure and race real calls, which two at a time would disturb.
test-asterisk: setup assets browser wire-tools asterisk
	$(BIN)/python -m pytest -m "asterisk and $(PACE)" $(ARGS) $(NONE_CHOSEN)

FULL := test "test PACE=slow" "soak ARGS="

# Each part runs whatever became of the ones before it, so that one night tells everything.
test-full: setup assets browser wire-tools asterisk ## Run every test, the slow ones too, then the soak
	@failed=0; told=; for part in $(FULL); do \
		began=$$SECONDS; result=passed; $(MAKE) $$part || { result=FAILED; failed=1; }; \
		took=$$((SECONDS - began)); \
		told+=$$(printf '\n%s %3d:%02d min  make %s' $$result $$((took / 60)) $$((took % 60)) "$$part"); \
	done; echo "$$told"; exit $$failed

soak: setup assets wire-tools asterisk ## Run 30 minutes with a fault each; shorter: make soak ARGS="--minutes 3"
	@$(BIN)/python -m tests.soak $(ARGS)

browser:
	@tools/require_debian.sh chromium=chromium

wire-tools:
	@tools/require_debian.sh sipp=sip-tester tcpdump=tcpdump chromium=chromium

# Before the tests, because fetching it may take longer than a test may.
asterisk: setup
	@$(BIN)/python -c 'from tests.support import stack; stack.asterisk_prefix()'

demo: setup assets ## Start everything with a lab carrier and demo data
	@$(BIN)/autodialer demo $(ARGS)

bench: setup assets ## Measure one part: make bench ARGS=<part>
	@$(BIN)/python -m bench $(ARGS)

sim: setup ## Run 300 seeded simulations; one again: make sim ARGS="--seed 7 --seeds 1"
	@$(BIN)/autodialer simulate --seeds 300 $(ARGS)

screenshots: setup assets browser asterisk ## Take the pictures of the pages for docs/images
	@$(BIN)/python -m tools.screenshots

docs: setup ## Write the generated reference pages again
	@$(BIN)/python -m tools.reference

format: setup ## Put the code in the house format
	@$(BIN)/ruff check --quiet --fix $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

# --no-header and no index options: the files name packages and hashes, never a server.
lock: setup ## Pin the newest packages that requirements/*.in allow
	@for name in base dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links --python-version 3.11 \
			requirements/$$name.in -o requirements/$$name.txt; \
	done

clean: ## Remove what make made here, except var/ (data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
