# Every target says what it does in `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/sh
RUN := .venv/bin
LOCK := $(RUN)/uv pip compile pyproject.toml --quiet --no-config --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --annotation-style line \
	--custom-compile-command 'make lock'
WITH_AGENTS := tests/with_agents tests/integration/test_claude_code.py \
	tests/conformance/test_answerer.py tests/conformance/test_warm_answerer.py tests/conformance/test_worker.py
CLIENTS := claude codex gemini opencode node conformance inspector vscode

help:  ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-18s %s\n", $$1, $$2}'

demo: .venv/installed  ## see it work: a throw-away home, three questions, nothing left running
	@$(RUN)/warmline demo

install: .venv/installed  ## make .venv with the program in it

test: .venv/tested lint types layers  ## make .venv with the test extras, then every check and every test
	$(RUN)/pytest -n 2 --dist loadgroup

test-agents: .venv/tested  ## the real Claude Code, fetched once, against a simulated model: figures and faults, in ten minutes
	@if program=$${WARMLINE_CLAUDE:-$$(scripts/fetch-agents.sh)}; then \
		export WARMLINE_CLAUDE="$$program"; rm -f build/test-agents.json; \
		$(RUN)/pytest -q tests/with_agents/test_figures*.py; figures=$$?; \
		$(RUN)/pytest -q -n 3 --dist loadgroup $(WITH_AGENTS) --ignore-glob '*/test_figures*.py' && exit $$figures; \
	else \
		[ $$? -eq 69 ] && echo 'NOT TESTED: Claude Code is not to be had here. All of tests/with_agents was SKIPPED.'; \
	fi

test-clients: .venv/tested  ## real programs that speak MCP, fetched once (CLIENTS=...), against a scripted model: NOT TESTED is said of what cannot be had
	@claude=$${WARMLINE_CLAUDE:-$$(scripts/fetch-agents.sh)} && clients=$$(scripts/fetch-clients.sh $(CLIENTS)); found=$$?; \
	if [ $$found -eq 0 ]; then \
		WARMLINE_CLAUDE="$$claude" WARMLINE_CLIENTS="$$clients" $(RUN)/pytest -q -n 2 tests/with_clients; \
	else \
		[ $$found -eq 69 ] && echo 'NOT TESTED: a client is not to be had here. All of tests/with_clients was SKIPPED.'; \
	fi

test-api: .venv/proven  ## schemathesis over the whole OpenAPI document, against a real daemon, in four minutes
	PYTHONPATH=tests $(RUN)/python tests/proofs/api.py

prove-audit: .venv/tested  ## 20,000 random tamperings, and how long a million rows of audit take to verify
	WARMLINE_TAMPERINGS=20000 $(RUN)/pytest -q tests/faults/test_tampering.py --timeout 1200
	$(RUN)/python tests/proofs/audit.py

test-doors: .venv/tested  ## 10,000 slow connections, endless heads and a fuzzer, while others are served
	PYTHONPATH=tests:tests/proofs $(RUN)/python tests/proofs/doors.py

test-listeners: .venv/tested  ## over each transport 5,000 connections, 50 callers killed, and 100 at an even pace
	WARMLINE_FLOOD=5000 WARMLINE_KILLS=50 WARMLINE_PACED=100 \
		$(RUN)/pytest -q tests/faults/test_listeners_at_work.py --timeout 600

soak: .venv/tested  ## 20,000 messages among 20 participants, readers and daemon killed at random
	WARMLINE_MESSAGES=20000 $(RUN)/pytest -q tests/faults/test_twenty_participants.py

explore: .venv/tested  ## the property tests with ever new examples, more of them
	WARMLINE_HYPOTHESIS=explore $(RUN)/pytest -q -n 2 tests/properties --timeout 1200

lint: .venv/tested  ## style, and the form of the code
	$(RUN)/ruff check
	$(RUN)/ruff format --check

types: .venv/tested  ## mypy, strict
	$(RUN)/mypy

layers: .venv/tested  ## who may import whom
	$(RUN)/lint-imports

scan-secrets: .venv/installed  ## look for secrets in every file that git tracks
	@git ls-files -z | xargs -0 $(RUN)/warmline redact --test

bench: .venv/installed  ## the figures, printed with the floor of the same run
	$(RUN)/warmline bench bus --history 1000000
	$(RUN)/warmline bench recall
	$(RUN)/warmline bench line
	$(RUN)/warmline bench mcp
	$(RUN)/warmline bench waiters
	$(RUN)/warmline bench redaction
	@if program=$${WARMLINE_CLAUDE:-$$(command -v claude)}; then \
		set -x; $(RUN)/warmline bench warm --program "$$program"; \
	else \
		echo 'NOT MEASURED: bench warm. Claude Code is not installed: put `claude` into PATH, or name it by WARMLINE_CLAUDE.'; \
	fi

lock: .venv/tested  ## pin the newest versions that pyproject.toml allows, with their hashes
	$(LOCK) --all-extras --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock

audit-dependencies: .venv/tested  ## ask an advisory database about all that requirements*.lock pin
	scripts/audit-dependencies.sh requirements.lock requirements-dev.lock

wheel: .venv/installed  ## build the wheel that pipx installs
	$(RUN)/pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove what these targets made
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/installed: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh
	@touch $@

.venv/tested: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh dev
	@touch $@ .venv/installed

.venv/proven: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh dev,proofs
	@touch $@ .venv/tested .venv/installed

.PHONY: help demo install test test-agents test-clients test-api test-doors test-listeners prove-audit soak explore lint \
	types layers scan-secrets bench lock audit-dependencies wheel clean
