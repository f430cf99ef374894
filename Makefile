# Airtime: every verb. `make` alone prints this list.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m pipelines
READY := $(VENV)/.ready
UV := uv==0.13.9
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
# in the order of folders: dbt and elt have the files that take longest, and no worker is left alone with one at the end
PYTEST := $(VENV)/bin/python -m pytest -q --numprocesses auto --dist loadfile --no-loadscope-reorder
LOCKED := --require-hashes --no-deps -r requirements.lock

# what a run takes from the command line: make elt SOURCES="twitch" RESOURCES="videos clips" TARGET=postgres ...
quoted = $(if $($(1)),--$(2) '$($(1))')
flag = $(if $($(1)),--$(2))
WHERE = $(call quoted,TARGET,target)
WHAT = $(call quoted,SOURCES,sources) $(call quoted,RESOURCES,resources) $(call quoted,SINCE,since) \
	$(call quoted,UNTIL,until) $(call quoted,LEAGUE,league) $(call quoted,SEASON,season) \
	$(call quoted,CLIENT,client) $(call quoted,ROUTE,route) $(call quoted,LIMIT,limit) $(call flag,FULL,full) $(call flag,DRY_RUN,dry-run)
OPTIONS = $(strip $(WHERE) $(WHAT) $(call flag,JSON,json))

.DEFAULT_GOAL := help
.PHONY: help setup elt watch extract transform backfill replay report doctor verify docs dbt sandbox \
	clients jobs new-route test lint test-unit test-elt test-dbt bench generate lock clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  variables       SOURCES="twitch" RESOURCES="videos clips" TARGET=postgres SINCE= UNTIL= FULL=1 DRY_RUN=1 LIMIT= JSON=1'
	@echo '                  football: LEAGUE="501 271" SEASON=23690; atlas: CLIENT="2151" ROUTE="pedido"'
	@echo '  settings        .env.example; with no credentials everything runs on a local sandbox'

elt: $(READY) ## extract, load, transform, report
	@$(RUN) elt $(OPTIONS)

watch: $(READY) ## poll every 5 minutes, the rest in between, until Ctrl-C; ONCE=1 for one beat
	@$(RUN) watch $(WHERE) $(call quoted,SOURCES,sources) $(call flag,ONCE,once)

extract: $(READY) ## extract and load only
	@$(RUN) extract $(OPTIONS)

transform: $(READY) ## dbt build only
	@$(RUN) transform $(WHERE) $(call flag,JSON,json)

backfill: $(READY) ## read a chosen period again: SINCE=2026-10-01 UNTIL=2026-10-08
	@$(RUN) backfill $(OPTIONS)

replay: $(READY) ## try quarantined rows again
	@$(RUN) replay $(WHERE) $(call flag,JSON,json)

report: $(READY) ## the last run and the history
	@$(RUN) report $(WHERE) $(call flag,JSON,json) $(call quoted,ID,run)

doctor: $(READY) ## check settings, credentials, APIs, warehouse, disk, versions
	@$(RUN) doctor $(WHERE)

verify: $(READY) ## compare every incremental model with a full build beside it, and name what differs
	@$(RUN) verify $(WHERE)

clients: $(READY) ## clients of atlas: ARGS="list", ARGS="check 2151", ARGS="add 2151 --url ... --routes ..."
	@$(RUN) clients $(ARGS)

jobs: $(READY) ## collection jobs of atlas: ARGS="list", ARGS="add october --client 2151 --since ...", ARGS="run"
	@$(RUN) jobs $(ARGS)

new-route: $(READY) ## write a typed model of a route of atlas: ARGS="cliente --model customers"
	@$(RUN) new-route $(WHERE) $(ARGS)

docs: $(READY) ## write the dbt docs with lineage to data/docs/index.html
	@$(RUN) docs $(WHERE)

dbt: $(READY) ## any dbt command: make dbt ARGS="build --select dim_channels"
	@$(RUN) dbt $(WHERE) $(ARGS)

sandbox: $(READY) ## the local sandbox of the APIs, alone: ARGS="--port 8900"
	@$(RUN) sandbox $(ARGS)

test: lint ## everything a contributor must pass
	@$(PYTEST) tests

lint: $(READY) ## ruff, import contracts, sqlfluff
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache
	@cd dbt_project && ../$(VENV)/bin/sqlfluff lint models --processes 2

test-unit: $(READY) ## modules and sandbox
	@$(PYTEST) tests/pipelines tests/sandbox

test-dbt: $(READY) ## house rules, incremental models and slim builds, on DuckDB and PostgreSQL
	@$(PYTEST) tests/dbt

test-elt: $(READY) ## whole runs against the sandbox: faults, kills, bad input
	@$(PYTEST) tests/elt

bench: $(READY) ## measured figures, as ratios: ARGS="rate merge"
	@$(VENV)/bin/python -m tests.benchmarks $(ARGS)

generate: $(READY) ## write dbt source files and .env.example from the declarations
	@$(RUN) generate

lock: $(READY) ## resolve the dependencies of pyproject.toml into requirements.lock
	@$(VENV)/bin/uv pip compile pyproject.toml --group pyproject.toml:dev --python-version 3.11 --universal --upgrade \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock

clean: ## remove run-time data (asks first)
	@if [ -x $(VENV)/bin/python ]; then $(RUN) clean $(call flag,YES,yes); fi

setup: $(READY) ## the virtual environment, from the lock file; every verb does this by itself

# uv installs the hundred packages in seconds; pip, which needs no second tool, is the way out where uv finds no index
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) $(UV) || true
	@$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --system-certs $(LOCKED) 2>$(VENV)/uv.log \
		|| $(PIP) $(LOCKED)
	@touch $@
