# Every target sets up .venv when it is missing or older than the requirements.
PYTHON ?= $(shell command -v python3.11 || command -v python3.13 || echo python3.11)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# Without it Python on Windows reads and writes text in the encoding of its language.
export PYTHONUTF8 := 1
WORKERS := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help run test test-slow test-long mutants lint serve results benchmark load engines audit notebooks docs
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: .venv/run ## train, measure and export the default recipe of every app, and ask it
	$(BIN)/python -m experiments $(APP) $(if $(JOBS),--jobs $(JOBS))

test: .venv/dev ## unit and contract tests
	$(BIN)/python -m pytest $(WORKERS) -m "not slow and not long"

test-slow: .venv/dev ## the tests that take longer
	$(BIN)/python -m pytest $(WORKERS) -m slow

test-long: .venv/dev ## what takes minutes, before a release: real figures
	$(BIN)/python -m pytest $(WORKERS) -m long

notebooks: .venv/notebooks ## build and run the notebooks of docs/notebooks into notebooks/ (3 minutes)
	$(BIN)/python -m experiments.notebooks

docs: .venv/docs/done ## build the documentation as a site into build/site
	NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --quiet
	@echo "Open build/site/index.html, or: .venv/docs/bin/mkdocs serve"

mutants: .venv/dev ## break the product on purpose; ONLY=part-of-a-name
	$(BIN)/python -m tests.mutants $(ONLY)

lint: .venv/dev ## style, mistakes, and who imports whom
	$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/ruff format --check .

serve: .venv/run ## serve the exported models on http://127.0.0.1:8501
	$(BIN)/python -m serving.server

results: .venv/run ## rebuild the tables of results in README and docs
	$(BIN)/python -m experiments.results

benchmark: .venv/benchmark ## time the layer against Keras's and PyTorch's, graphs and engines (30 minutes)
	$(BIN)/python -m experiments.benchmarks.layer
	$(BIN)/python -m experiments.benchmarks.operations
	$(BIN)/python -m experiments.benchmarks.engines

engines: .venv/run ## compare the engines: do they agree, LiteRT, the browser (needs `make run`; 15 minutes)
	$(BIN)/python -m experiments.benchmarks.agreement
	$(BIN)/python -m experiments.benchmarks.devices
	$(BIN)/python -m experiments.benchmarks.browser

load: .venv/run ## time the embedded server and its engines by model and clients (10 minutes)
	$(BIN)/python -m experiments.benchmarks.load
	$(BIN)/python -m experiments.benchmarks.engines

audit: .venv/dev .venv/audit/done ## look for known vulnerabilities of what is installed (asks pypi.org)
	@.ci/audit

.venv/run: requirements.txt requirements-runtime.txt
	@echo "Setting up .venv with the packages of requirements.txt (once, a few minutes)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/notebooks: requirements-notebooks.txt .venv/run
	@echo "Adding the packages of requirements-notebooks.txt"
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements-notebooks.txt
	@touch $@

.venv/dev: requirements-dev.txt requirements-notebooks.txt .venv/run
	@echo "Adding the packages of requirements-dev.txt"
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/benchmark: requirements-benchmark.txt .venv/run
	@echo "Adding the packages of requirements-benchmark.txt"
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements-benchmark.txt
	@touch $@

.venv/audit/done: requirements-audit.txt
	@echo "Setting up .venv/audit with the packages of requirements-audit.txt"
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

.venv/docs/done: requirements-docs.txt
	@echo "Setting up .venv/docs with the packages of requirements-docs.txt"
	$(PYTHON) -m venv .venv/docs
	.venv/docs/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@
