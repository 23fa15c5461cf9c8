# Stowage. `make` says what there is to make.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The version of Kubernetes is that of its module; kubectl refuses servers whose
# version it cannot parse.
KUBERNETES_VERSION := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' go.mod)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMPONENT_VERSION := k8s.io/component-base/version
LDFLAGS := -s -w \
	-X github.com/stowage-k8s/stowage/internal/version.stowage=$(VERSION) \
	-X $(COMPONENT_VERSION).gitVersion=$(KUBERNETES_VERSION) \
	-X $(COMPONENT_VERSION).gitMajor=$(word 1,$(subst ., ,$(KUBERNETES_VERSION:v%=%))) \
	-X $(COMPONENT_VERSION).gitMinor=$(word 2,$(subst ., ,$(KUBERNETES_VERSION:v%=%)))

# Programs are static, for images that have nothing else in them.
export CGO_ENABLED := 0

# How long each fuzz target runs, and the folder that has them.
FUZZTIME := 1m
FUZZ := .

# How many seeds test-faults has for each program, and the first one.
SEEDS := 20
FIRST := 1

# The timeout of one package's tests is several times what they take where nothing else runs.
# make lint vets; go test would vet again with fewer checks, and all dependencies for them.
TEST_FLAGS := -vet=off -timeout 30m

# What test-versions tests on: every minor version that a playground's control plane can be of.
VERSIONS := $(notdir $(wildcard internal/playground/kubernetes/1.*)) $(basename $(KUBERNETES_VERSION:v%=%))

# What images and archives are made for: of amd64 and arm64.
ARCHITECTURES := amd64 arm64

# Tools have a module file of their own.
TOOL := go tool -modfile=tools.mod

# The tests that write what is made of code, with -update.
GENERATED := ^(TestCommands|TestExitCodes|TestPlugins|TestPolicy|TestReference|TestPrometheusRules|TestTheReadmeHasEveryField)$$

# What runs concurrently is tested with the race detector, which needs C; of what links the
# scheduling engine, which takes minutes to build again, the few that do.
RACE_PACKAGES := ./descheduler/executor ./internal/process ./internal/playground/... ./plugins/plannednodes ./plugins/preemptiblenodes ./plugins/sharednodes ./plugins/internal/changes ./plugins/internal/indexed

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the programs, and kubectl, into bin/ (5 to 8 minutes the first time)
	@hack/build.sh '$(LDFLAGS)' ./cmd/... k8s.io/kubernetes/cmd/kubectl

.PHONY: helm
helm: ## Build Helm into bin/, as helm and, the version before, as helm3
	@hack/helm.sh

.PHONY: chart
chart: helm ## Check the Helm chart and package it into out/charts/
	@bin/helm lint --strict charts/stowage
	@bin/helm package charts/stowage --destination out/charts

