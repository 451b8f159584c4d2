// The C interface of programs: handles, copies in and out.

#include "ptorch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/accumulate.h>
#include <malloc.h>
#include <torch/version.h>

#include <climits>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "guard.h"
#include "program.h"
#include "resident.h"

namespace {

ptorch_session::State &state(ptorch_session *s, int number) {
  TORCH_CHECK(number >= 0 && static_cast<size_t>(number) < s->states.size(), "no state has the number ", number);
  return s->states[number];
}

// A copy of its own. Values of rank 4 are convolution kernels [h, w, in, out]
// and are kept in the order of memory that convolutions want (out, h, w, in).
at::Tensor own(at::Tensor x, at::Device device) {
  if (!device.is_cpu()) {
    x = x.to(device);
    if (x.dim() != 4) return x;
  }
  if (x.dim() != 4) return x.clone(at::MemoryFormat::Contiguous);
  return x.permute({3, 0, 1, 2}).clone(at::MemoryFormat::Contiguous).permute({1, 2, 3, 0});
}

// Reads the two streams of a program.
struct Reader {
  const int64_t *code, *end;
  const double *reals, *reals_end;

  int64_t next() {
    TORCH_CHECK(code < end, "the program ends within an instruction");
    return *code++;
  }
  std::vector<int64_t> list() {
    const int64_t n = next();
    TORCH_CHECK(n >= 0 && n <= end - code, "a list of ", n, " numbers does not fit into the program");
    code += n;
    return {code - n, code};
  }
  std::vector<double> real_list() {
    const int64_t n = next();
    TORCH_CHECK(n >= 0 && n <= reals_end - reals, "a list of ", n, " reals does not fit into the program");
    reals += n;
    return {reals - n, reals};
  }
  Instruction instruction(int64_t number) {
    Instruction i;
    i.op = next();
    TORCH_CHECK(i.op >= 0 && i.op < PTORCH_OP_COUNT, "no operation has the number ", i.op);
    i.dtype = scalar_type(next());
    i.shape = list();
    i.in = list();
    i.ints = list();
    i.reals = real_list();
    for (int64_t x : i.in) TORCH_CHECK(x >= 0 && x < number, "instruction ", number, " reads the later one ", x);
    if (i.op == PTORCH_CONST) {
      TORCH_CHECK(c10::multiply_integers(i.shape) == static_cast<int64_t>(i.reals.size()), "a constant ",
                  at::IntArrayRef(i.shape), " has ", i.reals.size(), " elements");
      i.constant = host(i.reals.data(), i.shape, at::kDouble).to(i.dtype, false, true);
    }
    return i;
  }
};

bool is_update(const Instruction &i) { return i.op == PTORCH_ASSIGN || i.op == PTORCH_ADAM; }

// Notes for each instruction which values nothing reads after it.
void release_early(ptorch_program &p) {
  std::vector<int64_t> last(p.code.size(), -1);
  for (size_t n = 0; n < p.code.size(); n++) {
    const Instruction &i = p.code[n];
    if (i.fused >= 0)
      for (int64_t x : p.code[i.fused].in) last[x] = n;
    for (int64_t x : i.in) last[x] = is_update(i) ? static_cast<int64_t>(p.code.size()) : std::max<int64_t>(last[x], n);
  }
  for (int64_t o : p.outputs) last[o] = p.code.size();
  for (size_t x = 0; x < last.size(); x++)
    if (last[x] >= 0 && last[x] < static_cast<int64_t>(p.code.size())) p.code[last[x]].released.push_back(x);
}

// The value of instruction n; an error says where it happened.
at::Tensor value(Run &run, size_t n) {
  const Instruction &i = run.program.code[n];
  try {
    at::Tensor x = compute(run, i);
    TORCH_CHECK(x.sizes() == i.shape && x.scalar_type() == i.dtype, "the value is ", x.scalar_type(), x.sizes(), ", declared is ", i.dtype,
                at::IntArrayRef(i.shape));
    return x;
  } catch (c10::Error &e) {
    e.add_context(c10::str("instruction ", n, ", operation ", i.op));
    throw;
  } catch (const std::out_of_range &) {
    TORCH_CHECK(false, "instruction ", n, ", operation ", i.op, ": an input or attribute is missing");
  }
}

} // namespace

