# The project's commands. Rule: needs only make and Python >= 3.11; everything else is installed into $(VENV).

PYTHON ?= python3
VENV ?= .venv
JUPYTER_ARGS ?=
PYTEST_ARGS ?=
RUNS ?= 20
BUSY ?=
FAST ?=
TESTS ?= tests

PY := $(VENV)/bin/python
LESSON_TESTS := --nbval --nbval-sanitize-with=tests/nbval.cfg --nbval-cell-timeout=60 --nbval-kernel-startup-timeout=60
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# two busy loops a core
BUSY_LOOPS := $(if $(filter-out 0 no,$(BUSY)),$(shell $(PYTHON) -c 'import os; print(*range(2 * (os.cpu_count() or 1)))'))

.DEFAULT_GOAL := help
.PHONY: help lab test some lint bench record notebooks repeat races autobahn format docs book constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo "  Options: PYTHON=python3.12 (which Python), JUPYTER_ARGS=\"--no-browser\", PYTEST_ARGS=\"-k ladder\", RUNS=20 and BUSY=1 (repeat), FAST=1 (test)"

lab: $(VENV)/.lab ## install if need be, make your copies in my-lessons/, open JupyterLab on the first one
	@$(PY) -m jupyter trust notebooks/*.ipynb >/dev/null  # for who reads there: else the committed pictures are not shown
	$(VENV)/bin/labkit lab my-lessons $(JUPYTER_ARGS)

test: $(VENV)/.test lint ## everything CI runs: lint, types, tests, the lessons with their outputs compared; FAST=1: what takes long is left out
	$(PY) -m pytest $(PYTEST_ARGS) $(if $(filter-out 0 no,$(FAST)),--fast tests,$(LESSON_TESTS) tests notebooks)

some: $(VENV)/.test ## run the tests that TESTS names and no lint: make some TESTS="tests/core tests/net"
	$(PY) -m pytest $(LESSON_TESTS) $(PYTEST_ARGS) $(TESTS)

lint: $(VENV)/.test ## ruff, mypy --strict, lessons, notebooks and glossary in step
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) tools/sync_lessons.py --check
	$(PY) tools/changes.py --check
	$(PY) tools/glossary.py --check
	$(PY) tools/claims.py --check
	$(PY) tools/questions.py --check
	$(PY) tools/quizzes.py --check

bench: $(VENV)/.test ## measure labkit beside Node, asyncio and Scapy, printed as ratios
	$(PY) benchmarks/run.py

record: $(VENV)/.lab ## remake every recorded capture in data/ by the lessons' own code
	$(VENV)/bin/labkit record
	$(PY) tools/cases.py

notebooks: $(VENV)/.test ## run lessons/*.md and write notebooks/*.ipynb (LESSONS="01a 03b" for some)
	$(PY) tools/changes.py
	$(PY) tools/sync_lessons.py $(LESSONS)
	$(PY) tools/claims.py
	$(PY) tools/questions.py
	$(PY) tools/quizzes.py

repeat: $(VENV)/.test ## run the lessons RUNS times in a row, stopping at the first difference; BUSY=1: beside two busy loops a core
	@busy=; trap 'test -z "$$busy" || kill $$busy' EXIT; trap 'exit 130' INT TERM HUP; \
	for loop in $(BUSY_LOOPS); do sh -c 'while kill -0 $$PPID; do :; done' 2>/dev/null & busy="$$busy $$!"; done; \
	for run in $$(seq $(RUNS)); do echo "run $$run of $(RUNS)"; \
	  LABKIT_PROGRESS=$$(mktemp -u) $(PY) -m pytest -q $(LESSON_TESTS) $(PYTEST_ARGS) notebooks || exit 1; done

races: $(VENV)/.test ## 1,000 failing calls while four threads wait: every error reaches its caller
	$(PY) tests/races.py --tries 1000 --threads 4

autobahn: $(VENV)/.test ## all 517 cases of the Autobahn testsuite against the WebSocket server and client (needs a Python 2.7)
	$(PY) tools/autobahn.py

format: $(VENV)/.test ## sort the imports, mend what ruff can mend safely
	$(PY) -m ruff check --fix .

docs: $(VENV)/.test ## redraw the pictures of docs/, from the code and from recordings (needs Chromium)
	$(PY) tools/imports.py
	$(PY) tools/picture.py
	$(PY) tools/screenshots.py

book: $(VENV)/.book ## the lessons as a static site in build/book/, from the notebooks as they are
	$(PY) tools/book.py

constraints: ## pin anew, in constraints.txt, what a fresh environment resolves to
	$(PYTHON) tools/pin.py

clean: ## remove what was installed and cached here
	rm -rf .venv .venv-newest build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp says that it holds what pyproject.toml and constraints.txt ask for, so nothing is installed twice.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "labkit needs Python 3.11 or newer; '$(PYTHON)' is not. Name another: make lab PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# hatchling comes first, from the pins, so that building labkit itself fetches nothing that is not pinned.
$(VENV)/.lab: pyproject.toml constraints.txt | $(PY)
	@echo "installing into $(VENV), once; this takes a minute"
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.book: pyproject.toml constraints.txt | $(VENV)/.lab
	$(PIP) --no-build-isolation --editable '.[book]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.lab
	$(PIP) --no-build-isolation --editable '.[test,book]'
	@touch $@
