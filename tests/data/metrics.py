"""Quality metrics in plain NumPy: an opinion that shares nothing with the Rust code.

    python3 metrics.py                                 writes metrics.json: values on formula images
    python3 metrics.py full PAN MS FUSED SENSOR PHASE  prints what `trapan assess` must say of files
    python3 metrics.py reduced TRUTH FUSED RATIO PEAK

Definitions are the DLPan toolbox's in double precision. Images are [H, W, C], an invalid pixel is NaN
in all bands. Nothing is factored or streamed here: kernels and matrices are whole.

Files need rasterio and have to be aligned at their outer corner.
"""

import json
import sys
from pathlib import Path

import numpy as np

TAPS, RADIUS, BLOCK = 41, 20, 32
GAINS = {
    "wv2": ([0.35] * 7 + [0.27], 0.11),
    "wv3": ([0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315], 0.14),
    "generic": ([0.3] * 16, 0.15),
}

# Filters


def line(gain, ratio):
    """The Gaussian that has this gain at the coarse Nyquist frequency, designed on 41 frequencies."""
    alpha = RADIUS / ratio / np.sqrt(-2 * np.log(gain))
    m = np.arange(-RADIUS, RADIUS + 1)
    wave = np.cos(2 * np.pi * np.outer(m, m) / TAPS)
    return wave @ np.exp(-(m**2) / (2 * alpha**2)) / TAPS


def metric_kernel(gain, ratio):
    """Windowed by a radial Kaiser window, interpolated linearly; not normalised."""
    s = line(gain, ratio)
    m = np.arange(-RADIUS, RADIUS + 1)
    squares = np.add.outer(m**2, m**2)
    window = np.interp(np.sqrt(squares), np.arange(RADIUS + 1), np.kaiser(TAPS, 0.5)[RADIUS:])
    return np.outer(s, s) * np.where(squares > RADIUS**2, 0, window)


def training_kernel(gain, ratio):
    s = line(gain, ratio)
    k = np.maximum(0, np.outer(s, s * np.kaiser(TAPS, 0.5)))
    return k / k.sum()


