# make run   starts everything on this machine: http://127.0.0.1:8000
# make help  lists the rest

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHONS := python3 python3.13 python3.12 python3.11
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: setup run test lint types check clean help

setup: $(STAMP)  ## install what running and checking need, into .venv

run: setup  ## start the service; PORT, NIGHTJAR_ADMIN_TOKEN, NIGHTJAR_DATA=folder, DEMO=1
	@exec $(BIN)/python -m localstack.embedded

test: setup  ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: setup  ## check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup  ## check types
	$(BIN)/mypy

check: lint types test  ## all of it, as CI does

clean:  ## remove what was installed, fetched and cached; a NIGHTJAR_DATA folder stays
	rm -rf $(VENV) .engines .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

# Installs again only when one of these has changed.
$(STAMP): requirements-dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what running and checking need (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -e .
	@touch $@

$(BIN)/python:
	@for python in $(PYTHONS); do \
		if command -v $$python > /dev/null && $$python -c '$(NEW_ENOUGH)' 2> /dev/null; then \
			echo "Making $(VENV) with $$python ..."; exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "Nightjar needs Python 3.11 or newer: none of $(PYTHONS) is." >&2; exit 1
