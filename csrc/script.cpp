// Networks of other programs, as TorchScript files.

#include <ATen/Parallel.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <memory>
#include <string>
#include <vector>

#include "guard.h"

struct ptorch_values {
  struct Value {
    std::string name;
    at::Tensor value; // on the CPU, row-major, of one of the element types
    int dtype;
  };
  std::vector<Value> list;
};

struct ptorch_script {
  struct Input {
    std::string name;
    bool optional;
  };
  torch::jit::Module module;
  std::vector<Input> inputs; // those that are tensors
  int threads;               // of one operation
};

namespace {

const ptorch_values::Value &value(const ptorch_values *v, int number) {
  TORCH_CHECK(number >= 0 && static_cast<size_t>(number) < v->list.size(), "no value has the number ", number);
  return v->list[number];
}

int number_of(at::ScalarType type) {
  switch (type) {
  case at::kFloat: return PTORCH_FLOAT32;
  case at::kDouble: return PTORCH_FLOAT64;
  case at::kInt: return PTORCH_INT32;
  case at::kLong: return PTORCH_INT64;
  default: TORCH_CHECK(false, "found elements of type ", type, ", want Float, Double, Int, Long or a complex type");
  }
}

// Adds a result to the list; name is empty for what forward returns itself.
void flatten(const std::string &name, const c10::IValue &x, ptorch_values &to) {
  const std::string inner = name.empty() ? "out." : name + ".";
  if (x.isTensor()) {
    const std::string as = name.empty() ? "out.0" : name;
    at::Tensor t = x.toTensor();
    TORCH_CHECK(t.defined() && t.layout() == at::kStrided, "result ", as, ": found a tensor that is undefined or not dense");
    t = t.to(at::kCPU);
    if (t.is_complex()) t = at::view_as_real(t.resolve_conj());
    try {
      const int dtype = number_of(t.scalar_type());
      to.list.push_back({as, t.resolve_neg().contiguous(), dtype});
    } catch (c10::Error &e) {
      e.add_context("result " + as);
      throw;
    }
  } else if (x.isTuple()) {
    const auto &all = x.toTupleRef().elements();
    for (size_t i = 0; i < all.size(); i++) flatten(inner + std::to_string(i), all[i], to);
  } else if (x.isList()) {
    const auto all = x.toListRef();
    for (size_t i = 0; i < all.size(); i++) flatten(inner + std::to_string(i), all[i], to);
  } else if (x.isGenericDict()) {
    for (const auto &item : x.toGenericDict()) {
      TORCH_CHECK(item.key().isString(), "found a dictionary by ", item.key().tagKind(), ", want one by strings");
      flatten(name.empty() ? item.key().toStringRef() : inner + item.key().toStringRef(), item.value(), to);
    }
  } else {
    TORCH_CHECK(false, "result ", name.empty() ? "of forward" : name, ": found ", x.tagKind(),
                ", want a tensor or a tuple, list or dictionary of tensors");
  }
}

// The arguments of forward that are tensors. Others must have a default, which
// then holds.
std::vector<ptorch_script::Input> arguments(const torch::jit::Module &m) {
  std::vector<ptorch_script::Input> all;
  const auto forward = m.find_method("forward");
  TORCH_CHECK(forward.has_value(), "the module has no method forward");
  const auto &list = forward->function().getSchema().arguments();
  for (size_t i = 1; i < list.size(); i++) { // 0 is self
    const bool optional = list[i].default_value().has_value();
    const auto tensor = c10::OptionalType::create(c10::TensorType::get());
    if (list[i].type()->isSubtypeOf(*tensor))
      all.push_back({list[i].name(), optional});
    else
      TORCH_CHECK(optional, "argument ", list[i].name(), " of forward: found the type ", list[i].type()->str(), ", want a tensor");
  }
  return all;
}

} // namespace

extern "C" {

int ptorch_values_new(ptorch_values **out, char *err, size_t size) {
  return guarded(err, size, [&] {
    *out = new ptorch_values;
    live++;
  });
}

void ptorch_values_free(ptorch_values *v) {
  if (v) live--;
  delete v;
}

int ptorch_values_add(ptorch_values *v, const char *name, int dtype, int rank, const int64_t *shape, const void *data, char *err,
                      size_t size) {
  return guarded(err, size, [&] {
    const at::IntArrayRef lengths(shape, static_cast<size_t>(rank));
    v->list.push_back({name, host(data, lengths, scalar_type(dtype)).clone(), dtype});
  });
}

int ptorch_values_count(const ptorch_values *v) { return static_cast<int>(v->list.size()); }

int ptorch_values_about(const ptorch_values *v, int number, const char **name, int *dtype, int *rank, const int64_t **shape, char *err,
                        size_t size) {
  return guarded(err, size, [&] {
    const auto &x = value(v, number);
    *name = x.name.c_str();
    *dtype = x.dtype;
    *rank = static_cast<int>(x.value.dim());
    *shape = x.value.sizes().data();
  });
}

int ptorch_values_read(const ptorch_values *v, int number, void *data, char *err, size_t size) {
  return guarded(err, size, [&] {
    const auto &x = value(v, number).value;
    host(data, x.sizes(), x.scalar_type()).copy_(x);
  });
}

int ptorch_script_new(ptorch_script **out, const char *path, int threads, char *err, size_t size) {
  return guarded(err, size, [&] {
    TORCH_CHECK(threads > 0, "a script with ", threads, " threads");
    auto s = std::make_unique<ptorch_script>(ptorch_script{torch::jit::load(path, at::kCPU), {}, threads});
    s->module.eval();
    s->inputs = arguments(s->module);
    *out = s.release();
    live++;
  });
}

void ptorch_script_free(ptorch_script *s) {
  if (s) live--;
  delete s;
}

int ptorch_script_input_count(const ptorch_script *s) { return static_cast<int>(s->inputs.size()); }

int ptorch_script_input(const ptorch_script *s, int number, const char **name, int *optional, char *err, size_t size) {
  return guarded(err, size, [&] {
    TORCH_CHECK(number >= 0 && static_cast<size_t>(number) < s->inputs.size(), "no input has the number ", number);
    *name = s->inputs[number].name.c_str();
    *optional = s->inputs[number].optional;
  });
}

int ptorch_script_run(ptorch_script *s, const ptorch_values *inputs, ptorch_values **results, char *err, size_t size) {
  return guarded(err, size, [&] {
    if (at::get_num_threads() != s->threads) at::set_num_threads(s->threads); // it belongs to this thread
    torch::jit::Kwargs by_name;
    for (const auto &x : inputs->list) by_name[x.name] = x.value;
    const c10::IValue returned = s->module.get_method("forward")({}, by_name);
    auto all = std::make_unique<ptorch_values>();
    flatten("", returned, *all);
    *results = all.release();
    live++;
  });
}

} // extern "C"
