# Two commands: `make run` and `make test`. Everything they need is installed into .venv from the locked requirements.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all:
# Processes start by the dozen: where nothing compiled is kept, each compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: run test lint types unit browser bench quarter storm chaos oracle operators replay lock clean

run: .venv/run.stamp
	@exec $(BIN)/python manage.py up $(ARGS)

test: lint types unit browser

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt | .venv/bin/python
	@echo "Installing what TradeOps needs (about half a minute)"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/test.stamp: requirements.txt requirements-dev.txt | .venv/bin/python
	@echo "Installing what the tests need"
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/run.stamp

lint: .venv/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: .venv/test.stamp
	@$(BIN)/mypy manage.py tradeops apps

unit: .venv/test.stamp
	@$(BIN)/python -m pytest -m "not browser and not alone" -n 3 --dist loadfile --no-loadscope-reorder -q $(ARGS)
	@$(BIN)/python -m pytest -m alone -n 0 -q $(ARGS)

browser: .venv/test.stamp
	@CHROMIUM="$$(./tests/find_chromium.sh)" $(BIN)/python -m pytest -m browser -q $(ARGS)

bench: .venv/test.stamp
	@$(BIN)/python -m benchmarks $(ARGS)

# Three months of all schedules against the simulated market, in some minutes; prints what became of every slot.
quarter: .venv/test.stamp
	@WHOLE_QUARTER=1 $(BIN)/python -m pytest tests/quarter -q -s $(ARGS)

storm: .venv/test.stamp
	@STORM_KILLS=$${STORM_KILLS:-500} $(BIN)/python -m pytest tests/jobs/test_storm.py -q -s $(ARGS)

# A thousand orders while broker, links, gateway and database break; prints faults, outcomes and times of recovery.
chaos: .venv/test.stamp
	@CHAOS_ORDERS=$${CHAOS_ORDERS:-1000} $(BIN)/python -m pytest tests/broker/chaos -n 0 -q -s --show-capture=no $(ARGS)

# A million random orders judged by the checks and by an independent oracle, in some minutes.
oracle: .venv/test.stamp
	@ORACLE_ORDERS=$${ORACLE_ORDERS:-1000000} $(BIN)/python -m pytest tests/risk/test_verdict_oracle.py -n 0 -q --timeout=0 $(ARGS)

# Fifty people press at once while orders fill, a hundred times; prints what each round came to.
operators: .venv/test.stamp
	@OPERATOR_ROUNDS=$${OPERATOR_ROUNDS:-100} LOG_LEVEL=ERROR $(BIN)/python -m pytest tests/risk/test_operators.py -n 0 -q -s -p no:logging --timeout=0 $(ARGS)

# A hundred thousand executions, partly corrected, repeated, or told only after a reconnect, against a slow model.
replay: .venv/test.stamp
	@REPLAY_EXECUTIONS=$${REPLAY_EXECUTIONS:-100000} LOG_LEVEL=ERROR $(BIN)/python -m pytest tests/broker/ledger/test_replay.py -n 0 -q -s -p no:logging --timeout=0 $(ARGS)

lock:
	@$(LOCK) -o requirements.txt requirements.in
	@$(LOCK) -o requirements-dev.txt requirements-dev.in

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
