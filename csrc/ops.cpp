// The operations. Images are [batch, row, column, channel] in memory; LibTorch
// sees them as channels-last [batch, channel, row, column] through a permute,
// which copies nothing.

#include "program.h"
#include "ptorch.h"
#include "resident.h"

namespace {

using at::Tensor;

Tensor nchw(const Tensor &x) { return x.permute({0, 3, 1, 2}); }
Tensor nhwc(const Tensor &x) { return x.permute({0, 2, 3, 1}); }

// In float64 LibTorch's backward convolution fails for channels-last memory.
at::MemoryFormat format(const Tensor &x) {
  return x.scalar_type() == at::kDouble ? at::MemoryFormat::Contiguous : at::MemoryFormat::ChannelsLast;
}
Tensor image(const Tensor &x) { return nchw(x).contiguous(format(x)); }
Tensor kernel(const Tensor &w) { return w.permute({3, 2, 0, 1}).contiguous(format(w)); }

Tensor convolve(const Tensor &x, const Tensor &w, const std::optional<Tensor> &bias) {
  const std::vector<int64_t> padding{w.size(0) / 2, w.size(1) / 2};
  return nhwc(at::convolution(image(x), kernel(w), bias, {1, 1}, padding, {1, 1}, false, {0, 0}, 1));
}

// One of the two gradients of a convolution; x or w may be any tensor of the
// right shape where its values are not needed.
Tensor convolution_gradient(const Tensor &dy, const Tensor &x, const Tensor &w, bool for_input) {
  const std::vector<int64_t> padding{w.size(2) / 2, w.size(3) / 2};
  auto [dx, dw, db] = at::convolution_backward(image(dy), x, w, std::nullopt, {1, 1}, padding, {1, 1}, false, {0, 0}, 1,
                                               {for_input, !for_input, false});
  return for_input ? nhwc(dx) : dw.permute({2, 3, 1, 0});
}

Tensor conv_grad_input(const Tensor &dy, const Tensor &w, const std::vector<int64_t> &shape) {
  Tensor x = at::empty({shape.at(0), shape.at(3), shape.at(1), shape.at(2)}, dy.options().memory_format(format(dy)));
  return convolution_gradient(dy, x, kernel(w), true);
}

Tensor conv_grad_kernel(const Tensor &x, const Tensor &dy, const std::vector<int64_t> &shape) {
  Tensor w = at::empty({shape.at(3), shape.at(2), shape.at(0), shape.at(1)}, dy.options().memory_format(format(dy)));
  return convolution_gradient(dy, image(x), w, false);
}

Tensor max_pool(Run &run, const Tensor &x, int64_t number) {
  auto [y, where] = at::max_pool2d_with_indices(nchw(x), {2, 2});
  run.indices[number] = where;
  return nhwc(y);
}

Tensor max_pool_grad(Run &run, const Instruction &i) {
  const Tensor &x = run.in(i, 0);
  Tensor where = run.indices[i.in.at(1)]; // left by the pooling that made y
  if (!where.defined()) where = std::get<1>(at::max_pool2d_with_indices(nchw(x), {2, 2}));
  return nhwc(at::max_pool2d_with_indices_backward(nchw(run.in(i, 2)), nchw(x), {2, 2}, {2, 2}, {0, 0}, {1, 1}, false, where));
}

Tensor upsample(const Tensor &x) {
  return nhwc(at::upsample_nearest2d(nchw(x), {2 * x.size(1), 2 * x.size(2)}));
}

Tensor upsample_grad(const Tensor &dy) {
  return nhwc(at::upsample_nearest2d_backward(image(dy), {dy.size(1), dy.size(2)},
                                              {dy.size(0), dy.size(3), dy.size(1) / 2, dy.size(2) / 2}));
}

Tensor slice(Tensor x, const std::vector<int64_t> &start, const std::vector<int64_t> &shape) {
  for (size_t a = 0; a < shape.size(); a++) x = x.narrow(a, start.at(a), shape[a]);
  return x;
}

Tensor pad(const Tensor &x, const std::vector<int64_t> &before, const std::vector<int64_t> &shape) {
  Tensor out = at::zeros(shape, x.options());
  slice(out, before, x.sizes().vec()).copy_(x);
  return out;
}

Tensor complex_parts(const Tensor &z) { return at::view_as_real(z).movedim(-1, 0); }

bool owned(const Tensor &x) {
  return x.use_count() == 1 && x.storage().use_count() == 1 && x.is_non_overlapping_and_dense();
}

// relu overwrites its input where nothing else will read it.
Tensor relu(Run &run, const Instruction &i) {
  Tensor &x = run.values[i.in.at(0)];
  bool last = false;
  for (int64_t r : i.released) last = last || r == i.in[0];
  return last && owned(x) ? at::relu_(x) : at::relu(x);
}

Tensor matrix(const Tensor &x, bool transposed) { return transposed ? x.transpose(-1, -2) : x; }

const Tensor &state(Run &run, int64_t number) {
  const auto &s = run.program.session->states.at(number);
  TORCH_CHECK(s.value.defined(), "state ", number, " was not written");
  return s.value;
}

Tensor feed(Run &run, const Instruction &i) {
  if (run.program.resident) return run.program.resident->feeds.at(i.ints.at(0));
  run.fed.push_back(at::from_blob(const_cast<void *>(run.feeds[i.ints.at(0)]), i.shape, at::TensorOptions().dtype(i.dtype)));
  return run.fed.back();
}

Tensor sum(const Tensor &x, const std::vector<int64_t> &axes) {
  return axes.empty() ? x : at::sum(x, axes); // to LibTorch, no axes are all axes
}

Tensor concat(const Run &run, const Instruction &i) {
  std::vector<Tensor> all;
  for (size_t k = 0; k < i.in.size(); k++) all.push_back(run.in(i, k));
  return at::cat(all, i.ints.at(0));
}

Tensor bias_add(const Run &run, const Instruction &i) {
  if (i.fused < 0) return run.in(i, 0) + run.in(i, 1);
  const Instruction &conv = run.program.code[i.fused];
  return convolve(run.in(conv, 0), run.in(conv, 1), run.in(i, 1));
}

} // namespace

