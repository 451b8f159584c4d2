"""The network and its training step in PyTorch, written as its users write it.

python torch_peer.py [--channels-last] [--compile] [--graph] DIRECTORY
"""

import exchange  # first: it takes the time

import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F


def two_convs(inputs, filters):
    return [
        ("conv0", nn.Conv2d(inputs, filters, 3, padding=1)), ("relu0", nn.ReLU()),
        ("conv1", nn.Conv2d(filters, filters, 3, padding=1)), ("relu1", nn.ReLU()),
    ]  # fmt: skip


def block(layers):
    out = nn.Sequential()
    for name, layer in layers:
        out.add_module(name, layer)
    return out


class Decoder(nn.Module):
    """From the code to one real value for each pixel of the patch [B, 1, N, N]."""

    def __init__(self, inputs, work, activation):
        super().__init__()
        self.quarter, self.activation = work.n // 4, activation
        self.decoder = nn.ModuleList()
        for filters in work.decoder:
            self.decoder.append(block(two_convs(inputs, filters) + [("up", nn.Upsample(scale_factor=2))]))
            inputs = filters
        self.inner = inputs - exchange.BORDER_CHANNELS
        self.centre = nn.Conv2d(self.inner, 1, 3, padding=1)
        self.border = block(two_convs(exchange.BORDER_CHANNELS, work.border) + [
            ("up", nn.Upsample(scale_factor=2)), ("head", nn.Conv2d(work.border, 1, 3, padding=1)),
        ])  # fmt: skip
        self.register_buffer("outside", torch.from_numpy(work.outside_centre()))

    def forward(self, x):
        for stage in self.decoder:
            x = stage(x)
        centre = F.pad(self.activation(self.centre(x[:, : self.inner])), (self.quarter,) * 4)
        return centre + F.silu(self.border(x[:, self.inner :])) * self.outside


class PtychoPINN(nn.Module):
    """From normalised amplitudes X [B, N, N] to the object [B, N, N] and the
    predicted intensities λ [B, N, N]."""

    def __init__(self, work):
        super().__init__()
        self.scale = work.scale
        self.encoder, inputs = nn.ModuleList(), 1
        for filters in work.encoder:
            self.encoder.append(block(two_convs(inputs, filters) + [("pool", nn.MaxPool2d(2))]))
            inputs = filters
        self.amplitude = Decoder(inputs, work, torch.sigmoid)
        self.phase = Decoder(inputs, work, lambda x: math.pi * torch.tanh(x))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("probe", torch.from_numpy(work.probe))
        self.register_buffer("merge", torch.from_numpy(work.merge()))

    def network(self, x):
        """Amplitude and phase of the object patches."""
        code = (self.scale * x * torch.exp(-self.log_scale)).unsqueeze(1)
        for stage in self.encoder:
            code = stage(code)
        return self.amplitude(code).squeeze(1), self.phase(code).squeeze(1)

    def forward(self, x):
        amplitude, phase = self.network(x)
        # Not torch.polar: its gradient is wrong where the border's swish is negative.
        obj = torch.complex(amplitude * torch.cos(phase), amplitude * torch.sin(phase)) * self.merge
        wave = torch.fft.fftshift(torch.fft.fft2(obj * self.probe, norm="ortho"), dim=(-2, -1))
        intensity = wave.real.square() + wave.imag.square()
        return obj, intensity * torch.exp(2 * self.log_scale)

    def loss(self, x, predicted):
        """The Poisson loss, its terms in float64."""
        predicted, measured = predicted.double(), (self.scale * x).square().double()
        return (predicted - measured * torch.log(predicted + exchange.LOG_EPSILON)).mean()

    def load(self, weights):
        """Kernels are [row, column, in, out] in the file, [out, in, row, column] here."""
        for name, parameter in self.named_parameters():
            value = torch.from_numpy(weights[name.replace(".weight", ".kernel")])
            if value.dim() == 4:
                value = value.permute(3, 2, 0, 1)
            if value.shape != parameter.shape:
                raise ValueError(f"weights.safetensors: {name} is {tuple(value.shape)}; expected {tuple(parameter.shape)}")
            with torch.no_grad():
                parameter.copy_(value)


