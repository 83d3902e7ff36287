# make run    opens the app; the first time it makes .venv and installs what is needed
# make test   runs every test          make check  looks for faults without running anything
# make test-fast  runs those of a few minutes          make coverage  runs them and says what they miss
# make bench  measures (NAME=... one)  make clean  removes what the others made
# make sdk    makes an environment with the SageMaker SDK (0.9 GB); from then on the tests that run "Show as code" use it
# make docs   builds the documentation as a site
# make aws-demo  opens the app on an emulated SageMaker, to try its AWS side without an account
# make aws-record  walks a real account (ROLE=arn BUCKET=name) for well under a dollar, and keeps its answers for the tests
# make studio    starts it inside SageMaker Studio, behind its proxy, and says at which address

PORT     ?=
HEADLESS ?=
NAME     ?=
# Two at a time: tests wait for processes and pages more than they compute.
ARGS     ?= -n 2 --dist loadfile

VENV     := .venv
PY       := $(VENV)/bin/python
# 3.11.4 is the first 3.11 that unpacks archives safely. Debian splits venv off, so it is asked for as well.
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11, 4))
PYTHON   ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c '$(SUITABLE)' 2>/dev/null && { command -v "$$p"; break; }; done)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

# uv, where it is there, installs in seconds what pip takes minutes for; pip also knows how this machine was set up for it.
UV       := $(shell command -v uv)
INSTALL   = $(if $(UV),$(UV) pip install --quiet --python $(PY) -r $(1) || )$(PY) -m pip install --disable-pip-version-check --quiet -r $(1)
# Without a GPU, PyTorch for processors: 1.8 GB of environment instead of 7. Its index need not answer; CPU=0 does not ask it.
CPU      ?= $(if $(shell command -v nvidia-smi),0,1)
CPU_INDEX = https://download.pytorch.org/whl/cpu
PIN       = $(shell sed -n 's/^\($(1)==[0-9.]*\);.*/\1/p' requirements.txt)

define CPU_TORCH
@if [ "$(CPU)" = 1 ] && [ "$$(uname -sm)" = "Linux x86_64" ]; then \
	$(PY) -m pip install --quiet --retries 0 --timeout 10 --extra-index-url $(CPU_INDEX) \
		"$(call PIN,torch)+cpu" "$(call PIN,torchvision)+cpu" >/dev/null 2>&1 || true; fi
endef

.PHONY: run install install-dev chromium containers aws-demo aws-record studio test test-fast coverage check format bench docs screenshots clean

run: install
	$(PY) -m streamlit run app.py --server.showEmailPrompt=false \
		$(if $(PORT),--server.port=$(PORT)) $(if $(filter 1 true yes,$(HEADLESS)),--server.headless=true)

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(PY):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Fieldmark needs Python 3.11.4 or newer with its venv module, and found: $$(python3 --version 2>&1 || echo none)."; \
		echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv    (Debian 13 and Ubuntu 24.04 have a new enough one)"; \
		echo "  macOS:           brew install python@3.13"; \
		echo "  anywhere:        https://docs.astral.sh/uv/  then: uv python install 3.13"; \
		echo "Then name it, if it is not found by itself:  make $(MAKECMDGOALS) PYTHON=/path/to/python3.13"; \
		exit 1; fi
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed: requirements.txt | $(PY)
	$(CPU_TORCH)
	$(call INSTALL,requirements.txt)
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(PY)
	$(CPU_TORCH)
	$(call INSTALL,requirements-dev.txt)
	@touch $@ $(VENV)/.installed

chromium:
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else \
		echo "No Chromium here, so the browser tests are skipped. To run them:  sudo apt install chromium   (macOS: brew install chromium)"; fi
endif

containers: install-dev
	@$(PY) -m tests.sagemaker.containers >/dev/null || echo "So the tests on the emulated SageMaker are skipped."

sdk: build/sdk/.installed

build/sdk/.installed: requirements-sdk.txt | $(PY)
	$(PY) -m venv --clear build/sdk
	build/sdk/bin/python -m pip install --disable-pip-version-check --quiet -r requirements-sdk.txt
	@touch $@

screenshots: install-dev chromium
	$(PY) -m tests.browser.screenshots

docs: build/docs/.installed
	build/docs/bin/python -m mkdocs build --strict --quiet
	@echo "The site is in build/site."

build/docs/.installed: requirements-docs.txt | $(PY)
	$(PY) -m venv --clear build/docs
	build/docs/bin/python -m pip install --disable-pip-version-check --quiet -r requirements-docs.txt
	@touch $@

test: install-dev chromium containers
	FIELDMARK_SDK_PYTHON=$(if $(wildcard build/sdk/.installed),$(abspath build/sdk/bin/python)) $(PY) -m pytest $(ARGS)

# What to run first and often: no browser, no emulated SageMaker, nothing that trains for long.
FAST = -m "not browser and not slow" $(addprefix --ignore tests/,browser sagemaker backends sm_scripts front_door benchmarks faults)

test-fast: install-dev
	$(PY) -m pytest $(ARGS) $(FAST)

coverage: install-dev
	$(PY) -m pytest $(ARGS) $(FAST) --cov --cov-report=term:skip-covered

aws-demo: install-dev containers
	$(PY) -m tests.sagemaker.demo $(if $(PORT),--port $(PORT)) $(if $(filter 1 true yes,$(HEADLESS)),--headless)

aws-record: install-dev
	$(PY) -m tests.sagemaker.record --role $(ROLE) --bucket $(BUCKET) $(if $(REGION),--region $(REGION))

studio: install
	$(PY) -m ui.shell.studio $(if $(PORT),--port $(PORT)) $(ARGS)

check: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(wildcard app.py) core ui pages benchmarks fieldmark
	$(PY) -m codespell_lib .
	$(PY) -m tests.prose
	$(PY) -m tests.holes
	cd sm_scripts && ../$(PY) -m mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache/sm_scripts .

format: install-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: install-dev
	$(PY) -m benchmarks $(NAME)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
