"""Makes known.json: metrics of pairs of objects, computed with NumPy and
scikit-image, which the tests of package evaluate compare theirs with.

    python -m venv v && v/bin/pip install numpy==2.4.6 scikit-image==0.26.0
    v/bin/python make.py > known.json

The objects are formulas with noise from a linear congruential generator, which
known_test.go has too, so that no images need to be kept. Nothing is registered
here; the pairs lie on each other.
"""
import json
import sys

import numpy as np
import skimage
from scipy import ndimage
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity


def noise(seed, count):
    out, s = [], seed
    for _ in range(count):
        s = (1664525 * s + 1013904223) % 2**32
        out.append(s / 2**32 - 0.5)
    return out


def objects(rows, cols):
    r, c = np.mgrid[:rows, :cols].astype(float)
    n = [np.array(noise(k + 1, rows * cols)).reshape(rows, cols) for k in range(4)]
    blocks = np.array(noise(5, 50 * 50)).reshape(50, 50)[(r // 4).astype(int), (c // 4).astype(int)]
    a = (0.8 + 0.08 * np.cos(0.7 * c + 0.3 * r) + 0.2 * blocks + 0.2 * n[0]) * np.exp(
        1j * (0.3 * np.sin(0.4 * c) + 0.8 * blocks + 0.6 * n[1] + 0.004 * c - 0.002 * r))
    b = (1.0 + 0.1 * np.cos(0.7 * c + 0.3 * r + 0.2) + 0.25 * blocks + 0.2 * n[2]) * np.exp(
        1j * (0.35 * np.sin(0.4 * c + 0.1) + 0.9 * blocks + 0.6 * n[3] + 0.3))
    return a.astype(np.complex64).astype(complex), b.astype(np.complex64).astype(complex)


def without_plane(z):
    """Phases less numpy.linalg.lstsq's plane; none of them wraps here."""
    phase = np.angle(z)
    r, c = np.mgrid[:z.shape[0], :z.shape[1]]
    basis = np.stack([c.ravel(), r.ravel(), np.ones(z.size)], 1)
    plane = (basis @ np.linalg.lstsq(basis, phase.ravel(), rcond=None)[0]).reshape(z.shape)
    return phase - plane, z * np.exp(-1j * plane)


def ms_ssim(a, b, span):
    """Wang 2003, as MSSSIM's comment says, with scipy's correlation."""
    w = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5**2))
    w = np.outer(w, w) / w.sum() ** 2
    mean = lambda x: ndimage.correlate(x, w)[5:-5, 5:-5]
    scales = 1 + max(k for k in range(5) if min(a.shape) // 2**k >= 11)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights /= weights.sum()
    c1, c2, value = (0.01 * span) ** 2, (0.03 * span) ** 2, 1.0
    for s in range(scales):
        ma, mb = mean(a), mean(b)
        va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
        factor = (2 * vab + c2) / (va + vb + c2)
        if s == scales - 1:
            factor = factor * (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
        value *= max(0, factor.mean()) ** weights[s]
        h, v = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
        a, b = (x[:h, :v].reshape(h // 2, 2, v // 2, 2).mean((1, 3)) for x in (a, b))
    return value, scales


def frc(a, b):
    rows, cols = a.shape
    side = min(rows, cols)
    window = np.outer(np.hanning(rows), np.hanning(cols))
    fa, fb = np.fft.fft2((a - a.mean()) * window), np.fft.fft2((b - b.mean()) * window)
    v, u = np.meshgrid(np.fft.fftfreq(rows), np.fft.fftfreq(cols), indexing="ij")
    ring = np.floor(np.hypot(u, v) * side + 0.5).astype(int)
    curve = [1.0]
    for k in range(1, side // 2):
        at = ring == k
        curve.append(float((fa[at] * fb[at].conj()).real.sum() / np.sqrt((abs(fa[at])**2).sum() * (abs(fb[at])**2).sum())))
    out = {"side": side, "curve": curve}
    for name, level in (("half", 1 / 2), ("one_seventh", 1 / 7)):
        below = np.flatnonzero(np.array(curve) < level)
        at = float(len(curve))
        if below.size:
            at = float(np.interp(-level, [-curve[below[0] - 1], -curve[below[0]]], [below[0] - 1, below[0]]))
        last = float(len(curve))
        if curve[-1] < level:
            k = max(k for k in range(len(curve)) if curve[k] >= level)
            last = k + (curve[k] - level) / (curve[k] - curve[k + 1])
        out[name] = {"ring": at, "per_pixel": at / side, "crossed": bool(below.size), "last_ring": last}
    return out


def quality(a, b, similar, span):
    peak = b.max() - b.min()
    ms, scales = ms_ssim(similar(a), similar(b), span)
    return {
        "correlation": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        "mae": float(abs(a - b).mean()),
        "mse": float(mean_squared_error(b, a)),
        "psnr": float(peak_signal_noise_ratio(b, a, data_range=peak)),
        "psnr_peak255": float(peak_signal_noise_ratio(b, a, data_range=255)),
        "ssim": float(structural_similarity(similar(a), similar(b), data_range=span)),
        "gaussian_ssim": float(structural_similarity(similar(a), similar(b), data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)),
        "ms_ssim": float(ms), "ms_ssim_scales": scales,
        "frc": frc(a, b),
    }


def known(rows, cols):
    a, b = objects(rows, cols)
    (phase_a, a), (phase_b, b) = without_plane(a), without_plane(b)
    factor = abs(b).mean() / abs(a).mean()
    c = np.vdot(a, b) / np.vdot(a, a)
    return {
        "rows": rows, "cols": cols, "amplitude_factor": float(factor),
        "amplitude": quality(abs(a) * factor, abs(b), lambda x: x, float(abs(b).max() - abs(b).min())),
        "phase": quality(phase_a, phase_b, lambda p: (p + np.pi) / (2 * np.pi), 1.0),
        "complex": {"error": float(np.linalg.norm(c * a - b) / np.linalg.norm(b)), "frc": frc(a * c / abs(c), b)},
    }


json.dump({
    "origin": f"make.py, NumPy {np.__version__}, scikit-image {skimage.__version__}",
    "pairs": [known(96, 112), known(45, 37), known(180, 176), known(15, 20)],
}, sys.stdout, indent=1)
print()
