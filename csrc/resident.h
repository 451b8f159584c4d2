// Programs whose feeds and results stay in the same memory of a device from run
// to run, so that a run can be recorded and made again in one call.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>

#include <string>
#include <vector>

#include "program.h"

// Makes the stream of a session the current one, where it has its own.
struct OnStream {
  c10::OptionalStreamGuard guard;
  explicit OnStream(const ptorch_session &s) : guard(s.stream) {}
};

struct Resident {
  std::vector<at::Tensor> feeds, results;            // on the device
  std::vector<at::Tensor> feeds_there, results_there; // the same on the host, where the device copies fast
  int plain_runs = 0;
  const ptorch_recorder *recorder = nullptr; // to be tried or used
  void *recording = nullptr;
  std::string note; // why there is none

  ~Resident();
};

// Gives a program its memory.
void reside(ptorch_program &p);
void run_resident(ptorch_program &p, const void *const *feeds, void *const *outputs);
