"""Self-test: make test-peers

Needs NumPy; what needs TensorFlow or PyTorch skips where it is missing.
"""

import exchange

import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

HERE = pathlib.Path(__file__).parent

# A contestant that computes nothing and prints what it should not.
FAKE = """
import exchange

class Peer:
    version = "0"
    def __init__(self, work): self.seen = []
    def check(self):
        print("noise")
        return {"object": 0.0}
    def step(self, k): self.seen.append(k)
    def predict(self, k): assert k < 2, "the third prediction"
    def finish(self): return 1.0 if self.seen == list(range(len(self.seen))) else float("nan")

exchange.serve("fake", "none", Peer)
"""


# A peer that tells its check and the losses of three steps.
PEER = """
import exchange, json, sys
import MODULE
import numpy as np

work = exchange.Work(sys.argv[1])
peer = MAKE
check = {}
if JUDGE:
    x = peer.data[MODULE.torch.from_numpy(work.indices)]
    with MODULE.torch.no_grad():
        obj, intensity = peer.model(x)
        loss = peer.model.loss(x, intensity)
    np.savez(work.directory / "expected.npz", object=obj.numpy(), intensity=intensity.numpy(), loss=loss.numpy())
else:
    check = peer.check()
losses = []
for k in range(3):
    peer.step(k)
    losses.append(peer.finish())
print(json.dumps([check, losses]))
"""


def write_safetensors(path, tensors):
    header, values = {"__metadata__": {"format": "test"}}, b""
    for name, value in tensors.items():
        content = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": value.shape, "data_offsets": [len(values), len(values) + len(content)]}
        values += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + values)


def initial_weights(random, factor):
    """Kernels and biases of a network for N = 64, by their names in a bundle."""
    weights = {"log_scale": np.array(np.log(30.0), np.float32)}

    def conv(name, inputs, outputs):
        weights[name + ".kernel"] = random.normal(0, (2 / 9 / (inputs + outputs)) ** 0.5, (3, 3, inputs, outputs))
        weights[name + ".bias"] = random.normal(0, 0.1, outputs)

    def stages(name, inputs, counts):
        for i, filters in enumerate(exchange.scaled(counts, factor)):
            conv(f"{name}.{i}.conv0", inputs, filters)
            conv(f"{name}.{i}.conv1", filters, filters)
            inputs = filters
        return inputs

    encoder, decoder, border = exchange.FILTERS[64]
    border = exchange.scaled(border, factor)
    code = stages("encoder", 1, encoder)
    for name in ("amplitude", "phase"):
        inner = stages(f"{name}.decoder", code, decoder) - exchange.BORDER_CHANNELS
        conv(f"{name}.centre", inner, 1)
        conv(f"{name}.border.conv0", exchange.BORDER_CHANNELS, border)
        conv(f"{name}.border.conv1", border, border)
        conv(f"{name}.border.head", border, 1)
    return weights


def write_directory(path, **changes):
    random = np.random.default_rng(7)
    settings = {
        "n": 64, "gridsize": 1, "n_filters_scale": 0.25, "batch": 3, "threads": 1, "precision": "float32",
        "device": "cpu", "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "intensity_scale": 30.0,
    } | changes  # fmt: skip
    (path / "bench.json").write_text(json.dumps(settings))
    probe = random.normal(size=(64, 64)) + 1j * random.normal(size=(64, 64))
    probe[5, 9] = 0  # no light: 0 in the merged object
    np.savez(
        path / "data.npz",
        amplitude=random.exponential(0.5, (5, 64, 64)).astype(np.float32),
        probe=probe.astype(np.complex64),
        indices=np.array([4, 0, 2]),
    )
    write_safetensors(path / "weights.safetensors", initial_weights(random, 0.25))


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        write_directory(self.directory)


