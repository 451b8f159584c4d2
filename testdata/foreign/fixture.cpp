// Writes the TorchScript files of testdata/foreign, in its first argument:
//
//   T=~/.cache/ptychobridge/torch-2.15.0
//   g++ -std=c++20 -O1 -I$T/include -I$T/include/torch/csrc/api/include testdata/foreign/fixture.cpp -o /tmp/fixture \
//     -L$T/lib -ltorch_cpu -lc10 -Wl,-rpath,$T/lib
//   /tmp/fixture testdata/foreign
//
// Each is y = tanh(x·w + b) and more; testdata/foreign/README.md has the list.
#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <string>

namespace {

// A module with the weights of the fixture, of which the factor scales the
// last of w.
torch::jit::Module network(const char *name, double factor) {
  torch::jit::Module m(name);
  at::Tensor w = at::tensor({0.5, -0.25, 1.0, 0.125, -0.75, 0.375}, at::kFloat).reshape({3, 2});
  w[2][1] *= factor;
  m.register_parameter("w", w, false);
  m.register_parameter("b", at::tensor({0.1, -0.2}, at::kFloat), false);
  return m;
}

void write(const std::string &directory, const char *name, double factor, const char *forward) {
  torch::jit::Module m = network(name, factor);
  m.define(forward);
  m.save(directory + "/" + name + ".pt");
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  const char *dictionary = R"(
def forward(self, x, k):
    return {"y": torch.tanh(torch.matmul(x, self.w) + self.b), "spectrum": torch.fft_fft(x), "twice": 2 * k + 1}
)";
  write(argv[1], "network", 1, dictionary);
  write(argv[1], "wrong", 1.01, dictionary);
  write(argv[1], "tuple", 1, R"(
def forward(self, image, shift: Optional[Tensor] = None, power: int = 1):
    y = torch.tanh(torch.matmul(image, self.w) + self.b)
    if shift is not None:
        y = y + shift
    return y, [y.double(), torch.transpose(y, 0, 1)]
)");
  write(argv[1], "single", 1, R"(
def forward(self, x):
    return torch.tanh(torch.matmul(x, self.w) + self.b)
)");
  write(argv[1], "refused", 1, R"(
def forward(self, x, steps: int):
    return x * steps
)");
}
