# Needs python3.11 (with venv), make and git; everything else is fetched once, into this folder and the user's cache.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3.11
UV_PIN := 0.13.9
# uv from PATH if it runs (a shim may not), else our own.
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .uv/bin/uv)
BIN := .venv/bin

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV
# Where it is set, every process of a run would compile anew what it imports, which is half of what it takes to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: peak
peak: server ## set up, then compare two endpoints under a peak of outbound calls
	$(BIN)/loadtest run scenarios/peak.yaml

.PHONY: test
test: check server browser ## set up, then check and test everything but the slow simulations
	$(BIN)/loadtest stack install --plugin 1.6.0 --plugin 1.8.9
	$(BIN)/pytest -n 2

.PHONY: browser
browser: .venv/.synced ## Chromium, in which reports are tested: found, or installed as root from Debian's packages
	$(BIN)/python -m tests.browser

.PHONY: check
check: .venv/.synced ## lint, formatting, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: slow
slow: server ## the simulations that take half an hour: coverage and false verdicts, into docs/statistics.md
	$(BIN)/pytest -m slow tests/slow
	$(BIN)/python -m tests.slow

.PHONY: schema
schema: .venv/.synced ## write the schemas of scenarios, for editors, and of comparison.json, after a change of either
	for what in scenario script endpoint; do $(BIN)/loadtest schema $$what > scenarios/schema/$$what.schema.json; done
	$(BIN)/loadtest schema comparison > docs/comparison.schema.json

.PHONY: soak
soak: server ## 200 calls in a quarter of an hour, on a quiet machine: does anything leak? Writes docs/reliability.md
	$(BIN)/python -m tests.soak

.PHONY: faults
faults: server ## every fault of the catalogue in real calls, about 35 minutes on a quiet machine; writes docs/faults.md
	$(BIN)/python -m tests.faults

.PHONY: finding
finding: server browser ## two comparisons whose truth is known, about 45 minutes on a quiet machine; writes docs/first-finding.md
	$(BIN)/python -m tests.finding

.PHONY: accuracy
accuracy: .venv/.synced ## hold speech edges against recordings whose edges are known; writes to docs/measurement.md
	$(BIN)/python -m tests.accuracy
	$(BIN)/python -m tests.accuracy.opinions

.PHONY: docs
docs: .venv/.synced ## the documentation as a site, in site/: pages from the code, every link checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

.PHONY: dist
dist: .venv/.synced ## wheels and sdists of loadtest and of the probe, in dist/
	rm -rf dist
	$(UV) build --all-packages --out-dir dist

.PHONY: clean
clean: ## remove what these targets made, except results/
	rm -rf .venv .uv dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find loadtest probe tests website -name __pycache__ -type d -prune -exec rm -rf {} +

# Quick when there is nothing to do, and only it knows whether there is.
.PHONY: server
server: .venv/.synced
	$(BIN)/loadtest stack install

.venv/.synced: pyproject.toml probe/pyproject.toml uv.lock $(filter .uv/bin/uv,$(UV))
	$(UV) sync --frozen --python $(PYTHON)
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_PIN)
	@touch $@