void compute_all(Run &run) {
  const ptorch_program &p = run.program;
  for (size_t n = 0; n < p.code.size(); n++) {
    const Instruction &i = p.code[n];
    if (i.skip || is_update(i)) continue;
    run.values[n] = value(run, n);
    for (int64_t x : i.released) {
      run.values[x].reset();
      run.indices[x].reset();
    }
  }
}

namespace {

void run(ptorch_program &p, const void *const *feeds, void *const *outputs) {
  if (at::get_num_threads() != p.session->threads) at::set_num_threads(p.session->threads); // it belongs to this thread
  if (p.resident) return run_resident(p, feeds, outputs);
  Run run{p, feeds, std::vector<at::Tensor>(p.code.size()), std::vector<at::Tensor>(p.code.size()), {}};
  compute_all(run);
  for (size_t k = 0; k < p.outputs.size(); k++) {
    const Instruction &o = p.code[p.outputs[k]];
    host(outputs[k], o.shape, o.dtype).copy_(run.values[p.outputs[k]]);
  }
  update(run);
}

// The version in the text that LibTorch has about itself.
std::string loaded_version() {
  const std::string text = at::show_config(), key = "TORCH_VERSION=";
  const size_t at = text.find(key);
  TORCH_CHECK(at != std::string::npos, "LibTorch does not tell its version");
  const size_t start = at + key.size();
  return text.substr(start, text.find_first_of(", \n", start) - start);
}

} // namespace

extern "C" {

int ptorch_abi(void) { return PTORCH_ABI; }
const char *ptorch_built_for(void) { return TORCH_VERSION; }
int64_t ptorch_live_handles(void) { return live; }

int ptorch_version(char *version, size_t version_size, char *err, size_t size) {
  return guarded(err, size, [&] { std::snprintf(version, version_size, "%s", loaded_version().c_str()); });
}

void ptorch_keep_memory(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int ptorch_session_new(ptorch_session **out, int threads, char *err, size_t size) {
  return guarded(err, size, [&] {
    TORCH_CHECK(threads > 0, "a session with ", threads, " threads");
    *out = new ptorch_session;
    (*out)->threads = threads;
    live++;
  });
}

void ptorch_session_free(ptorch_session *s) {
  if (s) live--;
  delete s;
}

int ptorch_state_declare(ptorch_session *s, int dtype, int rank, const int64_t *shape, char *err, size_t size) {
  return guarded(err, size, [&] { s->states.push_back({scalar_type(dtype), {shape, shape + rank}, {}}); });
}

int ptorch_state_write(ptorch_session *s, int number, const void *data, char *err, size_t size) {
  return guarded(err, size, [&] {
    auto &st = state(s, number);
    const OnStream on(*s);
    const at::Tensor x = host(data, st.shape, st.dtype);
    if (st.value.defined())
      st.value.copy_(x);
    else
      st.value = own(x, s->device);
  });
}

int ptorch_state_read(ptorch_session *s, int number, void *data, char *err, size_t size) {
  return guarded(err, size, [&] {
    auto &st = state(s, number);
    TORCH_CHECK(st.value.defined(), "state ", number, " was not written");
    const OnStream on(*s);
    host(data, st.shape, st.dtype).copy_(st.value);
  });
}

int ptorch_program_new(ptorch_program **out, ptorch_session *s, const int64_t *code, size_t code_length, const double *reals,
                       size_t reals_length, const int64_t *outputs, size_t output_count, char *err, size_t size) {
  return guarded(err, size, [&] {
    auto p = std::make_unique<ptorch_program>();
    p->session = s;
    Reader reader{code, code + code_length, reals, reals + reals_length};
    while (reader.code < reader.end) p->code.push_back(reader.instruction(p->code.size()));
    p->outputs.assign(outputs, outputs + output_count);
    for (int64_t o : p->outputs) TORCH_CHECK(o >= 0 && static_cast<size_t>(o) < p->code.size(), "no instruction has the number ", o);
    fuse(*p);
    release_early(*p);
    if (!s->device.is_cpu() || s->recorder) reside(*p);
    *out = p.release();
    live++;
  });
}

void ptorch_program_free(ptorch_program *p) {
  if (p) live--;
  delete p;
}

int ptorch_run(ptorch_program *p, const void *const *feeds, void *const *outputs, char *err, size_t size) {
  return guarded(err, size, [&] { run(*p, feeds, outputs); });
}

} // extern "C"
