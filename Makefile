# The commands people and CI use. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup up demo down clean test check lint types suite format

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
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory --jobs 2 --keep-going types suite

check: setup  ## format, lint and types, without changing a file
	@$(MAKE) --no-print-directory lint types

lint:
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .

# Needs one core for as long as it takes: beside the tests, which wait now and then, that costs less than half of it.
types:
	@.venv/bin/basedpyright

suite:
	@$(PY) -m pytest -n 2

format: setup  ## format and fix what can be fixed
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
