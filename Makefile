# Two commands on a fresh machine: `make run` and `make test`. Both need python3 (3.11 or newer,
# with venv), make and a package index, and install nothing a second time.

PYTHON ?= python3
LISTEN ?= 127.0.0.1:8001
ADMIN_LISTEN ?= 127.0.0.1:8002
BIN := .venv/bin
RUN := .run
QUESTION := {"message_id":"1","agent_id":"1","message":[{"role":"user","type":"text","text":"你好，若琪，今天天气怎么样？"}]}

.PHONY: run test test-browser test-processes test-attacks test-binary test-reproducible test-wheel test-deb test-systemd test-container test-proxies test-clients \
  test-newest test-openclaw screenshots check chaos fuzz bench bench-smoke format binary wheel \
  lock deb docs clean

# The gateway with an embedded bot that needs no key and no account. The demo key stays in a file
# that only its owner can read, so that the line can be printed again; the gateway keeps its hash.
run: .venv/.installed
	@umask 077; mkdir -p $(RUN); \
	if [ ! -s $(RUN)/key ] || [ ! -e $(RUN)/data/eyeclaw.db ]; then \
	  $(BIN)/eyeclaw key create make-run --data $(RUN)/data --json \
	    | sed -n 's/.*"key":"\([^"]*\)".*/\1/p' > $(RUN)/key; \
	  test -s $(RUN)/key || exit 1; \
	fi; \
	rm -f $(RUN)/stdout; mkfifo $(RUN)/stdout; \
	{ while IFS= read -r line; do \
	    printf '%s\n' "$$line"; \
	    case $$line in *'"event":"ready"'*) \
	      address=$${line#*'"listen":"'}; address=$${address%%\"*}; \
	      printf '\nAsk it as glasses do (in another terminal):\n\n'; \
	      printf "curl -N http://%s/sse/rokid -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '%s'\n\n" \
	        "$$address" "$$(cat $(RUN)/key)" '$(QUESTION)'; \
	      address=$${line#*'"admin_listen":"'}; \
	      printf 'Its pages: http://%s/\n\n' "$${address%%\"*}";; \
	    esac; \
	  done < $(RUN)/stdout; } & \
	exec $(BIN)/eyeclaw serve --data $(RUN)/data --listen $(LISTEN) \
	  --admin-listen $(ADMIN_LISTEN) > $(RUN)/stdout

# Two processes share the tests; JOBS=0 runs them one after the other in one.
JOBS ?= 2
PROCESSES := tests/end_to_end tests/reliability tests/test_random_faults.py tests/test_bench_smoke.py
test: check test-browser
	$(BIN)/pytest $(AGAIN) -n $(JOBS) --dist loadfile --ignore=tests/browser --ignore=tests/binary --ignore=tests/proxies --ignore=tests/clients $(PROCESSES:%=--ignore=%)
	$(BIN)/pytest $(AGAIN) tests/end_to_end/test_end_to_end.py

# Real processes watched by the clock, one test at a time: every command as a user gives it, and
# what the gateway survives (RELIABILITY). With a minute of random faults, and the bench's smallest.
test-processes: .venv/.installed-for-tests
	$(BIN)/pytest $(AGAIN) -m 'not attack' $(PROCESSES)

# The configurations in packaging/proxies with the real nginx, Caddy and HAProxy: two minutes, most of
# them a silence. What the machine lacks is skipped, with a word.
test-proxies: .venv/.installed-for-tests
	$(BIN)/pytest $(AGAIN) tests/proxies

# Clients that somebody else wrote, unmodified: OpenAI's packages of PyPI and npm, and llm. They are
# installed into .cache/clients, without npm only those of PyPI (70 MB).
test-clients: .venv/.installed-for-tests .cache/clients/installed
	$(BIN)/pytest $(AGAIN) tests/clients
.cache/clients/installed:
	mkdir -p .cache/clients
	$(PYTHON) -m venv .cache/clients/venv
	.cache/clients/venv/bin/pip install --quiet --disable-pip-version-check openai llm
	command -v npm > /dev/null || exit 0; \
	  cd .cache/clients && echo '{"private":true}' > package.json && npm install --silent openai
	@touch $@

# What one peer can do to all others (RELIABILITY 35, 36): some minutes of real attacks.
test-attacks: .venv/.installed-for-tests
	$(BIN)/pytest $(AGAIN) -m attack -rP

# The pages in a real browser; skipped, with a word, where there is no Chromium.
test-browser: .venv/.installed-for-tests
	$(BIN)/pytest $(AGAIN) -n $(JOBS) --dist loadfile tests/browser

# The program without a Python: dist/eyeclaw, one file, and a folder as tar.gz. PYTHON is put into it.
binary: dist/eyeclaw
dist/eyeclaw: packaging/build-binary packaging/eyeclaw.spec packaging/start.py packaging/forwarded.py \
  packaging/leftovers.py \
  packaging/requirements.txt pyproject.toml $(shell find eyeclaw_trio -type f -not -path '*/__pycache__/*')
	PYTHON=$(PYTHON) packaging/build-binary

# What it can do without a Python, what it costs, and the suite of every command once more with it:
# BINARY_TESTS="tests/end_to_end/test_end_to_end.py" is a quick part of that.
BINARY_TESTS ?= tests/end_to_end
test-binary: binary .venv/.installed-for-tests
	$(BIN)/pytest $(AGAIN) tests/binary -rP
	EYECLAW=dist/eyeclaw $(BIN)/pytest $(AGAIN) $(BINARY_TESTS)

# A package for Debian and Ubuntu out of the folder; `make test-deb` installs, upgrades and purges it
# in a Debian that has nothing else (root only; 75: such a one cannot be had here).
deb: binary
	packaging/build-deb
test-deb: deb
	@packaging/try-deb || [ $$? = 75 ]
# The same under a real systemd, booted in namespaces: watchdog, hardening, reload, upgrade in the
# middle of an answer (root only; two minutes).
test-systemd: deb
	@packaging/try-systemd || [ $$? = 75 ]

# The container, built and run with podman: read-only, not root, asked, stopped in the middle of an
# answer. Where no registry is, on a Debian with Python in place of the base image (root only).
test-container:
	@packaging/try-container || [ $$? = 75 ]

# The same from another folder: all bytes have to be equal.
test-reproducible: binary
	WORK=$(CURDIR)/build/again DIST=$(CURDIR)/build/again/made PYTHON=$(PYTHON) packaging/build-binary
	cmp dist/eyeclaw build/again/made/eyeclaw
	cmp dist/eyeclaw-*.tar.gz build/again/made/eyeclaw-*.tar.gz

# Wheel and sdist, looked at as the index looks at them.
wheel: .venv/.installed-for-packaging
	rm -rf build/wheel dist/eyeclaw_trio-* && mkdir -p build/wheel
	git ls-files -z --cached --others --exclude-standard \
	  | tar -c --null -T - --ignore-failed-read | tar -x -C build/wheel
	$(BIN)/python -m build --outdir dist build/wheel
	$(BIN)/twine check --strict dist/eyeclaw_trio-*

# The wheel as users install it, with pipx and with uv, each in a home of its own.
test-wheel: wheel
	PYTHON=$(PYTHON) packaging/try-wheel dist/eyeclaw_trio-*.whl

# Every version that the binary is built of, with its hashes, as new as they are today.
lock: .venv/.installed-for-packaging
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 --custom-compile-command 'make lock' \
	  pyproject.toml packaging/binary.in --output-file packaging/requirements.txt

# What is generated in docs/: the lists of all options and of all settings.
docs: .venv/.installed
	$(BIN)/python packaging/describe.py docs

# The pictures of the pages in docs/images, and all pages in every way in build/screenshots.
screenshots: .venv/.installed-for-tests
	PYTHONPATH=tests:. $(BIN)/python tests/browser/take_screenshots.py

# The same on the newest Python that is supported, in a bare Debian that is made for it (root only).
# Where that cannot be had it says so, and is no failure.
NEWEST ?= forky 3.14
test-newest:
	@.ci/bare-debian $(NEWEST) || [ $$? = 75 ]

check: .venv/.installed-for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Random faults for as long as you like; the seed is printed and can be given again.
chaos: SECONDS ?= 1800
chaos: .venv/.installed-for-tests
	$(BIN)/python tests/random_faults.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# Random input for every parser, so many seconds for each of them; the seeds are printed.
fuzz: SECONDS ?= 300
fuzz: .venv/.installed-for-tests
	FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) $(BIN)/pytest $(AGAIN) -m fuzz -rP

format: .venv/.installed-for-tests
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The gateway beside other servers, with tables and plots in bench/results (about 25 minutes).
# ARGS="--quick", ARGS="relay light --peers", ARGS=--soak: `python -m bench --help` has all of them.
bench: .venv/.installed-for-bench
	$(BIN)/python -m bench $(ARGS)

bench-smoke: .venv/.installed-for-tests
	$(BIN)/python -m bench --smoke

# The real OpenClaw, from npm into .cache (0.9 GB), asked through the gateway in both ways.
test-openclaw: .venv/.installed-for-tests
	$(BIN)/python tests/openclaw/run.py

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.installed-for-tests: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.venv/.installed-for-packaging: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[packaging]'
	@touch $@

.venv/.installed-for-bench: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

clean:
	rm -rf .venv .run dist .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
