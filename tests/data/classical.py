"""The methods of trapan::classical, once more and plainly, in NumPy float64.

    classical.py [OUT]                     writes classical.json for the tests
    classical.py --check PAN MS GAINS PAN_GAIN UPSAMPLE [phase=P] [shares=W,W,…] METHOD=FILE …
                                           compares fused files of a 32-bit pair with this script's

Inputs of the JSON are closed formulas, which the tests make again; images are summed up by a digest.
"""

import json
import sys
from pathlib import Path

import numpy as np

INTERP23 = {1: .61066818237, 3: -.145397186478, 5: .043619155884, 7: -.010385513306,
            9: .001615524292, 11: -.000120162964}


# Filters: matrices along one axis, and the two-dimensional kernels.

def cubic(t, a):
    t = abs(t)
    if t <= 1:
        return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
    return a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a if t < 2 else 0.0


def sample_cubic(n, positions):
    m = np.zeros((len(positions), n))
    for k, at in enumerate(positions):
        base = int(np.floor(at))
        for i in range(base - 1, base + 3):
            m[k, min(max(i, 0), n - 1)] += cubic(at - i, -.75)
    return m


def up_cubic(n, ratio, phase):
    return sample_cubic(n, [(i - phase) / ratio for i in range(n * ratio)])


def up_interp23(n, ratio, phase=None):
    total, odd = np.eye(n), 1
    while len(total) < n * ratio:
        size = 2 * len(total)
        stuffed = np.zeros((size, n))
        stuffed[odd::2] = total
        out = stuffed.copy()
        for m, c in INTERP23.items():
            out += c * (np.roll(stuffed, m, 0) + np.roll(stuffed, -m, 0))
        total, odd = out, 0
    return total


def gauss(gain, ratio):
    u = np.arange(-20, 21)
    alpha = (40 / (2 * ratio)) / np.sqrt(-2 * np.log(gain))
    return np.array([np.sum(np.exp(-u ** 2 / (2 * alpha ** 2)) * np.cos(2 * np.pi * u * m / 41)) for m in u]) / 41


def training_kernel(gain, ratio):
    s = gauss(gain, ratio)
    k = np.maximum(0, np.outer(s, s) * np.kaiser(41, .5)[None, :])
    return k / k.sum()


def metric_kernel(gain, ratio):
    s, u = gauss(gain, ratio), np.arange(-20, 21)
    rho = np.hypot(u[:, None], u[None, :]) / 20
    window = np.interp(rho, u / 20, np.kaiser(41, .5)) * (rho <= 1)
    return np.outer(s, s) * window


def blur(x, kernel):
    h, w = x.shape
    padded, out = np.pad(x, 20, mode="edge"), np.zeros_like(x)
    for i in range(41):
        for j in range(41):
            out += kernel[i, j] * padded[i:i + h, j:j + w]
    return out


