"""Runs our training steps and PyTorch's alternately on one machine and prints the ratios.

    compare.py [--rounds 5] [--device cpu|gpu] [--threads 2] [--repeats 5]
               [--backbone fusionnet|lagnet|lgpnet|cannet|panmamba] [--kernels]

Each round is one run of `trapan bench` and one of torch_step.py beside this file, with
--kernels of torch_kernels.py, too, in turn, so that a machine whose speed drifts treats both
alike. The tables hold medians over the rounds of each run's own median. With --device gpu
PyTorch runs on CUDA with TF32 on. Build with `cargo build --release` first.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAPAN = HERE.parents[1] / "target/release/trapan"
STEPS = ["full", "reduced", "dam"]
LAYOUTS = ["channels_last", "default"]


def output(*command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE).stdout)


def ours(args):
    result = output(TRAPAN, "bench", "--json", "--device", args.device, "-j", args.threads, "--backbone", args.backbone)
    taken = {step["name"].removesuffix(" step"): step["seconds"] for step in result["steps"]}
    return taken | {kernel["name"]: kernel["seconds"] for kernel in result["kernels"]}


def theirs(args):
    options = ["--device", "cuda" if args.device == "gpu" else "cpu", "--threads", args.threads]
    chosen = ["--backbone", args.backbone, "--repeats", args.repeats]
    steps = output(sys.executable, HERE / "torch_step.py", *options, *chosen)
    taken = {layout: {step: steps[layout][step]["median"] for step in STEPS} for layout in LAYOUTS}
    if args.kernels:
        kernels = output(sys.executable, HERE / "torch_kernels.py", *options)
        taken = {layout: taken[layout] | kernels[layout] for layout in LAYOUTS}
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="steps of PyTorch in a round")
    parser.add_argument("--backbone", choices=["fusionnet", "lagnet", "lgpnet", "cannet", "panmamba"], default="fusionnet")
    parser.add_argument("--kernels", action="store_true", help="single kernels, too")
    args = parser.parse_args()
    rounds = [(ours(args), theirs(args)) for _ in range(args.rounds)]
    print("| | trapan | PyTorch, channels last | PyTorch, default layout |\n|---|---|---|---|")
    for name in rounds[0][1]["default"]:
        own = statistics.median(a[name] for a, _ in rounds)
        row = [f"{own * 1e3:.2f} ms"]
        for layout in LAYOUTS:
            time = statistics.median(b[layout][name] for _, b in rounds)
            ratio = statistics.median(b[layout][name] / a[name] for a, b in rounds)
            row.append(f"{time * 1e3:.2f} ms ({ratio:.1f}×)")
        print(f"| {name}{' step' if name in STEPS else ''} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
