"""Writes golden_backbones.json: ten steps of PyTorch with other networks in FusionNet's place.
`golden_backbones.py [OUT]`. As golden.py, whose cases these are."""

import functools
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

import golden


def lag_layers(name, ci, co):
    return {f"{name}.att0": (9, ci, 3, 3), f"{name}.att1": (9, 9, 1, 1), f"{name}.att2": (9, 9, 1, 1),
            f"{name}.gh0": (co, ci, 1, 1), f"{name}.gh1": (co, co, 1, 1), name: (co, ci, 3, 3)}


def lagnet_layers(c):
    layers = lag_layers("head", c + 1, 32)
    for i in range(5):
        layers |= lag_layers(f"rb{i}.a", 32, 32) | lag_layers(f"rb{i}.b", 32, 32)
    return layers | lag_layers("tail", 32, c)


def lgp_layers(name, ci, co):
    return {f"{name}.pw": (co, ci, 1, 1), f"{name}.dw": (co, 1, 3, 3), f"{name}.g": (co, 1, 3, 3),
            f"{name}.mix": (co, co, 1, 1)}


def lgpnet_layers(c):
    layers = lgp_layers("head0", c + 1, 20) | lgp_layers("head1", 20, 32)
    for i in range(4):
        layers |= lgp_layers(f"rb{i}.a", 32, 32) | lgp_layers(f"rb{i}.b", 32, 32)
    return layers | lgp_layers("tail0", 32, 16) | lgp_layers("tail1", 16, c) | lgp_layers("tail2", c, c)


def can_layers(name, c):
    return {f"{name}.k0": (16, c, 3, 3), f"{name}.k1": (16, 16, 1, 1), f"{name}.ka": (9, 16, 1, 1),
            f"{name}.ki": (c, 16, 1, 1), f"{name}.ko": (c, 16, 1, 1), name: (c, c, 3, 3),
            f"{name}.b0": (16, c, 3, 3), f"{name}.b1": (16, 16, 1, 1), f"{name}.b2": (c, 16, 1, 1)}


def cannet_layers(c):
    def block(name, m):
        return can_layers(f"{name}.a", m) | can_layers(f"{name}.b", m)

    def down(name, m):
        return {f"{name}.s": (m, m, 2, 2), f"{name}.d": (m, 1, 3, 3), f"{name}.p": (2 * m, m, 1, 1)}

    def up(name, m):
        return {f"{name}.t": (2 * m, m, 2, 2), f"{name}.shift": (m, 1, 1, 1), f"{name}.d": (m, 1, 3, 3),
                f"{name}.p": (m, m, 1, 1)}
    return ({"head": (32, c + 1, 3, 3)} | block("rb1", 32) | down("down1", 32) | block("rb2", 64) | down("down2", 64)
            | block("rb3", 128) | up("up1", 64) | block("rb4", 64) | up("up2", 32) | block("rb5", 32)
            | {"tail": (c, 32, 3, 3)})


def branch_layers(name, rank=2):
    return {f"{name}.in_u": (64, 32, 1, 1), f"{name}.in_z": (64, 32, 1, 1), f"{name}.scan": (64, 16, 1, 1),
            f"{name}.conv": (64, 1, 1, 4), f"{name}.x_dt": (rank, 64, 1, 1), f"{name}.x_bc": (32, 64, 1, 1),
            f"{name}.dt": (64, rank, 1, 1)}


