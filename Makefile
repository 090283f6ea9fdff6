# Two commands are enough: `make demo` and `make test`. Each makes .venv first, from Python 3.11 or later.
# Paths are relative throughout, so that a checkout in a folder with spaces works.

PY := .venv/bin/python
MADE := .venv/.made
ARGS ?=
PACKAGES := -e './core[postgresql,testing]' -e './plugins/kintone[simulator]' -e './plugins/_template[simulator]'

.DEFAULT_GOAL := help
.PHONY: help demo test test-clients lint bench prove saboteurs matrix points chaos laws placements costs cassettes unsure docs clean

help:
	@echo "make demo    the main job, end to end, on this machine (ARGS=\"--actions 10000 --json\")"
	@echo "make test    all tests (ARGS=\"-k lane -x\" for pytest)"
	@echo "make test-clients  kintone's own JavaScript client and command line against the simulator; needs Node and npm (minutes)"
	@echo "make lint    formatter, linter, types, layers"
	@echo "make prove   renkei verify --prove for kintone and the template"
	@echo "make saboteurs  every saboteur through the checks that must find it; make test tries a slice (minutes)"
	@echo "make matrix  docs/kill-matrix.md: every saboteur through every check, hours (ARGS=--named: minutes)"
	@echo "make points  every failure point, killed and frozen there, and long random histories with crashes (minutes)"
	@echo "make chaos   100,000 actions while processes are killed and kintone lies; minutes (ARGS=\"--no-key --seed 2\")"
	@echo "make laws    what kintone's plugin maps is accepted and reads back equal: 10,000 examples of each law"
	@echo "make costs   every request that kintone sees for 1,000 and 10,000 actions"
	@echo "make unsure  the kintone plugin where all that nobody knows of kintone is answered the other way (minutes)"
	@echo "make cassettes  record kintone's traffic anew from its simulator, for the tests that play it (minutes)"
	@echo "make placements  one bad record among 2,000, at 300 places: how many requests it takes"
	@echo "make docs    the pages that are made from code"
	@echo "make bench   speed and memory, measured; never part of the tests"

$(MADE): constraints.txt pyproject.toml core/pyproject.toml plugins/kintone/pyproject.toml plugins/_template/pyproject.toml
	@python=""; \
	for candidate in "$$PYTHON" python3.13 python3.12 python3.11 python3; do \
	  if [ -n "$$candidate" ] && "$$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or later with venv is needed; install it, or name it: make PYTHON=/path/to/python3.12 …" >&2; \
	  exit 1; \
	fi; \
	test -x $(PY) || "$$python" -m venv .venv
	@echo "Installing into .venv (once; a minute or two) …" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PACKAGES) --group dev
	@touch $(MADE)

demo: $(MADE)
	@$(PY) -m renkei demo $(ARGS)

# On all cores, four at the most: each worker starts a PostgreSQL of its own.
test: $(MADE)
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup $(ARGS)

# Installs the clients into build/clients the first time. On Node 20 and later.
test-clients: $(MADE)
	@RENKEI_CLIENTS=all $(PY) -m pytest -v --no-header tests/clients tests/test_outside_clients.py $(ARGS)

lint: $(MADE)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

bench: $(MADE)
	@$(PY) bench/run.py $(ARGS)

prove: $(MADE)
	@$(PY) -m renkei verify template --prove --report build/contract-template.json $(ARGS)
	@$(PY) -m renkei verify kintone --prove --report build/contract-kintone.json $(ARGS)

saboteurs: $(MADE)
	@RENKEI_SABOTEURS=all $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup \
	  tests/test_saboteurs_acvk.py tests/test_saboteurs_dms.py tests/test_saboteurs_er.py tests/test_saboteurs_gp.py \
	  tests/test_saboteurs_zx.py $(ARGS)

matrix: $(MADE)
	@$(PY) tests/kill_matrix.py $(ARGS)

points: $(MADE)
	@RENKEI_POINTS=all RENKEI_CRASHES=$${RENKEI_CRASHES:-200} $(PY) -m pytest -o timeout=3600 tests/test_failure_points.py tests/test_killed_workers.py \
	  core/tests/engine/test_engine_crashes.py $(ARGS)

chaos: $(MADE)
	@$(PY) tests/chaos/run.py $(ARGS)

laws: $(MADE)
	@RENKEI_EXAMPLES=10000 $(PY) -m pytest -o timeout=7200 plugins/kintone/tests/test_kintone_laws.py $(ARGS)

placements: $(MADE)
	@RENKEI_PLACEMENTS=300 $(PY) -m pytest -s -o timeout=7200 tests/test_kintone_one_bad_of_2000.py $(ARGS)

costs: $(MADE)
	@RENKEI_COSTS=all $(PY) -m pytest tests/test_kintone_costs.py
	@$(PY) tests/kintone_costs.py 1000 10000

unsure: $(MADE)
	@RENKEI_UNSURE=all $(PY) -m pytest -o timeout=1800 plugins/kintone/tests/test_kintone_unsure.py $(ARGS)

cassettes: $(MADE)
	@rm -f plugins/kintone/tests/cassettes/*.yaml
	@$(PY) -m renkei verify kintone --record plugins/kintone/tests/cassettes --report build/contract-kintone.json $(ARGS)

docs: $(MADE)
	@$(PY) docs/generate.py
	@$(PY) plugins/kintone/docs/answers.py
	@$(PY) plugins/kintone/docs/field_types.py
	@$(PY) plugins/kintone/docs/facts_tested.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