at::Tensor compute(Run &run, const Instruction &i) {
  const auto in = [&](size_t k) -> const Tensor & { return run.in(i, k); };
  switch (i.op) {
  case PTORCH_INPUT: return feed(run, i);
  case PTORCH_STATE: return state(run, i.ints.at(0));
  case PTORCH_CONST: return i.constant;
  case PTORCH_ADD: return in(0) + in(1);
  case PTORCH_SUB: return in(0) - in(1);
  case PTORCH_MUL: return in(0) * in(1);
  case PTORCH_DIV: return in(0) / in(1);
  case PTORCH_NEG: return at::neg(in(0));
  case PTORCH_EXP: return at::exp(in(0));
  case PTORCH_LOG: return at::log(in(0));
  case PTORCH_SQRT: return at::sqrt(in(0));
  case PTORCH_SIN: return at::sin(in(0));
  case PTORCH_COS: return at::cos(in(0));
  case PTORCH_TANH: return at::tanh(in(0));
  case PTORCH_SIGMOID: return at::sigmoid(in(0));
  case PTORCH_SOFTPLUS: return at::logaddexp(in(0), at::zeros({}, in(0).options())); // softplus cuts off above 20
  case PTORCH_RELU: return relu(run, i);
  case PTORCH_RELU_GRAD: return at::threshold_backward(in(0), in(1), 0);
  case PTORCH_ROUND: return at::round(in(0)); // ties to even
  case PTORCH_MATMUL: return at::matmul(matrix(in(0), i.ints.at(0)), matrix(in(1), i.ints.at(1)));
  case PTORCH_CONV: return convolve(in(0), in(1), std::nullopt);
  case PTORCH_CONV_GRAD_INPUT: return conv_grad_input(in(0), in(1), i.shape);
  case PTORCH_CONV_GRAD_KERNEL: return conv_grad_kernel(in(0), in(1), i.shape);
  case PTORCH_BIAS_ADD: return bias_add(run, i);
  case PTORCH_MAX_POOL: return max_pool(run, in(0), &i - run.program.code.data());
  case PTORCH_MAX_POOL_GRAD: return max_pool_grad(run, i);
  case PTORCH_UPSAMPLE: return upsample(in(0));
  case PTORCH_UPSAMPLE_GRAD: return upsample_grad(in(0));
  case PTORCH_SUM: return sum(in(0), i.ints);
  case PTORCH_BROADCAST: return in(0).expand(i.shape);
  case PTORCH_RESHAPE: return in(0).reshape(i.shape);
  case PTORCH_TRANSPOSE: return in(0).permute(i.ints);
  case PTORCH_SLICE: return slice(in(0), i.ints, i.shape);
  case PTORCH_PAD: return pad(in(0), i.ints, i.shape);
  case PTORCH_CONCAT: return concat(run, i);
  case PTORCH_GATHER: return at::index_select(in(0), 0, in(1));
  case PTORCH_FFT2: return complex_parts(at::fft_fft2(at::complex(in(0).contiguous(), in(1).contiguous())));
  case PTORCH_IFFT2: return complex_parts(at::fft_ifft2(at::complex(in(0).contiguous(), in(1).contiguous())));
  case PTORCH_CAST: return in(0).to(i.dtype);
  }
  TORCH_CHECK(false, "no operation has the number ", i.op);
}

