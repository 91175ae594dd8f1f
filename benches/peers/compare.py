"""Runs our training steps and PyTorch's alternately on one machine and prints the ratios.

    compare.py [--rounds 5] [--device cpu|gpu] [--threads 2]

Each round is one run of `trapan bench` and one of torch_step.py beside this file, in turn,
so that a machine whose speed drifts treats both alike. The table holds medians over the
rounds of each run's own median. With --device gpu PyTorch runs on CUDA with TF32 on. Build
with `cargo build --release` first.
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


def output(*command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE).stdout)


def ours(args):
    result = output(TRAPAN, "bench", "--json", "--device", args.device, "-j", args.threads)
    taken = {step["name"]: step["seconds"] for step in result["steps"]}
    return {step: taken[f"{step} step"] for step in STEPS}


def theirs(args):
    device = "cuda" if args.device == "gpu" else "cpu"
    result = output(sys.executable, HERE / "torch_step.py", "--device", device, "--threads", args.threads)
    return {layout: {step: result[layout][step]["median"] for step in STEPS} for layout in ["channels_last", "default"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    rounds = [(ours(args), theirs(args)) for _ in range(args.rounds)]
    print("| step | trapan | PyTorch, channels last | PyTorch, default layout |\n|---|---|---|---|")
    for step in STEPS:
        own = statistics.median(a[step] for a, _ in rounds)
        row = [f"{own * 1e3:.2f} ms"]
        for layout in ["channels_last", "default"]:
            time = statistics.median(b[layout][step] for _, b in rounds)
            ratio = statistics.median(b[layout][step] / a[step] for a, b in rounds)
            row.append(f"{time * 1e3:.2f} ms ({ratio:.1f}×)")
        print(f"| {step} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
