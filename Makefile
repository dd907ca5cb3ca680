# visavis: `make` lists the targets. Everything is installed into $(VENV); nothing outside this folder is touched except for missing system
# libraries (through apt, announced) and caches under ~/.cache/visavis.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
# Python 3.11 or 3.12 to make the environment with; found by itself where not given.
PYTHON ?=
# uv installs several times faster than pip; `make UV= ...` does without. Byte code is compiled at once: without it a graph takes twice as
# long to start wherever PYTHONDONTWRITEBYTECODE is set.
UV ?= $(shell command -v uv)
export UV

bin := $(VENV)/bin
stamps := $(VENV)/.stamps
install := $(if $(UV),$(UV) pip install --compile-bytecode --python $(bin)/python,$(bin)/python -m pip install --disable-pip-version-check)
messages := $(wildcard msg/*.msg msg/action/*) $(addprefix ros_ws/src/visavis_msgs/,CMakeLists.txt package.xml pyproject.toml cmake/ros_wheels.cmake) \
	$(wildcard $(addprefix ros_ws/src/visavis_msgs/foxglove_msgs/,*.* msg/*) $(addprefix ros_ws/src/visavis_msgs/tf2_msgs/,*.* msg/*))
project := pyproject.toml setup.py setup.cfg

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

.PHONY: setup
setup: $(stamps)/messages $(stamps)/install ## make .venv with everything that visavis needs to run

.PHONY: demo
demo: setup ## set up, then let the graph speak ten seconds: out/demo.mp4, out/demo_sheet.png, out/demo_bag
	$(bin)/visavis assets fetch
	$(bin)/visavis demo

.PHONY: test
test: setup $(stamps)/test ## set up (with torch, for training), then check style and types and run all tests
	$(bin)/visavis assets fetch --use setup --use test
	$(MAKE) --no-print-directory check
	$(bin)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not live"
	$(bin)/python -m pytest -m live

.PHONY: lint
lint: $(stamps)/test check ## check style (ruff) and types (mypy)

.PHONY: check
check:
	$(bin)/ruff check .
	$(bin)/mypy

.PHONY: bench
bench: setup ## measure the running graph: pictures a second, latency, drops, cores, memory
	$(bin)/visavis assets fetch
	$(bin)/visavis bench

.PHONY: doctor
doctor: setup ## check this machine and say what to do about each finding
	$(bin)/visavis doctor

.PHONY: clean
clean: ## remove the environment, what was built, and out/
	rm -rf $(VENV) build dist out log src/*.egg-info ros_ws/build ros_ws/install ros_ws/log ros_ws/src/visavis_msgs/build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +

$(stamps)/venv: .ci/find_python.sh .ci/setup_system.sh
	python=$$(.ci/find_python.sh "$(PYTHON)")
	.ci/setup_system.sh "$$python"
	$(if $(UV),$(UV) venv --quiet --seed --allow-existing --python "$$python" $(VENV),"$$python" -m venv --upgrade-deps $(VENV))
	mkdir -p $(stamps)
	touch $@

$(stamps)/messages: $(messages) .ci/build_messages.sh $(stamps)/venv
	.ci/build_messages.sh $(bin)/python
	touch $@

$(stamps)/install: $(project) $(stamps)/venv
	echo "Installing visavis and its packages"
	$(install) --quiet --editable .
	echo "Compiling the renderer, once"
	$(bin)/python -m compileall -q src/visavis
	$(bin)/python -c "import visavis.control.kernels, visavis.portrait.shift_kernels, visavis.video.raster; visavis.video.raster.warm_up()"
	touch $@

$(stamps)/test: $(project) .ci/install_torch.sh .ci/setup_system.sh $(stamps)/install
	.ci/setup_system.sh $(bin)/python browser
	.ci/install_torch.sh $(bin)/python
	$(install) --quiet --editable ".[test,train,transformers]"
	touch $@

# One shell for all lines of a recipe, so that a line can set what the next one uses.
.ONESHELL:
.SILENT: $(stamps)/venv $(stamps)/messages $(stamps)/install $(stamps)/test
