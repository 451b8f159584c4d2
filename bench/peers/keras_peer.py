"""The network and its training step in Keras on TensorFlow, written as its
users write it.

python keras_peer.py [--jit] [--fit] DIRECTORY
"""

import exchange  # first: it takes the time

import argparse
import math
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402


def conv(x, name, filters, activation=None):
    return layers.Conv2D(filters, 3, padding="same", activation=activation, name=name)(x)


def two_convs(x, name, filters):
    return conv(conv(x, name + ".conv0", filters, "relu"), name + ".conv1", filters, "relu")


def decoder(x, name, work, activation):
    """From the code to one real value for each pixel of the patch [B, N, N, 1]."""
    for i, filters in enumerate(work.decoder):
        x = layers.UpSampling2D()(two_convs(x, f"{name}.decoder.{i}", filters))
    inner = x.shape[-1] - exchange.BORDER_CHANNELS
    centre = layers.ZeroPadding2D(work.n // 4)(conv(x[..., :inner], name + ".centre", 1, activation))
    border = layers.UpSampling2D()(two_convs(x[..., inner:], name + ".border", work.border))
    border = conv(border, name + ".border.head", 1, "swish")
    return centre + border * work.outside_centre()[..., np.newaxis]


def network(work):
    """From the input [B, N, N, 1] to amplitude and phase of the object patch."""
    x = inputs = keras.Input((work.n, work.n, 1))
    for i, filters in enumerate(work.encoder):
        x = layers.MaxPooling2D()(two_convs(x, f"encoder.{i}", filters))
    amplitude = decoder(x, "amplitude", work, "sigmoid")
    phase = decoder(x, "phase", work, lambda x: math.pi * keras.ops.tanh(x))
    return keras.Model(inputs, (amplitude, phase))


class PtychoPINN(keras.Model):
    """From normalised amplitudes X [B, N, N] to the object [B, N, N] and the
    predicted intensities λ [B, N, N]."""

    def __init__(self, work):
        super().__init__()
        self.scale = work.scale
        self.network = network(work)
        self.log_scale = self.add_weight(shape=(), initializer="zeros", name="log_scale")
        self.probe, self.merge = tf.constant(work.probe), tf.constant(work.merge(), tf.complex64)
        self.load(work.weights)

    def load(self, weights):
        self.log_scale.assign(weights["log_scale"])
        for layer in self.network.layers:
            if layer.weights:
                layer.set_weights([weights[layer.name + ".kernel"], weights[layer.name + ".bias"]])

    def call(self, x):
        measured = self.scale * x
        code = (measured * tf.exp(-self.log_scale))[..., tf.newaxis]
        amplitude, phase = (tf.squeeze(y, -1) for y in self.network(code))
        patch = tf.complex(amplitude * tf.cos(phase), amplitude * tf.sin(phase))
        obj = patch * self.merge
        wave = tf.signal.fftshift(tf.signal.fft2d(obj * self.probe), axes=(-2, -1))
        intensity = (tf.square(tf.math.real(wave)) + tf.square(tf.math.imag(wave))) / (x.shape[-1] * x.shape[-2])
        return obj, intensity * tf.exp(2 * self.log_scale)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The Poisson loss, its terms in float64. The measured intensities are
        made of the input, so that there is no y."""
        predicted = tf.cast(y_pred[1], tf.float64)
        measured = tf.cast(tf.square(self.scale * x), tf.float64)
        return tf.reduce_mean(predicted - measured * tf.math.log(predicted + exchange.LOG_EPSILON))


class Peer:
    """Steps by a function of our own."""

    def __init__(self, work, jit):
        tf.config.threading.set_intra_op_parallelism_threads(work.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.version, self.work = f"{keras.__version__} on TensorFlow {tf.__version__}", work
        self.model = PtychoPINN(work)
        self.optimizer = keras.optimizers.Adam(work.rate, work.beta1, work.beta2, work.epsilon)
        self.optimizer.build(self.model.trainable_variables)
        self.data = tf.constant(work.amplitude)
        self.train = tf.function(self.train_on, jit_compile=jit)
        self.forward = tf.function(self.forward_on, jit_compile=jit)

    def train_on(self, indices):
        x = tf.gather(self.data, indices)
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(x, y_pred=self.model(x))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def forward_on(self, indices):
        return self.model(tf.gather(self.data, indices))

    def indices(self, k):
        return tf.constant(self.work.batch_indices(k), tf.int32)

    def step(self, k):
        self.last = self.train(self.indices(k))

    def finish(self):
        return float(self.last)

    def predict(self, k):
        return [y.numpy() for y in self.forward(self.indices(k))]

    def check(self):
        obj, intensity = self.forward(tf.constant(self.work.indices, tf.int32))
        x = self.data.numpy()[self.work.indices]
        return self.work.check(obj, intensity, self.model.compute_loss(x, y_pred=(obj, intensity)))


class FitPeer(Peer):
    """Steps by model.fit, an epoch for each request, and predicts by
    predict_on_batch."""

    def __init__(self, work, jit):
        super().__init__(work, jit)
        self.model.compile(self.optimizer, jit_compile=jit)
        self.waiting = []

    def step(self, k):
        self.waiting.append(self.work.batch_indices(k))

    def finish(self):
        x = self.work.amplitude[np.concatenate(self.waiting)]
        self.waiting = []
        return self.model.fit(x, batch_size=self.work.batch, shuffle=False, verbose=0).history["loss"][-1]

    def predict(self, k):
        return self.model.predict_on_batch(self.work.amplitude[self.work.batch_indices(k)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jit", action="store_true", help="jit_compile=True: XLA")
    parser.add_argument("--fit", action="store_true", help="Keras' own training loop in place of a tf.function")
    parser.add_argument("directory")
    options = parser.parse_args()
    setting = ("model.fit" if options.fit else "tf.function") + (", jit_compile" if options.jit else "")
    make = FitPeer if options.fit else Peer
    exchange.serve(f"keras {setting}", setting, lambda work: make(work, options.jit))


if __name__ == "__main__":
    main()
