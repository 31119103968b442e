# `make demo` and `make test` each make the virtual environment and install all they need.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed

# vLLM is 3.5 GB and wants a PyTorch of its own, so it has an environment to itself.
VLLM_VENV := .venv-vllm
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_DONE := $(VLLM_VENV)/.installed

# LlamaIndex wants an openai below 3, and what is developed here is tested with the newest.
LLAMAINDEX_VENV := .venv-llamaindex
LLAMAINDEX_DONE := $(LLAMAINDEX_VENV)/.installed

# Chroma's server comes with 84 packages; it is only asked over HTTP.
CHROMA_VENV := .venv-chroma
CHROMA_DONE := $(CHROMA_VENV)/.installed

LIBGOMP := { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y libgomp1; } \
	|| { echo "llama.cpp needs GNU OpenMP: sudo apt-get install libgomp1"; exit 1; }

.PHONY: demo test test-clients test-engines vllm llamaindex chroma check format bench clean

demo: $(DONE)
	$(BIN)/kanoa-mlops demo

test: $(DONE)
	@# Many at once; but for those with engines, which want the machine to themselves.
	$(BIN)/pytest -n auto --dist loadfile -m "not e2e and not vllm and not containers and not llamaindex and not chroma"
	$(BIN)/pytest -m e2e

test-clients: $(DONE) $(LLAMAINDEX_DONE) $(CHROMA_DONE)
	$(BIN)/pytest -m "llamaindex or chroma"

test-engines: $(DONE) $(VLLM_DONE)
	$(BIN)/pytest -m "vllm or containers"

vllm: $(VLLM_DONE)

llamaindex: $(LLAMAINDEX_DONE)

chroma: $(CHROMA_DONE)

check: $(DONE)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(DONE)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(DONE)
	$(BIN)/python -m bench.gateway.overhead

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(LLAMAINDEX_VENV) $(CHROMA_VENV)

$(DONE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 demo"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@# The OCR wheel asks for the OpenCV build with windows, which wants libGL; a server has none and needs none.
	@$(BIN)/python -c 'import cv2' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps opencv-python-headless
	@# llama.cpp's wheel takes GNU OpenMP from the system; a minimal one lacks it.
	@$(BIN)/python -c 'import xllamacpp' 2>/dev/null || $(LIBGOMP)
	@touch $@

$(VLLM_DONE): tests/vllm/requirements.txt tests/vllm/torchvision_names.py
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@# Both are built for CUDA and break what imports them; nothing here hears or sees films.
	@$(VLLM_BIN)/python -m pip uninstall --quiet --yes torchaudio torchcodec
	@# What is in a .pth file runs at every start of this Python.
	@site=$$($(VLLM_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		&& cp tests/vllm/torchvision_names.py "$$site" \
		&& echo 'import torchvision_names' > "$$site/torchvision_names.pth"
	@touch $@

$(LLAMAINDEX_DONE): tests/llamaindex/requirements.txt
	$(PYTHON) -m venv $(LLAMAINDEX_VENV)
	$(LLAMAINDEX_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(CHROMA_DONE): tests/chroma/requirements.txt
	$(PYTHON) -m venv $(CHROMA_VENV)
	$(CHROMA_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
