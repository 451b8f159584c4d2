// What a program is made of: instructions, the values that they leave during a
// run, and the table of operations.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ptorch.h"

struct Instruction {
  int64_t op = 0;
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape, in, ints;
  std::vector<double> reals;
  at::Tensor constant;           // PTORCH_CONST
  std::vector<int64_t> released; // values that no later instruction reads
  int64_t fused = -1;            // PTORCH_BIAS_ADD: the convolution done with it
  bool skip = false;             // done as part of a later instruction
};

struct ptorch_session {
  struct State {
    at::ScalarType dtype;
    std::vector<int64_t> shape;
    at::Tensor value; // undefined until it is written
  };
  int threads = 1; // of one operation
  std::vector<State> states;
  at::Device device = at::kCPU;
  std::optional<c10::Stream> stream; // of its own on the device, where all its work goes
  bool tf32 = false, deterministic = true;
  const ptorch_recorder *recorder = nullptr;
};

struct Resident;

struct ptorch_program {
  ptorch_session *session = nullptr;
  std::vector<Instruction> code;
  std::vector<int64_t> outputs;
  std::unique_ptr<Resident> resident; // where it is not fed and read in the host's memory

  ptorch_program();
  ~ptorch_program();
};

// Run is the memory of one run.
struct Run {
  const ptorch_program &program;
  const void *const *feeds;
  std::vector<at::Tensor> values;  // by instruction
  std::vector<at::Tensor> indices; // of the largest elements, by PTORCH_MAX_POOL
  std::vector<at::Tensor> fed;     // holds feeds, so that none is seen as owned by its value

  const at::Tensor &in(const Instruction &i, size_t k) const { return values[i.in.at(k)]; }
};

// Computes the value of an instruction that is no update.
at::Tensor compute(Run &run, const Instruction &i);
// Computes all values that the program's outputs and updates need.
void compute_all(Run &run);
// Makes all updates of the program.
void update(Run &run);
// Marks what can be done together.
void fuse(ptorch_program &p);
