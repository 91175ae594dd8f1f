"""Writes golden_backbones.json: ten steps of PyTorch with LAGNet and LGPNet in FusionNet's place.
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


def biased(name):
    """Those of the taps, and of LGPNet's perturbation, have none."""
    return name.rsplit(".", 1)[-1] in ("att0", "att1", "att2", "gh0", "gh1", "pw", "dw")


def formula_weights(layers):
    """Tensor t in order of layers, weight before bias: sin(0.7 k + 0.013 k^1.5 + t) over the root of its inputs, and
    0.05 cos(0.3 k + t). Without the bent term matrices would be of rank 2, and sums would cancel."""
    weights = {}
    t = 0
    for name, shape in layers.items():
        k = np.arange(math.prod(shape))
        weights[f"fusion.{name}.weight"] = torch.from_numpy((np.sin(0.7 * k + 0.013 * k**1.5 + t) / math.sqrt(math.prod(shape[1:]))).reshape(shape))
        t += 1
        if biased(name):
            weights[f"fusion.{name}.bias"] = torch.from_numpy(0.05 * np.cos(0.3 * np.arange(shape[0]) + t))
            t += 1
    return weights


def weights_of(name, c):
    """All weights of a training with this backbone."""
    layers = {"lagnet": lagnet_layers, "lgpnet": lgpnet_layers}[name](c)
    dam = {key: w for key, w in golden.formula_weights(c).items() if key.startswith("dam.")}
    return formula_weights(layers) | dam


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("golden_backbones.json")
    values = {}
    for name, size in ("lagnet", 148_457), ("lgpnet", 26_068):
        weights = functools.partial(weights_of, name)
        assert sum(w.numel() for key, w in weights(4).items() if key.startswith("fusion.")) == size
        values[name] = {
            "steps": [golden.steps_case(48, 32, 4, 4, golden.QB, golden.QB_PAN, weights)],
            "preset": [golden.preset_case(36, 44, 8, 2, [0.35] * 7 + [0.27], 0.11, weights)],
        }
    for runs in (run for cases in values.values() for case in cases["steps"] + cases["preset"] for run in case.values()):
        if isinstance(runs, dict):
            runs.pop("weights", None)  # of some hundred tensors
    out.write_text(json.dumps(values, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
