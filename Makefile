# Needs Python 3.11 to 3.13, make and a C library. Everything else goes into .venv and .venv-demo;
# the program that `make bench` measures beside ours goes into .venv-deface.
PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
FLOORS := .venv-floors
RELEASE := .venv-release
PEER := .venv-deface

.PHONY: demo test floors lint docs release bench clean

demo: $(DEMO)/.installed
	$(DEMO)/bin/faceveil demo

test: lint
	$(DEV)/bin/python -m pytest

lint: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy --strict src

# The oldest versions that pyproject.toml allows: they must run, too.
floors: $(FLOORS)/.installed
	$(FLOORS)/bin/python -m pytest tests/files/test_batch.py tests/files/test_report.py \
	  tests/cli/test_main.py tests/web/test_endpoints.py tests/scale/test_work.py \
	  tests/scale/test_travelling.py

$(FLOORS)/.installed: pyproject.toml release/floors.py build_hook.py
	$(PYTHON) -m venv $(FLOORS)
	$(PYTHON) release/floors.py web scale report > $(FLOORS)/floors.txt
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c $(FLOORS)/floors.txt -e ".[web,scale,report]" pytest pytest-timeout httpx
	touch $@

# Side by side with peers, on an idle machine, in about half an hour; needs ../shared and torch.
# JSON goes into benchmarks/results, the tables of benchmarks/README.md are drawn from it.
bench: $(DEV)/.installed $(PEER)/.installed
	OMP_NUM_THREADS=1 $(DEV)/bin/python benchmarks/floor.py
	OMP_NUM_THREADS=1 $(DEV)/bin/python benchmarks/parts.py
	$(DEV)/bin/python -W ignore benchmarks/forward.py
	$(DEV)/bin/python -W ignore benchmarks/precision.py
	$(DEV)/bin/python benchmarks/endtoend.py --deface $(PEER)/bin/deface
	$(DEV)/bin/python benchmarks/train_speed.py --models ../shared/models
	$(DEV)/bin/python benchmarks/tables.py

$(PEER)/.installed:
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check deface==1.5.0 onnxruntime
	touch $@

$(DEMO)/.installed: pyproject.toml build_hook.py
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

# torch is asked for by its exact version: a plain "torch" brings gigabytes of CUDA where an index
# offers no CPU build. Where that version cannot be had (another Python), its tests are skipped.
$(DEV)/.installed: pyproject.toml build_hook.py
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	if $(DEV)/bin/python -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))"; then \
	  $(DEV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 \
	    && $(DEV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[dev,train]"; \
	else echo "torch is installed under Python 3.11 only: tests of training will be skipped"; fi
	touch $@

# The documentation site in site/; strict: a broken link fails.
docs: $(DEV)/.installed
	NO_MKDOCS_2_WARNING=1 $(DEV)/bin/python -m mkdocs build

# dist/: wheel, sdist, checksums, bill of materials. Once the environments are there it needs no network.
release: $(DEMO)/.installed $(RELEASE)/.installed
	$(RELEASE)/bin/python release/release.py --environment $(DEMO)/bin/python

$(RELEASE)/.installed: pyproject.toml
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check \
	  "build>=1.2" "hatchling>=1.25" "onnx>=1.17" "cyclonedx-bom>=5.1"
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) $(FLOORS) $(RELEASE) $(PEER) build dist site demo-output
