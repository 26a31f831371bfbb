# For people: each target sets up what it needs. The build itself is meson's.

PORT ?=
REQUESTS ?= 10000000
KILLS ?= 1000
JOBS ?= 1
DESTDIR ?=
PREFIX ?= /usr/local
TIME ?= 60

all: ## build the release binary, build/archeio (the default)
	@scripts/build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## install what building needs from Debian's packages
	@scripts/install-packages build

run: setup ## install what is missing, build, and serve on port 8080 (or PORT)
	@scripts/build
	@PORT='$(PORT)' scripts/run

test: ## install what tests need, build with sanitizers, run every test, JOBS at a time
	@scripts/install-packages build test
	@ARCHEIO_TEST_JOBS='$(JOBS)' scripts/test

conformance: ## judge archeio by h2spec, the OCI suite, sslscan, testssl and crane, geranos by versitygw
	@scripts/install-packages build conformance
	@scripts/conformance

faults: ## let every single allocation and system call fail once, a sanitizer watching
	@scripts/install-packages build test
	@scripts/build build-asan -Dbuildtype=debugoptimized -Db_lundef=false \
	    -Db_sanitize=address,undefined
	@ARCHEIO_FAULTS_EVERY=1 ARCHEIO_BINARY=build-asan/archeio \
	    /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_faults.py
	@GERANOS_FAULTS_EVERY=1 ARCHEIO_BINARY=build-asan/archeio \
	    /usr/bin/python3 -m pytest -q -p no:cacheprovider -k allocation \
	    tests/system/test_geranos_trouble.py

kills: ## kill geranos KILLS times at random instants, and let the next run mend it each time
	@scripts/install-packages build test
	@scripts/build
	@GERANOS_KILLS=$(KILLS) ARCHEIO_BINARY=build/archeio \
	    /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_geranos_kill.py

floods: ## flood the release build over HTTP/2, beside an honest client that is timed
	@scripts/install-packages build test
	@scripts/build
	@ARCHEIO_BINARY=build/archeio /usr/bin/python3 -m pytest -q -p no:cacheprovider \
	    tests/system/test_http2_attacks.py -k notice_nothing

soak: ## ask the release build REQUESTS times, with everything else that happens to a server
	@scripts/install-packages build test
	@scripts/build build-release
	@ARCHEIO_SOAK=$(REQUESTS) ARCHEIO_BINARY=build-release/archeio \
	    /usr/bin/python3 -m pytest -q -s -p no:cacheprovider -k release tests/system/test_soak.py

bench: ## measure beside other servers; writes docs/performance.md
	@scripts/install-packages build bench
	@scripts/build
	@bench/run --write docs/performance.md

bench-mirror: ## measure geranos beside skopeo, rclone and curl; writes it there, too
	@scripts/install-packages build test bench mirror
	@scripts/build
	@bench/mirror --write docs/performance.md

fuzz: ## run every fuzz target for TIME (60) seconds
	@scripts/install-packages build fuzz
	@fuzz/run --time '$(TIME)'

format: ## put the code into its format
	@scripts/install-packages lint
	@scripts/lint --format

lint: ## check format, code, scripts and manual pages
	@scripts/install-packages build test lint
	@scripts/lint

install: ## install below PREFIX (/usr/local) and DESTDIR
	@scripts/build
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install

clean: ## remove everything that was built
	rm -rf build build-*

.PHONY: all help setup run test conformance faults kills floods soak bench bench-mirror fuzz format lint install clean
