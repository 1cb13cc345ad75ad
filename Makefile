# The targets of topupq. "make help" lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := .bin
# Tests that must have a real redis-server fail without one instead of being skipped.
export TOPUPQ_TEST_REDIS := 1

PKGS ?= ./...
FUZZTIME ?= 60s
# Where the test runner leaves its record, for .ci/run.
TESTJSON ?= $(BIN)/test.json
TESTFLAGS ?= -timeout 30m
GOTESTSUM = $(BIN)/gotestsum --format pkgname --jsonfile $(TESTJSON) --

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run the main job on this machine, with nothing else installed
	go run ./cmd/topupq demo

.PHONY: build
build: ## build the program into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/topupq ./cmd/topupq

.PHONY: test
test: redis $(BIN)/gotestsum ## run all tests, those on a real Redis among them
	$(GOTESTSUM) $(TESTFLAGS) $(PKGS)

.PHONY: test-race
test-race: redis $(BIN)/gotestsum ## run all tests with the race detector
	$(GOTESTSUM) -race $(TESTFLAGS) $(PKGS)

.PHONY: lint
lint: $(BIN)/golangci-lint ## check style, house rules and known mistakes
	$(BIN)/golangci-lint config verify
	$(BIN)/golangci-lint run $(PKGS)

.PHONY: fuzz
fuzz: ## fuzz every fuzz test for FUZZTIME (60s)
	deploy/fuzz.sh $(FUZZTIME)

.PHONY: verify
verify: $(BIN)/oapi-codegen ## check that modules, formatting and made files are as they should be
	go mod verify
	go mod tidy -diff
	test -z "$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go'))"
	go vet $(PKGS)
	go run ./cmd/topupq config --markdown | diff docs/configuration.md -
	go run ./cmd/topupq config --yaml | diff deploy/topupq.example.yaml -
	$(GOCLIENT) | diff client/client.gen.go -

GOCLIENT = $(BIN)/oapi-codegen -config tools/goclient/oapi-codegen.yaml intake/openapi.yaml

.PHONY: made
made: $(BIN)/oapi-codegen ## make the files that are made from the settings and from openapi.yaml
	go run ./cmd/topupq config --markdown > docs/configuration.md
	go run ./cmd/topupq config --yaml > deploy/topupq.example.yaml
	$(GOCLIENT) > client/client.gen.go

.PHONY: openapi
openapi: ## lint intake/openapi.yaml with redocly (needs npm)
	npm ci --no-audit --no-fund --prefix tools/redocly
	tools/redocly/node_modules/.bin/redocly lint --config tools/redocly/redocly.yaml intake/openapi.yaml

.PHONY: browser
browser: ## click through the console in Chromium (apt-get install chromium); pictures go to bin/screenshots
	TOPUPQ_REQUIRE_BROWSER=1 TOPUPQ_TEST_SCREENSHOTS=$(CURDIR)/bin/screenshots go test -count=1 -run Browser ./ops ./intake

.PHONY: deploycheck
deploycheck: ## check manifests, compose file and alert rules (apt-get install prometheus)
	cd tools/deploycheck && go run . ../..
	TOPUPQ_REQUIRE_PROMTOOL=1 go test -count=1 -run 'Rules' ./telemetry

.PHONY: e2e
e2e: redis ## run the whole system against simulators and a real Redis
	go test -count=1 -timeout 40m ./e2e/...

# SEEDS storms of TOPUPS top-ups each; SEED=n repeats one.
SEEDS ?= 3
TOPUPS ?= 600
SEED ?=
STORM = TOPUPQ_TEST_STORM_SEED=$(SEED) go test -count=1 -v -run '^TestStorm$$' ./e2e

# WEEK top-ups in a simulated week.
WEEK ?= 100000

.PHONY: week
week: redis ## a week of top-ups in virtual time: every figure of the reports against the simulators' ledgers
	TOPUPQ_TEST_WEEK_TOPUPS=$(WEEK) go test -count=1 -timeout 60m -v -run '^TestWeek' ./e2e/week

.PHONY: storm
storm: redis ## kill, freeze and cut everything at random, then count the bookings
	TOPUPQ_TEST_STORM_SEEDS=$(SEEDS) TOPUPQ_TEST_STORM_TOPUPS=$(TOPUPS) $(STORM) -timeout 20m

.PHONY: rolling
rolling: redis ## three minutes of load with a rolling restart every ten seconds: nothing lost, nothing paid twice
	TOPUPQ_TEST_ROLLING_SECONDS=180 go test -count=1 -v -run '^TestRollingRestart$$' -timeout 20m ./e2e

