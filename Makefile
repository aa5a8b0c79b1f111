# Every task of this repository. `make` alone lists them.
#
# Tools are run by version through the Go command, so nothing is installed outside the caches of Go and npm.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX     := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# Pure Go for any Linux, without paths of this machine, symbols, and what nothing here uses: a codec of Gin's, and rules
# of the validator that find methods by name, for which the linker would have to keep them all. The Dockerfile builds
# alike.
TAGS  := nomsgpack,validator_novalidatefn
BUILD := CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '-s -w'

# The packages whose coverage must not fall under COVER_MIN percent.
COVERED   := items items/sqlite authz authz/devidp config server
COVER_MIN := 85

# How many inputs each fuzz target is given. For a real hunt, a time: make fuzz FUZZTIME=10m
FUZZTIME := 1000x

# How many rounds of kill -9 each engine is given by make torture. With 300, PostgreSQL and the program over it are killed
# 200 times each.
ROUNDS := 300

# What to measure, such as BENCH="-only table -rounds 3" (see test/bench/README.md).
BENCH :=

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: ## Run the API, the dashboard and a development identity provider on this machine
	@if $(has-node); then $(MAKE) dashboard; else echo "Without Node.js 20.19 or newer the dashboard is not built. The API needs none." >&2; fi
	@go run . dev

.PHONY: dashboard
dashboard: dashboard/dist/index.html ## Build the web page that the binary serves

# What the page is made of. Its API types are generated, from the OpenAPI document.
PAGE := $(shell find dashboard/src dashboard/build -type f -not -name 'schema.d.ts' -not -name '*.test.ts*') \
	$(addprefix dashboard/,index.html package.json package-lock.json tsconfig.json vite.config.ts) docs/openapi.yaml

dashboard/dist/index.html: $(PAGE) dashboard/node_modules/.package-lock.json
	cd dashboard && npm run --silent build

.PHONY: test
test: dashboard docs/node_modules/.package-lock.json dashboard/e2e/node_modules/.package-lock.json ## Run every test: vet, Go with the race detector, the page's own, the Postman collection, a browser, a little fuzzing
	@$(need-node)
	@$(need-cc)
	@$(need-postgres)
	@$(need-chromium)
	@$(need-caddy)
	cd dashboard && npm test --silent
	go vet -tags image ./...
	CGO_ENABLED=1 go test -race -count=1 -timeout 15m ./...
	@# What is above the store once more, over the other engine.
	TEST_DATABASE=postgres CGO_ENABLED=1 go test -race -count=1 -timeout 15m ./test ./server ./docs
	@$(MAKE) fuzz

.PHONY: fuzz
fuzz: ## Run each fuzz target on a thousand inputs, or for FUZZTIME=10m
	@mkdir -p bin
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z]+' . | sed -E 's|^(.*)/[^/]+:func |\1 |' | sort -u | while read -r package target; do \
		echo "fuzz $$package $$target $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" > bin/fuzz.log 2>&1 || { cat bin/fuzz.log; exit 1; }; \
	done

.PHONY: torture
torture: build ## Kill the program and PostgreSQL with SIGKILL while clients write, in ROUNDS=300 rounds an engine
	@$(need-postgres)
	@rm -f bin/torture.md
	go test -count=1 -timeout 6h -run '^TestTorture$$' ./test -rounds $(ROUNDS) -program bin/menu-api -report bin/torture.md
	go test -count=1 -timeout 1h -run '^TestServerInTrouble$$' ./items/postgres -outage 1m
	@cat bin/torture.md

