# Everything is fetched by Go, and Kafka by Maven: make needs Go 1.26, and Java 17 with Maven for the tests against a real Kafka.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
WITH := go run ./internal/localenv/withservers

.PHONY: build demo test lint fuzz bench-million clean

build: ## the binary, bin/sink
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/sink ./cmd/sink

demo: build ## rides into PostgreSQL and back out in SQL; RIDES=file takes your own, KEEP=1 leaves the servers up
	go run ./cmd/demo -sink bin/sink $(if $(RIDES),-rides '$(RIDES)') $(if $(KEEP),-keep)

# The race detector runs where goroutines share memory; the packages without any run without it.
test: ## every test, against real servers; without Java those that need Kafka skip, with CI=true they fail
	$(WITH) go test -race -shuffle=on -timeout 20m ./sink ./cmd/... ./internal/... ./migrations
	go test -shuffle=on ./schema

lint: ## format, modules, vet, linters
	go mod tidy -diff
	go vet ./...
	$(LINT) run

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

bench-million: build ## a million rides from a real Kafka: rows/s and memory
	TEST_MILLION=1 $(WITH) go test -run '^$$' -bench Million -benchtime 1x ./internal/e2e

clean:
	rm -rf bin dist