def panmamba_layers(c, blocks=1):
    """PanMamba by its number of blocks: twice as many for each image, half as many of exchange, 5 in 4 of both."""
    def encoder(name, c):
        layers = {f"{name}.0": (32, c, 3, 3)}
        for i in (1, 2, 3):
            layers |= {f"{name}.{i}.a": (32, 32, 3, 3), f"{name}.{i}.b": (32, 32, 3, 3), f"{name}.{i}.n": (16, 1, 1, 1)}
        return layers

    def mamba(name):
        return branch_layers(name) | {f"{name}.out": (32, 64, 1, 1)}
    layers = encoder("panenc", 1) | encoder("msenc", c) | {"mstok": (32, 32, 1, 1), "pantok": (32, 32, 1, 1)}
    for name in [f"{of}{i}" for of in ("ms", "pan") for i in range(2 * blocks)]:
        layers |= {f"{name}.n": (32, 1, 1, 1)} | mamba(name)
    for name in [f"swap{i}" for i in range((blocks + 1) // 2)]:
        layers |= {f"{name}.nm": (32, 1, 1, 1), f"{name}.nq": (32, 1, 1, 1)} | mamba(f"{name}.m") | mamba(f"{name}.q")
    layers |= {"sf1": (32, 64, 3, 3), "sf2": (32, 64, 3, 3)}
    for name in [f"x{i}" for i in range(max(1, 5 * blocks // 4))]:
        layers |= {f"{name}.n1": (32, 1, 1, 1), f"{name}.n2": (32, 1, 1, 1)}
        layers |= branch_layers(f"{name}.a") | branch_layers(f"{name}.b")
        layers |= {f"{name}.out": (32, 64, 1, 1), f"{name}.dw": (32, 1, 3, 3)}
    return layers | {"ref.in": (32, 32, 3, 3), "ref.a": (32, 32, 3, 3), "ref.b": (32, 32, 3, 3),
                     "ref.d": (8, 32, 1, 1), "ref.u": (32, 8, 1, 1), "ref.out": (c, 32, 3, 3)}


def biased(name, layers):
    """Those of the taps, of LGPNet's perturbation, of CANNet's filters and what its clusters share, and of most of
    PanMamba's linear layers have none."""
    part = name.rsplit(".", 1)[-1]
    if "mstok" in layers:
        return part not in ("in_u", "in_z", "x_dt", "x_bc") and not (part == "out" and "ref" not in name)
    if "down1.s" in layers:
        return part not in ("a", "b", "t", "shift", "d")
    return part in ("att0", "att1", "att2", "gh0", "gh1", "pw", "dw")


def formula_weights(layers):
    """Tensor t in order of layers, weight before bias: sin(0.7 k + 0.013 k^1.5 + t) over the root of its inputs, and
    0.05 cos(0.3 k + t). Without the bent term matrices would be of rank 2, and sums would cancel."""
    weights = {}
    t = 0
    for name, shape in layers.items():
        k = np.arange(math.prod(shape))
        weights[f"fusion.{name}.weight"] = torch.from_numpy((np.sin(0.7 * k + 0.013 * k**1.5 + t) / math.sqrt(math.prod(shape[1:]))).reshape(shape))
        t += 1
        if biased(name, layers):
            weights[f"fusion.{name}.bias"] = torch.from_numpy(0.05 * np.cos(0.3 * np.arange(shape[0]) + t))
            t += 1
    return weights


def weights_of(name, c, **how):
    """All weights of a training with this backbone; PanMamba's of so many `blocks`."""
    networks = {"lagnet": lagnet_layers, "lgpnet": lgpnet_layers, "cannet": cannet_layers, "panmamba": panmamba_layers}
    layers = networks[name](c, **how)
    dam = {key: w for key, w in golden.formula_weights(c).items() if key.startswith("dam.")}
    return formula_weights(layers) | dam


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("golden_backbones.json")
    values = {}
    # Of ratio 4 and 2. CANNet seen from another side is the same where no side is odd at any of its levels; PanMamba is
    # made of few blocks and sees little, for a scan takes its steps one after the other.
    sizes = {"lagnet": ((48, 32), (36, 44)), "lgpnet": ((48, 32), (36, 44)), "cannet": ((48, 32), (32, 48)),
             "panmamba": ((32, 16), (32, 36))}
    assert sum(math.prod(s) + (s[0] if biased(n, panmamba_layers(4, 4)) else 0)
               for n, s in panmamba_layers(4, 4).items()) == 472_044
    for name, size in ("lagnet", 148_457), ("lgpnet", 26_068), ("cannet", 785_118), ("panmamba", 259_308):
        weights, (first, second) = functools.partial(weights_of, name), sizes[name]
        assert sum(w.numel() for key, w in weights(4).items() if key.startswith("fusion.")) == size
        values[name] = {
            "steps": [golden.steps_case(*first, 4, 4, golden.QB, golden.QB_PAN, weights)],
            "preset": [golden.preset_case(*second, 8, 2, [0.35] * 7 + [0.27], 0.11, weights,
                                          ("reduced",) if name == "panmamba" else ("reduced", "full", "alternating"))],
        }
    for runs in (run for cases in values.values() for case in cases["steps"] + cases["preset"] for run in case.values()):
        if isinstance(runs, dict):
            runs.pop("weights", None)  # of some hundred tensors
    out.write_text(json.dumps(values, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