.PHONY: cover
cover: ## Print the coverage of each package; fail where it is too low
	@$(need-postgres)
	@rm -rf bin/cover && mkdir -p bin/cover
	@# One report over all packages: what the tests of server run in items counts for items. The runs of Postman,
	@# a browser, Auth0's tool and a proxy are left out, since they measure other processes. GOCOVERDIR is for tests that
	@# start themselves as the program.
	@GOCOVERDIR=$(CURDIR)/bin/cover go test -timeout 15m -skip '^TestPostman|^TestBrowser|^TestTenant|^TestProxy' -cover -coverpkg=./... ./... -args -test.gocoverdir=$(CURDIR)/bin/cover \
		> bin/cover.log || { cat bin/cover.log; exit 1; }
	@go tool covdata textfmt -i bin/cover -o bin/cover.out
	@go tool covdata percent -i bin/cover | awk -v want='$(COVERED)' ' \
		BEGIN { for (n = split(want, names); n; n--) missing["menu-api/" names[n]] } \
		{ low = $$1 in missing && $$3 + 0 < $(COVER_MIN); failed += low; delete missing[$$1] } \
		{ printf "%6.1f %%  %s%s\n", $$3, $$1, low ? "   is under $(COVER_MIN) %" : "" } \
		END { for (name in missing) { print "   none    " name; failed++ } exit failed > 0 }'

.PHONY: screenshots
screenshots: dashboard dashboard/e2e/node_modules/.package-lock.json ## Take pictures of the dashboard, two of them for the README
	@$(need-node)
	@$(need-chromium)
	rm -rf dashboard/e2e/screenshots
	go test -count=1 -timeout 15m ./dashboard/e2e -args -- --project=screenshots
	cp dashboard/e2e/screenshots/menu-admin-1280-light.png docs/images/dashboard.png
	cp dashboard/e2e/screenshots/item-admin-360-dark.png docs/images/dashboard-phone.png
	@echo "The others are in dashboard/e2e/screenshots"

.PHONY: lint
lint: ## Check style and likely bugs
	go mod tidy -diff
	go run $(GOLANGCI_LINT) run

.PHONY: fmt
fmt: ## Format the Go code
	go run $(GOLANGCI_LINT) fmt

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what the program calls (asks vuln.go.dev)
	go run $(GOVULNCHECK) ./...

.PHONY: sbom
sbom: ## Write the software bill of materials bin/sbom.json (CycloneDX)
	@mkdir -p bin
	go run $(CYCLONEDX) app -json -licenses -std -output bin/sbom.json

.PHONY: bench
bench: build ## Measure against a bare server, PocketBase and pgbench, and draw the charts
	@$(need-wrk)
	@mkdir -p bin/bench
	cd test/bench && go build -o ../../bin/bench/ . ./bare
	@# PocketBase is a peer to compare with, not something to fail for.
	cd test/bench && go build -o ../../bin/bench/ ./pocketbase || echo "PocketBase is left out" >&2
	cd test/bench && ../../bin/bench/bench $(BENCH)

.PHONY: build
build: dashboard ## Build the static binary bin/menu-api, the dashboard in it
	$(BUILD) -o bin/menu-api .

.PHONY: image
image: ## Build the container image menu-api
	docker build -t menu-api .

.PHONY: image-test
image-test: ## Build the image with buildah, run it, and test it; needs root
	@$(need-buildah)
	go test -tags image -run '^TestImage$$' -v -count=1 -timeout 30m ./test

