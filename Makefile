# `make demo` trains a model on real data; `make test` runs every check. Both set themselves up.
# A Python of your choice: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: demo test lint format bench clean help

help:
	@echo "make demo    train a Gaussian mixture on the Old Faithful data"
	@echo "make test    run all tests (under 15 minutes on 2 cores)"
	@echo "make lint    ruff and pyright"
	@echo "make format  format the Python code"
	@echo "make clean   remove the virtual environment and what was built"

demo: $(VENV)/.demo
	@mkdir -p demo-output
	$(BIN)/difflang run examples/mixture.dl --plot demo-output/loss.png --out demo-output/mixture.json
	@echo "The loss: demo-output/loss.png   The fitted model: demo-output/mixture.json"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("DiffLang needs Python 3.11 or newer; try: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[plot]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) demo-output dist build .pytest_cache .ruff_cache .hypothesis
