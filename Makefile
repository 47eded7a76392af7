# The commands people and CI use. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup up demo down clean test check format

PY := .venv/bin/python

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what `make up` and `make test` need
	@local/bin/setup

up: setup  ## the whole platform and the sample model, running on this machine
	@$(PY) -m local up

demo: setup  ## drift, event, retraining, gate, canary and rollback as they happen, with a report at the end
	@$(PY) -m local demo

down:  ## destroy the local stack and stop what `make up` started
	@if [ -x $(PY) ]; then $(PY) -m local down; else echo "Nothing is set up, so nothing runs."; fi

clean:  ## stop everything and remove its data, whatever state it is in
	@if [ -x $(PY) ]; then $(PY) -m local clean; else rm -rf .local; fi

test: setup  ## all tests and static checks
	@$(MAKE) --no-print-directory check
	@$(PY) -m pytest -n 2

check: setup  ## format, lint and types, without changing a file
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/basedpyright

format: setup  ## format and fix what can be fixed
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
