# Everything a newcomer needs: `make demo`, `make test`, `make bench`. Needs Python 3.11 or later with venv, and make.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
STATE := build/state
NETWORKS := $(STATE)/models/installed.json

# Weight files that are already on this machine are used before any download.
MIRROR ?= $(wildcard ../shared/models)
VIDEO ?= $(wildcard ../shared/data/video/head-turns-1080p.mp4)
STRANGER ?= $(if $(VIDEO),$(wildcard ../shared/data/video/head-pose-male.gif))
CAMERA ?=

ACTORS := $(if $(CAMERA),--camera $(CAMERA),$(if $(VIDEO),--video "$(VIDEO)" $(if $(STRANGER),--stranger "$(STRANGER)")))

# Extras of the installed package: pins on a Raspberry Pi, jetson elsewhere, osdp for a panel.
EXTRAS ?= [pins]
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null)

.PHONY: demo test lint bench clean install upgrade rollback uninstall deb

demo: $(VENV)/.demo $(NETWORKS)
	@$(BIN)/lintel --state $(STATE) demo $(ACTORS) --out build/demo

test: lint $(NETWORKS)
	@LINTEL_STATE=$(STATE) $(BIN)/python -m pytest

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

bench: $(VENV)/.bench $(NETWORKS)
	@$(BIN)/lintel --state $(STATE) measure bench $(if $(VIDEO),--video "$(VIDEO)") --out build/bench

# On the device, as root; docs/installing.md. An upgrade is an installation beside the one in use, which can be undone.
install upgrade:
	@$(PYTHON) tools/appliance install --extras '$(EXTRAS)'

rollback:
	@$(PYTHON) tools/appliance rollback

uninstall:
	@$(PYTHON) tools/appliance uninstall $(if $(PURGE),--purge)

deb: $(VENV)/.demo
	@$(BIN)/python tools/debian.py --arch $(ARCH)

clean:
	rm -rf build $(VENV)

# A change of manifest or ranges reinstalls; what has not changed is not fetched again.
$(NETWORKS): models/manifest.toml $(wildcard models/ranges/*.json) | $(VENV)/.demo
	@$(BIN)/lintel --state $(STATE) models install --allow-fallback $(foreach folder,$(MIRROR),--mirror $(folder))
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Lintel needs Python 3.11 or later; none was found."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Lintel needs Python 3.11 or later; $(PYTHON) is older."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: on Debian, apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# One stamp for each set of packages. The constraints pin every version.
$(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Lintel and its packages ($*) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[$*]'
	@touch $@
