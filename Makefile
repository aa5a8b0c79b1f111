# The tasks of this repository. `make` lists them.
#
# Go and npm run the tools at pinned versions, so nothing is installed outside their caches.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX     := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
GORELEASER    := github.com/goreleaser/goreleaser/v2@v2.16.0
KUSTOMIZE     := sigs.k8s.io/kustomize/kustomize/v5@v5.8.2
KUBE_VALIDATE := sigs.k8s.io/kubectl-validate@v0.0.4

# The build is pure Go, runs on any Linux, and has neither symbols nor paths of this machine. The tags leave out a codec of
# Gin's, and rules of the validator that look up methods by name and so make the linker keep every method. The Dockerfile
# uses the same.
TAGS  := nomsgpack,validator_novalidatefn
BUILD := CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '-s -w'

# Gin contains a codec for MessagePack, which nothing here uses and which takes a sixth of the compile time. A command with -tags
# overrides GOFLAGS, so it repeats this tag.
export GOFLAGS := $(GOFLAGS) -tags=nomsgpack

# Without this, each program with the race detector sleeps for a second before it exits.
export GORACE := atexit_sleep_ms=10

# The packages that need a test coverage of COVER_MIN percent.
COVERED   := items items/sqlite authz authz/devidp config server
COVER_MIN := 85

# The tests above the store that the engine can affect. `make test` runs them a second time, on PostgreSQL.
ENGINE_TESTS := TestContract TestMenuContract TestAgainstModel TestConditionalWrites TestNoLostUpdate TestIdempotencyKey \
	TestIdempotencyKeyInFlight TestHistoryHasWhoWhenAndWhat TestRestore TestPagesSortAndSearch TestLargeMenu TestResetLargeMenu \
	TestEventsOfEveryChange TestEventsResumeWithoutLoss TestEventsResetOnImport TestReplicasAgree TestDevFromSignInToRestart

# How many inputs each fuzz target gets. To search for longer, set a time: make fuzz FUZZTIME=10m
FUZZTIME := 1000x

# What to measure, such as BENCH="-only table -rounds 3" (see test/bench/README.md).
BENCH :=

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev dashboard check test soak fuzz cover bench lint fmt vuln sbom build release-test release manifests image screenshots

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# With the flags of a plain `go run`, or the first `go run . token` would compile most of the program again.
dev: export GOFLAGS := $(filter-out -tags=nomsgpack,$(GOFLAGS))
dev: ## Run the API, the dashboard and a development identity provider on this machine
	@if $(has-node); then $(MAKE) dashboard; else echo "The dashboard is not built, because that needs Node.js 20.19 or newer. The API runs without it." >&2; fi
	@echo "Compiling. The first time, this takes a few minutes." >&2
	@go build -v ./cli 2>&1 | awk '/^[[:alnum:]._\/-]+$$/ { printf "\r  %d packages", ++n; fflush() } END { if (n) print "" }' >&2 || true
	@go run . dev

check: ## Check the format, vet, and run the tests that need only Go, in under a minute
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path '*/node_modules/*')); \
	[ -z "$$unformatted" ] || { echo "Not formatted (run make fmt):" >&2; echo "$$unformatted" >&2; exit 1; }
	go vet -tags nomsgpack,external,soak ./...
	@# The program also runs on Windows.
	GOOS=windows go vet ./...
	go test ./...

test: tools dashboard $(addsuffix /node_modules/.package-lock.json,docs test/browser) ## Run every test with the race detector, in a few minutes; CI runs this
	cd dashboard && npm test --silent
	go vet -tags nomsgpack,external,soak ./...
	CGO_ENABLED=1 go test -race -count=1 -timeout 15m -tags nomsgpack,external ./...
	TEST_DATABASE=postgres CGO_ENABLED=1 go test -race -count=1 -timeout 15m -tags nomsgpack,external -run '^($(subst $(space),|,$(strip $(ENGINE_TESTS))))$$' ./test ./server

