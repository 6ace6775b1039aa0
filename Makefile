# Everything from one file: `make run` starts the sandbox, `make test` runs every test; both set up what they need.

# The system's own before any other: it was compiled with what a profile taught, and takes two thirds of the time of one
# that was built plainly.
PYTHON ?= $(shell command -v /usr/bin/python3.11 || command -v python3.11 || command -v python3)
STATE ?= var/sandbox
BASE_PORT ?= 10000

comma := ,
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# the mail library of Node.js that tests/live/clients/ runs
NODE := $(addprefix tests/live/clients/,package.json package-lock.json)
# trial runs the unit tests; the live ones need pytest-twisted
UNITS := $(filter-out tests.live,$(subst /,.,$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py)))) \
	tests.test_config tests.test_tap tests.test_vault
# the rooms whose coverage is measured
PURE := tests/mail tests/policy
LIVE = $(BIN)/python -m pytest tests/live --lane $(VENV)/lane
AGAIN = MAILRELAY_EXAMPLES=0.2 $(BIN)/python -m pytest

export PYTHON

.PHONY: help run test lint bench clean
.DELETE_ON_ERROR:

help:
	@echo "make run    start the sandbox in the foreground (STATE=$(STATE) BASE_PORT=$(BASE_PORT))"
	@echo "make test   run all tests"
	@echo "make lint   check style, types and the import rule"
	@echo "make bench  measure"
	@echo "make clean  remove everything that was made, the sandbox's state too"

run: $(VENV)/run.stamp
	@exec $(BIN)/twistd -n --pidfile= mailrelay --sandbox --state "$(STATE)" --base-port $(BASE_PORT)

# The unit tests run beside the live ones: under trial with all examples of their properties; under pytest with a fifth of
# them, and with coverage measured where it is asked for. Live tests mostly wait: whichever of the lanes is through takes
# the next file of them (see CONTRIBUTING.md). At last the tests that docs/dialects.md names must all have been run.
test: $(VENV)/dev.stamp $(VENV)/node.stamp
	@tools/debian-packages test
	@rm -rf $(VENV)/lane $(VENV)/ran && mkdir $(VENV)/lane && touch $(VENV)/ran
	@export MAILRELAY_RAN=$(VENV)/ran; \
		{ $(BIN)/trial --reporter=text --temp-directory=$(VENV)/trial $(UNITS) && $(LIVE); } \
		>$(VENV)/trial.log 2>&1 & trial=$$!; \
		{ $(AGAIN) $(PURE) --cov --cov-report=term && \
		$(AGAIN) --ignore=tests/live $(addprefix --ignore=,$(PURE)) && $(LIVE); } >$(VENV)/again.log 2>&1 & again=$$!; \
		$(LIVE); status=$$?; \
		wait $$trial || status=1; \
		wait $$again || status=1; \
		cat $(VENV)/trial.log $(VENV)/again.log; \
		[ $$status -ne 0 ] || $(BIN)/python -m tests.ran $(VENV)/ran || status=1; \
		exit $$status

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/dev.stamp
	@tools/debian-packages test
	@$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) var build dist *.egg-info .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache _trial_temp* twisted/plugins/dropin.cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# An environment that another Python made is made anew. The plugin cache is written here, so that an installation that is
# read-only later has it.
define install
	@tools/debian-packages run
	@[ "$$(readlink -f $(BIN)/python)" = "$$(readlink -f "$(PYTHON)")" ] || rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --use-pep517 --editable "$(1)"
	@$(BIN)/python -c "from twisted import plugin; list(plugin.getPlugins(plugin.IPlugin))"
	@touch $@
endef

$(VENV)/run.stamp: setup.cfg pyproject.toml
	$(call install,.)

$(VENV)/dev.stamp: setup.cfg pyproject.toml
	$(call install,.[test$(comma)dev])
	@touch $(VENV)/run.stamp

$(VENV)/node.stamp: $(NODE) | $(VENV)/dev.stamp
	@tools/debian-packages test
	@mkdir -p $(VENV)/node
	@cp $(NODE) $(VENV)/node
	@npm --prefix $(VENV)/node ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@
