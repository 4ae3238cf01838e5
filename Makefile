# Two commands: `make quickstart` shows what the project does, `make test` checks that it works.
# Both create the virtual environment VENV the first time and reuse it afterwards.

VENV ?= .venv
PYTHON ?= python3
STAMP := $(VENV)/.installed

.PHONY: quickstart test check docs format clean

quickstart: $(STAMP)
	$(VENV)/bin/feinschliff quickstart --output-dir runs/quickstart

test: $(STAMP)
	$(VENV)/bin/python -m pytest -n logical --maxprocesses 4 --dist worksteal

# Everything but the tests: style, types, generated pages.
check: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python scripts/docs.py --check

docs: $(STAMP)
	$(VENV)/bin/python scripts/docs.py

format: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV); this takes some minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