soak: tools dashboard $(addsuffix /node_modules/.package-lock.json,docs test/browser) ## Run the tests at scale: large menus, floods, hundreds of crashes, the image, fuzzing; half an hour
	@$(call need,"The test of the image",command -v buildah,buildah)
	@$(call need,"The test of failover",command -v patroni && command -v etcd,patroni etcd-server python3-etcd)
	@mkdir -p bin
	go test -v -count=1 -timeout 40m -tags nomsgpack,external,soak -skip 'AtScale$$' ./... > bin/soak.log || { grep -E -B20 '^(--- FAIL|FAIL|panic)' bin/soak.log; exit 1; }
	@# These tests measure time, so they run alone.
	go test -v -count=1 -p 1 -timeout 40m -tags nomsgpack,external,soak -run 'AtScale$$' ./items/postgres ./items/sqlite ./test > bin/scale.log || { grep -E -B20 '^(--- FAIL|FAIL|panic)' bin/scale.log; exit 1; }
	go test -count=1 -timeout 20m -tags nomsgpack,external -run '^TestServerInTrouble$$' ./items/postgres -outage 1m
	@grep -E '^ *\|' bin/soak.log # the report of the crash tests
	@$(MAKE) fuzz

fuzz: ## Run each fuzz target on a thousand inputs, or for FUZZTIME=10m
	@mkdir -p bin
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z]+' . | sed -E 's|^(.*)/[^/]+:func |\1 |' | sort -u | while read -r package target; do \
		echo "fuzz $$package $$target $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" > bin/fuzz.log 2>&1 || { cat bin/fuzz.log; exit 1; }; \
	done

cover: ## Print the test coverage of each package, and fail if one has too little
	@rm -rf bin/cover && mkdir -p bin/cover
	@# The report is over all packages: a line of items counts if a test of server runs it. GOCOVERDIR is for the processes
	@# that tests start.
	@GOCOVERDIR=$(CURDIR)/bin/cover go test -timeout 15m -cover -coverpkg=./... ./... -args -test.gocoverdir=$(CURDIR)/bin/cover \
		> bin/cover.log || { cat bin/cover.log; exit 1; }
	@go tool covdata textfmt -i bin/cover -o bin/cover.out
	@go tool covdata percent -i bin/cover | awk -v want='$(COVERED)' ' \
		BEGIN { for (n = split(want, names); n; n--) missing["menu-api/" names[n]] } \
		{ low = $$1 in missing && $$3 + 0 < $(COVER_MIN); failed += low; delete missing[$$1] } \
		{ printf "%6.1f %%  %s%s\n", $$3, $$1, low ? "   is under $(COVER_MIN) %" : "" } \
		END { for (name in missing) { print "   none    " name; failed++ } exit failed > 0 }'

bench: build ## Measure against a bare server, PocketBase and pgbench, and draw the charts
	@$(call need,"The benchmark",command -v wrk,wrk)
	@mkdir -p bin/bench
	cd test/bench && go build -o ../../bin/bench/ . ./bare
	@# The benchmark also works without PocketBase.
	cd test/bench && go build -o ../../bin/bench/ ./pocketbase || echo "PocketBase is left out" >&2
	cd test/bench && ../../bin/bench/bench $(BENCH)

lint: dashboard/node_modules/.package-lock.json ## Check style and likely bugs
	go mod tidy -diff
	go run $(GOLANGCI_LINT) run
	cd dashboard && npm run --silent lint

fmt: dashboard/node_modules/.package-lock.json ## Format the code
	go run $(GOLANGCI_LINT) fmt
	cd dashboard && npm run --silent format -- --log-level warn

vuln: ## Look for known vulnerabilities in the code that the program calls (asks vuln.go.dev)
	go run $(GOVULNCHECK) ./...

sbom: ## Write the software bill of materials bin/sbom.json (CycloneDX)
	@mkdir -p bin
	go run $(CYCLONEDX) app -json -licenses -std -output bin/sbom.json

build: dashboard ## Build the static binary bin/menu-api, including the dashboard
	$(BUILD) -o bin/menu-api .

release-test: ## Check the configuration of releases, and build one into bin/release, without signatures and the image
	go run $(GORELEASER) check
	go run $(GORELEASER) release --snapshot --clean --skip=sign

