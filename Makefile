# make test   everything CI checks         make demo   three real nodes behind one dispatcher
# make lint   the checks without tests     make clean  remove what these made in the checkout
# make screenshots  the dashboard's pictures in docs/images, of real nodes
# make chaos SECONDS=300 SEED=7 STORE=postgresql   seeded faults on real nodes and dispatchers under load, as root;
#             the defaults are 60 s, seed 1 and sqlite; fails with the schedule and the history of what went wrong
SECONDS ?= 60
SEED ?= 1
STORE ?= sqlite
BIN := .venv/bin
CORE := scoring torrents dispatch
CORE_FLOOR := 95
# Tests mostly wait for processes, so that more run at once than there are cores; those marked `alone` measure times. In
# the order of their names the long ones come in the middle, and short ones fill up the end.
JOBS := 3

.PHONY: test demo chaos lint screenshots setup clean

test: lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not alone" --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/pytest -m alone --cov --cov-append --cov-report=term-missing:skip-covered $(PYTEST_ARGS)
	@for package in $(CORE); do \
		echo "coverage of qbdispatch/$$package, at least $(CORE_FLOOR) %:"; \
		$(BIN)/coverage report --include="qbdispatch/$$package/*" --fail-under=$(CORE_FLOOR) || exit 1; \
	done

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: setup
	$(BIN)/python -m demo $(ARGS)

screenshots: setup
	$(BIN)/python -m tests.ui.screenshots docs/images

chaos: setup
	$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED) --database $(STORE)

setup:
	@scripts/setup

clean:
	rm -rf .venv .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf build *.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
