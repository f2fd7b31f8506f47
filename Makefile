# Two commands do everything: `make run` and `make test`.

PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13
VENV := .venv
BIN := $(VENV)/bin
RECIPE ?= stages.yaml

.DEFAULT_GOAL := help
.PHONY: help run test long mutants test-pythons check format bench fuzz fuzz-html lock wheels wheelhouse clean

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## install, run the main job on the samples, say where the report lies
	@$(BIN)/tamis run $(RECIPE)

PYTEST := -m pytest -q -n auto --maxprocesses 4 --dist worksteal

test: $(VENV)/.installed-dev ## install with the tools, run the tests: ten minutes at most
	@$(BIN)/python $(PYTEST) -m "not long"

long: $(VENV)/.installed-dev ## the tests that take longer: campaigns of many seeds
	@$(BIN)/python $(PYTEST) -m long

mutants: $(VENV)/.installed-dev ## change one operator at a time, see whether a test notices: an hour
	@$(BIN)/python benchmarks/mutants.py

# Each version has an environment of its own, made from the same lock file.
test-pythons: ## make test on each Python of PYTHONS that is there: 3.11, 3.12, 3.13
	@failed=; for python in $(PYTHONS); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
			|| { echo "$$python is absent"; continue; }; \
		echo "$$python is Python $$version"; \
		$(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$version \
			|| failed="$$failed $$version"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed on:$$failed"; exit 1; fi

check: $(VENV)/.installed-dev ## ruff and mypy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev ## put the code into the house's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## pages per second, stage by stage, and filters beside datatrove's
	@$(BIN)/python benchmarks/throughput.py
	@$(BIN)/python benchmarks/quality.py --speed

fuzz: $(VENV)/.installed-dev ## break archives for ten minutes and read them
	@$(BIN)/python benchmarks/fuzz_warc.py

fuzz-html: $(VENV)/.installed-dev ## break pages for ten minutes and extract them
	@$(BIN)/python benchmarks/fuzz_html.py

wheels: $(VENV)/.installed-dev ## check that every dependency has wheels on x86-64 and aarch64
	@$(BIN)/python benchmarks/check_wheels.py

wheelhouse: $(VENV)/.installed-dev ## gather the locked wheels of both kinds of machines, for one without a network
	@$(BIN)/python tools/wheelhouse.py wheelhouse

lock: $(VENV)/.installed-dev ## pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header pyproject.toml --group dev -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header pyproject.toml -c requirements-dev.lock -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra cluster \
		--generate-hashes --no-header pyproject.toml -c requirements-dev.lock -o requirements-cluster.lock
	@echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-annotate - -o tools/uv.lock

clean: ## remove the environment and the demo's output
	rm -rf $(VENV) .venv-3.* out

# The versions for which every dependency has a wheel: `requires-python` in pyproject.toml.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "tamis needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock tools/uv.lock | $(VENV)/bin/python
	@echo "installing into $(VENV) (once) ..."
	@$(BIN)/python tools/install.py requirements.lock
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock tools/uv.lock | $(VENV)/bin/python
	@echo "installing into $(VENV) with the development tools (once) ..."
	@$(BIN)/python tools/install.py requirements-dev.lock
	@touch $@ $(VENV)/.installed
