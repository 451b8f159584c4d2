# One command for each intent; `make help` lists them.
#
# Variables: BACKEND (tensorflow or pytorch) and ARGS for `make run`, BENCH (flags)
# for `make bench`, GPU_SIZES and GPU_BATCHES for `make bench-gpu`, FUZZTIME for `make fuzz`, RUN for `make bench-go` (a pattern of
# names).
# PTYCHO_LIBTENSORFLOW and PTYCHO_LIBTORCH give native libraries that are there
# already, PTYCHO_CACHE another place, an absolute path, for those that are fetched.
# With PTYCHO_REQUIRE_BROWSER=1 tests fail instead of skipping where there is no
# chromium to open the report in.

BACKEND  ?= tensorflow
ARGS     ?= --nepochs 15
FUZZTIME ?= 60s
RUN      ?= .
BENCH    ?=

GPU_SIZES   ?= 64 128
GPU_BATCHES ?= 16,64,256,1024

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The tag sets that must build, besides the usual one, torch.
OTHER_TAGS := none notensorflow torch,notensorflow

# Go links TensorFlow's stand-in and finds the shim where this tree has them.
OUT := $(CURDIR)/build/out
export CGO_CFLAGS  := -g -O2 '-I$(CURDIR)/build/tfstub/include'
export CGO_LDFLAGS := -g -O2 '-L$(OUT)/lib'
export PTYCHO_SHIM ?= $(OUT)/lib/libptorch.so
# Threads that wait do not spin: tests run side by side.
export OMP_WAIT_POLICY ?= passive

# Where the native runtimes must be there, tests fail instead of skipping. The
# value is a checksum of the shim, which go test's cache of results cannot see.
NATIVE_TEST = PTYCHO_REQUIRE_NATIVE="$$(cat $(OUT)/lib/libptorch.so 2>/dev/null | cksum)" go test -timeout 30m

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up and build

.PHONY: native native-gpu shim stub env build run
native: ## fetch the pinned CPU runtimes into the cache
	@build/fetch.sh tensorflow torch

native-gpu: ## fetch the whole runtimes for NVIDIA GPUs (some 8 GB)
	@build/fetch.sh tensorflow-gpu torch-gpu

shim: native ## build csrc into build/out/lib/libptorch.so
	@build/shim.sh

stub: ## make the library that programs link in place of TensorFlow
	@go run ./build/tfstub -out build/out/lib

env: stub ## print what plain go commands need: eval "$$(make -s env)"
	@echo 'export CGO_CFLAGS="$(CGO_CFLAGS)" CGO_LDFLAGS="$(CGO_LDFLAGS)" PTYCHO_SHIM="$(PTYCHO_SHIM)" OMP_WAIT_POLICY=$(OMP_WAIT_POLICY)'

build: stub ## build build/out/bin/ptycho with both backends
	go build -trimpath -ldflags "-X main.revision=$$(git describe --always --dirty 2>/dev/null)" -tags torch -o build/out/bin/ptycho ./cmd/ptycho

run: shim build ## reconstruct a small simulated data set
	build/out/bin/ptycho run --backend $(BACKEND) $(ARGS)

# --- tests

.PHONY: test test-native test-pure test-tags test-tensorflow test-torch race race-short fuzz fuzz-short bench bench-go bench-peers bench-gpu test-peers soak
test: test-native test-pure ## all tests, on both native runtimes and with cgo off

test-native: shim stub ## all tests on both native runtimes
	$(NATIVE_TEST) -tags torch ./...

test-pure: ## all tests that need no native library, cgo off
	CGO_ENABLED=0 go test ./...

test-tags: shim stub ## build, vet and test with every other set of tags
	@set -e; for tags in $(OTHER_TAGS); do \
	  echo "tags: $$tags"; \
	  go build -tags $$tags ./...; go vet -tags $$tags ./...; go test -timeout 30m -tags $$tags ./...; \
	done

test-tensorflow: native stub ## the tests of TensorFlow's bridge
	$(NATIVE_TEST) ./bridge/tfnative/...

