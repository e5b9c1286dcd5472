# make demo        set up, then the main job on data that ships with a dependency
# make test        set up with all extras, then every check and test, as this processor and what trains as the other kind
# make test-quick  ruff, and the tests that take less than a second or two
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := demo

# Where tests train: what they find may depend on what precision "auto" means. Those of them that asked are replayed.
TRAINING := tests/training tests/cli tests/experiments tests/docs tests/search tests/teachers

# A process per core, four at most, as each holds torch. A process plays whole files, so that what a file makes once is
# made once, in the order of collection: it ends with hundreds of short docstrings, which leave no core waiting.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Tests start a hundred processes: Joryu is compiled for them once, also where the environment says to keep no bytecode.
test tests test-quick: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-quick check lint types tests docs wheel bench bench-peers clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp per set of requirements: installed once, and again only when the requirements change.
$(VENV)/core.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/all.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[all,dev]"
	touch $(VENV)/core.stamp $@

demo: $(VENV)/core.stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" sh demo.sh $(DEMO)

check: lint types

lint: $(VENV)/all.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/all.stamp
	$(BIN)/mypy

# mypy computes on one core, and the tests wait for one another and for disks: beside them it costs half its time.
test: lint
	$(MAKE) --no-print-directory --jobs 2 types tests

tests: $(VENV)/all.stamp
	$(PYTEST)
	$(PYTEST) --auto-precision other --replay $(TRAINING)

test-quick: lint
	$(PYTEST) -m "not slow"

docs: $(VENV)/all.stamp
	$(BIN)/python docs/generate.py

wheel: $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

bench: $(VENV)/all.stamp
	$(BIN)/python -m benchmarks

bench-peers:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --requirement benchmarks/peers.txt

clean:
	rm -rf $(VENV) .venv-bench $(DEMO)