.PHONY: test
test: build helm ## Run all tests, on real control planes where it matters
	@all=$$(go list ./...); raced=$$(go list $(RACE_PACKAGES)); failed=(); \
	go test $(TEST_FLAGS) $$(grep -vxF "$$raced" <<<"$$all") || failed+=("those without the race detector"); \
	CGO_ENABLED=1 go test $(TEST_FLAGS) -race $$raced || failed+=("those with the race detector"); \
	[ $${#failed[@]} = 0 ] || { printf 'tests failed: %s\n' "$${failed[@]}" >&2; exit 1; }

.PHONY: test-real
test-real: build helm ## Run the tests on real nodes: kubelets and containers (needs root; 10 minutes at most)
	@hack/realnodes.sh
	@hack/test-images.sh '$(VERSION)'
	STOWAGE_REAL_NODES=1 go test $(TEST_FLAGS) -count=1 ./internal/realtest $(ARGS)

.PHONY: test-karpenter
test-karpenter: build ## Run the tests beside the real Karpenter (10 minutes to build it, once, and then 4; ARGS=-karpenter.calm=20s: 2)
	@hack/karpenter.sh
	STOWAGE_KARPENTER=1 go test $(TEST_FLAGS) -parallel 16 -count=1 ./internal/karpentertest $(ARGS)

.PHONY: test-versions
test-versions: build helm ## Run the end-to-end tests on control planes of older versions of Kubernetes, too (VERSIONS=1.34; 10 minutes each to build, once)
	@hack/test-versions.sh '$(VERSIONS)' $(TEST_FLAGS) $(ARGS)

.PHONY: test-differential
test-differential: ## Compare 200,000 decisions each with the engine's own plugins (4 minutes; ARGS go to go test)
	go test -timeout 60m ./plugins/internal/topology -run TestDifferential -v -differential.decisions=200000 $(ARGS)
	go test -timeout 60m ./plugins/internal/indexed -run 'TestDecisions|TestThoughts' -v -differential.clusters=2000 $(ARGS)
	go test -timeout 60m ./plugins/candidatenodes -run 'TestDifferential$$|TestPreemption' -v -differential.decisions=200000 $(ARGS)

.PHONY: test-faults
test-faults: build ## Run the programs against an API server that fails (SEEDS=20 each, 5 minutes; FIRST=1)
	go test -timeout 6h -count=1 ./internal/faulttest -faults.seeds=$(SEEDS) -faults.first=$(FIRST) -parallel 3 -v $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzz what reads input, one target after another (FUZZTIME=1m each; FUZZ=chaos: those in a folder)
	@failed=(); while IFS=: read -r file target; do \
		target=$${target#func }; echo "$$target in $${file%/*}"; \
		go test ./$${file%/*} -vet=off -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s </dev/null || failed+=("$$target in $${file%/*}"); \
	done < <(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z]+' $(FUZZ) | sort); \
	[ $${#failed[@]} = 0 ] || { printf 'failed: %s\n' "$${failed[@]}" >&2; exit 1; }

.PHONY: demo
demo: build ## Show scheduler, descheduler and chaos at work on 500 fake nodes (ARGS=--keep leaves it up)
	@bin/stowage-playground demo --report-dir out/demo $(ARGS)

.PHONY: pictures
pictures: demo ## Make the pictures of README.md anew, of a demo (needs Chromium)
	@hack/pictures.sh out/demo

.PHONY: images
images: ## Make what is published for Linux, into out/images: images, archives, what is in them (10 minutes the first time)
	@hack/images.sh out/images '$(VERSION)' '$(LDFLAGS)' $(ARCHITECTURES)
	@hack/archives.sh out/images '$(VERSION)' $(ARCHITECTURES)

.PHONY: publish
publish: ## Push the images in out/images (REGISTRY=registry.example.com/stowage)
	@hack/publish.sh '$(REGISTRY)'

.PHONY: lint
lint: ## Check formatting, vet, staticcheck, generated code and module files
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "run gofmt on:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	go mod tidy -diff
	@hack/generate.sh --check

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what the programs call (needs the network)
	@hack/vulncheck.sh $(ARGS)

.PHONY: bench
bench: build ## Measure the quick form of everything, then write out/report.html (15 minutes at most, once it is built)
	@hack/peers.sh
	@hack/e2e.sh
	@bin/stowage-bench all $(ARGS)

.PHONY: bench-loop
bench-loop: build ## Measure what placing a pod costs on up to 15,000 nodes, in memory (ARGS=--quick: 5,000, in a few minutes)
	@bin/stowage-bench loop $(ARGS)

.PHONY: bench-scaling
bench-scaling: build ## Measure how that grows from 1,000 to 100,000 nodes, in memory (ARGS=--quick: to 30,000, in 2 minutes)
	@bin/stowage-bench scaling $(ARGS)

.PHONY: bench-packing
bench-packing: build ## Compare how far scores fill a cluster, and how small a cluster would do (ARGS=--quick: in 3 minutes)
	@bin/stowage-bench packing $(ARGS)

.PHONY: bench-e2e
bench-e2e: build ## Compare schedulers on a real API server, with the harness of upstream (ARGS=--quick: 500 nodes, in 4 minutes)
	@hack/e2e.sh
	@bin/stowage-bench e2e $(ARGS)

.PHONY: bench-deschedule
bench-deschedule: build ## Compare the descheduler with the Kubernetes one on real control planes (ARGS=--quick: 200 nodes, in 10 minutes)
	@hack/peers.sh
	@bin/stowage-bench deschedule $(ARGS)

.PHONY: bench-chaos
bench-chaos: build ## Check on real control planes that chaos keeps within budgets, repeats itself and cleans up (ARGS=--quick: in 10 minutes)
	@bin/stowage-bench chaos $(ARGS)

.PHONY: bench-scale
bench-scale: build ## Measure all of it at 5,000 nodes and 150,000 pods on a real control plane (45 minutes, 24 GiB; ARGS=--quick: 300 nodes, in 3 minutes)
	@bin/stowage-bench scale $(ARGS)

.PHONY: bench-real
bench-real: build ## Measure replacements, losses of the leader and drains on real nodes (root; 15 minutes; ARGS=--quick: in 4)
	@hack/realnodes.sh
	@bin/stowage-bench real $(ARGS)

.PHONY: bench-karpenter
bench-karpenter: build ## Compare schedulers beside the real Karpenter: nodes, price, disruption (2 to 3 hours; ARGS=--quick: in 15 minutes)
	@hack/karpenter.sh
	@bin/stowage-bench karpenter $(ARGS)

.PHONY: bench-report
bench-report: build ## Write out/report.html of the results that are in out/bench
	@bin/stowage-bench report $(ARGS)

.PHONY: charts
charts: ## Build what reports draw charts with again (needs npm)
	@hack/charts.sh

.PHONY: bench-compare
bench-compare: build ## Compare the results in out/bench with the last release's (ARGS=--save makes them the baseline)
	@bin/stowage-bench compare $(ARGS)

.PHONY: bench-go
bench-go: ## Run the Go benchmarks of the plugins
	go test -run '^$$' -bench . -benchmem ./plugins/...

.PHONY: generate
generate: build ## Regenerate the code of plugin arguments, and the pages and files that are made of code
	@hack/generate.sh
	go test ./docs/reference ./config/monitoring ./chaos/scenario -run '$(GENERATED)' -update

.PHONY: clean
clean: ## Stop playgrounds and remove what was built
	@[ ! -x bin/stowage-playground ] || bin/stowage-playground down --all
	rm -rf bin out
