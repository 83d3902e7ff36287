# make run    opens the app; the first time it makes .venv and installs what is needed
# make test   runs every test          make check  looks for faults without running anything
# make bench  measures (NAME=... one)  make clean  removes what the others made
# make sdk    makes an environment with the SageMaker SDK (0.9 GB); from then on the tests that run "Show as code" use it
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

.PHONY: run install install-dev chromium containers aws-demo aws-record studio test check format bench clean

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
	$(PY) -m pip install --disable-pip-version-check --quiet -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
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

test: install-dev chromium containers
	FIELDMARK_SDK_PYTHON=$(if $(wildcard build/sdk/.installed),$(abspath build/sdk/bin/python)) $(PY) -m pytest $(ARGS)

aws-demo: install-dev containers
	$(PY) -m tests.sagemaker.demo $(if $(PORT),--port $(PORT)) $(if $(filter 1 true yes,$(HEADLESS)),--headless)

aws-record: install-dev
	$(PY) -m tests.sagemaker.record --role $(ROLE) --bucket $(BUCKET) $(if $(REGION),--region $(REGION))

studio: install
	$(PY) -m ui.shell.studio $(if $(PORT),--port $(PORT)) $(ARGS)

check: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(wildcard app.py) core ui pages benchmarks
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