class Exchange(Case):
    def test_weights_are_read(self):
        values = np.arange(6, dtype=np.float32).reshape(2, 3)
        path = self.directory / "two.safetensors"
        write_safetensors(path, {"b": values, "a": np.array(7.0)})
        got = exchange.read_safetensors(path)
        np.testing.assert_array_equal(got["b"], values)
        self.assertEqual((got["a"].shape, float(got["a"]), len(got)), ((), 7.0, 2))

    def test_settings_that_no_peer_has(self):
        for key, value in (("gridsize", 2), ("precision", "float64"), ("device", "cuda"), ("n", 96)):
            write_directory(self.directory, **{key: value})
            with self.assertRaisesRegex(ValueError, f"bench.json: {key} is {value!r}"):
                exchange.Work(self.directory)

    def test_devices(self):
        write_directory(self.directory, device="cuda:1", allow_tf32=True)
        work = exchange.Work(self.directory, gpu=True)
        self.assertEqual((work.device, work.tf32), ("cuda:1", True))
        write_directory(self.directory, device="tpu")
        with self.assertRaisesRegex(ValueError, "device is 'tpu'; this peer has \\['cpu', 'cuda'\\]"):
            exchange.Work(self.directory, gpu=True)
        write_directory(self.directory)
        self.assertEqual(exchange.Work(self.directory).tf32, False)

    def test_arrays(self):
        work = exchange.Work(self.directory)
        merge = work.merge()
        self.assertEqual(merge[5, 9], 0)
        self.assertAlmostEqual(float(merge.sum()), 64 * 64 - 1, places=2)
        outside = work.outside_centre()
        self.assertEqual((outside[15, 16], outside[16, 15], outside[16, 16], outside[47, 47], outside[48, 47]), (1, 1, 0, 0, 1))
        self.assertEqual(work.batch_indices(1).tolist(), [3, 4, 0])

    def test_relative(self):
        self.assertEqual(exchange.relative([1.0, -3.0], np.array([1.0, -4.0])), 0.25)

    def test_protocol(self):
        got = self.talk('{"do":"step","count":2}\n{"do":"step","count":1}\n{"do":"predict","count":2}\n{"do":"quit"}\n')
        self.assertEqual((got[0]["name"], got[0]["check"], got[0]["threads"]), ("fake", {"object": 0.0}, 1))
        self.assertEqual(len(got), 4)
        for answer in got[1:]:
            self.assertGreaterEqual(answer["seconds"], 0)
            self.assertGreater(answer["peak_rss_mb"], 5)

    def test_failures_are_told(self):
        self.assertIn("the third prediction", self.talk('{"do":"predict","count":3}\n')[1]["error"])
        self.assertIn("expected step", self.talk('{"do":"dance","count":1}\n')[1]["error"])
        (self.directory / "data.npz").unlink()
        self.assertIn("data.npz", self.talk("")[0]["error"])

    def talk(self, requests):
        done = subprocess.run(
            [sys.executable, "-B", "-c", FAKE, str(self.directory)],
            input=requests, capture_output=True, text=True, cwd=HERE, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]


class Network(Case):
    """All peers make the same predictions and the same optimizer steps."""

    # Relative; float32, three steps: rounding of the network, which Adam's
    # first steps grow where a gradient is near 0.
    PREDICTION, COURSE = 1e-5, 1e-4

    @unittest.skipUnless(
        importlib.util.find_spec("torch") and importlib.util.find_spec("tensorflow"), "needs torch and tensorflow"
    )
    def test_peers_agree(self):
        _, course = self.peer("torch_peer.Peer(work, False, False)", judge=True)
        for name in (
            "torch_peer.Peer(work, True, False)",
            "keras_peer.Peer(work, False)",
            "keras_peer.Peer(work, True)",
            "keras_peer.FitPeer(work, False)",
        ):
            with self.subTest(name):
                check, got = self.peer(name)
                for key, value in check.items():
                    self.assertLess(value, self.PREDICTION, key)
                np.testing.assert_allclose(got, course, rtol=self.COURSE)
                self.assertNotAlmostEqual(got[0], got[-1])

    def peer(self, make, judge=False):
        """A peer in a process of its own: PyTorch and TensorFlow do not live
        in one. A judge's predictions are what others are checked with."""
        program = PEER.replace("MAKE", make).replace("MODULE", make.split(".")[0]).replace("JUDGE", str(judge))
        done = subprocess.run(
            [sys.executable, "-B", "-c", program, str(self.directory)], capture_output=True, text=True, cwd=HERE, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
