// Runs on a device: feeds go in, the program is run or its recording made
// again, results come out, one wait for all of it.

#include "resident.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>

#include "guard.h"

namespace {

at::Tensor on_device(const ptorch_session &s, const Instruction &i) {
  return at::empty(i.shape, at::TensorOptions().dtype(i.dtype).device(s.device));
}

at::Tensor on_host(const ptorch_session &s, const Instruction &i) {
  return at::empty(i.shape, at::TensorOptions().dtype(i.dtype).pinned_memory(!s.device.is_cpu()));
}

void set_switches(const ptorch_session &s) {
  if (!s.device.is_cuda()) return;
  at::Context &c = at::globalContext();
  c.setAllowTF32CuDNN(s.tf32);
  c.setAllowTF32CuBLAS(s.tf32);
  c.setDeterministicCuDNN(s.deterministic);
  c.setBenchmarkCuDNN(!s.deterministic);
}

// A value that stays as it is when states are updated.
at::Tensor result(const ptorch_session &s, const at::Tensor &x) {
  const at::Tensor y = x.contiguous();
  for (const auto &state : s.states)
    if (state.value.defined() && y.storage().is_alias_of(state.value.storage())) return y.clone();
  return y;
}

// All that a run gives to the device between its feeds and its results.
void work(ptorch_program &p) {
  Run run{p, nullptr, std::vector<at::Tensor>(p.code.size()), std::vector<at::Tensor>(p.code.size()), {}};
  compute_all(run);
  for (size_t k = 0; k < p.outputs.size(); k++) p.resident->results[k] = result(*p.session, run.values[p.outputs[k]]);
  update(run);
}

int recorded_work(void *context, char *err, size_t size) {
  return guarded(err, size, [&] { work(*static_cast<ptorch_program *>(context)); });
}

// Records the program, or notes why that cannot be done.
void record(ptorch_program &p) {
  Resident &r = *p.resident;
  char why[2048] = "";
  r.results.assign(p.outputs.size(), {}); // nothing of earlier runs is freed meanwhile
  if (r.recorder->record(&r.recording, recorded_work, &p, why, sizeof(why)) == 0) return;
  r.recorder = nullptr;
  r.recording = nullptr;
  r.note = why;
}

void replay(const Resident &r) {
  char why[2048] = "";
  TORCH_CHECK(r.recorder->replay(r.recording, why, sizeof(why)) == 0, why);
}

// An Adam rate in float64 is read by the host in every run.
bool waits(const ptorch_program &p) {
  for (const Instruction &i : p.code)
    if (i.op == PTORCH_ADAM && p.code[i.in.at(4)].dtype != at::kFloat) return true;
  return false;
}

} // namespace

Resident::~Resident() {
  if (recording) recorder->drop(recording);
}

ptorch_program::ptorch_program() = default;
ptorch_program::~ptorch_program() = default;

void reside(ptorch_program &p) {
  const ptorch_session &s = *p.session;
  const OnStream on(s);
  p.resident = std::make_unique<Resident>();
  Resident &r = *p.resident;
  for (Instruction &i : p.code) {
    if (i.constant.defined()) i.constant = i.constant.to(s.device);
    if (i.op != PTORCH_INPUT) continue;
    const size_t number = i.ints.at(0);
    TORCH_CHECK(number == r.feeds.size(), "input ", number, " stands at the place of input ", r.feeds.size());
    r.feeds.push_back(on_device(s, i));
    r.feeds_there.push_back(on_host(s, i));
  }
  for (int64_t o : p.outputs) r.results_there.push_back(on_host(s, p.code[o]));
  r.results.resize(p.outputs.size());
  if (waits(p))
    r.note = "its optimizer reads a float64 rate on the host";
  else
    r.recorder = s.recorder;
}

void run_resident(ptorch_program &p, const void *const *feeds, void *const *outputs) {
  const ptorch_session &s = *p.session;
  const OnStream on(s);
  Resident &r = *p.resident;
  for (size_t k = 0; k < r.feeds.size(); k++) {
    std::memcpy(r.feeds_there[k].data_ptr(), feeds[k], r.feeds_there[k].nbytes());
    r.feeds[k].copy_(r.feeds_there[k], true);
  }
  if (!r.recording) set_switches(s);
  if (!r.recording && r.recorder && r.plain_runs >= r.recorder->warm_up) record(p);
  if (r.recording) {
    replay(r);
  } else {
    work(p);
    r.plain_runs++;
  }
  for (size_t k = 0; k < p.outputs.size(); k++) r.results_there[k].copy_(r.results[k], true);
  if (s.stream) s.stream->synchronize();
  for (size_t k = 0; k < p.outputs.size(); k++) std::memcpy(outputs[k], r.results_there[k].data_ptr(), r.results_there[k].nbytes());
}

extern "C" {

int ptorch_cuda_count(int *count, char *err, size_t size) {
  return guarded(err, size, [&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    *count = c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount();
  });
}

int ptorch_cuda_peak(int device, int64_t *bytes, char *err, size_t size) {
  return guarded(err, size, [&] {
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *bytes = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(device)).reserved_bytes[all].peak;
  });
}

int ptorch_session_cuda(ptorch_session *s, int device, int tf32, int deterministic, char *err, size_t size) {
  return guarded(err, size, [&] {
    TORCH_CHECK(s->states.empty(), "a session with states stays where it is");
    const at::Device d(at::kCUDA, static_cast<c10::DeviceIndex>(device));
    s->stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(d);
    s->device = d;
    s->tf32 = tf32;
    s->deterministic = deterministic;
  });
}

void ptorch_session_record(ptorch_session *s, const ptorch_recorder *recorder) { s->recorder = recorder; }

int ptorch_program_recorded(const ptorch_program *p, char *note, size_t size) {
  const bool tried = p->resident && !p->resident->note.empty();
  if (size > 0) std::snprintf(note, size, "%s", tried ? p->resident->note.c_str() : "");
  return p->resident && p->resident->recording;
}

} // extern "C"