class Graph:
    """A computation of a batch as a CUDA graph: it is made again on the same
    memory, into which the numbers of the patterns are copied."""

    def __init__(self, compute, indices):
        self.indices = indices.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                compute(self.indices)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = compute(self.indices)

    def __call__(self, indices):
        self.indices.copy_(indices)
        self.graph.replay()
        return self.result


class Peer:
    def __init__(self, work, channels_last, compiled, graph=False):
        torch.set_num_threads(work.threads)
        torch.set_num_interop_threads(1)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = work.tf32
        self.version, self.work = torch.__version__, work
        self.device = torch.device("cuda:0" if work.device == "cuda" else work.device)
        if graph and self.device.type != "cuda":
            raise ValueError(f"--graph needs a GPU; bench.json: device is {work.device!r}")
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self.graph, self.graphs = graph, {}
        self.model = PtychoPINN(work)
        self.model.load(work.weights)
        self.model = self.model.to(self.device)
        if channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.data = torch.from_numpy(work.amplitude).to(self.device)
        if compiled:
            # The network alone: of complex values the compiler makes no code.
            self.model.network = torch.compile(self.model.network)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), work.rate, (work.beta1, work.beta2), work.epsilon, fused=True,
            capturable=graph,
        )  # fmt: skip

    def indices(self, k):
        return torch.from_numpy(self.work.batch_indices(k)).to(self.device)

    def run(self, name, compute, k):
        """compute of the k-th batch, by its graph where there are graphs."""
        indices = self.indices(k)
        if not self.graph:
            return compute(indices)
        if name not in self.graphs:
            self.graphs[name] = Graph(compute, indices)
        return self.graphs[name](indices)

    def step(self, k):
        # PyTorch adds ε to √(v/(1−β₂ᵗ)), Keras to √v: this ε makes it the same.
        # A graph keeps that of its first step.
        for group in self.optimizer.param_groups:
            group["eps"] = self.work.epsilon / math.sqrt(1 - self.work.beta2 ** (k + 1))
        self.last = self.run("step", self.optimize, k)

    def optimize(self, indices):
        self.optimizer.zero_grad()
        x = self.data[indices]
        loss = self.model.loss(x, self.model(x)[1])
        loss.backward()
        self.optimizer.step()
        return loss

    def finish(self):
        return self.last.item()

    @torch.no_grad()
    def predict(self, k):
        obj, intensity = self.run("predict", lambda indices: self.model(self.data[indices]), k)
        return obj.cpu().numpy(), intensity.cpu().numpy()

    @torch.no_grad()
    def check(self):
        x = self.data[torch.from_numpy(self.work.indices).to(self.device)]
        obj, intensity = self.model(x)
        return self.work.check(obj.cpu().numpy(), intensity.cpu().numpy(), self.model.loss(x, intensity).item())

    def peak_gpu_mb(self):
        """The most memory of the GPU so far, in 10⁶ bytes."""
        return torch.cuda.max_memory_reserved() / 1e6 if self.device.type == "cuda" else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels-last", action="store_true", help="images as [B, row, column, channel] in memory")
    parser.add_argument("--compile", action="store_true", help="torch.compile of the network")
    parser.add_argument("--graph", action="store_true", help="steps and predictions as CUDA graphs")
    parser.add_argument("directory")
    options = parser.parse_args()
    setting = ", ".join((
        "torch.compile" if options.compile else "CUDA graph" if options.graph else "eager",
        "channels_last" if options.channels_last else "channels first",
    ))  # fmt: skip
    exchange.serve(
        f"torch {setting}", setting,
        lambda work: Peer(work, options.channels_last, options.compile, options.graph), gpu=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
