"""Quality metrics in plain NumPy: an opinion that shares nothing with the Rust code.

    python3 metrics.py                               writes metrics.json (values on formula images)
    python3 metrics.py full PAN MS FUSED SENSOR      prints what `trapan assess --json` must say
    python3 metrics.py reduced TRUTH FUSED RATIO PEAK

Definitions: method.md section 6, that is the DLPan toolbox in double precision. Arrays are [H, W, C],
float64. Nothing is separated, factored or streamed here: kernels are whole, loops follow the formula.
"""

import json
import sys
from pathlib import Path

import numpy as np

TAPS, RADIUS, BLOCK = 41, 20, 32
GAINS = {
    "qb": ([0.34, 0.32, 0.30, 0.22], 0.15),
    "wv2": ([0.35] * 7 + [0.27], 0.11),
    "wv3": ([0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315], 0.14),
}


# Filters


def line(gain, ratio):
    """The Gaussian of this gain at the coarse Nyquist frequency, designed on 41 frequencies."""
    alpha = RADIUS / ratio / np.sqrt(-2 * np.log(gain))
    m = np.arange(-RADIUS, RADIUS + 1)
    return np.array([np.sum(np.exp(-(m**2) / (2 * alpha**2)) * np.cos(2 * np.pi * m * k / TAPS)) for k in m]) / TAPS


def metric_kernel(gain, ratio):
    """The toolbox's: a radial Kaiser window, interpolated linearly, and no normalisation."""
    s = line(gain, ratio)
    m = np.arange(-RADIUS, RADIUS + 1)
    rho = np.hypot(*np.meshgrid(m, m)) / RADIUS
    window = np.interp(rho, m / RADIUS, np.kaiser(TAPS, 0.5), right=0.0)
    window[rho > 1] = 0
    return np.outer(s, s) * window


def training_kernel(gain, ratio):
    s = line(gain, ratio)
    k = np.maximum(0, np.outer(s, s * np.kaiser(TAPS, 0.5)))
    return k / k.sum()