release: ## Publish the release of the current tag; only CI runs this
	go run $(GORELEASER) release --clean

manifests: ## Render the Kubernetes manifests into bin/kubernetes and validate them
	@mkdir -p bin/kubernetes
	for overlay in sqlite postgres cloudnativepg; do \
		go run $(KUSTOMIZE) build deploy/kubernetes/overlays/$$overlay > bin/kubernetes/$$overlay.yaml; \
	done
	@# The schemas of Kubernetes lack the other object of cloudnativepg.
	go run $(KUBE_VALIDATE) bin/kubernetes/sqlite.yaml bin/kubernetes/postgres.yaml deploy/kubernetes/overlays/cloudnativepg/networkpolicy.yaml

image: ## Build the container image menu-api with Docker
	docker build -t menu-api .

screenshots: dashboard test/browser/node_modules/.package-lock.json ## Take pictures of the dashboard, one of them for the README
	@$(need-chromium)
	rm -rf test/browser/screenshots
	go test -count=1 -timeout 15m -tags nomsgpack,external ./test/browser -args -- --project=screenshots
	cp test/browser/screenshots/menu-admin-1280-light.png docs/images/dashboard.png
	@echo "The others are in test/browser/screenshots"

# The web page that the binary serves. Its API types are generated from the OpenAPI document.
dashboard: dashboard/dist/index.html

dashboard/dist/index.html: $(shell find dashboard/src dashboard/build -type f -not -name 'schema.d.ts' -not -name '*.test.ts*') \
		$(addprefix dashboard/,index.html package.json package-lock.json tsconfig.json vite.config.ts) docs/openapi.yaml \
		dashboard/node_modules/.package-lock.json
	cd dashboard && npm run --silent build

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@$(need-node)
	cd $* && npm ci --loglevel=error > /dev/null
	@touch $@

# need checks a condition, $(2). If it fails, root on Debian installs the packages $(3); everyone else gets a message. $(1)
# says what needs them. Debian starts no services for RUNLEVEL 1.
define need
has() { { $(2); } &> /dev/null; }; \
if ! has && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	echo $(1) "needs" $(3)": installing" >&2; \
	{ apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(3); } > /dev/null; \
fi; \
has || { echo $(1) "needs" $(3)". On Debian: apt-get install -y" $(3) >&2; exit 1; }
endef

# The programs that the tests need beside Go. The race detector needs a C compiler.
.PHONY: tools
tools:
	@$(need-node)
	@$(call need,"The race detector",$(can-link),gcc libc6-dev)
	@# The tests start servers, so Debian shall not set one up.
	@[ "$$(id -u)" != 0 ] || [ -e /etc/postgresql-common ] || ! command -v apt-get > /dev/null || { mkdir -p /etc/postgresql-common/createcluster.d; \
		echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/menu-api.conf; }
	@$(call need,"The test of PostgreSQL",[ -n "$${TEST_POSTGRES_URL:-}" ] || command -v initdb || ls /usr/lib/postgresql/*/bin/initdb,postgresql)
	@$(call need,"The test of PostgreSQL",PATH="$$PATH:/usr/sbin" command -v pgbouncer,pgbouncer)
	@$(call need,"The test of deploy/compose.yaml",command -v caddy,caddy)
	@$(call need,"The test behind proxies",PATH="$$PATH:/usr/sbin" command -v nginx,nginx)
	@$(call need,"The test of the alerts",command -v promtool,prometheus)
	@$(call need,"The test of the commands in the documents",command -v curl,curl)
	@$(need-chromium)

has-node      = { command -v npm && node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 2019 ? 1 : 0)'; } &> /dev/null
can-link      = echo '\#include <stdlib.h>' | cat - <(echo 'int main(void) { return 0; }') | $$(CGO_ENABLED=1 go env CC) -x c -o /dev/null -
need-node     = $(call need,"The dashboard (with version 20.19 or newer)",$(has-node),nodejs npm)
need-chromium = $(call need,"The test of the dashboard (or CHROMIUM)",command -v "$${CHROMIUM:-/usr/bin/chromium}",chromium fonts-liberation)

empty :=
space := $(empty) $(empty)
