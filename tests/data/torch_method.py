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


def fusion(w, lms, pan):
    """Ĥ = lms + details(pan − lms)."""
    def conv(x, name):
        return F.conv2d(x, w[f"fusion.{name}.weight"], w[f"fusion.{name}.bias"], padding=1)
    h = F.relu(conv(pan - lms, "conv_in"))
    blocks = sum(name.endswith("conv_a.weight") for name in w)
    for i in range(blocks):
        h = h + conv(F.relu(conv(h, f"block{i}.conv_a")), f"block{i}.conv_b")
    return lms + conv(h, "conv_out")


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

    The optimisers of the two branches hold separate moments over the same weights.
    """

    def __init__(self, pan, ms, weights, *, ratio, ms_gains, pan_gain, crops=None, crop_size=None, upsample="cubic",
                 reduced="wald", lr=None, betas=(0.9, 0.999), eps=1e-8, spectral=1.0, spatial=8.0):
        up = {"cubic": upsample_cubic, "interp23": self._interp23}[upsample]
        self.pan, self.ms, self.ratio, self.factors = pan, ms, ratio, (spectral, spatial)
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
        rates = lr or {"dam": 5e-4, "reduced": 5e-4, "full": 5e-4}
        def adam(part, phase):
            mine = [w for name, w in self.weights.items() if name.startswith(part)]
            return torch.optim.Adam(mine, lr=rates[phase], betas=tuple(betas), eps=eps)
        self.optimisers = {"dam": adam("dam.", "dam"), "reduced": adam("fusion.", "reduced"),
                           "full": adam("fusion.", "full")}

    @staticmethod
    def _interp23(x, ratio, _size):
        return torch.from_numpy(interp23(x, ratio)).to(x.dtype)

    def _take(self, x, crops):
        return take(x, [self.crops[k] for k in crops], *self.crop_size)

    def _update(self, phase, loss):
        optimiser = self.optimisers[phase]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def dam_step(self, crop):
        """DAM learns to make the reduced PAN from the MS. Returns the loss before the update."""
        loss = F.mse_loss(dam(self.weights, self._take(self.ms, [crop])), self._take(self.reduced_pan, [crop]))
        self._update("dam", loss)
        return loss.item()

    def reduced_step(self, crops):
        """The network learns to make the MS from its degraded pair. Returns the loss before the update."""
        fused = fusion(self.weights, self._take(self.reduced_lms, crops), self._take(self.reduced_pan, crops))
        loss = F.mse_loss(fused, self._take(self.ms, crops))
        self._update("reduced", loss)
        return loss.item()

    def full_step(self):
        """The network learns from the pair itself. Returns (spectral, spatial, loss) before the update:
        spectral compares bands squeezed to one with the PAN, spatial compares blurred pixels with the MS."""
        fused = fusion(self.weights, self.lms, self.pan)
        spectral = F.mse_loss(dam(self.weights, fused), self.pan)
        spatial = F.mse_loss(degrade(fused, self.kernels, self.ratio), self.ms)
        loss = self.factors[0] * spectral + self.factors[1] * spatial
        self._update("full", loss)
        return spectral.item(), spatial.item(), loss.item()