.PHONY: fairness
fairness: redis ## single top-ups of one merchant while a million rows of another drain
	TOPUPQ_TEST_FAIR_ROWS=1000000 TOPUPQ_TEST_FAIR_SINGLES=300 go test -count=1 -v -run '^TestFairness$$' -timeout 20m ./e2e

.PHONY: storm-long
storm-long: redis ## the same, 50 times 1,200 top-ups
	TOPUPQ_TEST_STORM_SEEDS=50 TOPUPQ_TEST_STORM_TOPUPS=1200 $(STORM) -timeout 4h

.PHONY: storm-race
storm-race: redis ## one storm with the race detector in every process
	TOPUPQ_TEST_BUILD_FLAGS=-race TOPUPQ_TEST_STORM_SEEDS=1 TOPUPQ_TEST_STORM_TOPUPS=300 $(STORM) -timeout 20m

.PHONY: failpoints
failpoints: redis ## kill the worker 100 times at each dangerous instant
	TOPUPQ_TEST_FAILPOINT_KILLS=100 go test -count=1 -v -run '^TestFailpoints$$' -timeout 40m ./e2e

.PHONY: replay
replay: redis ## do everything the dashboard can do, 10 at once, 100 times in every state
	TOPUPQ_TEST_REPLAYS=100 go test -count=1 -v -run '^TestReplay' -timeout 30m ./e2e

.PHONY: parallel
parallel: redis ## 1,000 references, 50 submissions of each at once, checked for one order of events
	TOPUPQ_TEST_REFERENCES=1000 go test -count=1 -v -run '^TestParallel|^TestRegister' -timeout 20m ./e2e

.PHONY: mutants
mutants: redis strace ## build topupq wrong in fifteen ways; a test must catch each
	TOPUPQ_TEST_MUTANTS=1 go test -count=1 -timeout 60m -v -run '^TestMutant' ./e2e/mutants

# CUTS power cuts of each kind.
CUTS ?= 5

.PHONY: powercut
powercut: redis strace ## cut Redis' file at its last sync: always loses nothing, everysec does
	TOPUPQ_TEST_POWERCUT=1 TOPUPQ_TEST_POWERCUTS=$(CUTS) go test -count=1 -timeout 20m -v -run '^TestPowerCut' ./e2e

REDISTRUTH = IntakeRefuses|UnsafeRedis|WhileRedis|FullRedis|QueueKeys|Flushed|Restored|TornTail|Corrupted|Spool

.PHONY: redistruth
redistruth: redis ## Redis full, read-only, away, emptied, restored, damaged; answers that come meanwhile
	go test -count=1 -timeout 20m -v -run '$(REDISTRUTH)' ./e2e

.PHONY: cluster
cluster: redis ## the store and the fault suite on a Redis Cluster of three primaries, and sentinels with a failover
	go test -count=1 -timeout 40m -v -run 'RealCluster|Sentinel|Failover|Shards' ./redisproc ./topup/redisstore ./e2e
	TOPUPQ_TEST_ENGINE=cluster TOPUPQ_TEST_STORM_SEEDS=1 TOPUPQ_TEST_STORM_TOPUPS=300 TOPUPQ_TEST_STORM_SEED=$(SEED) \
		go test -count=1 -timeout 20m -v ./e2e

# ROWS of one upload.
ROWS ?= 1000000

.PHONY: million
million: ## stream a million rows in one upload and hold the intake's memory against its bound
	TOPUPQ_TEST_UPLOAD_ROWS=$(ROWS) go test -count=1 -v -run '^TestUploadInConstantMemory$$' -timeout 10m ./intake

.PHONY: bench
bench: redis ## measure topupq beside bare asynq
	go run ./cmd/topupq bench

.PHONY: redis
redis: ## make sure that there is a redis-server
	@deploy/ensure-redis.sh

.PHONY: strace
strace: ## make sure that there is strace
	@deploy/ensure-strace.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin $(BIN) coverage.out

# Tools have a module of their own, so that they are no dependency of the program.
$(BIN)/golangci-lint: tools/go.mod tools/go.sum
	go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BIN)/gotestsum: tools/go.mod tools/go.sum
	go build -C tools -o ../$@ gotest.tools/gotestsum

$(BIN)/oapi-codegen: tools/goclient/go.mod tools/goclient/go.sum
	go build -C tools/goclient -o ../../$@ github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
