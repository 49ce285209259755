# make run, test, test-peers and check do all set-up themselves; a second call starts at once.
PYTHON ?= python3
BIN := .venv/bin
# Tests at a time; a file's tests stay together, because they share what is slow to make.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
# What was installed is remembered by its content, so that a checkout's file times do not matter.
INSTALLED := .venv/installed-$(firstword $(shell cat pyproject.toml constraints.txt | cksum))

# What scratchnet is compared with beside TensorFlow. torch may be 5 GB: `make test-peers PEERS=jax`
# does without it.
PEERS ?= jax torch
space := $(subst ,, )
PEERS_INSTALLED := $(INSTALLED)-with-$(subst $(space),-,$(strip $(PEERS)))

.PHONY: run test test-peers test-slow install-peers check format clean

run: $(INSTALLED)
	$(BIN)/python -m experiments.run

test: $(INSTALLED)
	$(PYTEST)

test-slow: $(INSTALLED)
	$(PYTEST) -m "not jax and not torch"

test-peers: install-peers
	$(PYTEST) -m "not slow and ($(subst $(space), or ,$(strip $(PEERS))))"

install-peers: $(PEERS_INSTALLED)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv

$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "set-up, once: 1/2 making .venv"
	@$(PYTHON) -m venv .venv
	@echo "set-up, once: 2/2 installing Keras, TensorFlow and what tests need: some minutes, 3 GB"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@rm -f .venv/installed-*
	@touch $@
	@echo "set-up done; the next call starts at once"

$(PEERS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt $(PEERS)
	@touch $@
