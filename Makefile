# One command for people, hooks and CI. `make` alone lists the targets.

PYTHON ?= $(shell bash .ci/python)
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UPGRADE ?=

CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# One more than there are cores, because tests also wait: for sockets, disks, servers and browsers. No more than five: each
# takes a gigabyte, and a container may be given less than the cores that it sees.
TESTS_AT_ONCE ?= $(shell echo $$(($(CORES) < 4 ? $(CORES) + 1 : 5)))
PICTURES ?=
# Tests that measure punctuality. Two at once take about as long as one another, and each imports no more than it needs.
# They run in this order: ticks beside a slow solver while the other run begins its first server.
TICKS_ALONE := tests/runtime/test_slow_solver.py tests/scenarios/test_claude_never_delays.py tests/runtime/test_end_of_a_solve.py
SERVERS_ALONE := tests/scenarios/test_live_server.py

# Compiled modules are kept, whatever the shell says: all workers and the hundred programs that tests start read them.
unexport PYTHONDONTWRITEBYTECODE

# A stamp carries the checksum of what was installed, so an unchanged lock costs nothing and a changed one reinstalls.
RUNTIME_ID := $(shell cat pyproject.toml requirements-build.lock requirements.lock 2>/dev/null | cksum | cut -d ' ' -f 1)
DEV_ID := $(shell cat pyproject.toml requirements-build.lock requirements-dev.lock 2>/dev/null | cksum | cut -d ' ' -f 1)
RUNTIME_STAMP := $(VENV)/.mara-runtime-$(RUNTIME_ID)
DEV_STAMP := $(VENV)/.mara-dev-$(DEV_ID)

PEERS_STAMP := $(VENV)/.mara-peers
PEERS = $(shell $(BIN)/python -c 'import tomllib; print(*map(repr, tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"]))')

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --use-pep517

.DEFAULT_GOAL := help
.PHONY: help install dev run test check format lint types contracts audit unit past alone alone-ticks alone-servers browser timed fmt bench bench-full peers lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | awk -F '|' '{printf "make %-11s %s\n", $$1, $$2}'

install: $(RUNTIME_STAMP) ## make .venv with the locked dependencies and Mara itself

dev: $(DEV_STAMP) ## the same, and the tools that the checks need

run: install ## start the dashboard on http://127.0.0.1:8080
	@$(BIN)/mara run

test: dev ## everything that must pass: format, lint, types, import contracts, tests, browser tests
	@MAKE="$(MAKE)" bash .ci/checks unit -- format lint contracts types audit past -- alone browser timed

check: dev ## the same without a browser
	@MAKE="$(MAKE)" bash .ci/checks unit -- format lint contracts types audit past -- alone

format: dev
	@echo "== format" && $(BIN)/ruff format --check .

lint: dev
	@echo "== lint" && $(BIN)/ruff check .

# mypy looks for garbage again and again and finds next to none, in a quarter of its time. It turns the collector on by itself.
types: dev
	@echo "== types" && $(BIN)/python -c 'import gc; gc.disable(); gc.enable = gc.disable; from mypy.__main__ import console_entry; console_entry()'

contracts: dev
	@echo "== import contracts" && $(BIN)/lint-imports --no-cache

audit: dev ## compare the locked dependencies with published advisories, where those can be reached
	@echo "== advisories" && PYTHON=$(BIN)/python bash .ci/audit

unit: dev
	@echo "== tests" && bash .ci/postgres && bash .ci/promtool && bash .ci/mqtt && bash .ci/scratch $(BIN)/python -m pytest -m "not browser" -n $(TESTS_AT_ONCE) --dist worksteal $(TICKS_ALONE:%=--ignore=%) $(SERVERS_ALONE:%=--ignore=%)

# What `alone` would wait for, made beside the other tests. Without it the test makes its own.
past: dev
	@[ -z "$(PREPARED_PAST)" ] || { echo "== a run for tests of punctuality" && $(BIN)/python -m tests.scenarios.past "$(PREPARED_PAST)"; }