namespace {

// A value that no update of a state can change.
Tensor unshared(const Tensor &x) { return owned(x) ? x : x.clone(); }

// Tensors of one call to the fused optimizer: same constants, same rate.
struct AdamGroup {
  const Instruction *first;
  Tensor rate;
  std::vector<Tensor> w, g, m, v, none, steps;
};

void add(Run &run, AdamGroup &group, const Instruction &i) {
  Tensor w = state(run, i.ints.at(0)), m = state(run, i.ints.at(1)), v = state(run, i.ints.at(2));
  Tensor g = unshared(run.in(i, 3));
  // The kernel walks memory, not indices.
  TORCH_CHECK(g.sizes() == w.sizes() && m.sizes() == w.sizes() && v.sizes() == w.sizes(), "Adam: weights ", w.sizes(), ", gradient ",
              g.sizes(), ", moments ", m.sizes(), " and ", v.sizes());
  if (g.strides() != w.strides()) g = at::empty_like(w).copy_(g);
  group.w.push_back(w);
  group.m.push_back(m);
  group.v.push_back(v);
  group.g.push_back(g);
  // The rate that is fed has the bias correction in it; at a step this large
  // the kernel's own correction is exactly 1.
  group.steps.push_back(group.steps.empty() ? at::full({}, 1e9, w.options().dtype(at::kFloat)) : group.steps[0]);
}

void step(const Run &run, AdamGroup &group) {
  const std::vector<double> &r = group.first->reals;
  // On a device the rate is not waited for; as a tensor it is float32.
  if (run.program.resident && group.rate.scalar_type() == at::kFloat)
    at::_fused_adam_(group.w, group.g, group.m, group.v, group.none, group.steps, group.rate, r.at(0), r.at(1), 0.0, r.at(2), false, false);
  else
    at::_fused_adam_(group.w, group.g, group.m, group.v, group.none, group.steps, group.rate.item<double>(), r.at(0), r.at(1), 0.0, r.at(2),
                     false, false);
}

bool together(const Instruction &a, const Instruction &b) {
  return a.reals == b.reals && a.in.at(4) == b.in.at(4) && a.dtype == b.dtype;
}

} // namespace

void update(Run &run) {
  std::vector<AdamGroup> groups;
  std::vector<std::pair<Tensor, Tensor>> assignments;
  for (const Instruction &i : run.program.code) {
    if (i.op == PTORCH_ASSIGN) {
      assignments.emplace_back(state(run, i.ints.at(0)), unshared(run.in(i, 1)));
    } else if (i.op == PTORCH_ADAM) {
      if (groups.empty() || !together(*groups.back().first, i))
        groups.push_back({&i, run.in(i, 4), {}, {}, {}, {}, {}, {}});
      add(run, groups.back(), i);
    }
  }
  for (AdamGroup &group : groups) step(run, group);
  for (auto &[to, value] : assignments) to.copy_(value);
}

void fuse(ptorch_program &p) {
  std::vector<int> uses(p.code.size());
  for (const Instruction &i : p.code)
    for (int64_t x : i.in) uses[x]++;
  for (int64_t o : p.outputs) uses[o]++;
  for (Instruction &i : p.code) {
    if (i.op != PTORCH_BIAS_ADD || p.code[i.in.at(0)].op != PTORCH_CONV || uses[i.in[0]] != 1) continue;
    i.fused = i.in[0];
    p.code[i.fused].skip = true;
  }
}
