"""The protocol of `ptycho bench`, see docs/benchmarks.md: a contestant reads an
exchange directory, says that it is ready, and answers requests on its stdin.

Must be imported first: the time to be ready counts from here.
"""

import json
import os
import pathlib
import sys
import time

STARTED = time.perf_counter()

import numpy as np  # noqa: E402

# Channels of the stages by the side N of a pattern, times n_filters_scale:
# encoder, decoders, border block.
FILTERS = {
    64: ([32, 64, 128], [64, 32], 32),
    128: ([16, 32, 64, 128], [128, 64, 32], 16),
    256: ([8, 16, 32, 64, 128], [256, 128, 64, 32], 8),
}
BORDER_CHANNELS = 4  # of the last decoder channels make the border of the patch
LOG_EPSILON = 1e-6  # in the logarithm of the Poisson loss
MERGE_EPSILON = 1e-12  # under the weights of the merge


class Work:
    """What an exchange directory holds, with its numbers as attributes."""

    def __init__(self, directory, gpu=False):
        """gpu says whether the peer computes on one where it is asked to."""
        self.directory = pathlib.Path(directory)
        settings = json.loads((self.directory / "bench.json").read_text())
        for key, served in (("gridsize", [1]), ("precision", ["float32"]), ("n", list(FILTERS))):
            if settings[key] not in served:
                raise ValueError(f"bench.json: {key} is {settings[key]!r}; this peer has {served}")
        self.device, self.tf32 = settings["device"], settings.get("allow_tf32", False)
        if self.device != "cpu" and not (gpu and self.device.startswith("cuda")):
            raise ValueError(f"bench.json: device is {self.device!r}; this peer has {['cpu'] + ['cuda'] * gpu}")
        self.n, self.batch, self.threads = settings["n"], settings["batch"], settings["threads"] or os.cpu_count()
        self.rate, self.beta1, self.beta2 = settings["learning_rate"], settings["beta1"], settings["beta2"]
        self.epsilon, self.scale = settings["epsilon"], settings["intensity_scale"]
        self.encoder, self.decoder, self.border = (
            scaled(counts, settings["n_filters_scale"]) for counts in FILTERS[self.n]
        )
        with np.load(self.directory / "data.npz") as data:
            self.amplitude, self.probe, self.indices = data["amplitude"], data["probe"], data["indices"]
        if self.probe.shape != (self.n, self.n):
            raise ValueError(f"data.npz: probe is {self.probe.shape}; this peer has one mode, {(self.n, self.n)}")
        self.weights = read_safetensors(self.directory / "weights.safetensors")

    def merge(self):
        """The factor w/(w + ε), w = |P|²/mean|P|², by which a group of one
        pattern is merged with patch_merge: probe."""
        light = np.square(self.probe.real) + np.square(self.probe.imag)
        w = light / light.mean()
        return (w / (w + np.float32(MERGE_EPSILON))).astype(np.float32)

    def outside_centre(self):
        """0 in the central N/2 square, 1 elsewhere."""
        mask = np.ones((self.n, self.n), np.float32)
        quarter = self.n // 4
        mask[quarter:-quarter, quarter:-quarter] = 0
        return mask

    def batch_indices(self, k):
        """The patterns of the k-th batch, consecutive modulo all."""
        return (k * self.batch + np.arange(self.batch)) % len(self.amplitude)

    def check(self, obj, intensity, loss):
        """max|a − b| / max|b| against expected.npz."""
        with np.load(self.directory / "expected.npz") as expected:
            return {
                "object": relative(obj, expected["object"]),
                "intensity": relative(intensity, expected["intensity"]),
                "loss": relative(loss, expected["loss"]),
            }


def scaled(counts, factor):
    return round(counts * factor) if isinstance(counts, int) else [round(c * factor) for c in counts]


def relative(a, b):
    a = np.asarray(a).reshape(np.shape(b))
    return float(np.abs(a - b).max() / np.abs(b).max())


def read_safetensors(path):
    """The float32 tensors of a file by name: eight bytes with the length of
    the header, the header in JSON, the values."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise ValueError(f"{path.name}: {name} is {entry['dtype']}; expected F32")
        first, end = entry["data_offsets"]
        values = np.frombuffer(content[start + first : start + end], "<f4")
        tensors[name] = values.reshape(entry["shape"]).copy()
    return tensors


def peak_mb():
    """Peak resident memory of this process in 10⁶ bytes."""
    for line in open("/proc/self/status", encoding="ascii"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status has no VmHWM")


def serve(name, setting, make, gpu=False):
    """Is a contestant: make(work) gives a peer with `version`, check(), and
    step(k) and predict(k), which work on the k-th batch, and finish(), which waits for
    the last step and gives its loss; peak_gpu_mb() where it has one. The last argument
    is the directory."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(line):
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    try:
        work = Work(sys.argv[-1], gpu)
        peer = make(work)
        check = peer.check()  # before the time is taken: it is a part of being ready
        answer({
            "name": name,
            "version": peer.version,
            "threads": work.threads,
            "start_seconds": time.perf_counter() - STARTED,
            "check": check,
            "device": work.device,
            "wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
            "setting": setting,
        })
        answer_requests(peer, answer)
    except Exception as e:  # noqa: BLE001  whatever it is, it is told
        answer({"error": f"{type(e).__name__}: {e}"})
        raise


def answer_requests(peer, answer):
    done = {"step": 0, "predict": 0}
    for line in sys.stdin:
        request = json.loads(line)
        task = request["do"]
        if task == "quit":
            return
        if task not in done:
            raise ValueError(f"request {line.strip()}: expected step, predict or quit")
        began = time.perf_counter()
        for _ in range(request["count"]):
            getattr(peer, task)(done[task])
            done[task] += 1
        if task == "step":
            loss = peer.finish()
            if not np.isfinite(loss):
                raise ValueError(f"the loss of step {done[task]} is {loss}")
        told = {"seconds": time.perf_counter() - began, "peak_rss_mb": peak_mb()}
        if hasattr(peer, "peak_gpu_mb"):
            told["peak_gpu_mb"] = peer.peak_gpu_mb()
        answer(told)
