# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv, and nothing else.
PYTHON ?= python3.11
BIN := .venv/bin
LOCALCLOUD := packages/localcloud
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps
# Three more than there are processors: many tests wait for what they started.
IN_PARALLEL := --numprocesses $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 3))) --maxprocesses 8
CAMPAIGNS := campaigns bad_versions kills isolation cache_campaigns openapi callers clients \
	inference_log ledger
# What is compiled once is read again by each process that the tests and the demo start.
export PYTHONDONTWRITEBYTECODE :=
SOURCES := app.py base_models benchmarks cli curation evaluation inference_containers lambdas meguru stacks tests training

.PHONY: demo up models peers test test-localcloud test-sdk lint synth bench campaigns lock setup clean

demo: setup ## turn the whole loop twice on this machine; ARGS=--manual to approve yourself
	@exec $(BIN)/meguru demo $(ARGS)

up: setup $(if $(findstring --model,$(ARGS)),models) ## keep the local cloud running until Ctrl-C; ARGS="--model smollm2" (or e5-small) for a real model, --empty for none
	@exec $(BIN)/meguru up $(ARGS)

models: setup .venv/.models ## real models to try things on: SmolLM2-135M-Instruct, multilingual-e5-small; 185 MB

test: setup ## Meguru's tests
	@$(BIN)/python -m pytest $(IN_PARALLEL) --dist loadscope --no-loadscope-reorder $(ARGS)

test-localcloud: setup ## the tests of the local cloud, a library of its own
	@cd $(LOCALCLOUD) && ../../$(BIN)/python -m pytest $(IN_PARALLEL) --dist loadfile $(ARGS)

test-sdk: setup .venv-sdk/.ready ## the SageMaker Python SDK against the local cloud, in an environment of its own (1 GB)
	@$(BIN)/python -m pytest tests/e2e/test_sagemaker_sdk.py $(ARGS)

.venv-sdk/.ready: examples/sagemaker_sdk/requirements.txt
	@echo "Setting up .venv-sdk: once, some minutes, 1 GB"
	@$(PYTHON) -m venv .venv-sdk
	@.venv-sdk/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

lint: setup ## style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports
	@cd $(LOCALCLOUD) && ../../$(BIN)/mypy src tests && ../../$(BIN)/lint-imports

synth: setup ## write the templates of one environment to cdk.out/NAME; ENV=environments/production.yaml
	@$(BIN)/python app.py $(or $(ENV),environments/poc.yaml)

peers: models .venv/.trl .venv-gateway/.ready ## what benchmarks/ are measured beside: TRL, the real model, LiteLLM's proxy (0.8 GB)

bench: peers ## measure everything in benchmarks/ anew, but for campaigns
	@for name in $(filter-out __init__ counted measuring $(CAMPAIGNS),$(basename $(notdir $(wildcard benchmarks/*.py)))); do \
		$(BIN)/python -m benchmarks.$$name || exit 1; done

campaigns: setup ## every campaign at full length, an hour or two: trials, failures, and 3/N
	@for name in $(CAMPAIGNS); do $(BIN)/python -m benchmarks.$$name || exit 1; done

.venv-gateway/.ready: benchmarks/proxies/requirements.txt
	@echo "Setting up .venv-gateway: once, a minute or two, 0.8 GB"
	@$(PYTHON) -m venv .venv-gateway
	@.venv-gateway/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

.venv/.models .venv/.trl: .venv/.%: .venv/.ready requirements-%.lock
	@echo "Installing requirements-$*.lock, once: some seconds, where the network is quick"
	@$(PIP_INSTALL) --require-hashes -r requirements-$*.lock
	@touch $@

lock: setup ## pin every dependency anew
	@tools/lock.sh

clean: ## remove what was made here, the virtual environment too
	rm -rf .venv .venv-clients .venv-gateway .venv-sdk .meguru cdk.out

setup: .venv/.ready

.venv/.ready: requirements.lock requirements-cpu.lock requirements-cuda.lock tools/install_torch.sh \
		pyproject.toml $(LOCALCLOUD)/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
		echo "Meguru needs Python 3.11: install it, or say where it is with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Meguru needs Python 3.11, and $(PYTHON) is another: say where it is with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv: once, about two minutes, 2.5 GB"
	@echo "  1/4 an empty virtual environment: some seconds"
	@$(PYTHON) -m venv .venv || { \
		echo "$(PYTHON) can't make virtual environments: install its venv module (Debian: apt install python3.11-venv)" >&2; exit 1; }
	@echo "  2/4 $(words $(shell grep -o '^[a-zA-Z][^ ]*==' requirements.lock)) packages: about a minute"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@echo "  3/4 torch: half a minute for its CPU build (190 MB), minutes where there is only the CUDA build (4 GB)"
	@tools/install_torch.sh
	@echo "  4/4 Meguru and its local cloud: some seconds"
	@LC_ALL=C.UTF-8 $(PIP_INSTALL) --no-build-isolation -e $(LOCALCLOUD) -e .
	@# A path relative to it: Python reads this file in the locale's encoding, which may lack our folder's letters.
	@for path in .venv/lib/python3.11/site-packages/__editable__.localcloud-*.pth; do \
		echo ../../../../$(LOCALCLOUD)/src > "$$path"; done
	@touch $@
