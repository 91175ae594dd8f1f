"""Times single kernels in PyTorch under the names `trapan bench` gives its own: prints JSON.

    torch_kernels.py [--device cpu|cuda] [--threads 2] [--repeats 15] [--size 512] [--bands 8]

Per memory layout and kernel: seconds, the median of the repeats after one to warm up.
Gradients of the MLP contain its forward pass, as ours do.
"""

import itertools
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/data"))
import torch_method as method
from torch_step import RATIO, arguments, degrade, seconds

WIDTH, CROPS = 32, 8


def convolutions(place, shape, bands, layout):
    """Forward and both gradients of the three kinds of layers; `shape` is (N, H, W)."""
    n, h, w = shape
    image = lambda c: torch.randn(n, c, h, w).to(memory_format=layout)
    for ci, co in [(bands, WIDTH), (WIDTH, WIDTH), (WIDTH, bands)]:
        x, dy, bias = image(ci), image(co), torch.randn(co)
        weight = torch.randn(co, ci, 3, 3).to(memory_format=layout)

        def backward(*wanted, x=x, dy=dy, weight=weight, co=co):
            one, zero = [1, 1], [0, 0]
            return torch.ops.aten.convolution_backward(dy, x, weight, [co], one, one, one, False, zero, 1, wanted)

        name = f"conv2d {place} {ci}→{co}"
        yield f"{name} forward", lambda x=x, weight=weight, bias=bias: F.conv2d(x, weight, bias, padding=1).relu_()
        yield f"{name} grad_input", lambda backward=backward: backward(True, False, False)
        yield f"{name} grad_weight", lambda backward=backward: backward(False, True, True)


def mlps(pixels, crop_pixels, bands):
    layers = [(bands, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)]
    weights = [(torch.randn(co, ci) / ci, torch.randn(co)) for ci, co in layers]

    def forward(x):
        for weight, bias in weights[:-1]:
            x = F.linear(x, weight, bias).sigmoid_()
        return F.linear(x, *weights[-1])

    def gradient(x, of):
        with torch.enable_grad():
            return torch.autograd.grad(forward(x).sum(), of)

    x, crop = torch.randn(pixels, bands), torch.randn(crop_pixels, bands)
    yield "mlp forward", lambda: forward(x)
    x.requires_grad_()
    yield "mlp grad_input", lambda: gradient(x, [x])
    parameters = [tensor.requires_grad_() for tensor in itertools.chain(*weights)]
    yield "mlp grad_weight", lambda: gradient(crop, parameters)


def images(size, bands, layout):
    full, low = (torch.randn(1, bands, n, n).to(memory_format=layout) for n in (size, size // RATIO))
    pan = torch.randn(1, 1, size, size)
    kernels = method.training_kernels([0.3] * bands, RATIO, torch.float32).to(full.device)
    moved = full.clone().requires_grad_()
    with torch.enable_grad():
        degraded = degrade(moved, kernels, RATIO)
    yield "image mtf", lambda: degrade(full, kernels, RATIO)
    yield "image mtf adjoint", lambda: torch.autograd.grad(degraded, moved, low, retain_graph=True)
    yield "image detail", lambda: pan - full

    target = torch.randn_like(full)

    def l2():
        difference = full - target
        return difference.square().mean(), difference * (2 / difference.numel())

    yield "loss l2", l2
    layers = [(bands, WIDTH)] + [(WIDTH, WIDTH)] * 8 + [(WIDTH, bands)]
    network = torch.randn(sum(9 * ci * co + co for ci, co in layers))
    network.grad = torch.randn_like(network)
    adam = torch.optim.Adam([network], lr=5e-4, fused=True)
    yield "adam fusion network", adam.step


def main():
    args = arguments(__doc__, repeats=15)
    torch.set_grad_enabled(False)
    crop = args.size // RATIO // 2
    result = {"torch": torch.__version__, **vars(args)}
    for name, layout in [("default", torch.contiguous_format), ("channels_last", torch.channels_last)]:
        kernels = itertools.chain(
            convolutions("full", (1, args.size, args.size), args.bands, layout),
            convolutions("crops", (CROPS, crop, crop), args.bands, layout),
            mlps(args.size**2, crop**2, args.bands),
            images(args.size, args.bands, layout),
        )
        result[name] = {kernel: seconds(run, args.repeats, args.device)["median"] for kernel, run in kernels}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
