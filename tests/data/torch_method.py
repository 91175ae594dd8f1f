"""The method written with PyTorch and numpy: an opinion independent of the Rust code.

Images are [N, C, H, W]. Weights are a dict with the names and layouts of the trace
files: `fusion.conv_in.weight` [32, C, 3, 3] … `dam.fc3.bias` [1].
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

TAPS = 41
INTERP23 = {0: 1.0, 1: 0.61066818237, 3: -0.145397186478, 5: 0.043619155884,
            7: -0.010385513306, 9: 0.001615524292, 11: -0.000120162964}


def training_kernel(gain, ratio):
    """41×41 low-pass filter whose response at the MS Nyquist frequency is `gain`."""
    alpha = (TAPS - 1) / (2 * ratio) / math.sqrt(-2 * math.log(gain))
    m = np.arange(TAPS) - TAPS // 2
    response = np.exp(-m**2 / (2 * alpha**2))
    s = (response * np.cos(2 * np.pi * np.outer(m, m) / TAPS)).sum(1) / TAPS
    kernel = np.maximum(0, np.outer(s, s) * np.kaiser(TAPS, 0.5))  # the window along columns only
    return kernel / kernel.sum()


def training_kernels(gains, ratio, dtype):
    """One filter per band: [C, 1, 41, 41]."""
    return torch.from_numpy(np.stack([training_kernel(g, ratio) for g in gains]))[:, None].to(dtype)


def degrade(x, kernels, ratio):
    """Correlation with replicate border, then 4-tap cubic decimation at the pixel centres."""
    half = TAPS // 2
    blurred = F.conv2d(F.pad(x, (half,) * 4, mode="replicate"), kernels, groups=x.shape[1])
    return F.interpolate(blurred, scale_factor=1 / ratio, mode="bicubic", align_corners=False,
                         recompute_scale_factor=False)


def upsample_cubic(x, ratio, size=None):
    """Cubic convolution, a = −0.75, border clamped. `size` beyond `ratio` times the input is clamped too."""
    h, w = size or (ratio * x.shape[2], ratio * x.shape[3])
    below, right = -(-h // ratio) - x.shape[2], -(-w // ratio) - x.shape[3]
    x = F.pad(x, (0, right, 0, below), mode="replicate")
    return F.interpolate(x, scale_factor=ratio, mode="bicubic", align_corners=False)[:, :, :h, :w]


def quintic(t):
    """The B-spline of degree five, piece by piece."""
    t = np.abs(t)
    inner = 11 / 20 - t**2 / 2 + t**4 / 4 - t**5 / 12
    middle = 17 / 40 + 5 * t / 8 - 7 * t**2 / 4 + 5 * t**3 / 4 - 3 * t**4 / 8 + t**5 / 24
    outer = 81 / 40 - 27 * t / 8 + 9 * t**2 / 4 - 3 * t**3 / 4 + t**4 / 8 - t**5 / 120
    return np.select([t < 1, t < 2, t < 3], [inner, middle, outer], 0.0)


def spline_matrix(n, ratio, fine):
    """The quintic spline through `n` samples, those at the border repeated 40 times, at the centres of `fine` pixels:
    [fine, n]. What lies 40 samples away counts less than 1e-14."""
    places = np.arange(-40, n + 40)
    through_samples = quintic(places[:, None] - places)
    at = (np.arange(fine) - (ratio - 1) / 2) / ratio
    weights = quintic(at[:, None] - places) @ np.linalg.inv(through_samples)
    matrix = np.zeros((fine, n))
    np.add.at(matrix.T, places.clip(0, n - 1), weights.T)
    return matrix


def upsample_spline(x, ratio, size):
    """Interpolation by quintic B-splines at the true phase, border values repeated."""
    rows, columns = (torch.from_numpy(spline_matrix(n, ratio, fine)).to(x.dtype) for n, fine in zip(x.shape[2:], size))
    return rows @ x @ columns.T


def interp23_line(x, ratio):
    """Along the last axis: stages of zero-stuffing and the 23-tap filter, border circular."""
    for stage in range(int(math.log2(ratio))):
        n = 2 * x.shape[-1]
        stuffed = np.zeros((*x.shape[:-1], n))
        stuffed[..., (1 if stage == 0 else 0)::2] = x
        x = sum(c * np.roll(stuffed, d, -1) for k, c in INTERP23.items() for d in {k, -k})
    return x


def interp23(x, ratio):
    """Rows, then columns."""
    rows = interp23_line(np.moveaxis(np.asarray(x, dtype=np.float64), 2, 3), ratio)
    return interp23_line(np.moveaxis(rows, 3, 2), ratio)


def fusion_names(blocks=4):
    """Layers in the order they run."""
    inner = [f"block{i}.conv_{half}" for i in range(blocks) for half in "ab"]
    return [f"fusion.{name}" for name in ["conv_in", *inner, "conv_out"]]


def turned(x, turn):
    """An image seen from another side: transposed (4), then its rows mirrored (2), then its columns (1)."""
    x = x.transpose(2, 3) if turn & 4 else x
    return x.flip([axis for bit, axis in ((2, 2), (1, 3)) if turn & bit])


def turned_back(x, turn):
    x = x.flip([axis for bit, axis in ((1, 3), (2, 2)) if turn & bit])
    return x.transpose(2, 3) if turn & 4 else x


def lag_convolution(w, name, x):
    """A 3×3 convolution whose nine taps are weighed at each pixel by gates, and whose bias comes from the mean of the
    image."""
    def conv(x, part, padding=0):
        return F.conv2d(x, w[f"fusion.{name}.{part}.weight"], w[f"fusion.{name}.{part}.bias"], padding=padding)
    gates = torch.sigmoid(conv(F.relu(conv(F.relu(conv(x, "att0", 1)), "att1")), "att2"))
    bias = conv(F.relu(conv(x.mean((2, 3), keepdim=True), "gh0")), "gh1")
    (n, c, h, wide), weight = x.shape, w[f"fusion.{name}.weight"]
    patches = F.unfold(x, 3, padding=1).view(n, c, 9, h, wide) * gates[:, None]
    return (weight.reshape(len(weight), -1) @ patches.view(n, 9 * c, h * wide)).view(n, -1, h, wide) + bias


def lagnet(w, x):
    h = F.relu(lag_convolution(w, "head", x))
    for i in range(5):
        h = h + lag_convolution(w, f"rb{i}.b", F.relu(lag_convolution(w, f"rb{i}.a", h)))
    return lag_convolution(w, "tail", h)


def lgp_convolution(w, name, x):
    """1×1, then 3×3 within each channel, and a linear perturbation of the result."""
    def weight(part):
        return w[f"fusion.{name}.{part}.weight"]
    u = F.conv2d(x, weight("pw"), w[f"fusion.{name}.pw.bias"])
    t = F.conv2d(u, weight("dw"), w[f"fusion.{name}.dw.bias"], padding=1, groups=u.shape[1])
    return t + F.conv2d(F.conv2d(t, weight("g"), padding=1, groups=t.shape[1]), weight("mix"))


def lgpnet(w, x):
    h = F.relu(lgp_convolution(w, "head1", lgp_convolution(w, "head0", x)))
    for i in range(4):
        h = h + F.relu(lgp_convolution(w, f"rb{i}.b", F.relu(lgp_convolution(w, f"rb{i}.a", h))))
    for i in range(3):
        h = lgp_convolution(w, f"tail{i}", h)
    return h


def can_lattice(h, w):
    """Pixels in the middle of the cells of a lattice of 6×6, without its corners, the same ones from every side."""
    def middles(n):
        first = [-(-(2 * i + 1) * n // 12) - 1 for i in range(3)]
        return first + [n - 1 - i for i in reversed(first)]
    edges = (0, 5)
    return [a * w + b for i, a in enumerate(middles(h)) for j, b in enumerate(middles(w)) if not (i in edges and j in edges)]


def can_clusters(x):
    """Ten rounds of k-means of the 3×3 means of each image; pixels of clusters that end with at most one in two hundred
    get number 32. [N,C,H,W] → [N,H·W]."""
    k, numbers = 32, []
    for f in F.avg_pool2d(x.detach(), 3, 1, 1).flatten(2).transpose(1, 2).numpy():
        def nearest(centres, alive):
            distance = ((f[:, None] - centres) ** 2).sum(2)
            return np.where(alive, distance, np.inf).argmin(1)
        centres, alive = f[can_lattice(*x.shape[2:])], np.ones(k, dtype=bool)
        for _ in range(10):
            index = nearest(centres, alive)
            count = np.bincount(index, minlength=k)
            alive = count > 0
            centres = np.stack([f[index == j].mean(0) if alive[j] else centres[j] for j in range(k)])
        index = nearest(centres, alive)
        numbers.append(np.where(count[index] <= len(f) // 200, k, index))
    return torch.from_numpy(np.stack(numbers))


def can_convolution(w, name, x, index):
    """A 3×3 convolution by a kernel for each cluster, made of the mean of its pixels' neighbourhoods; the last one of
    all of them."""
    def linear(c, part):
        weight = w[f"fusion.{name}.{part}.weight"].flatten(1)
        return c @ weight.T + w[f"fusion.{name}.{part}.bias"]
    n, c, height, width = x.shape
    patches = F.unfold(x, 3, padding=1).transpose(1, 2)  # [N, H·W, 9C], taps fastest
    hot = F.one_hot(index, 33).to(x.dtype)
    centroids = hot.transpose(1, 2) @ patches / hot.sum(1).clamp(min=1)[:, :, None]
    centroids = torch.cat([centroids[:, :32], patches.mean(1, keepdim=True)], 1)
    q = F.relu(linear(F.relu(linear(centroids, "k0")), "k1"))
    alpha, gamma, omega = (torch.sigmoid(linear(q, part)) for part in ("ka", "ki", "ko"))
    beta = linear(F.relu(linear(F.relu(linear(centroids, "b0")), "b1")), "b2")
    alpha, gamma, omega, beta = (hot @ table for table in (alpha, gamma, omega, beta))
    weighed = patches.view(n, -1, c, 9) * gamma[:, :, :, None] * alpha[:, :, None]
    y = beta + omega * (weighed.flatten(2) @ w[f"fusion.{name}.weight"].flatten(1).T)
    return y.transpose(1, 2).reshape(n, -1, height, width)


def cannet(w, x):
    def conv(x, name, **how):
        return F.conv2d(x, w[f"fusion.{name}.weight"], w.get(f"fusion.{name}.bias"), **how)

    def leaky(x):
        return F.leaky_relu(x, 0.01)

    def block(x, name, index):
        return x + can_convolution(w, f"{name}.b", leaky(can_convolution(w, f"{name}.a", x, index)), index)

    def down(x, name):
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        x = leaky(conv(x, f"{name}.s", stride=2))
        return conv(conv(x, f"{name}.d", padding=1, groups=x.shape[1]), f"{name}.p")

    def up(x, y, name):
        x = F.conv_transpose2d(x, w[f"fusion.{name}.t.weight"], w[f"fusion.{name}.shift.weight"].flatten(), stride=2)
        x = leaky(x[:, :, :y.shape[2], :y.shape[3]]) + y
        return leaky(conv(conv(x, f"{name}.d", padding=1, groups=x.shape[1]), f"{name}.p"))

    x1 = conv(x, "head", padding=1)
    index1 = can_clusters(x1)
    x1 = block(x1, "rb1", index1)
    x2 = down(x1, "down1")
    index2 = can_clusters(x2)
    x2 = block(x2, "rb2", index2)
    x3 = down(x2, "down2")
    x3 = block(x3, "rb3", can_clusters(x3))
    x4 = block(up(x3, x2, "up1"), "rb4", index2)
    return conv(block(up(x4, x1, "up2"), "rb5", index1), "tail", padding=1)


def pan_branch(w, name, x):
    """What a selective scan makes of a sequence [N,L,C], gated by the sequence itself."""
    def linear(x, part):
        return F.linear(x, w[f"fusion.{name}.{part}.weight"].flatten(1), w.get(f"fusion.{name}.{part}.bias"))
    z = linear(x, "in_z")
    before = F.pad(linear(x, "in_u").transpose(1, 2), (3, 0))
    taps = w[f"fusion.{name}.conv.weight"].flatten(2)
    u = F.silu(F.conv1d(before, taps, w[f"fusion.{name}.conv.bias"], groups=len(taps))).transpose(1, 2)
    step = F.softplus(linear(linear(u, "x_dt"), "dt"))
    b, c = linear(u, "x_bc").chunk(2, 2)
    rates = -torch.exp(w[f"fusion.{name}.scan.weight"].flatten(1))
    decay, enters = torch.exp(step[:, :, :, None] * rates), (step * u)[:, :, :, None] * b[:, :, None]
    h, y = torch.zeros_like(enters[:, 0]), []
    # Not by index: the gradient of each step would be as long as the sequence.
    for decay, enters, c in zip(decay.unbind(1), enters.unbind(1), c.unbind(1)):
        h = decay * h + enters
        y.append((h * c[:, None]).sum(2))
    return (torch.stack(y, 1) + w[f"fusion.{name}.scan.bias"] * u) * F.silu(z)


def panmamba(w, x):
    def conv(x, name, **how):
        return F.conv2d(x, w[f"fusion.{name}.weight"], w.get(f"fusion.{name}.bias"), padding=1, **how)

    def linear(x, name):
        return F.linear(x, w[f"fusion.{name}.weight"].flatten(1), w.get(f"fusion.{name}.bias"))

    def norm(x, name):
        weight, bias = w[f"fusion.{name}.weight"].flatten(), w[f"fusion.{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias)

    def encoder(x, name):
        x = conv(x, f"{name}.0")
        for i in (1, 2, 3):
            first, rest = F.leaky_relu(conv(x, f"{name}.{i}.a"), 0.2).chunk(2, 1)
            weight, bias = w[f"fusion.{name}.{i}.n.weight"].flatten(), w[f"fusion.{name}.{i}.n.bias"]
            v = torch.cat([F.instance_norm(first, weight=weight, bias=bias), rest], 1)
            x = x + F.leaky_relu(conv(v, f"{name}.{i}.b"), 0.2)
        return x

    def blocks(stem):
        return [name for name in (f"{stem}{i}" for i in range(64)) if any(key.startswith(f"fusion.{name}.") for key in w)]

    def sequence(x):
        return x.flatten(2).transpose(1, 2)

    def image(x):
        return x.transpose(1, 2).unflatten(2, size)

    def mamba(x, name):
        return linear(pan_branch(w, name, x), f"{name}.out")

    size = x.shape[2:]
    q, m = encoder(x[:, :1], "panenc"), encoder(x[:, 1:], "msenc")
    m, q = linear(sequence(m), "mstok"), linear(sequence(q), "pantok")
    of_m = of_q = 0
    for name in blocks("ms"):
        of_m = m + of_m
        m = mamba(norm(of_m, f"{name}.n"), name)
    for name in blocks("pan"):
        of_q = q + of_q
        q = mamba(norm(of_q, f"{name}.n"), name)
    for name in blocks("swap"):
        of_m, of_q = m + of_m, q + of_q
        (m0, m1), (q0, q1) = norm(of_m, f"{name}.nm").chunk(2, 2), norm(of_q, f"{name}.nq").chunk(2, 2)
        m, q = mamba(torch.cat([q0, m1], 2), f"{name}.m"), mamba(torch.cat([m0, q1], 2), f"{name}.q")
    m, q = image(m), image(q)
    m = conv(torch.cat([m, q], 1), "sf1") + m
    q = conv(torch.cat([q, m], 1), "sf2") + q
    m, q = linear(sequence(m), "mstok"), linear(sequence(q), "pantok")
    of_m = 0
    for name in blocks("x"):
        of_m = m + of_m
        a, e = norm(norm(of_m, f"{name}.n1"), f"{name}.n1"), norm(norm(q, f"{name}.n2"), f"{name}.n2")
        m = image(linear(pan_branch(w, f"{name}.a", a) + pan_branch(w, f"{name}.b", e), f"{name}.out"))
        m = sequence(conv(m, f"{name}.dw", groups=m.shape[1]) + m)
    x = conv(image(m), "ref.in")
    v = conv(F.relu(conv(x, "ref.a")), "ref.b")
    factors = torch.sigmoid(linear(F.relu(linear(v.mean((2, 3)), "ref.d")), "ref.u"))
    return conv(factors[:, :, None, None] * v + x, "ref.out")


def fusion(w, lms, pan, base=None, turn=0):
    """Ĥ = base + details(pan − lms), or of [pan − lms, lms] if the first layer takes twice the bands, or of [pan, lms]
    with the weights of another network; the base is lms unless it is given. The details are those of the pair seen
    from another side."""
    base = lms if base is None else base
    if "fusion.panenc.0.weight" in w:  # scans from its own side alone
        return base + panmamba(w, torch.cat([pan, lms], 1))
    for network, layer in ((lagnet, "head.att0"), (lgpnet, "head0.pw"), (cannet, "head")):
        if f"fusion.{layer}.weight" in w:
            return base + turned_back(network(w, turned(torch.cat([pan, lms], 1), turn)), turn)

    def conv(x, name):
        return F.conv2d(x, w[f"fusion.{name}.weight"], w[f"fusion.{name}.bias"], padding=1)
    seen = pan - lms
    if w["fusion.conv_in.weight"].shape[1] == 2 * lms.shape[1]:
        seen = torch.cat([seen, lms], 1)
    h = F.relu(conv(turned(seen, turn), "conv_in"))
    blocks = sum(name.endswith("conv_a.weight") for name in w)
    for i in range(blocks):
        h = h + conv(F.relu(conv(h, f"block{i}.conv_a")), f"block{i}.conv_b")
    return base + turned_back(conv(h, "conv_out"), turn)


def mean_error(y, target, weight, bend):
    """Mean of w · e², or with a bend of w · √(e² + bend²), over all values; one weight per pixel."""
    error = (y - target)**2
    return (weight * (error if bend == 0 else torch.sqrt(error + bend**2))).mean()


def ground(h, w, border):
    """Weights of mean 1 of the reduced pair's pixels: 0 along a border, and in the second, fourth, first and third
    of the four blocks of each of four rows of blocks."""
    weight = np.zeros((h, w))
    weight[border:h - border, border:w - border] = 1
    for row, column in enumerate((1, 3, 0, 2)):
        weight[np.ix_(4 * np.arange(h) // h == row, 4 * np.arange(w) // w == column)] = 0
    return torch.from_numpy(weight / weight.mean())[None, None]


def dam(w, x):
    """Per pixel: three linear layers, sigmoid after the first two. [N,C,H,W] → [N,1,H,W]."""
    def linear(x, name):
        return F.linear(x, w[f"dam.{name}.weight"], w[f"dam.{name}.bias"])
    h = torch.sigmoid(linear(x.movedim(1, -1), "fc1"))
    h = torch.sigmoid(linear(h, "fc2"))
    return linear(h, "fc3").movedim(-1, 1)


def ten_crops(h, w):
    """[row, column, flip] of the ten crops of half size: corners, centre, and those mirrored.

    Python rounds halves to even: an image 10 rows high has its centre crop at row 2, not 3.
    """
    ch, cw = h // 2, w // 2
    five = [[0, 0], [0, w - cw], [h - ch, 0], [h - ch, w - cw], [round((h - ch) / 2), round((w - cw) / 2)]]
    return [[*at, flip] for flip in (0, 1) for at in five]


def take(x, crops, ch, cw):
    """The crops stacked into a batch: [1,C,H,W] → [k,C,ch,cw]."""
    parts = [x[:, :, i:i + ch, j:j + cw].flip(3) if flip else x[:, :, i:i + ch, j:j + cw] for i, j, flip in crops]
    return torch.cat(parts)


class Training:
    """One pair, its weights and the three optimisers; a method per kind of step.

    The optimisers of the two branches hold separate moments over the same weights. `bases` are what the network
    adds to, of the pair and of the reduced pair; `weight` is that of the reduced pair's pixels. Rates fall along a
    cosine to `lr_floor` of themselves.
    """

    def __init__(self, pan, ms, weights, *, ratio, ms_gains, pan_gain, crops=None, crop_size=None, upsample="cubic",
                 reduced="wald", lr=None, betas=(0.9, 0.999), eps=1e-8, spectral=1.0, spatial=8.0,
                 bases=(None, None), weight=None, bend=0.0, lr_floor=1.0, epochs=1):
        up = {"cubic": upsample_cubic, "interp23": self._interp23, "spline": upsample_spline}[upsample]
        self.pan, self.ms, self.ratio, self.factors = pan, ms, ratio, (spectral, spatial)
        self.bases, self.bend, self.lr_floor, self.epochs = bases, bend, lr_floor, epochs
        self.weight = torch.ones_like(ms[:, :1]) if weight is None else weight.to(ms.dtype)
        self.crop_size = crop_size or (ms.shape[2] // 2, ms.shape[3] // 2)
        self.crops = crops or ten_crops(*ms.shape[2:])
        self.kernels = training_kernels(ms_gains, ratio, ms.dtype)
        self.lms = up(ms, ratio, pan.shape[2:])
        self.reduced_pan = degrade(pan, training_kernels([pan_gain], ratio, ms.dtype), ratio)
        if reduced == "wald":
            self.reduced_lms = up(degrade(ms, self.kernels, ratio), ratio, ms.shape[2:])
        else:  # as the codes ran it: the upsampled MS brought back down
            self.reduced_lms = degrade(self.lms, self.kernels, ratio)
        self.weights = {name: w.clone().requires_grad_() for name, w in weights.items()}
        self.rates = rates = lr or {"dam": 5e-4, "reduced": 5e-4, "full": 5e-4}
        def adam(part, phase):
            mine = [w for name, w in self.weights.items() if name.startswith(part)]
            return torch.optim.Adam(mine, lr=rates[phase], betas=tuple(betas), eps=eps)
        self.optimisers = {"dam": adam("dam.", "dam"), "reduced": adam("fusion.", "reduced"),
                           "full": adam("fusion.", "full")}

    @staticmethod
    def _interp23(x, ratio, _size):
        return torch.from_numpy(interp23(x, ratio)).to(x.dtype)

    def _take(self, x, crops):
        return take(x, crops, *self.crop_size)

    def _update(self, phase, loss, epoch=1):
        optimiser = self.optimisers[phase]
        falling = (1 + math.cos(math.pi * (epoch - 1) / self.epochs)) / 2
        for group in optimiser.param_groups:
            group["lr"] = self.rates[phase] * (self.lr_floor + (1 - self.lr_floor) * falling)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def dam_step(self, crop):
        """DAM learns to make the reduced PAN from the MS, on one of the ten crops. Returns the loss before the update."""
        crops = [self.crops[crop]]
        loss = F.mse_loss(dam(self.weights, self._take(self.ms, crops)), self._take(self.reduced_pan, crops))
        self._update("dam", loss)
        return loss.item()

    def reduced_step(self, crops, turn=0, epoch=1):
        """The network learns to make the MS from its degraded pair, on crops [row, column, flip] turned by a symmetry.
        Returns the loss before the update."""
        lms, pan, ms, weight = (self._take(x, crops) for x in (self.reduced_lms, self.reduced_pan, self.ms, self.weight))
        base = None if self.bases[1] is None else self._take(self.bases[1], crops)
        loss = mean_error(fusion(self.weights, lms, pan, base, turn), ms, weight, self.bend)
        self._update("reduced", loss, epoch)
        return loss.item()

    def full_step(self, turn=0, epoch=1):
        """The network learns from the pair itself. Returns (spectral, spatial, loss) before the update:
        spectral compares bands squeezed to one with the PAN, spatial compares blurred pixels with the MS."""
        fused = fusion(self.weights, self.lms, self.pan, self.bases[0], turn)
        spectral = F.mse_loss(dam(self.weights, fused), self.pan)
        spatial = F.mse_loss(degrade(fused, self.kernels, self.ratio), self.ms)
        loss = self.factors[0] * spectral + self.factors[1] * spatial
        self._update("full", loss, epoch)
        return spectral.item(), spatial.item(), loss.item()
