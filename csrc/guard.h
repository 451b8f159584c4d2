// What every function of the C interface needs: errors that are returned, types
// of elements, host memory seen as a tensor, the count of handles.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>

#include "ptorch.h"

// Handles that are not yet freed.
inline std::atomic<int64_t> live{0};

inline int fail(char *err, size_t size, const char *what) {
  if (size > 0) std::snprintf(err, size, "%s", what);
  return 1;
}

// Runs f without recording gradients and turns every exception into an error.
template <class F> int guarded(char *err, size_t size, F f) {
  try {
    c10::InferenceMode no_gradients;
    f();
    return 0;
  } catch (const c10::Error &e) {
    return fail(err, size, e.what_without_backtrace());
  } catch (const std::exception &e) {
    return fail(err, size, e.what());
  } catch (...) {
    return fail(err, size, "an unknown C++ exception");
  }
}

inline at::ScalarType scalar_type(int64_t dtype) {
  switch (dtype) {
  case PTORCH_FLOAT32: return at::kFloat;
  case PTORCH_FLOAT64: return at::kDouble;
  case PTORCH_INT32: return at::kInt;
  case PTORCH_INT64: return at::kLong;
  case PTORCH_BFLOAT16: return at::kBFloat16;
  }
  TORCH_CHECK(false, "no element type has the number ", dtype);
}

inline at::Tensor host(const void *data, at::IntArrayRef shape, at::ScalarType dtype) {
  return at::from_blob(const_cast<void *>(data), shape, at::TensorOptions().dtype(dtype));
}
