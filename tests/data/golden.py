"""Writes golden.json: values of PyTorch for the tests. `golden.py [OUT]`.

Inputs are closed formulas, so that the tests can make them again: no random numbers,
no stored arrays. Arrays are summed up by `digest`. Everything is float64 except the
lists called `losses_f32`. Layouts in the file are those of the Rust code: images
[N,H,W,C], convolution weights [3,3,Ci,Co]; the training weights alone keep PyTorch's.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import torch_method as method

torch.set_num_threads(1)
QB, QB_PAN = [0.34, 0.32, 0.30, 0.22], 0.15


def wave(shape, step, phase, scale=1.0):
    """scale · sin(step · k + phase) over the flat index k."""
    k = np.arange(math.prod(shape))
    return torch.from_numpy(scale * np.sin(step * k + phase)).reshape(shape)


def digest(a):
    """Eight samples spread over the flat array, its sum, its sum of squares, and a sum
    weighted by cos(k), which notices elements that changed places."""
    a = np.asarray(a.detach() if torch.is_tensor(a) else a, dtype=np.float64).ravel()
    at = [i * (a.size - 1) // 7 for i in range(8)]
    return {"len": a.size, "samples": a[at].tolist(), "sum": a.sum(), "squares": (a * a).sum(),
            "weighted": (a * np.cos(np.arange(a.size))).sum()}


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def nchw(x):
    return x.permute(0, 3, 1, 2)


def conv2d_case(n, h, w, ci, co):
    x = wave((n, h, w, ci), 0.7, 0.1).requires_grad_()
    weight = wave((3, 3, ci, co), 0.9, 0.2, 0.5).requires_grad_()
    bias = wave((co,), 0.3, 0.5).requires_grad_()
    dy = wave((n, h, w, co), 1.1, 0.3)
    y = nhwc(F.conv2d(nchw(x), weight.permute(3, 2, 0, 1), bias, padding=1))
    y.backward(dy)
    parts = {"y": y, "dx": x.grad, "dw": weight.grad, "db": bias.grad}
    return {"shape": [n, h, w, ci, co], **{name: digest(a) for name, a in parts.items()}}


def mlp_case(pixels, c, d):
    flat = wave((d * c + d + d * d + d + d + 1,), 0.7, 0.2, 0.8).requires_grad_()
    names = {"fc1.weight": (d, c), "fc1.bias": (d,), "fc2.weight": (d, d), "fc2.bias": (d,),
             "fc3.weight": (1, d), "fc3.bias": (1,)}
    parts = torch.split(flat, [math.prod(s) for s in names.values()])
    weights = {f"dam.{name}": part.reshape(shape) for (name, shape), part in zip(names.items(), parts)}
    x = wave((1, 1, pixels, c), 0.7, 0.1).requires_grad_()
    y = nhwc(method.dam(weights, nchw(x)))
    y.backward(wave(y.shape, 1.1, 0.3))
    return {"shape": [pixels, c, d], "y": digest(y), "dx": digest(x.grad), "dw": digest(flat.grad)}


def linear_case(ratio, h, w, c, operator):
    """Forward and adjoint of an image operator."""
    x = wave((1, h, w, c), 0.7, 0.1).requires_grad_()
    y = nhwc(operator(nchw(x)))
    y.backward(wave(y.shape, 1.1, 0.3))
    return {"ratio": ratio, "shape": [h, w, c], "y": digest(y), "dx": digest(x.grad)}


def upsample_case(ratio, h, w):
    return linear_case(ratio, h, w, 2, lambda x: method.upsample_cubic(x, ratio))


def degrade_case(ratio, h, w):
    gains = [0.34, 0.15]
    kernels = method.training_kernels(gains, ratio, torch.float64)
    return {"gains": gains, **linear_case(ratio, h, w, 2, lambda x: method.degrade(x, kernels, ratio))}


def interp23_case(ratio, h, w):
    x = wave((1, h, w, 2), 0.7, 0.1)
    y = np.moveaxis(method.interp23(nchw(x), ratio), 1, 3)
    return {"ratio": ratio, "shape": [h, w, 2], "y": digest(y)}


def adam_case():
    """Gradients from ordinary down to the size of epsilon, and none at all."""
    k = torch.arange(6, dtype=torch.float64)
    scale = torch.tensor([1, 1e-3, 1e-6, 1e-8, 1e-10, 0], dtype=torch.float64)
    theta = torch.cos(k).requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=5e-4, betas=(0.9, 0.999), eps=1e-8)
    trace = []
    for t in range(10):
        theta.grad = scale * torch.sin(1.3 * k + 0.7 * t)
        optimiser.step()
        trace.append(theta.tolist())
    return {"scale": scale.tolist(), "theta": trace}


def pair(h, w, c, ratio):
    """Smooth relief with texture, all in 0..1: pan [1,1,H,W], ms [1,C,h,w]."""
    i, j = np.mgrid[:h, :w]
    pan = 0.5 + 0.2 * np.sin(0.11 * i + 0.07 * j) + 0.1 * np.sin(0.9 * i - 0.6 * j)
    b, i, j = np.mgrid[:c, :h // ratio, :w // ratio]
    ms = 0.45 + 0.15 * np.sin(0.44 * i + 0.28 * j + 0.5 * b) + 0.08 * np.cos(1.3 * i - 1.1 * j + b)
    return torch.from_numpy(pan)[None, None], torch.from_numpy(ms)[None]


def formula_weights(c, width=32, sees=None):
    """Tensor t of the fusion network, in order of layers, weight before bias: 0.05 sin(0.7k+t)
    and 0.01 cos(0.3k+t) over PyTorch's flat index. DAM's weights are large enough that its
    output moves with its input: with small ones a mistake in its gradient would not show."""
    weights, t = {}, 0
    names = method.fusion_names()
    for name in names:
        ci, co = (sees or c) if name == names[0] else width, c if name == names[-1] else width
        k = np.arange(co * ci * 9)
        weights[f"{name}.weight"] = (0.05 * np.sin(0.7 * k + t)).reshape(co, ci, 3, 3)
        weights[f"{name}.bias"] = 0.01 * np.cos(0.3 * np.arange(co) + t + 1)
        t += 2
    k = np.arange(width * width)
    weights["dam.fc1.weight"] = (2.4 * np.sin(0.7 * k[:width * c])).reshape(width, c)
    weights["dam.fc1.bias"] = 0.1 * np.cos(0.3 * k[:width])
    weights["dam.fc2.weight"] = (1.8 * np.sin(0.9 * k + 1)).reshape(width, width)
    weights["dam.fc2.bias"] = 0.1 * np.cos(0.5 * k[:width])
    weights["dam.fc3.weight"] = (1.6 * np.sin(1.1 * k[:width] + 2)).reshape(1, width)
    weights["dam.fc3.bias"] = np.array([0.4])
    return {name: torch.from_numpy(w) for name, w in weights.items()}


def ends(weights, part):
    """First, middle and last value of each tensor, and its sum of squares."""
    flat = {name: w.detach().numpy().ravel() for name, w in weights.items() if name.startswith(part)}
    return {name: [w[0], w[w.size // 2], w[-1], (w * w).sum()] for name, w in flat.items()}


# Crop numbers of the steps. 3 is prime to 10: every batch has eight different crops.
DAM_CROPS = [3, 7, 0, 9, 1, 5, 8, 2, 6, 4]
BATCHES = [[(s + 3 * k) % 10 for k in range(8)] for s in range(10)]


def losses_of(start, steps, part):
    """Runs steps in f64 and in f32. The run in f64; losses, and the ends of the weights that are trained."""
    def run(dtype):
        training = start(dtype)
        act = {"dam": training.dam_step, "reduced": training.reduced_step, "full": training.full_step}
        return training, [act[phase](*what) for phase, what in steps]
    (training, exact), (_, single) = run(torch.float64), run(torch.float32)
    return training, {"losses": exact, "losses_f32": single, "weights": ends(training.weights, part)}


def steps_case(h, w, c, ratio, ms_gains, pan_gain, weights_of=formula_weights):
    """Ten steps of each phase, each from the formula weights, and of two paradigms: one after the other, and by turns."""
    _, ms = pair(h, w, c, ratio)
    crops = method.ten_crops(*ms.shape[2:])
    batches = [[crops[k] for k in batch] for batch in BATCHES]
    runs = {"dam": [("dam", (crop,)) for crop in DAM_CROPS], "reduced": [("reduced", (batch,)) for batch in batches],
            "full": [("full", ())] * 10, "serial": [("reduced", (b,)) for b in batches[:5]] + [("full", ())] * 5,
            "alternating": [x for b in batches[:5] for x in (("full", ()), ("reduced", (b,)))]}
    out = {}
    for name, steps in runs.items():
        def start(dtype):
            images = (x.to(dtype) for x in pair(h, w, c, ratio))
            weights = {n: v.to(dtype) for n, v in weights_of(c).items()}
            return method.Training(*images, weights, ratio=ratio, ms_gains=ms_gains, pan_gain=pan_gain)
        run, out[name] = losses_of(start, steps, "dam." if name == "dam" else "fusion.")
    inputs = {"lms": run.lms, "reduced_pan": run.reduced_pan, "reduced_lms": run.reduced_lms}
    return {"pan": [h, w], "bands": c, "ratio": ratio, "ms_gains": ms_gains, "pan_gain": pan_gain,
            "crops": crops, "dam_crops": DAM_CROPS, "batches": BATCHES,
            "inputs": {name: digest(nhwc(x)) for name, x in inputs.items()}, **out}


def bases(h, w, c, ratio):
    """What a network may start from, near `pair`: of the pair [1,C,H,W] and of the reduced pair [1,C,h,w]."""
    b, i, j = np.mgrid[:c, :h, :w]
    full = 0.45 + 0.15 * np.sin(0.11 * i + 0.07 * j + 0.5 * b) + 0.08 * np.sin(0.9 * i - 0.6 * j)
    b, i, j = np.mgrid[:c, :h // ratio, :w // ratio]
    reduced = 0.44 + 0.16 * np.sin(0.44 * i + 0.28 * j + 0.5 * b) + 0.05 * np.cos(1.3 * i - 1.1 * j + b)
    return torch.from_numpy(full)[None], torch.from_numpy(reduced)[None]


# What the default preset adds to the method. Rates are low enough for f32 to stay within 1e-5 of f64 in ten steps: at
# 1e-3 and 2e-3 they part by 2e-4 here, Adam's first steps going the full rate after the smallest gradients, too.
PRESET = {"border": 2, "bend": 0.01, "lr_full": 5e-4, "lr_reduced": 6e-4, "lr_floor": 0.02, "lambda_spectral": 0.25,
          "epochs": 10}


def preset_case(h, w, c, ratio, ms_gains, pan_gain, weights_of=lambda c: formula_weights(c, sees=2 * c),
                only=("reduced", "full", "alternating")):
    """Ten steps of each branch and of their alternation as the default preset takes them: from a base, seeing MS, on
    random crops from every side, one in each epoch."""
    size = [h // ratio, w // ratio]
    free = [n - n // 2 + 1 for n in size]
    turns = [(3 * s + 1) % 8 for s in range(10)]
    crops = [[[(3 * s + 5 * k) % free[0], (7 * s + 2 * k) % free[1], (s + k) % 2] for k in range(8)] for s in range(10)]
    reduced = [("reduced", (crops[s], turns[s], s + 1)) for s in range(10)]
    full = [("full", (turns[s], s + 1)) for s in range(10)]
    runs = {"reduced": reduced, "full": full, "alternating": [(full, reduced)[s % 2][s] for s in range(10)]}
    def start(dtype):
        images = (x.to(dtype) for x in pair(h, w, c, ratio))
        weights = {n: v.to(dtype) for n, v in weights_of(c).items()}
        return method.Training(
            *images, weights, ratio=ratio, ms_gains=ms_gains, pan_gain=pan_gain, upsample="spline",
            lr={"dam": 5e-4, "reduced": PRESET["lr_reduced"], "full": PRESET["lr_full"]},
            spectral=PRESET["lambda_spectral"], bases=[x.to(dtype) for x in bases(h, w, c, ratio)],
            weight=method.ground(*size, PRESET["border"]), bend=PRESET["bend"], lr_floor=PRESET["lr_floor"],
            epochs=PRESET["epochs"])
    out = {name: losses_of(start, runs[name], "fusion.")[1] for name in only}
    return {"pan": [h, w], "bands": c, "ratio": ratio, "ms_gains": ms_gains, "pan_gain": pan_gain, **PRESET,
            "crops": crops, "turns": turns, "weight": digest(method.ground(*size, PRESET["border"])), **out}


def charbonnier_case(n, h, w, c, bend):
    """Sum of w · √(e² + bend²) and its gradient."""
    y = wave((n, h, w, c), 0.7, 0.1).requires_grad_()
    target, weight = wave((n, h, w, c), 0.9, 0.2), 1 + wave((n, h, w, 1), 1.1, 0.3, 0.9)
    loss = method.mean_error(y, target, weight, bend) * y.numel()
    loss.backward()
    return {"shape": [n, h, w, c], "bend": bend, "loss": loss.item(), "dy": digest(y.grad)}


def features_case(n, h, w, c):
    pan, lms = wave((n, h, w, 1), 0.7, 0.1), wave((n, h, w, c), 0.9, 0.2)
    return {"shape": [n, h, w, c], "d": digest(torch.cat([pan - lms, lms], 3))}


def turn_case(turn, h, w, ci, co):
    """A convolution of an image seen from another side, turned back."""
    x, weight = wave((1, ci, h, w), 0.7, 0.1), wave((co, ci, 3, 3), 0.9, 0.2)
    y = method.turned_back(F.conv2d(method.turned(x, turn), weight, padding=1), turn)
    return {"turn": turn, "shape": [h, w, ci, co], "y": digest(y)}


def spline_case(ratio, n, fine):
    """A line of values, all of the result: the table of the Rust code ends where weights fall below 1e-5."""
    return {"ratio": ratio, "shape": [n, fine], "y": (method.spline_matrix(n, ratio, fine) @ wave((n,), 0.7, 0.1).numpy()).tolist()}


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("golden.json")
    golden = {
        "conv2d": [conv2d_case(*s) for s in [(2, 5, 7, 3, 4), (2, 1, 3, 2, 5), (2, 9, 6, 8, 3), (2, 6, 11, 5, 33)]],
        "mlp": [mlp_case(*s) for s in [(35, 3, 32), (17, 8, 32), (5, 1, 7)]],
        "upsample_cubic": [upsample_case(*s) for s in [(2, 5, 7), (4, 3, 5), (8, 4, 3), (4, 1, 2)]],
        "degrade": [degrade_case(*s) for s in [(2, 22, 14), (4, 28, 20), (8, 40, 24), (4, 76, 52), (2, 66, 54)]],
        "interp23": [interp23_case(*s) for s in [(2, 13, 24), (4, 5, 14), (8, 3, 5)]],
        "spline": [spline_case(*s) for s in [(2, 13, 26), (4, 5, 20), (4, 24, 95), (8, 1, 8)]],
        "charbonnier": [charbonnier_case(*s) for s in [(1, 9, 7, 3, 0.3), (2, 5, 4, 8, 0.01), (1, 1, 1, 1, 1.0)]],
        "features": [features_case(*s) for s in [(2, 5, 7, 3), (1, 3, 2, 1)]],
        "turn": [turn_case(turn, 5, 8, 3, 2) for turn in range(8)],
        "adam": adam_case(),
        "ten_crops": {f"{h}x{w}": method.ten_crops(h, w) for h, w in [(10, 14), (12, 20), (13, 9), (128, 64)]},
        # 10 × 14 MS pixels: the centre crop's row is the half that Python rounds down.
        "steps": [steps_case(64, 48, 4, 4, QB, QB_PAN), steps_case(20, 28, 8, 2, [0.35] * 7 + [0.27], 0.11)],
        # Oblong, and large enough that a border is left out and blocks are withheld.
        "preset": [preset_case(80, 96, 4, 4, QB, QB_PAN), preset_case(36, 44, 8, 2, [0.35] * 7 + [0.27], 0.11)],
    }
    out.write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
