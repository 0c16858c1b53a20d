# Everything that is done with a checkout of Parley; `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RIG := .cache/rig
JS := tests/js/node_modules
PIP := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check
LOCKED := $(PIP) --no-build-isolation --require-hashes

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run install dev rig test check faults faults-platforms faults-storage faults-nas \
	faults-two-bots lint image-check \
	types docs platforms-table lock bench bench-peers bench-engine bench-storage clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## start Parley; the first time, install it into .venv
	@exec $(BIN)/parley run

install: $(VENV)/.parley ## install it into .venv

test: rig ## run the tests; ARGS="-k page" narrows them
	@sh deploy/browser.sh
	@$(BIN)/python -m pytest $(ARGS)

check: lint types test ## what CI runs: lint, types and tests

rig: dev $(RIG)/.done $(JS)/.done ## install what the tests of the chat platforms drive

faults: faults-platforms faults-storage faults-nas ## run the long fault trials

faults-platforms: rig
	@PARLEY_LONG_FAULTS=1 $(BIN)/python -m pytest tests/faults/test_platforms_killed.py \
		tests/faults/test_platform_faults.py tests/faults/test_swap_under_load.py \
		tests/unit/adapters/test_matrix_line.py tests/contract/test_engine_agreement.py $(ARGS)

faults-storage: rig
	@PARLEY_LONG_FAULTS=1 $(BIN)/python -m pytest tests/faults/test_spool.py \
		tests/faults/test_nas_*.py tests/faults/test_rekey.py \
		tests/faults/test_restore_killed.py $(ARGS)

faults-nas: rig
	@PARLEY_LONG_FAULTS=1 $(BIN)/python -m pytest tests/faults/test_nfs.py \
		tests/faults/test_two_machines.py tests/faults/test_partition.py $(ARGS)

faults-two-bots: rig
	@PARLEY_LONG_FAULTS=1 $(BIN)/python -m pytest tests/faults/test_two_bots_apart.py $(ARGS)

lint: dev image-check ## ruff's rules and format, and the Dockerfile
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

image-check: dev ## hadolint
	@$(BIN)/hadolint Dockerfile

types: dev ## pyright, strict
	@$(BIN)/pyright

docs: install ## write the tables of docs/ from the program
	@$(BIN)/python docs/generate.py

platforms-table: rig ## run the platform suite and write its table into docs/platforms.md
	@PARLEY_WRITE_TABLE=1 $(BIN)/python -m pytest tests/scenario/test_platforms*.py $(ARGS)

lock: ## resolve requirements/*.txt again; UPGRADE=--upgrade for newer versions
	@sh deploy/lock.sh "$$(sh deploy/preflight.sh "$(PYTHON)" "$(VENV)")" $(UPGRADE)

bench: dev ## measure the bot's own overhead
	@$(BIN)/python -m bench.overhead $(ARGS)

bench-peers: dev ## build llama.cpp's tools to measure against, about ten minutes
	@$(BIN)/python -m bench.peers

bench-engine: bench-peers ## measure the engine against them and write docs/performance.md
	@$(BIN)/python -m bench.engine --report $(ARGS)

bench-storage: rig ## measure the database, on a NAS too, and write the figures of docs/storage.md
	@$(BIN)/python -m bench.storage --report $(ARGS)

clean: ## remove .venv and caches; conversations and models stay
	@rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis build parley.egg-info

dev: $(VENV)/.dev

# Stamps: what is installed is not asked again, so that a second start begins at once.

$(VENV)/.tools: requirements/build.txt
	@python=$$(sh deploy/preflight.sh "$(PYTHON)" "$(VENV)") && "$$python" -m venv $(VENV)
	@$(LOCKED) -r requirements/build.txt
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.tools
	@echo "Installing into $(VENV). The engine is compiled here: about five minutes on two cores the first time."
	@$(LOCKED) -r requirements/run.txt
	@touch $@

$(VENV)/.parley: pyproject.toml $(VENV)/.run
	@$(PIP) --no-build-isolation --no-deps --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.parley
	@echo "Installing what the tests need."
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

# A Matrix homeserver and SDKs that are not ours, each in an environment of its own.

$(RIG)/.done: requirements/rig.txt | $(VENV)/.dev
	@echo "Installing a Matrix homeserver and an SDK for Telegram into $(RIG)."
	@$(BIN)/python -m venv $(RIG)
	@$(RIG)/bin/python -m pip install -qq --no-input --disable-pip-version-check \
		--require-hashes -r requirements/rig.txt
	@touch $@

$(JS)/.done: tests/js/package-lock.json
	@command -v npm >/dev/null || { \
		echo "parley: the tests need Node.js 20 with npm: install them." >&2; exit 1; }
	@echo "Installing SDKs for Slack and Matrix into $(JS)."
	@cd tests/js && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