def imresize(x, ratio):
    def axis(n):
        m = np.zeros((n // ratio, n))
        for k in range(n // ratio):
            centre = (k + .5) * ratio - .5
            taps = {i: cubic((i - centre) / ratio, -.5) for i in range(int(centre) - 2 * ratio - 2, int(centre) + 2 * ratio + 4)}
            for i, t in taps.items():
                mirrored = -1 - i if i < 0 else 2 * n - 1 - i if i >= n else i
                m[k, mirrored] += t / sum(taps.values())
        return m
    return axis(x.shape[0]) @ x @ axis(x.shape[1]).T


class Pair:
    """pan [H,W], ms [h,w,C]; phase: PAN position of the first MS pixel's centre."""

    def __init__(self, pan, ms, gains, pan_gain, upsample="cubic", phase=None, valid=None, shares=None):
        self.shares = shares
        self.pan, self.ms = pan.astype(float), ms.astype(float)
        self.gains, self.pan_gain = gains, pan_gain
        (h, w, self.bands), self.ratio = ms.shape, pan.shape[0] // ms.shape[0]
        self.phase = (self.ratio - 1) / 2 if phase is None else phase
        up = {"cubic": up_cubic, "interp23": up_interp23}[upsample]
        self.up = [up(n, self.ratio, self.phase) for n in (h, w)]
        self.lms = np.stack([self.up[0] @ ms[..., b] @ self.up[1].T for b in range(self.bands)], -1)
        self.valid = np.ones(pan.shape, bool) if valid is None else valid
        nearest = [np.clip(np.round((np.arange(n * self.ratio) - self.phase) / self.ratio).astype(int), 0, n - 1) for n in (h, w)]
        self.ms_valid = np.ones((h, w), bool)
        for i, j in np.argwhere(~self.valid):
            self.ms_valid[nearest[0][i], nearest[1][j]] = False

    def cov(self, x, y):
        return np.cov(x[self.valid], y[self.valid])[0, 1]

    def mean(self, x):
        return x[self.valid].mean()

    def degrade(self, x, gain):
        x = blur(x, training_kernel(gain, self.ratio))
        rows, columns = [sample_cubic(n, [self.ratio * k + self.phase for k in range(n // self.ratio)]) for n in x.shape]
        return rows @ x @ columns.T

    def sampled_pan(self, gain):
        at = self.ratio // 2
        return blur(self.pan, metric_kernel(gain, self.ratio))[at::self.ratio, at::self.ratio]

    def low_pan(self, gain):
        low = self.sampled_pan(gain)
        return up_interp23(low.shape[0], self.ratio) @ low @ up_interp23(low.shape[1], self.ratio).T


def per_band(f):
    return lambda p: np.stack([f(p, p.lms[..., b], p.gains[b]) for b in range(p.bands)], -1)


def exp(p):
    return p.lms


def brovey(p):
    intensity = p.lms.mean(-1)
    gain = np.sqrt(p.cov(intensity, intensity) / p.cov(p.pan, p.pan))
    matched = (p.pan - p.mean(p.pan)) * gain + p.mean(intensity)
    return p.lms * (matched / intensity)[..., None]


def gsa(p):
    p0 = p.pan - p.mean(p.pan)
    low = p.degrade(p0, p.pan_gain)[p.ms_valid]
    centred = p.ms[p.ms_valid] - p.ms[p.ms_valid].mean(0)
    alpha = np.linalg.lstsq(np.column_stack([centred, np.ones(len(low))]), low, rcond=None)[0]
    intensity = (p.lms - p.lms[p.valid].mean(0)) @ alpha[:-1] + alpha[-1]
    i0 = intensity - p.mean(intensity)
    gains = [p.cov(i0, p.lms[..., b]) / p.cov(i0, i0) for b in range(p.bands)]
    return p.lms + np.array(gains) * (p0 - i0)[..., None]


@per_band
def mtf_glp_fs(p, l, gain):
    low = p.low_pan(gain)
    return l + p.cov(l, p.pan) / p.cov(low, p.pan) * (p.pan - low)


@per_band
def mtf_glp_hpm_r(p, l, gain):
    low = p.low_pan(gain)
    c = p.mean(l) / (p.cov(l, low) / p.cov(low, low)) - p.mean(p.pan)
    return l * (p.pan + c) / (low + c)


def nnls(a, y):
    """argmin ‖a x − y‖, x ≥ 0: every set of free columns is tried, the best feasible one wins."""
    best, n = (np.sum(y ** 2), np.zeros(a.shape[1])), a.shape[1]
    for chosen in range(1, 2 ** n):
        columns = [i for i in range(n) if chosen >> i & 1]
        x = np.linalg.lstsq(a[:, columns], y, rcond=None)[0]
        error = np.sum((a[:, columns] @ x - y) ** 2)
        if (x >= 0).all() and error < best[0]:
            full = np.zeros(n)
            full[columns] = x
            best = (error, full)
    return best[1]


def bdsd_pc(p):
    small = np.stack([imresize(p.lms[..., b], p.ratio) for b in range(p.bands)], -1)
    low = np.stack([blur(small[..., b], metric_kernel(p.gains[b], p.ratio)) for b in range(p.bands)], -1)
    known = np.column_stack([p.sampled_pan(p.pan_gain)[p.ms_valid], -low[p.ms_valid]])
    out = []
    for b in range(p.bands):
        gamma = nnls(known, (small - low)[p.ms_valid][:, b])
        out.append(p.lms[..., b] + gamma[0] * p.pan - p.lms @ gamma[1:])
    return np.stack(out, -1)


def shares_in_pan(p, shares):
    bands, low = p.ms[p.ms_valid], p.degrade(p.pan, p.pan_gain)[p.ms_valid]
    known = bands @ (np.ones(p.bands) if shares is None else shares)
    scale = known @ low / (known @ known)
    if shares is not None:
        return scale * np.asarray(shares)
    pull = np.sqrt(1e-2 * np.sum(bands ** 2) / p.bands)
    return nnls(np.vstack([bands, pull * np.eye(p.bands)]), np.append(low, pull * scale * np.ones(p.bands)))


def tv(p, shares=None, share=1e-3, iterations=100, tolerance=1e-4):
    """Palsson 2013, matrices along each axis instead of tables, adjoints by transposing them."""
    weights = shares_in_pan(p, p.shares if shares is None else shares)
    lam = share * np.sqrt(p.cov(p.pan, p.pan))

    def axes(gain, n):
        s, w = gauss(gain, p.ratio), np.kaiser(41, .5)
        terms = [(np.maximum(0, sign * s), np.maximum(0, sign * s * w)) for sign in (1, -1)]
        total = sum(a.sum() * b.sum() for a, b in terms)
        pick = [sample_cubic(m, [p.ratio * k + p.phase for k in range(m // p.ratio)]) for m in n]

        def matrix(k, m):
            out = np.zeros((m, m))
            for i in range(m):
                for t in range(41):
                    out[i, min(max(i + t - 20, 0), m - 1)] += k[t]
            return out
        return [(pick[0] @ matrix(a, n[0]) / total, pick[1] @ matrix(b, n[1])) for a, b in terms
                if a.sum() * b.sum() > 1e-15 * total]

    operators = [axes(g, p.pan.shape) for g in p.gains]

    def axis_norm(m):
        x = np.ones(m.shape[1])
        for _ in range(30):
            y = m @ (x / np.linalg.norm(x))
            x = m.T @ y
        return np.linalg.norm(y)
    blurs = [sum(axis_norm(y) * axis_norm(x) for y, x in terms) for terms in operators]
    alpha, c = 1.02 * (max(blurs) ** 2 + np.sum(np.square(weights))), 8.0

    def d(x):
        return np.stack([np.diff(x, axis=1, append=x[:, -1:]), np.diff(x, axis=0, append=x[-1:])])

    def dt(z):
        zx, zy = z[0][:, :-1], z[1][:-1]
        return np.pad(zx, ((0, 0), (1, 0))) - np.pad(zx, ((0, 0), (0, 1))) + np.pad(zy, ((1, 0), (0, 0))) - np.pad(zy, ((0, 1), (0, 0)))

    x, z = p.lms.copy(), np.zeros((p.bands, 2) + p.pan.shape)
    for _ in range(iterations):
        rest = np.where(p.valid, p.pan - x @ weights, 0)
        new = np.empty_like(x)
        for b in range(p.bands):
            low = np.where(p.ms_valid, p.ms[..., b] - sum(r @ x[..., b] @ m.T for r, m in operators[b]), 0)
            goal = x[..., b] + (sum(r.T @ low @ m for r, m in operators[b]) + weights[b] * rest) / alpha
            slope = np.hypot(*d(x[..., b]))
            z[b] = lam * (d(goal - dt(z[b])) + c * z[b]) / (2 * alpha * slope + lam * c)
            new[..., b] = goal - dt(z[b])
        moved, x = np.sum((new - x) ** 2), new
        if moved <= tolerance ** 2 * np.sum(new ** 2):
            break
    return x


METHODS = {"exp": exp, "brovey": brovey, "gsa": gsa, "mtf-glp-fs": mtf_glp_fs,
           "mtf-glp-hpm-r": mtf_glp_hpm_r, "bdsd-pc": bdsd_pc, "tv": tv}


def scene(h, w, c):
    i, j, b = np.ogrid[:h, :w, :c]
    tri = lambda t, p: abs(t % (2 * p) - p)
    return 200. + 6 * tri(3 * i + 7 * b, 50) + 4 * tri(5 * j + 11 * b, 64) + 3 * ((7 * i + 13 * j + 29 * b) % 17)


def scene_pan(h, w):
    i, j = np.ogrid[:h, :w]
    return np.floor(scene(h, w, 4).sum(-1) / 4) + (3 * i + 2 * j) % 9


def digest(a):
    """101 samples spread over the flat array, its sum and its sum of squares."""
    a = np.asarray(a, float).ravel()
    at = [i * (a.size - 1) // 100 for i in range(101)]
    return {"samples": [float(f"{v:.9g}") for v in a[at]], "sum": a.sum(), "squares": (a * a).sum()}


CASES = [
    {"h": 64, "w": 48, "bands": 4, "ratio": 4, "gains": [.34, .32, .30, .22], "pan_gain": .15, "upsample": "interp23"},
    {"h": 32, "w": 64, "bands": 8, "ratio": 4, "gains": [.35] * 7 + [.27], "pan_gain": .11, "upsample": "cubic",
     "shares": [.07, .10, .15, .15, .12, .15, .13, .12]},
    {"h": 40, "w": 36, "bands": 3, "ratio": 2, "gains": [.3] * 3, "pan_gain": .15, "upsample": "cubic", "phase": 0},
    {"h": 64, "w": 64, "bands": 1, "ratio": 8, "gains": [.3], "pan_gain": .15, "upsample": "cubic"},
    {"h": 48, "w": 64, "bands": 4, "ratio": 4, "gains": [.26, .28, .29, .28], "pan_gain": .17, "upsample": "cubic",
     "masked": True},
]


def formula(case):
    h, w, r = case["h"], case["w"], case["ratio"]
    pan, ms = scene_pan(h, w), scene(h, w, case["bands"])[r // 2::r, r // 2::r]
    valid = None
    if case.get("masked"):
        i, j = np.ogrid[:h, :w]
        valid = 3 * i + 2 * j >= 40
    return Pair(pan, ms, case["gains"], case["pan_gain"], case["upsample"], case.get("phase"), valid, case.get("shares"))


def check(pan, ms, gains, pan_gain, upsample, entries):
    import rasterio
    read = lambda path: rasterio.open(path).read().transpose(1, 2, 0).astype(float)
    numbers = lambda text: [float(v) for v in text.split(",")]
    entries = dict(entry.split("=", 1) for entry in entries)
    phase, shares = (numbers(entries.pop(name)) if name in entries else None for name in ("phase", "shares"))
    pan, ms = read(pan)[..., 0], read(ms)
    pair = Pair(pan, ms, numbers(gains), float(pan_gain), upsample, phase and phase[0], shares=shares)
    # Written files are within the range of the pair.
    ends = min(0, pan.min(), ms.min()), max(pan.max(), ms.max())
    for name, path in entries.items():
        wanted, found = np.clip(METHODS[name](pair), *ends), read(path)
        print(f"{name:14} worst {np.abs(found - wanted).max() / ends[1]:.1e} of the largest value {ends[1]:.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(*sys.argv[2:7], sys.argv[7:])
    else:
        out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("classical.json")
        cases = [case | {name: digest(f(formula(case))) for name, f in METHODS.items()} for case in CASES]
        out.write_text("[" + ",\n".join(map(json.dumps, cases)) + "]\n")
