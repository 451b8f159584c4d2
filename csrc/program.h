// What a program is made of: instructions, the values that they leave during a
// run, and the table of operations.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

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
};

struct ptorch_program {
  ptorch_session *session = nullptr;
  std::vector<Instruction> code;
  std::vector<int64_t> outputs;
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
// Makes all updates of the program.
void update(Run &run);
// Marks what can be done together.
void fuse(ptorch_program &p);