# What measures punctuality has a core to itself, and no other part beside it: two at once, or one on a single core.
alone: dev
	@echo "== tests of punctuality" && \
	MAKE="$(MAKE)" bash .ci/checks $(if $(filter 1,$(CORES)),-- alone-ticks alone-servers,alone-ticks -- alone-servers --)

alone-ticks: dev
	@bash .ci/scratch $(BIN)/python -m pytest -m "not browser" $(TICKS_ALONE)

alone-servers: dev
	@bash .ci/scratch $(BIN)/python -m pytest -m "not browser" $(SERVERS_ALONE)

# Playwright's loop and pytest-asyncio's do not share a process. Who looks at the pages: `make browser PICTURES=1`.
browser: dev
	@tests=$$(grep -rls --include='test_*.py' 'mark\.browser' tests) || exit 0; \
	echo "== browser tests" && bash .ci/chromium && \
	PICTURES=$(PICTURES) $(BIN)/python -m pytest $$tests -m "browser and not timed" -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder

# What measures speed in a browser has the machine to itself.
timed: dev
	@tests=$$(grep -rls --include='test_*.py' 'mark\.timed' tests) || exit 0; \
	echo "== timed browser tests" && bash .ci/chromium && \
	PICTURES=$(PICTURES) $(BIN)/python -m pytest $$tests -m "browser and timed"

fmt: dev ## format the code and mend what the linter can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: dev peers ## measure: under ten minutes, writes bench/results.json
	@$(BIN)/python -m bench

bench-full: dev peers ## the same with the largest cases
	@$(BIN)/python -m bench --full

# Programs that the bench compares with. They are not locked; nothing locked changes; one that cannot be had is left out.
peers: dev
	@[ -e $(PEERS_STAMP) ] || { missing=; \
	  $(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable > $(VENV)/locked.txt || exit 1; \
	  for peer in $(PEERS); do \
	    echo "installing $$peer, to compare with"; \
	    told=$$($(PIP_INSTALL) --retries 1 --timeout 15 -c $(VENV)/locked.txt "$$peer" 2>&1) || { missing=1; \
	      echo "$$peer cannot be installed from here, the rest is measured without it: $$(echo "$$told" | tail -n 1)"; }; \
	  done; \
	  [ -n "$$missing" ] || touch $(PEERS_STAMP); }

soak: dev ## the long forms of what reliability promises: about three quarters of an hour
	@$(BIN)/python -m bench.soak
	@KILLS=200 EXAMPLES=300 SOAK=1 $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/scenarios/test_kill.py tests/api/test_schema.py tests/store/test_changes.py tests/feeds/live/test_week.py tests/scenarios
	@bash .ci/chromium && SOAK=1 $(BIN)/python -m pytest -o faulthandler_timeout=0 -m browser tests/browser/test_steadiness.py tests/browser/test_security.py

lock: ## resolve the lock files anew (UPGRADE=--upgrade takes the newest versions)
	@PYTHON="$(PYTHON)" UV_VERSION="$(UV_VERSION)" bash .ci/lock $(UPGRADE)

$(RUNTIME_STAMP): | $(BIN)/python
	@echo "installing the locked dependencies into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements-build.lock
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps -e .
	@rm -f $(VENV)/.mara-* && touch $@

$(DEV_STAMP): | $(BIN)/python
	@echo "installing the locked dependencies and the tools of the checks into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements-build.lock
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(PIP_INSTALL) --no-deps -e .
	@rm -f $(VENV)/.mara-* && touch $(RUNTIME_STAMP) $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Mara needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing). Install one, or name it: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Mara needs Python's venv module; $(PYTHON) comes without it. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "making $(VENV) with $(PYTHON), Python $$($(PYTHON) -c 'import platform; print(platform.python_version())')"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }
