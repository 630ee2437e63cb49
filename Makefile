# Two commands do everything: `make demo` and `make test`. They need Python 3.11+, its venv module and make.
PYTHON ?= python3
VENV := .venv
COVERAGE := 90
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: help demo test clients strangers coverage test-lowest lock check format pages pages-nightly golden check-js docs package load nightly mutants page-mutants simulate soak fuzz autobahn bench bench-parts clean

help:
	@echo "make demo      look at the embedded simulator, then speak a sentence through it"
	@echo "make test      run all tests, in an order of their own each time; SEED=N for the order of a seed"
	@echo "make clients   real client libraries against simulator and bridge; CLIENTS=newest for the newest versions"
	@echo "make strangers the probes through nginx, HAProxy, LiteLLM, Portkey, aimock, fakeai and Schemathesis, as far as they are installed"
	@echo "make coverage  branch coverage of the fast tests, with its gates"
	@echo "make test-lowest  the fast tests with the oldest dependencies that are allowed; needs uv"
	@echo "make lock      pin the development environment in requirements-dev.lock; needs uv"
	@echo "make check     ruff, mypy --strict, layers"
	@echo "make check-js  types of the browser client, by tsc, and its npm package; needs Node.js"
	@echo "make pages     the HTML reports and the voice console in Chromium, which must be installed, and in Firefox, if it is"
	@echo "make pages-nightly  the conformance suite with the browser client as its client: minutes"
	@echo "make docs      build the documentation site into site/, and fail for a broken link"
	@echo "make package   build wheel and sdist, check them, install the wheel in an empty environment and run its commands"
	@echo "make golden    keep what reports look like now; then look at the difference"
	@echo "make load      every load scenario at our own bridge and simulator: ten minutes"
	@echo "make nightly   the long tests too"
	@echo "make mutants   make mistakes in the bridge's core, one by one: a test must notice each (minutes)"
	@echo "make page-mutants  the same with the browser client; no browser is needed (minutes)"
	@echo "make simulate  200,000 simulated calls with faults drawn from seeds: hours; SEEDS=N for fewer"
	@echo "make soak      honest and hostile clients at one bridge, for MINUTES=N, 30 by default: nothing may grow"
	@echo "make fuzz      search inputs that break the bridge; needs Atheris (pip install atheris); MINUTES=N, 5 by default"
	@echo "make autobahn  Autobahn's test suite against both ends of our WebSocket; needs a CPython 2.7"
	@echo "make bench     our bridge and relays of other people side by side, in under 5 minutes; ALL=1 for more of them"
	@echo "make bench-parts  measure the parts one by one; figures are kept in docs/benchmarks.md"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed and '$(PYTHON)' is not: try  make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing: on Debian and Ubuntu  apt install python3-venv"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml
	@echo "installing sherpa-realtime"
	@$(PIP) -e . || { echo "pip could not install what pyproject.toml names; its reason stands above"; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	@echo "installing what the tests need"
	@$(PIP) -e '.[dev]' || { echo "pip could not install the [dev] extra; its reason stands above"; exit 1; }
	@touch $@ $(VENV)/.base

demo: $(VENV)/.base
	@$(BIN)/sherpa-probe access --simulate
	@$(BIN)/python -m probes.demo

test: $(VENV)/.dev
	@$(BIN)/python -m tests.run_all $(if $(SEED),--seed $(SEED))

# Needs the registries once, and Node.js for some. CLIENTS=newest: the newest published versions in place of the pinned
# ones. ONLY=NAME,NAME: only these clients. Ends with 'Error 3' where none can be installed: then nothing was proved.
clients: $(VENV)/.dev
	@$(BIN)/python -m tests.clients.run $(if $(filter newest,$(CLIENTS)),--newest) $(if $(ONLY),--only $(ONLY))

# Installs LiteLLM's proxy, Portkey's gateway, aimock and fakeai below .venv-strangers; nginx and HAProxy come with the
# system. What is missing is said at the start, and again for each test that is skipped.
strangers: $(VENV)/.dev
	@$(BIN)/python -m tests.strangers.install
	@$(BIN)/python -m pytest -q -rs -p no:randomly -m strangers tests/strangers

# Branch coverage of the fast half. What decides without I/O, and the seam below it, is covered whole.
WHOLE := bridge/core/*,bridge/protocol/*,bridge/client_protocol/*,bridge/transport/*
coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --cov --cov-report= -m "not nightly and not browser and not clients and not alone"
	$(BIN)/coverage report --include='$(WHOLE)' --fail-under=100
	$(BIN)/coverage report --fail-under=$(COVERAGE)

# The oldest versions that pyproject.toml allows, in an environment of their own. Needs uv.
test-lowest:
	uv venv --quiet --python $(PYTHON) .venv-lowest
	uv pip install --quiet --python .venv-lowest --resolution lowest-direct -e '.[dev]'
	.venv-lowest/bin/python -m pytest -q -n auto -m "not nightly and not browser and not clients and not alone"

# Pins for development: `uv pip sync requirements-dev.lock`. Needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" -o requirements-dev.lock pyproject.toml

pages: $(VENV)/.dev
	@$(BIN)/python -m tests.axe || echo "without axe-core the tests that need it are skipped"
	$(BIN)/python -m pytest -q -rs -m "browser and not nightly"

pages-nightly: $(VENV)/.dev
	$(BIN)/python -m pytest -q -rs -m "browser and nightly"

golden: $(VENV)/.dev
	$(BIN)/python -m tests.golden.update

load: $(VENV)/.dev
	mkdir -p .load
	$(BIN)/sherpa-load suite --simulate --report html=.load/suite.html

nightly: $(VENV)/.dev
	@$(BIN)/python -m tests.run_all --nightly $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.core.mutants

page-mutants: $(VENV)/.dev
	$(BIN)/python -m tests.server.page.mutants

SEEDS ?= 200000
simulate: $(VENV)/.dev
	$(BIN)/python -m bridge.simulation --seeds $(SEEDS) --jobs $$($(BIN)/python -c 'import os; print(os.cpu_count() or 1)')

soak: $(VENV)/.dev
	$(BIN)/python -m tests.hardening.soak --minutes $(or $(MINUTES),30)

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

TYPESCRIPT := typescript@7.0.2
check-js:
	npx --yes --package $(TYPESCRIPT) tsc -p bridge/server/page/web
	cd bridge/server/page/web && npx --yes --package $(TYPESCRIPT) -c 'npm pack --dry-run --loglevel=error'

docs: $(VENV)/.dev
	@$(PIP) -e '.[docs]'
	PYTHONPATH=. $(BIN)/mkdocs build --quiet --strict

# Needs the package index; uv, if it is installed, is tried too.
package: $(VENV)/.dev
	@$(PIP) -e '.[release]'
	$(BIN)/python -m pytest -q -rs -p no:randomly tests/packaging

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Ends with 'Error 3' where the suite cannot be installed: then nothing was proved. AUTOBAHN_PYTHON2 names the interpreter.
autobahn: $(VENV)/.dev
	$(BIN)/python -m tests.autobahn.run

# Node.js is optional: its relay runs if it is installed, and what is missing is said. JSON and plot go to .bench.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.relay --install --json .bench/relay.json --plot .bench/relay.svg $(if $(ALL),--all)

bench-parts: $(VENV)/.dev
	$(BIN)/python -m benchmarks.peek
	$(BIN)/python -m benchmarks.audio
	$(BIN)/python -m benchmarks.link
	$(BIN)/python -m benchmarks.simulator --sessions 100 200 400

clean:
	rm -rf $(VENV) .venv27 .venv-clients .venv-strangers .venv-bench .bench .demo build dist site .mypy_cache .ruff_cache .hypothesis
