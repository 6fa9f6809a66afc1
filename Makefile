# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer and make are all they need.
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS = never
BIN = .venv/bin
UV = $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)

.PHONY: demo test check slow docs env wheel clean

demo: env
	$(BIN)/canforget demo

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --cov=src/canforget --cov-report=term:skip-covered --cov-fail-under=90

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: env
	$(BIN)/pytest -m slow

docs: env
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo docs/_build/html/index.html

env: .venv/.ready

.venv/.ready: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("canforget needs Python 3.11 or newer; this is " + sys.version.split()[0] + "; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	command -v uv >/dev/null 2>&1 || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

wheel: env
	$(UV) build --wheel --python $(BIN)/python

clean:
	rm -rf .venv dist docs/_build docs/generated canforget-store canforget-results demo-results
