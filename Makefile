# `make` alone lists the targets. Everything runs from .venv, made once by pip.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
TSC := build/node/node_modules/.bin/tsc
# Two test workers with one thread each fit two cores; PYTEST_ARGS adds to or narrows the run.
WORKERS ?= 2
PYTEST_ARGS ?=
# Datumaro asks for libraries of other versions, so the comparison has an environment for it.
PEERS := .venv-peers
DATUMARO := 1.13.12
PEERS_STAMP := $(PEERS)/.datumaro-$(DATUMARO)

.PHONY: help demo test lint format bench docs clean

help:  ## list the targets
	@grep -hE '^[a-z]+: .*##|^[a-z]+:  ##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | \
	  while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

$(STAMP): pyproject.toml constraints.txt
	@python=""; \
	for one in "$${PYTHON:-python3}" python3.13 python3.12 python3.11; do \
	  if "$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python="$$one"; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "make: error: Python 3.11 or newer is needed and was not found." \
	    "Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "make: error: $$python cannot make virtual environments." \
	    "Install its venv module (Debian, Ubuntu: python3-venv)" >&2; exit 2; fi; \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV); fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[train,scale,onnx,openvino,zarr,geo,slides,medical,dev]'
	@touch $@

demo: $(STAMP)  ## try all of it on a small generated set
	$(BIN)/maskloom demo

test: $(STAMP)  ## run the tests
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: $(STAMP)  ## style, types, layers, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m maskloom.faces.reference --check
	$(BIN)/mkdocs build --strict --quiet --site-dir build/site
	$(MAKE) --no-print-directory $(TSC)
	$(TSC) -p tests/web/tsconfig.json

# The page is plain JavaScript; its types are comments, checked by the compiler named here.
$(TSC): package.json
	@command -v npm >/dev/null || { echo "make: error: the types of the page are checked by" \
	  "TypeScript: install Node.js with npm" >&2; exit 2; }
	mkdir -p build/node && cp package.json build/node/
	npm install --prefix build/node --no-package-lock --no-audit --no-fund --silent
	@touch $@

format: $(STAMP)  ## mend what ruff can mend, rewrite the generated reference
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m maskloom.faces.reference

$(PEERS_STAMP): $(STAMP)
	@echo "making $(PEERS) with datumaro $(DATUMARO)"; \
	if $(BIN)/python -m venv --clear $(PEERS) && $(PEERS)/bin/python -m pip install --quiet \
	  --disable-pip-version-check 'datumaro==$(DATUMARO)'; then touch $@; \
	else echo "make: datumaro $(DATUMARO) cannot be installed; it is left out of what is compared" >&2; \
	  rm -rf $(PEERS); fi

bench: $(STAMP) $(PEERS_STAMP)  ## measure speed and memory against peers
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## build the pages into build/site
	$(BIN)/mkdocs build --strict --site-dir build/site

clean:  ## remove what was built, except .venv and .venv-peers
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
