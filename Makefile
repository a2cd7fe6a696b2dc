# Every command here is a wrapper: what it does is in manage.py or in the tool that it names.
.DEFAULT_GOAL := help
.PHONY: help install run up demo down reset doctor check test shuffle messages lock audit sbom prove bench

# The first interpreter that is new enough; `make PYTHON=/path/to/python` chooses another one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$name; break; }; done)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
STAMP := .venv/.installed
# Bytecode is written: without it each of the many processes that the tests start compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE
# Three processes on two cores, each with a database of its own (tests/servers.py): one of them usually waits.
PYTEST = $(BIN)/python -m pytest -n 3
SBOM ?= .run/sbom.cdx.json
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv with the locked packages and the development tools

$(STAMP): requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "$(PYTHON) -m venv failed; on Debian: apt-get install python3-venv" >&2; rm -rf .venv; exit 1; }
	@# Wheels alone: building one would run code of whatever build tools are the newest today.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $(STAMP)

run: $(STAMP) ## Start everything with demo data, run the demo, keep running until Ctrl-C
	@$(MANAGE) up --demo

up: $(STAMP) ## Start everything without demo data, keep running until Ctrl-C
	@$(MANAGE) up

demo: $(STAMP) ## Start everything, run the demo, stop; fails when a scenario ends wrongly
	@$(MANAGE) up --demo --exit

down: $(STAMP) ## Stop what runs in this checkout; the data stays
	@$(MANAGE) down

reset: $(STAMP) ## Stop and delete all data of this checkout (YES=1: without asking)
	@$(MANAGE) reset $(if $(YES),--yes)

doctor: $(STAMP) ## Check every dependency: where, version, reachable; fails on trouble
	@$(MANAGE) doctor

check: lint $(STAMP) ## Lint, types, import contracts and the tests that need no server (45 seconds)
	$(PYTEST) -q -m pure

test: lint $(STAMP) ## Lint, types, contracts, migrations in step, all tests (COVERAGE=1: and at least 90 % coverage)
	DEBUG=1 $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@echo "Temporal CLI: $$($(MANAGE) get_temporal)"
	@command -v chromium chromium-browser >/dev/null || \
		echo "No Chromium here: the browser journeys are skipped (apt-get install chromium chromium-headless-shell)"
	$(PYTEST) $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-fail-under=90)

shuffle: $(STAMP) ## Run all tests in random order beside two busy processes (SEED=… repeats an order)
	$(BIN)/python -m tests.busy $(PYTEST) --random-order $(if $(SEED),--random-order-seed=$(SEED))

messages: $(STAMP) ## Bring the translations in holo/locale/ up to date (docs/translation.md)
	$(BIN)/python -m tests.docs.catalogue

lock: $(STAMP) ## Lock what requirements*.txt pin, and what it needs, with hashes (needs the network; UPGRADE=1: newer ones)
	$(LOCK) requirements.txt --output-file requirements.lock
	$(LOCK) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock

audit: $(STAMP) ## Fail on what is known against locked packages, less docs/waivers.toml, or if nobody can be asked (needs the network)
	@$(BIN)/python -m tests.security.audit

sbom: $(STAMP) ## List the locked parts as CycloneDX, with hashes and licences; SBOM=… names the file
	@$(BIN)/python -m tests.security.sbom $(SBOM)

prove: $(STAMP) ## Repeat every proof in full (about twenty minutes) and write docs/proof.json; PROVE_SEED=… repeats one
	PROVE=1 $(PYTEST) -m prove --proof-json=docs/proof.json

bench: $(STAMP) ## Measure speed and memory on a stack of its own (ten minutes; QUICK=1: two), see docs/performance.md
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

.PHONY: lint
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DEBUG=1 $(BIN)/mypy
	$(BIN)/lint-imports