def blur(image, kernels):
    """Correlation of each band with its kernel, border replicated."""
    h, w, _ = image.shape
    kernels = np.stack(kernels, -1)
    x = np.pad(image, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    y = np.zeros(image.shape[:2] + kernels.shape[2:])
    for i in range(TAPS):
        for j in range(TAPS):
            if kernels[i, j].any():
                y += kernels[i, j] * x[i : i + h, j : j + w]
    return y


def both_axes(image, rows, columns):
    """A matrix along each axis; invalid pixels spread as far as its weights."""
    apply = lambda m, x, n: np.einsum("ky,yxb,lx->klb", m, x, n, optimize=True)
    bad = np.isnan(image)
    reached = apply((rows != 0) * 1.0, bad * 1.0, (columns != 0) * 1.0) > 0
    return np.where(reached, np.nan, apply(rows, np.where(bad, 0, image), columns))


def matrix(rows, count):
    """A matrix from rows of (position, weight)."""
    m = np.zeros((len(rows), count))
    for k, row in enumerate(rows):
        for at, weight in row:
            m[k, at] += weight
    return m


def cubic(t, a):
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


class Grid:
    """One axis: the centre of coarse pixel k lies at fine position ratio·k + phase."""

    def __init__(self, fine, coarse, ratio, phase):
        self.fine, self.coarse, self.ratio, self.phase = fine, coarse, ratio, phase

    def interp23(self):
        c = [0.61066818237, -0.145397186478, 0.043619155884, -0.010385513306, 0.001615524292, -0.000120162964]
        m, phase = np.eye(self.coarse), 1
        while m.shape[0] < self.ratio * self.coarse:
            x = np.zeros((2 * m.shape[0], self.coarse))
            x[phase::2] = m
            m = x + sum(w * (np.roll(x, 2 * i + 1, 0) + np.roll(x, -2 * i - 1, 0)) for i, w in enumerate(c))
            phase = 0
        return m[: self.fine]

    def cubic(self):
        return sample([(i - self.phase) / self.ratio for i in range(self.fine)], self.coarse)

    def decimate(self):
        return sample([self.ratio * k + self.phase for k in range(self.coarse)], self.fine)

    def shrink(self, phase):
        """imresize(…, 1/ratio): the cubic stretched by the ratio, normalised, border mirrored."""
        rows = []
        for k in range(self.coarse):
            centre = self.ratio * k + phase
            at = np.arange(int(np.floor(centre)) - 2 * self.ratio, int(np.floor(centre)) + 2 * self.ratio + 2)
            weight = np.array([cubic((p - centre) / self.ratio, -0.5) for p in at])
            period = 2 * self.fine
            mirror = [min(p % period, period - 1 - p % period) for p in at]
            rows.append(list(zip(mirror, weight / weight.sum())))
        return matrix(rows, self.fine)


def sample(positions, count):
    """Cubic interpolation at positions of a line, border clamped."""
    taps = lambda p, i: (min(max(int(np.floor(p)) + i, 0), count - 1), cubic(p - np.floor(p) - i, -0.75))
    return matrix([[taps(p, i) for i in range(-1, 3)] for p in positions], count)


# Metrics


def blocks(*images):
    """32×32 blocks of images of one size, mirrored at right and bottom; only those valid in all."""
    h, w, _ = images[0].shape
    pad = ((0, -h % BLOCK), (0, -w % BLOCK), (0, 0))
    images = [np.pad(image, pad, mode="symmetric") for image in images]
    found = []
    for y in range(0, images[0].shape[0], BLOCK):
        for x in range(0, images[0].shape[1], BLOCK):
            block = [image[y : y + BLOCK, x : x + BLOCK] for image in images]
            if not any(np.isnan(part).any() for part in block):
                found.append(block)
    return found


def conjugate(a):
    return np.concatenate([a[..., :1], -a[..., 1:]], -1)


def product(x, y):
    """Hypercomplex, by doubling."""
    n = x.shape[-1]
    if n == 1:
        return x * y
    a, b = x[..., : n // 2], conjugate(x[..., n // 2 :])
    c, d = y[..., : n // 2], conjugate(y[..., n // 2 :])
    if n == 2:
        return np.concatenate([a * c - d * b, a * d + c * b], -1)
    first = product(a, c) - product(d, conjugate(b))
    return np.concatenate([first, product(conjugate(a), d) + product(c, b)], -1)


def q2n(truth, fused):
    n, bands = truth.shape[0] * truth.shape[1], truth.shape[2]
    # Added bands come first, so that their zeros become ones.
    pad = ((0, 0), (0, 0), (0, (1 << (bands - 1).bit_length()) - bands))
    truth, fused = np.pad(truth, pad), np.pad(fused, pad)
    mean, sd = truth.mean((0, 1)), truth.std((0, 1), ddof=1)
    sd = np.where(sd == 0, np.finfo(float).eps, sd)
    x, y = (truth - mean) / sd + 1, conjugate((fused - mean) / sd + 1)
    k = n / (n - 1)
    mx, my = x.mean((0, 1)), y.mean((0, 1))
    v = k * ((x**2).sum(2).mean() + (y**2).sum(2).mean() - mx @ mx - my @ my)
    bias = 2 * np.sqrt(mx @ mx) * np.sqrt(my @ my) / (mx @ mx + my @ my)
    if v == 0:
        return bias
    q = k * (product(x, y).mean((0, 1)) - product(mx, my)) * bias * 2 / v
    return np.sqrt(q @ q)


def uqi(x, y):
    mx, my = x.mean(), y.mean()
    cov = ((x - mx) * (y - my)).sum() / (x.size - 1)
    return 4 * cov * mx * my / ((x.var(ddof=1) + y.var(ddof=1)) * (mx**2 + my**2))


def sam(truth, fused):
    norms = np.sqrt((truth**2).sum(2) * (fused**2).sum(2))
    some = norms > 0
    return np.degrees(np.arccos(np.clip((truth * fused).sum(2)[some] / norms[some], -1, 1)).mean())


def ergas(truth, fused, ratio):
    mse = np.nanmean((truth - fused) ** 2, (0, 1))
    both = np.where(np.isnan(fused), np.nan, truth)
    return 100 / ratio * np.sqrt((mse / np.nanmean(both, (0, 1)) ** 2).mean())


def sobel(image):
    """Magnitudes of the inner part, zeros around it."""
    inner = image[1:-1, 1:-1]
    h, w, _ = inner.shape
    x = np.pad(inner, ((1, 1), (1, 1), (0, 0)))
    k = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    part = lambda k: sum(k[i, j] * x[i : i + h, j : j + w] for i in range(3) for j in range(3))
    # A tap of weight 0 does not spread what is invalid, but the nine together do.
    return np.hypot(part(k), part(k.T))


def windows(band, weights):
    """Weighted mean in every window that fits."""
    size = weights.shape[0]
    return (np.lib.stride_tricks.sliding_window_view(band, (size, size)) * weights).sum((-1, -2))


def ssim(x, y, peak):
    g = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    g = np.outer(g, g) / g.sum() ** 2
    x, y = np.pad(x, 5, mode="edge"), np.pad(y, 5, mode="edge")
    mx, my = windows(x, g), windows(y, g)
    vx, vy, cov = windows(x * x, g) - mx**2, windows(y * y, g) - my**2, windows(x * y, g) - mx * my
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    return ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def q_sliding(x, y):
    box = np.full((BLOCK, BLOCK), 1 / BLOCK**2)
    mx, my = windows(x, box), windows(y, box)
    vx, vy, cov = windows(x * x, box) - mx**2, windows(y * y, box) - my**2, windows(x * y, box) - mx * my
    return 4 * cov * mx * my / ((vx + vy) * (mx**2 + my**2))


def reduced(truth, fused, ratio, peak, cut):
    h, w, bands = truth.shape
    if cut and min(h, w) >= 73:
        truth, fused = truth[20 : h - 21, 20 : w - 21], fused[20 : h - 21, 20 : w - 21]
    a, b = sobel(fused), sobel(truth)
    scc = np.nansum(a * b) / np.sqrt(np.nansum(a * a + 0 * b) * np.nansum(b * b + 0 * a))
    mse = np.nanmean((truth - fused) ** 2, (0, 1))
    each = lambda f: np.nanmean([f(truth[..., k], fused[..., k]) for k in range(bands)])
    return {
        "q2n": np.mean([q2n(t, f) for t, f in blocks(truth, fused)]),
        "sam": sam(truth, fused),
        "ergas": ergas(truth, fused, ratio),
        "scc": scc,
        "psnr": (10 * np.log10(peak**2 / mse)).mean(),
        "ssim": each(lambda t, f: ssim(t, f, peak)),
        "q_avg": each(q_sliding),
        "rmse": np.sqrt(mse.mean()),
        "blocks": len(blocks(truth, fused)),
        "pixels": int((~np.isnan(truth + fused)).all(2).sum()),
    }


def full(pan, ms, fused, rows, columns, gains, pan_gain, phase):
    ratio, bands = rows.ratio, ms.shape[2]
    kernels = lambda design, gains: [design(g, ratio) for g in gains]
    axes = (rows, columns)
    if phase == "toolbox":
        up, small = [g.interp23() for g in axes], [g.shrink((ratio - 1) / 2) for g in axes]
    else:
        up, small = [g.cubic() for g in axes], [g.shrink(g.phase) for g in axes]
    lms, smooth = both_axes(ms, *up), both_axes(both_axes(pan, *small), *up)
    valid = blocks(lms, blur(fused, kernels(metric_kernel, gains)), fused, pan, smooth)
    d_lambda = 1 - np.mean([q2n(block[0], block[1]) for block in valid])
    fine = np.array([[uqi(f[..., b], p[..., 0]) for b in range(bands)] for _, _, f, p, _ in valid])
    coarse = np.array([[uqi(l[..., b], s[..., 0]) for b in range(bands)] for l, _, _, _, s in valid])
    d_s = np.abs(fine.mean(0) - coarse.mean(0)).mean()

    flat = np.concatenate([fused, pan], 2).reshape(-1, bands + 1)
    flat = flat[~np.isnan(flat).any(1)]
    x, y = flat[:, :-1], flat[:, -1]
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]

    down = [g.decimate() for g in axes]
    degrade = lambda image, gains: both_axes(blur(image, kernels(training_kernel, gains)), *down)
    again, pan_again = degrade(fused, gains), degrade(pan, [pan_gain])
    ones = np.ones(ms.shape[:2] + (1,))
    flat = np.concatenate([ms, ones, pan_again], 2).reshape(-1, bands + 2)
    flat = flat[~np.isnan(flat).any(1)]
    response = np.linalg.lstsq(flat[:, :-1], flat[:, -1], rcond=None)[0]
    g = lambda image: (image @ response[:-1] + response[-1])[..., None]
    rms = np.sqrt(np.nanmean((g(again) - degrade(g(fused), [pan_gain])) ** 2))
    large = min(ms.shape[:2]) >= BLOCK
    return {
        "d_lambda": d_lambda,
        "d_s": d_s,
        "hqnr": (1 - d_lambda) * (1 - d_s),
        "d_s_regression": left @ left / ((y - y.mean()) ** 2).sum(),
        "blocks": len(valid),
        "consistency": {
            "q2n": np.mean([q2n(t, f) for t, f in blocks(ms, again)]),
            "sam": sam(ms, again),
            "ergas": ergas(ms, again, ratio),
        }
        if large
        else None,
        "response": list(response),
        "commutation": {"rms": rms, "relative": rms / np.nanstd(pan_again)},
    }


# Values on formula images


def scene(h, w, c):
    """The scene of reference.json, whole numbers."""
    i, j, b = np.meshgrid(np.arange(h), np.arange(w), np.arange(c), indexing="ij")
    triangle = lambda t, p: np.abs(t % (2 * p) - p)
    ramps = 6 * triangle(3 * i + 7 * b, 50) + 4 * triangle(5 * j + 11 * b, 64)
    return 200.0 + ramps + 3 * ((7 * i + 13 * j + 29 * b) % 17), i, j, b


def pair(h, w, c):
    """Truth, what stands for its fused image, and PAN."""
    truth, i, j, b = scene(h, w, c)
    four, i4, j4, _ = scene(h, w, 4)
    pan = np.floor(four.sum(2, keepdims=True) / 4) + ((3 * i4 + 2 * j4) % 9)[..., :1]
    return truth, truth + (5 * i + 3 * j + 11 * b) % 23 - 11, pan


def spoil(image, spot):
    """Invalid pixels: rows and columns from, to."""
    if spot:
        image[spot[0] : spot[1], spot[2] : spot[3]] = np.nan


def full_case(fine, coarse, ratio, phase, bands, spot=None):
    rows, columns = (Grid(f, c, ratio, phase) for f, c in zip(fine, coarse))
    truth, fused, pan = pair(*fine, bands)
    # As if measured at the nearest pixel, with an error of its own.
    y, x = (np.minimum(np.arange(c) * ratio + int(phase + 0.5), f - 1) for f, c in zip(fine, coarse))
    i, j, b = np.meshgrid(np.arange(coarse[0]), np.arange(coarse[1]), np.arange(bands), indexing="ij")
    ms = truth[np.ix_(y, x)] + (5 * i + 7 * j + b) % 9
    spoil(fused, spot)
    gains = [0.2 + 0.01 * b for b in range(bands)]
    case = {"fine": fine, "coarse": coarse, "ratio": ratio, "phase": phase, "bands": bands, "spot": spot}
    values = {mode: full(pan, ms, fused, rows, columns, gains, 0.15, mode) for mode in ("toolbox", "true")}
    if spot:
        for value in values.values():
            # What is spread by weights of 1e-20 is not worth agreeing on.
            del value["consistency"], value["commutation"]
    return case | values


def reduced_case(size, bands, cut, spot=None):
    truth, fused, _ = pair(*size, bands)
    spoil(fused, spot)
    return {"size": size, "bands": bands, "cut": cut, "spot": spot} | {"values": reduced(truth, fused, 4, 1023.0, cut)}


def write():
    cases = {
        "full": [
            full_case([128, 160], [32, 40], 4, 1.5, 8),
            full_case([131, 150], [33, 38], 4, 1.5, 3),
            full_case([75, 97], [38, 49], 2, 0.0, 5),
            full_case([96, 64], [12, 8], 8, 3.5, 1),
            full_case([160, 160], [40, 40], 4, 1.5, 2, [3, 9, 140, 151]),
        ],
        "reduced": [
            reduced_case([110, 139], 8, True),
            reduced_case([75, 80], 16, False),
            reduced_case([73, 72], 1, True),
            reduced_case([100, 90], 5, False, [40, 43, 50, 52]),
        ],
    }
    text = json.dumps(cases, default=float).replace('{"fine"', '\n{"fine"').replace('{"size"', '\n{"size"')
    Path(__file__).with_name("metrics.json").write_text(text + "\n")


# Values on files


def read(path):
    import rasterio

    with rasterio.open(path) as file:
        image = np.moveaxis(file.read().astype(float), 0, -1)
        if file.nodata is not None:
            image[(image == file.nodata).any(2)] = np.nan
    return image


def files(command, *arguments):
    if command == "reduced":
        truth, fused, ratio, peak = arguments
        return reduced(read(truth), read(fused), int(ratio), float(peak), True)
    pan, ms, fused, sensor, phase = arguments
    pan, ms, fused = read(pan), read(ms), read(fused)
    ratio = round(pan.shape[0] / ms.shape[0])
    rows, columns = (Grid(pan.shape[i], ms.shape[i], ratio, (ratio - 1) / 2) for i in (0, 1))
    gains, pan_gain = GAINS[sensor]
    return full(pan, ms, fused, rows, columns, gains[: ms.shape[2]], pan_gain, phase)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        write()
    else:
        print(json.dumps(files(*sys.argv[1:]), indent=2, default=float))
