# Two commands on a fresh machine with Python 3.11: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: eval-anomaly explore docs setup soak demo test check fix bench bench-dashboard eval test-lowest test-integrations clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is wanted: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv --upgrade-deps .venv || { echo "make: cannot make a virtual environment: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all]'
	@touch $@

.venv/.developer: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev
	@touch $@

demo: $(INSTALLED) ## load the sample month and print its report
	@$(BIN)/costlens demo

check: .venv/.developer ## what lint and types say
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/.developer
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: check ## the whole suite
	$(BIN)/pytest --numprocesses 2

explore: .venv/.developer ## the properties on examples that are new each time
	$(BIN)/pytest --numprocesses 2 -m hypothesis --hypothesis-profile explore

test-integrations: .venv/.developer ## with drivers and engines that need an environment of their own
	$(BIN)/python tests/integrations/run.py

test-lowest: ## the suite at the lowest versions that pyproject.toml allows
	$(PYTHON) tests/lowest.py

bench: .venv/.developer ## the speed table of docs/speed.md
	$(BIN)/python bench/ledger.py

eval: .venv/.developer ## how right tracing (and what else bench/eval_*.py judge) is on data whose answers are known
	@$(BIN)/python bench/eval.py $(PART)

bench-dashboard: .venv/.developer ## the dashboard in a browser on a company's ledger, for docs/dashboard.md
	$(BIN)/python bench/dashboard.py

soak: .venv/.developer ## the service for ten minutes under load, with kills
	$(BIN)/python bench/soak.py

.venv-anomaly/.installed: bench/anomaly-requirements.txt
	$(PYTHON) -m venv .venv-anomaly
	.venv-anomaly/bin/python -m pip install --quiet --disable-pip-version-check --requirement bench/anomaly-requirements.txt wrapt
	@touch $@

eval-anomaly: .venv-anomaly/.installed ## detectors of spend anomalies compared: the table of docs/anomalies.md
	PYTHONPATH=. .venv-anomaly/bin/python bench/anomaly.py
	PYTHONPATH=. .venv-anomaly/bin/python bench/anomaly.py --speed

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .costlens .bench

docs: .venv/.developer ## the pages that follow from the code
	$(BIN)/python docs/generate.py