.PHONY: clean
clean: ## Remove what the other targets made; the database stays
	rm -rf bin docs/node_modules dashboard/node_modules dashboard/dist/* dashboard/e2e/{node_modules,results,screenshots}

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@$(need-node)
	cd $* && npm ci --loglevel=error > /dev/null
	@touch $@

# The page is built by Vite, the Postman collection is run by newman and the browser by Playwright: Node.js programs.
has-node = { command -v npm && node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 2019 ? 1 : 0)'; } &> /dev/null

define need-node
$(has-node) || { echo \
	"The dashboard and the tests need Node.js 20.19 or newer with npm. On Debian 13: apt-get install -y nodejs npm" >&2; exit 1; }
endef

# The race detector is linked by a C compiler. A container that runs the tests as root may install it.
define need-cc
can_link() { echo '#include <stdlib.h>' | cat - <(echo 'int main(void) { return 0; }') | $$(CGO_ENABLED=1 go env CC) -x c -o /dev/null - 2> /dev/null; }; \
if ! can_link && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	echo "The race detector needs a C compiler: installing gcc" >&2; \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev; } > /dev/null; \
fi; \
can_link || { echo "The race detector needs a C compiler. On Debian: apt-get install -y gcc libc6-dev" >&2; exit 1; }
endef

# The proxy of compose.yaml is tested with its own program: the file out of Debian's package, without the service that
# installing it would start.
define need-caddy
has_caddy() { command -v caddy || [ -x bin/caddy/usr/bin/caddy ]; } &> /dev/null; \
if ! has_caddy && command -v apt-get > /dev/null; then \
	echo "The test of deploy/compose.yaml needs Caddy: getting it" >&2; \
	mkdir -p bin/caddy; \
	{ [ "$$(id -u)" != 0 ] || apt-get update; \
		cd bin && apt-get -o APT::Sandbox::User=root download caddy && dpkg-deb -x caddy_*.deb caddy && rm caddy_*.deb && cd ..; } > /dev/null || true; \
fi; \
has_caddy || { echo "The test of deploy/compose.yaml needs Caddy. On Debian: apt-get install -y caddy" >&2; exit 1; }
endef

# An image is built and run here without a daemon. It takes root: mounts, and users of its own.
define need-buildah
[ "$$(id -u)" = 0 ] || { echo "make image-test needs root, for mounts and users of the image's own" >&2; exit 1; }; \
if ! command -v buildah > /dev/null && command -v apt-get > /dev/null; then \
	echo "The image is built with buildah: installing buildah" >&2; \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends buildah; } > /dev/null; \
fi; \
command -v buildah > /dev/null || { echo "The image is built with buildah. On Debian: apt-get install -y buildah" >&2; exit 1; }
endef

# The tests start PostgreSQL servers of their own, and a PgBouncer. A container that runs them as root may install the
# programs, but not the services that Debian would set up with them.
define need-postgres
has_postgres() { [ -n "$${TEST_POSTGRES_URL:-}" ] || command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } &> /dev/null; \
has_pgbouncer() { PATH="$$PATH:/usr/sbin" command -v pgbouncer; } &> /dev/null; \
if ! { has_postgres && has_pgbouncer; } && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	echo "The tests need PostgreSQL and PgBouncer: installing postgresql and pgbouncer" >&2; \
	mkdir -p /etc/postgresql-common/createcluster.d; \
	echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/menu-api.conf; \
	{ apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql pgbouncer; } > /dev/null; \
fi; \
has_postgres || { echo "The tests need PostgreSQL. On Debian: apt-get install -y postgresql; or set TEST_POSTGRES_URL" >&2; exit 1; }; \
has_pgbouncer || { echo "The tests need PgBouncer. On Debian: apt-get install -y pgbouncer" >&2; exit 1; }
endef

# The browser tests drive Debian's own browser; Playwright downloads none. CHROMIUM names another one.
define need-chromium
has_chromium() { command -v "$${CHROMIUM:-/usr/bin/chromium}" > /dev/null; }; \
if ! has_chromium && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	echo "The browser tests need Chromium: installing chromium" >&2; \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-liberation; } > /dev/null; \
fi; \
has_chromium || { echo "The browser tests need Chromium. On Debian: apt-get install -y chromium; or set CHROMIUM to its program file" >&2; exit 1; }
endef

# The load of the benchmarks comes from wrk.
define need-wrk
if ! command -v wrk > /dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	echo "The benchmarks need wrk: installing it" >&2; \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends wrk; } > /dev/null; \
fi; \
command -v wrk > /dev/null || { echo "The benchmarks need wrk. On Debian: apt-get install -y wrk" >&2; exit 1; }
endef
