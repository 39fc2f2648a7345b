# Spojka with one command. Needs Python 3.11 or newer with pip; everything else is installed into
# the checkout (.venv), at the versions and hashes of the lock files.

.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:

HOST ?= 127.0.0.1
PORT ?= 8000

# The first interpreter that is new enough; `make PYTHON=/path/to/python run` chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$name"; break; }; done)

BIN := .venv/bin
BOOTSTRAP = $(PYTHON) tools/bootstrap.py
CATALOGUES := $(patsubst %.po,%.mo,$(shell find src -name '*.po' 2>/dev/null))
LINTED := src tests tools benchmarks

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: install ## Install what is missing and serve Spojka (PORT=8000, SPOJKA_DATA=var)
	@exec $(BIN)/spojka run --host $(HOST) --port $(PORT)

.PHONY: install
install: runtime $(CATALOGUES) ## Install what is missing, for a service (see deploy)

# A style slip must not hide a failing test: both always run, and either fails the target. The tests
# get a data directory of their own, so that they neither use nor disturb an installation in var. They
# are spread over all processors, file by file; WORKERS=0 runs them one after the other.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: dev browser $(CATALOGUES) ## Check the style and run the whole suite (ARGS="-k name")
	@lint=0; $(MAKE) --no-print-directory lint || lint=$$?; \
	data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && \
	SPOJKA_DATA=$$data $(PYTEST) $(ARGS) && \
	$(MAKE) --no-print-directory test-postgres && exit $$lint

# What uses a database, once more on PostgreSQL: on the server of SPOJKA_TEST_DATABASE_URL, or on one
# of this machine. Status 5 says that ARGS chose no such test.
.PHONY: test-postgres
test-postgres: dev ## Run the database tests on PostgreSQL, where a server answers
	@url=$$($(BIN)/python -m tests.engine.postgres spojka_$$$$) || exit 0; \
	data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT; status=0; \
	SPOJKA_DATA=$$data DATABASE_URL=$$url \
	$(PYTEST) -p tests.engine.postgres $(ARGS) || status=$$?; \
	test $$status -eq 0 -o $$status -eq 5

.PHONY: soak
soak: dev ## Simulate a million effects under every fault, resumable (ARGS="--seconds 600")
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export SPOJKA_DATA=$$data && \
	SPOJKA_LIFE_EXAMPLES=500 SPOJKA_LIFE_STEPS=50 $(BIN)/python -m pytest tests/simulation/test_life.py && \
	PYTHONPATH=src $(BIN)/python -m tests.simulation $(ARGS)

.PHONY: lint
lint: dev ## Check style, types and the directions of imports
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix $(LINTED)
	$(BIN)/ruff format $(LINTED)

# Minutes, and both cores: every crash point of one order, then kills at random during 600 orders; on
# SQLite and, where a server answers (SPOJKA_CRASH_POSTGRES), on PostgreSQL.
.PHONY: crash
crash: dev ## Kill the processes of a real installation for half an hour
	PYTHONPATH=src:. $(BIN)/python -m tests.crash --points 1
	PYTHONPATH=src:. $(BIN)/python -m tests.crash --points 1 --database postgres
	PYTHONPATH=src:. $(BIN)/python -m tests.crash --database sqlite $(ARGS)
	PYTHONPATH=src:. $(BIN)/python -m tests.crash --database postgres $(ARGS)

# Best on a quiet machine: most figures are ratios measured in turns, but not all of them can be.
.PHONY: bench
bench: dev ## Measure what Spojka must reach (ARGS="webhook --database sqlite")
	PYTHONPATH=src $(BIN)/python -m benchmarks $(ARGS)

.PHONY: screenshots
screenshots: dev browser $(CATALOGUES) ## Take the pictures of the README anew
	$(BIN)/python tools/screenshots.py

.PHONY: lock
lock: python ## Lock the newest versions that the .in files allow
	@$(BOOTSTRAP) lock

.PHONY: clean
clean: ## Remove everything that was installed or made, except your data in var
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	find src -name '*.mo' -delete

.PHONY: runtime dev browser
runtime dev: python
	@$(BOOTSTRAP) $@
browser: python
	@$(BOOTSTRAP) $@

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "Spojka needs Python 3.11 or newer: install it, or name it:" \
		"make PYTHON=/path/to/python3.11 run" >&2; exit 1; }

%.mo: %.po
	@$(BIN)/python -m spojka.site.translations
