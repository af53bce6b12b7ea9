# The environment of an earlier set-up goes on to be used unless PYTHON says otherwise.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
PYTEST_ARGS ?=
IN_A_WORKER := -n 1 --timeout 600 --timeout-method thread
SEED ?= 0
FULL ?=
ENTER := .venv/bin/python scripts/enter.py
RIVALS := .venv-rivals/installed
EYE_RIVALS := .venv-eye-rivals/installed

.DEFAULT_GOAL := help
.PHONY: help setup test demo bench-sim bench-vlm bench-eyes bench-policy bench-safety lint clean distclean

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: ## The whole environment in .venv; PYTHON=python3.12 chooses the interpreter
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 to 3.13, or name it with PYTHON="; exit 1; }
	@$(PYTHON) -m scripts.set_up

# A busy machine can stand still in the middle of a running graph: what failed gets one second chance, said aloud.
# A test that hangs for ten minutes ends with its process, by name, and the next tests go on in a new one.
test: setup ## Set-up and every test; PYTEST_ARGS= goes to pytest
	@$(ENTER) .venv/bin/python -m pytest $(IN_A_WORKER) $(PYTEST_ARGS) || { test $$? -eq 1 || exit 2; \
	echo "Once more, alone and in fresh processes: the tests that failed."; \
	$(ENTER) .venv/bin/python -m pytest $(IN_A_WORKER) $(PYTEST_ARGS) --last-failed --last-failed-no-failures none; }

demo: setup ## Set-up and the closed loop in simulation; the report is in out/demo/
	@exec .venv/bin/gaze-vlm-ros demo

bench-sim: ## Figures of the simulated world beside its rivals', one JSON line; SEED= chooses the seed
	@$(MAKE) --no-print-directory $(RIVALS) >&2
	@.venv/bin/python -m benchmarks.bench_sim --seed $(SEED)

bench-vlm: ## Figures of the model, retrained small and streaming, one JSON line; SEED= chooses the seed
	@$(MAKE) --no-print-directory setup >&2
	@$(ENTER) .venv/bin/python -m benchmarks.bench_vlm --seed $(SEED)

bench-eyes: ## Figures of the eye-image estimators beside pye3d's, one JSON line; SEED= chooses the people
	@$(MAKE) --no-print-directory $(EYE_RIVALS) >&2
	@.venv/bin/python -m benchmarks.bench_eyes --seed $(SEED)

bench-policy: ## Figures of acting and assisting from the shipped checkpoints, one JSON line; SEED= chooses the seed
	@$(MAKE) --no-print-directory setup >&2
	@$(ENTER) .venv/bin/python -m benchmarks.bench_policy --seed $(SEED)

$(RIVALS): benchmarks/requirements-rivals.txt | setup
	@echo "  the rivals' environment, .venv-rivals ..."
	@.venv/bin/python -m venv .venv-rivals
	@.venv-rivals/bin/pip install --quiet --no-input --disable-pip-version-check --no-deps -r $<
	@touch $@

$(EYE_RIVALS): benchmarks/requirements-eye-rivals.txt | setup
	@echo "  the eye rivals' environment, .venv-eye-rivals ..."
	@.venv/bin/python -m venv .venv-eye-rivals
	@.venv-eye-rivals/bin/pip install --quiet --no-input --disable-pip-version-check --no-deps -r $<
	@touch $@

bench-safety: setup ## Figures of docs/safety.md, one JSON line; SEED= chooses the seed, FULL=1 the long counts
	@$(ENTER) .venv/bin/python -m benchmarks.safety --seed $(SEED) $(if $(FULL),--full)

lint: setup ## Style and the rules of imports
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports --no-cache --no-logo

clean: ## Remove caches and build products; recordings and the environment stay
	@rm -rf build install log .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## Remove the environment as well
	@rm -rf .venv .venv-rivals .venv-eye-rivals
