"""Times the training steps in PyTorch, as a peer of our own: prints JSON.

    torch_step.py [--device cpu|cuda] [--threads 2] [--repeats 5] [--size 512] [--bands 8]
                  [--backbone fusionnet|lagnet|lgpnet|cannet|panmamba]

Per memory layout and kind of step: seconds, the least and the median of the repeats
after one step to warm up. The reduced step takes 8 crops, the DAM step one crop.
PanMamba sees 128 by 128 at most, as ours does; PyTorch has no scan, which is a loop here,
as its authors' own is without CUDA.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/data"))
import golden
import golden_backbones
import torch_method as method

RATIO = 4


def degrade(x, kernels, ratio):
    """Blur and decimation as one strided filter: six times faster than one after the other,
    and the same sum, since at ratio 4 the decimation never reads beyond the border."""
    taps = torch.tensor([-3.0, 19.0, 19.0, -3.0]) / 32
    combined = F.conv2d(F.pad(kernels, (3, 3, 3, 3)), torch.outer(taps, taps)[None, None])
    half = method.TAPS // 2
    return F.conv2d(F.pad(x, (half,) * 4, mode="replicate"), combined, stride=ratio, groups=x.shape[1])


def seconds(step, repeats, device):
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    step()
    taken = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        step()
        wait()
        taken.append(time.perf_counter() - start)
    return {"least": min(taken), "median": statistics.median(taken)}


def training(size, bands, layout, device, backbone="fusionnet"):
    pan, ms = (x.float().to(device, memory_format=layout) for x in golden.pair(size, size, bands, RATIO))
    how = {"blocks": 4} if backbone == "panmamba" else {}
    formula = (golden.formula_weights(bands) if backbone == "fusionnet"
               else golden_backbones.weights_of(backbone, bands, **how))
    weights = {name: w.float().to(device) for name, w in formula.items()}
    weights = {name: w.to(memory_format=layout) if w.dim() == 4 else w for name, w in weights.items()}
    return method.Training(pan, ms, weights, ratio=RATIO, ms_gains=[0.3] * bands, pan_gain=0.15)


def arguments(doc, repeats):
    """Those of both programs, set in PyTorch."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the PAN, a multiple of 16")
    parser.add_argument("--bands", type=int, default=8)
    parser.add_argument("--backbone", choices=["fusionnet", "lagnet", "lgpnet", "cannet", "panmamba"], default="fusionnet")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.set_default_device(args.device)
    return args


def main():
    args = arguments(__doc__, repeats=5)
    method.degrade = degrade
    if args.backbone == "panmamba":
        args.size = min(args.size, 128)
    result = {"torch": torch.__version__, **vars(args)}
    for name, layout in [("default", torch.contiguous_format), ("channels_last", torch.channels_last)]:
        run = training(args.size, args.bands, layout, args.device, args.backbone)
        steps = {"full": run.full_step, "reduced": lambda: run.reduced_step(run.crops[:8]), "dam": lambda: run.dam_step(0)}
        result[name] = {kind: seconds(step, args.repeats, args.device) for kind, step in steps.items()}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
