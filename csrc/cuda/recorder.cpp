// The recorder of libptorch_cuda.so: CUDA graphs. A library of its own, since it
// needs CUDA's headers and CUDA's half of LibTorch.

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/version.h>

#include <memory>
#include <string>

#include "../guard.h"

namespace {

// Ends what was begun when work fails, and gives up the graph.
int capture(at::cuda::CUDAGraph &graph, int (*work)(void *, char *, size_t), void *context, char *err, size_t size) {
  // Other threads go on taking memory meanwhile.
  graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  const int failed = work(context, err, size);
  try {
    graph.capture_end();
  } catch (...) {
    if (failed) return failed; // which is why it cannot be ended
    throw;
  }
  return failed;
}

int record(void **recording, int (*work)(void *, char *, size_t), void *context, char *err, size_t size) {
  bool failed = false;
  const int thrown = guarded(err, size, [&] {
    c10::cuda::getCurrentCUDAStream().synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache(); // a graph has memory of its own
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    failed = capture(*graph, work, context, err, size) != 0;
    if (!failed) *recording = graph.release();
  });
  return thrown || failed;
}

int replay(void *recording, char *err, size_t size) {
  return guarded(err, size, [&] { static_cast<at::cuda::CUDAGraph *>(recording)->replay(); });
}

void drop(void *recording) { delete static_cast<at::cuda::CUDAGraph *>(recording); }

// In the first runs kernels are chosen and workspaces made.
constexpr int warm_up = 3;

const ptorch_recorder recorder{PTORCH_ABI, TORCH_VERSION, warm_up, record, replay, drop};

} // namespace

extern "C" const ptorch_recorder *ptorch_cuda_recorder(void) { return &recorder; }