test-torch: shim ## the tests of LibTorch's bridge
	$(NATIVE_TEST) -tags torch,notensorflow ./bridge/torchnative/...

race: shim stub ## all tests under the race detector
	$(NATIVE_TEST) -race -tags torch ./...

race-short: shim stub ## the tests of concurrent runs under it
	$(NATIVE_TEST) -race -tags torch -run Concurrent ./selector

fuzz: ## fuzz the readers of files, FUZZTIME for each
	@build/fuzz.sh $(FUZZTIME)

fuzz-short: ## the same for ten seconds each
	@build/fuzz.sh 10s

bench: shim build ## measure both runtimes, interleaved (docs/benchmarks.md)
	build/out/bin/ptycho bench $(BENCH)

bench-go: shim stub ## Go benchmarks of single functions
	go test -tags torch -run '^$$' -bench '$(RUN)' -benchmem ./...

bench-peers: shim build ## the network in Keras and PyTorch beside ours (fetches 3 GB)
	@venv="$$(bench/peers/venv.sh)" && python="'$$venv/bin/python'" && \
	build/out/bin/ptycho bench --what step,predict $(BENCH) \
	  --peer "$$python bench/peers/keras_peer.py" --peer "$$python bench/peers/keras_peer.py --fit" \
	  --peer "$$python bench/peers/keras_peer.py --jit" --peer "$$python bench/peers/torch_peer.py" \
	  --peer "$$python bench/peers/torch_peer.py --channels-last" --peer "$$python bench/peers/torch_peer.py --compile"

test-peers: ## the self-test of what bench-peers measures beside ours (fetches 3 GB)
	@venv="$$(bench/peers/venv.sh)" && "$$venv/bin/python" -B -m unittest discover bench/peers

# The directories of LibTorch are those given, else the set for GPUs.
bench-gpu: build ## LibTorch and PyTorch on a GPU, float32 and TF32 (fetches several GB)
	@set -e; . build/natives.sh; \
	[ -n "$$PTYCHO_LIBTORCH" ] || { build/fetch.sh torch-gpu; export PTYCHO_LIBTORCH="$$(set_dir torch-gpu)/torch"; }; \
	build/shim.sh; venv="$$(bench/peers/venv.sh)"; peer="'$$venv/bin/python' bench/peers/torch_peer.py"; \
	build/out/bin/ptycho doctor --device cuda; failed=; \
	for n in $(GPU_SIZES); do for tf32 in false true; do \
	  build/out/bin/ptycho bench --device cuda --allow-tf32=$$tf32 --N $$n --batch-sizes $(GPU_BATCHES) --what step,predict \
	    --backends pytorch $(BENCH) --peer "$$peer" --peer "$$peer --channels-last" --peer "$$peer --compile" --peer "$$peer --graph" || failed=1; \
	done; done; [ -z "$$failed" ]

soak: shim stub ## long runs: memory and native handles
	PTYCHO_SOAK=1 $(NATIVE_TEST) -tags torch -run Soak -v ./...

# --- checks

.PHONY: check fmt vet lint arrows clean
check: ## format, vet, lint, import arrows; changes nothing in the tree
	@build/unchanged.sh $(MAKE) --no-print-directory fmt vet lint arrows

fmt: ## gofmt finds nothing, go.mod is tidy
	@files="$$(gofmt -s -l $$(git ls-files -co --exclude-standard '*.go'))"; test -z "$$files" || { echo "not formatted (gofmt -s -w):"; echo "$$files"; exit 1; }
	@go mod tidy -diff

vet: stub ## go vet for every set of tags
	@set -e; for tags in torch $(OTHER_TAGS); do echo "vet: $$tags"; go vet -tags $$tags ./...; done
	@echo "vet: cgo off"; CGO_ENABLED=0 go vet ./...

lint: stub ## golangci-lint, pinned
	go run $(GOLANGCI_LINT) run --build-tags torch ./...

arrows: ## imports point only downwards in the picture of DESIGN.md
	CGO_ENABLED=0 go test ./build/arrows

clean: ## remove what was built here; the cache stays
	rm -rf build/out