def blur(image, kernels):
    """Correlation per band, border replicated."""
    h, w, _ = image.shape
    x = np.pad(image, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    y = np.zeros_like(image)
    for i in range(TAPS):
        for j in range(TAPS):
            y += x[i : i + h, j : j + w] * np.array([k[i, j] for k in kernels])
    return y


def matrix(rows, count):
    """A matrix from rows of (position, weight)."""
    m = np.zeros((len(rows), count))
    for k, row in enumerate(rows):
        for at, weight in row:
            m[k, at] += weight
    return m


def both_axes(image, rows, columns):
    return np.einsum("ky,yxb,lx->klb", rows, image, columns, optimize=True)


def cubic(t, a):
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def interp23_axis(count, ratio):
    half = [0.61066818237, -0.145397186478, 0.043619155884, -0.010385513306, 0.001615524292, -0.000120162964]
    m = np.eye(count)
    phase = 1
    while m.shape[0] < ratio * count:
        stuffed = np.zeros((2 * m.shape[0], count))
        stuffed[phase::2] = m
        m = stuffed + sum(c * (np.roll(stuffed, 2 * i + 1, 0) + np.roll(stuffed, -2 * i - 1, 0)) for i, c in enumerate(half))
        phase = 0
    return m


def shrink_axis(fine, ratio, phase):
    """imresize(…, 1/ratio): cubic a = −0.5 stretched by the ratio, normalised, border mirrored."""
    rows = []
    for k in range(fine // ratio):
        centre = ratio * k + phase
        at = np.arange(int(np.floor(centre)) - 2 * ratio, int(np.floor(centre)) + 2 * ratio + 2)
        weight = np.array([cubic((p - centre) / ratio, -0.5) for p in at])
        mirror = [p % (2 * fine) if p % (2 * fine) < fine else 2 * fine - 1 - p % (2 * fine) for p in at]
        rows.append(list(zip(mirror, weight / weight.sum())))
    return matrix(rows, fine)


def sample_axis(out, count, position):
    """Cubic interpolation (a = −0.75) of `count` samples at position(k), border clamped."""
    rows = []
    for k in range(out):
        base = int(np.floor(position(k)))
        rows.append([(min(max(base + i, 0), count - 1), cubic(position(k) - base - i, -0.75)) for i in range(-1, 3)])
    return matrix(rows, count)


# Metrics


def blocks(*images):
    """The 32×32 blocks of images of one size, mirrored at right and bottom up to whole blocks."""
    h, w, _ = images[0].shape
    pad = ((0, -h % BLOCK), (0, -w % BLOCK), (0, 0))
    images = [np.pad(image, pad, mode="symmetric") for image in images]
    for y in range(0, images[0].shape[0], BLOCK):
        for x in range(0, images[0].shape[1], BLOCK):
            yield [image[y : y + BLOCK, x : x + BLOCK] for image in images]


def conjugate(a):
    return np.concatenate([a[..., :1], -a[..., 1:]], -1)


def product(x, y):
    n = x.shape[-1]
    if n == 1:
        return x * y
    a, b = x[..., : n // 2], conjugate(x[..., n // 2 :])
    c, d = y[..., : n // 2], conjugate(y[..., n // 2 :])
    if n == 2:
        return np.concatenate([a * c - d * b, a * d + c * b], -1)
    return np.concatenate(
        [product(a, c) - product(d, conjugate(b)), product(conjugate(a), d) + product(c, b)], -1
    )


def q2n_block(truth, fused):
    n = truth.shape[0] * truth.shape[1]
    bands = truth.shape[2]
    mean = truth.mean((0, 1))
    sd = truth.std((0, 1), ddof=1)
    sd = np.where(sd == 0, np.finfo(float).eps, sd)
    pad = ((0, 0), (0, 0), (0, (1 << (bands - 1).bit_length()) - bands))
    x = np.pad((truth - mean) / sd + 1, pad)
    y = conjugate(np.pad((fused - mean) / sd + 1, pad))
    k = n / (n - 1)
    mx, my = x.mean((0, 1)), y.mean((0, 1))
    v = k * ((x**2).sum(2).mean() + (y**2).sum(2).mean() - mx @ mx - my @ my)
    bias = 2 * np.sqrt(mx @ mx) * np.sqrt(my @ my) / (mx @ mx + my @ my)
    if v == 0:
        return bias
    q = k * (product(x, y).mean((0, 1)) - product(mx, my)) * bias * 2 / v
    return np.sqrt(q @ q)


def q2n(truth, fused):
    return np.mean([q2n_block(t, f) for t, f in blocks(truth, fused)])


def uqi(x, y):
    mx, my = x.mean(), y.mean()
    cov = ((x - mx) * (y - my)).sum() / (x.size - 1)
    return 4 * cov * mx * my / ((x.var(ddof=1) + y.var(ddof=1)) * (mx**2 + my**2))


def uqi_blocks(x, y):
    return np.mean([uqi(a, b) for a, b in blocks(x, y)])


def sam(truth, fused):
    dot = (truth * fused).sum(2)
    norms = np.sqrt((truth**2).sum(2) * (fused**2).sum(2))
    angle = np.arccos(np.clip(dot[norms > 0] / norms[norms > 0], -1, 1))
    return np.degrees(angle.mean())


def ergas(truth, fused, ratio):
    mse = ((truth - fused) ** 2).mean((0, 1))
    return 100 / ratio * np.sqrt((mse / truth.mean((0, 1)) ** 2).mean())


def sobel(image, pad):
    h, w, _ = image.shape
    x = np.pad(image, ((1, 1), (1, 1), (0, 0))) if pad else image
    if not pad:
        h, w = h - 2, w - 2
    kernel = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    part = lambda k: sum(k[i, j] * x[i : i + h, j : j + w] for i in range(3) for j in range(3))
    return np.hypot(part(kernel), part(kernel.T))


def windows(image, size):
    return np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))


def psnr(truth, fused, peak):
    return (10 * np.log10(peak**2 / ((truth - fused) ** 2).mean((0, 1)))).mean()
