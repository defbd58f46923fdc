# `make demo` and `make test` each do all that they need, on a machine with Python 3.11, a C++ compiler and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODELS := all-minilm-l6-v2 multilingual-e5-small smollm2-135m-instruct profilegen-writer-135m profilegen-verifier-22m \
	profilegen-verifier-multilingual

export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help env demo lint test chaos fuzz audit sbom bench privacy train docs site gallery screenshots lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(STAMP) ## the environment in .venv, installed anew when pyproject.toml or constraints.txt changes

demo: env ## build the sample that ships with profilegen and show what comes out
	@$(BIN)/profilegen demo

lint: env ## style, types and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/check_docstrings.py

test: env ## all tests, with the real models, which are fetched first
	$(BIN)/profilegen models pull $(MODELS)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -r s

# POINTS=200 for more kills; REAL=1 for the real models instead of stand-ins.
chaos: env ## bring disasters upon builds, and count how many of each kind the next build puts right
	$(BIN)/python -m benchmarks.chaos --points $(or $(POINTS),50) $(if $(REAL),--real)

# FUZZ=5000 for more examples of each kind.
fuzz: env ## try thousands of broken inputs of every kind, other ones each time
	FUZZ=$(or $(FUZZ),1000) $(BIN)/python -m pytest tests/test_fuzz.py

audit: ## look up the pinned libraries among known vulnerabilities; skipped, and said so, where these cannot be reached
	PYTHON=$(PYTHON) .ci/audit

sbom: ## write dist/sbom.json, the libraries of a release and their versions (CycloneDX)
	PYTHON=$(PYTHON) .ci/sbom

# Needs a quiet machine and about an hour. ROWS="writing embedding" measures these only. Without a GPU's libraries:
# make bench PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
bench: env ## measure all that docs/performance.md tells, beside llama.cpp and sentence-transformers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' --constraint constraints.txt
	$(BIN)/python -m benchmarks $(ROWS)

# FILES="a.jsonl b.jsonl" ITEMS=1000 plants more, in texts of your own; docs/privacy.md says in which it was measured.
FILES ?= examples/sample.jsonl examples/posts.jsonl examples/chats.jsonl
ITEMS ?= 50
privacy: env ## measure how much of what identifies people is masked, and how much else
	$(BIN)/python -m benchmarks.masking $(FILES) --items $(ITEMS)

# The models of our own, from the texts of training/data; training/README.md says what comes out. On two cores an hour and
# more for each; a run that was stopped goes on. Without a GPU's libraries:
# make train PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
train: env ## train our writer and our verifiers anew, in trained/; hours on two cores
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train]' --constraint constraints.txt
	$(BIN)/profilegen models pull all-minilm-l6-v2 multilingual-e5-small smollm2-135m-instruct
	@echo "Three models are trained, each for hours on two cores; the writer is not taught by its own mistakes here."
	$(BIN)/python -m training.rows --of verifier --base models/all-minilm-l6-v2.gguf --languages en \
		--out trained/verifier-22m/rows.npz
	$(BIN)/python -m training.verifier --base models/all-minilm-l6-v2.gguf --rows trained/verifier-22m/rows.npz --epochs 2 \
		--rate 2e-4 --out trained/verifier-22m
	$(BIN)/python -m training.adapter --base models/all-minilm-l6-v2.gguf --weights trained/verifier-22m/merged.pt \
		--rank 64 --threshold 0.8 --out trained/profilegen-verifier-22m.safetensors
	$(BIN)/python -m training.rows --of verifier --base models/multilingual-e5-small.gguf --most 10000 \
		--out trained/verifier-multilingual/rows.npz
	$(BIN)/python -m training.verifier --base models/multilingual-e5-small.gguf --rows trained/verifier-multilingual/rows.npz \
		--trained-layers 8 --epochs 2 --rate 1.5e-4 --out trained/verifier-multilingual
	$(BIN)/python -m training.adapter --base models/multilingual-e5-small.gguf \
		--weights trained/verifier-multilingual/merged.pt --rank 96 --threshold 0.78 \
		--out trained/profilegen-verifier-multilingual.safetensors
	$(BIN)/python -m training.rows --of writer --base models/smollm2-135m-instruct.gguf --languages en \
		--out trained/writer-135m/rows.npz
	$(BIN)/python -m training.writer --base models/smollm2-135m-instruct.gguf --rows trained/writer-135m/rows.npz \
		--out trained/writer-135m
	cp trained/writer-135m/adapter.safetensors trained/profilegen-writer-135m.safetensors

docs: env ## write docs/cli.md from the help texts, and build the documentation site in site/
	$(BIN)/python docs/generate_cli.py
	$(BIN)/mkdocs build

site: env ## build the documentation site in site/; a broken link fails
	$(BIN)/mkdocs build

# WRITERS="NAME NAME" shows the profiles of these writers beside each other.
gallery: env ## write docs/gallery.md: the first ten users of each sample, as writers wrote them
	$(BIN)/python docs/make_gallery.py $(WRITERS:%=--writer %)

screenshots: env ## take the pictures of the review page in docs/images; needs Chromium
	$(BIN)/profilegen build examples/sample.jsonl --store demo-store
	$(BIN)/python docs/make_screenshots.py demo-store

lock: env ## write constraints.txt: the newest releases that pyproject.toml allows, for every platform
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--quiet --output-file constraints.txt

clean: ## remove caches, built wheels, the site and the demo's store; .venv, models and store stay
	rm -rf build dist site demo-store gallery-stores .mypy_cache .pytest_cache .ruff_cache
	find profilegen tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("llama_cpp") is None)' || \
	printf '%s\n' \
		'--------------------------------------------------------------------------------------------' \
		'The libraries are installed now. One of them, llama-cpp-python, is compiled from source, which' \
		'takes five to six minutes on two cores. It is at work although little is to be seen.' \
		'It needs a C++ compiler (Debian: apt-get install g++).' \
		'Faster: ready-made wheels, and builds for CUDA and Metal; docs/models.md says how.' \
		'--------------------------------------------------------------------------------------------'
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $@

# Debian's Python comes without ensurepip; then uv, or a pip that is there, does as well. `.venv/bin/pip` comes last
# in the making of an environment: one that was interrupted is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'profilegen needs Python 3.11 or newer; name one, as in: make env PYTHON=python3.12' >&2; exit 1; }
	@said=$$($(PYTHON) -m venv --clear $(VENV) 2>&1) || \
	uv venv --quiet --clear --seed --python "$$(command -v $(PYTHON))" $(VENV) 2>/dev/null || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } 2>/dev/null || { \
		rm -rf $(VENV); \
		printf '%s\n' "$$said" '' 'No environment can be made with $(PYTHON). Install what it lacks' \
			'(Debian: apt-get install python3-venv), or uv, and say make again.' >&2; exit 1; }
