# Everything is fetched by Go, and Kafka by Maven: make needs Go 1.26, and a JDK 17 with Maven for the tests against a real Kafka and a real Schema Registry.
# PostgreSQL is the installed one, else one that is fetched; RIDESINK_POSTGRES=embedded wants the fetched one. They live in the user's cache.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The version comes from above: go need not ask git, which refuses in a checkout of somebody else (CI in a container).
export GOFLAGS := $(GOFLAGS) -buildvcs=false

# Tools, at versions of their own: they are no dependencies of the module.
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX     := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# One PostgreSQL and one Kafka for all packages of a run.
WITHSERVERS := go run ./internal/localenv/withservers

.PHONY: help build demo test faults-short faults mutants soak lint vuln sbom fuzz bench bench-short bench-peers profile clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' Makefile

build: ## the binary, bin/sink
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/sink ./cmd/sink

demo: build ## rides into PostgreSQL and back out in SQL; RIDES=file takes your own, KEEP=1 leaves the servers up
	go run ./cmd/demo -sink bin/sink $(if $(RIDES),-rides '$(RIDES)') $(if $(KEEP),-keep)

# The race detector runs where goroutines share memory. Not in schema, which has none and counts allocations, which the detector makes; nor in
# e2e, which runs the sink as a process.
RACED := $$(go list ./... | grep -v -e /schema -e /internal/e2e)
PLAIN := ./schema ./internal/e2e

test: ## every test but the faults, against real servers; without Java those that need Kafka skip, with CI=true they fail
	$(WITHSERVERS) sh -ec 'go test -race -shuffle=on -timeout 20m $(RACED); go test -shuffle=on -timeout 20m -skip ^TestFault $(PLAIN)'
	cd deploy/monitoring && go test ./...

# What the sink survives, and how often that was tried: docs/reliability.md.
FAULTS = go test -race -run ^TestFault -shuffle=on -timeout $(1) $(2) ./internal/partlog; go test -run ^TestFault -shuffle=on -timeout $(1) $(2) ./internal/e2e

faults-short: ## a share of the cases of every fault
	$(WITHSERVERS) sh -ec '$(call FAULTS,15m)'

REPORT ?= $(CURDIR)/bin/faults.jsonl
faults: ## all cases of every fault, and the table in docs/reliability.md
	mkdir -p bin && rm -f $(REPORT)
	TEST_FULL=1 TEST_FAULTS_REPORT=$(REPORT) $(WITHSERVERS) sh -ec '$(call FAULTS,4h,-v)' > bin/faults.log
	go run ./internal/e2e/faultsreport -in $(REPORT) -update docs/reliability.md -commit $(COMMIT) -command 'make faults'

mutants: ## each seeded bug of internal/mutants/patches must fail the test that it names
	$(WITHSERVERS) go run ./internal/mutants

SOAK ?= 30m
soak: ## three members under mixed faults for SOAK, then sink verify
	TEST_SOAK=$(SOAK) go test -run '^TestSoak$$' -timeout 6h -v ./internal/e2e

lint: ## modules as go.sum has them, format, vet, linters
	go mod verify
	go mod tidy -diff
	go vet ./...
	$(GOLANGCI_LINT) run
	cd deploy/monitoring && go mod tidy -diff && go vet ./... && $(GOLANGCI_LINT) run --config ../../.golangci.yml

vuln: ## known vulnerabilities in what the code calls; asks vuln.go.dev
	$(GOVULNCHECK) ./...

sbom: build ## what the binary is made of, with licenses, in CycloneDX: bin/sink.cdx.json
	$(CYCLONEDX) bin -json -std -licenses -noserial -notimestamp -version '$(VERSION)' -output bin/sink.cdx.json bin/sink

# Some twenty seconds a target on two cores of their own. A count: at the end of a given time go test now and then fails without a finding (golang/go#75804).
FUZZTIME ?= 200000x
fuzz: ## every fuzz target, FUZZTIME inputs each
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

bench: ## ridesink beside COPY from memory, and what it costs: docs/performance.md; wants a machine that does nothing else
	go run ./bench -markdown docs/performance.md -svg docs/performance.svg

bench-short: ## the same with few rides, only to see that it runs
	go run ./bench -short

bench-peers: ## ridesink beside Flink SQL, Debezium and a Python consumer: a quarter of an hour, 270 MB fetched the first time
	go run ./bench/peers -markdown docs/performance.md

profile: ## where the sink's time goes: cmd/sink/default.pgo, by which the compiler decides what to inline
	$(WITHSERVERS) bench/profile.sh

clean: ## what was built; `rm -r ~/.cache/ridesink` removes what was fetched
	rm -rf bin
