"""Measures everything about one GPU in one go: prints a table, and writes it with the raw JSON.

    gpu.py [--device gpu] [--size 512] [--quick] [--out gpu-results]

Checks every kernel (`trapan selftest`), measures kernels and steps (`trapan bench`), fuses a
simulated pair with a cold and a warm cache of compiled kernels and once with times per
kernel, each in f32 with convolutions by Winograd and directly and, where the adapter has it,
in f16; then, if PyTorch has CUDA, runs its steps and ours in turn (peers/compare.py). Build with `cargo build --release` first, or
name another program in TRAPAN. --quick only shows that the script works.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAPAN = os.environ.get("TRAPAN", str(HERE.parent / "target/release/trapan"))

# What is measured, by the flags that ask for it.
FORMS = {
    "f32 winograd": ["--precision", "f32", "--convolution", "winograd"],
    "f32 direct": ["--precision", "f32", "--convolution", "direct"],
    "f16": ["--precision", "f16"],
}


def trapan(*args, check=True, **kwargs):
    command = [TRAPAN, *map(str, args)]
    print("$", " ".join(command), file=sys.stderr, flush=True)
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, **kwargs)


def fuse(args, folder, form, cache, *flags):
    """Seconds of the whole process."""
    epochs = ["--epochs", 2, "--warm-up-epochs", 1, "--dam-epochs", 2] if args.quick else []
    start = time.perf_counter()
    trapan(
        *("fuse", "--pan", folder / "pan.tif", "--ms", folder / "ms.tif", "-o", folder / "fused.tif"),
        *("--overwrite", "--device", args.device, *FORMS[form], *epochs, *flags),
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )
    return time.perf_counter() - start


def fusions(args, folder, form):
    cache, report = folder / f"cache {form}", folder / "report.json"
    cold = fuse(args, folder, form, cache)
    warm = [fuse(args, folder, form, cache) for _ in range(1 if args.quick else 5)]
    result = {"cold": cold, "warm": statistics.median(warm)}
    for name, flags in [("parts", []), ("profile", ["--profile"])]:
        fuse(args, folder, form, cache, "--report", report, *flags)
        told = json.loads(report.read_text())
        result[name] = {key: told[key] for key in ["device", "seconds", "result", "profile"]}
    return result


def measure(args, folder, form):
    """All numbers of one form, or None where the adapter lacks it (exit code 5)."""
    flags = ["--device", args.device, *FORMS[form]]
    test = trapan("selftest", *flags, check=False)
    if form == "f16" and test.returncode == 5:
        return None
    bench = trapan("bench", "--json", *flags, *(["--quick"] if args.quick else []))
    return {
        "selftest": test.stdout.strip().splitlines()[-1] if test.stdout else "did not run",
        "bench": json.loads(bench.stdout),
        "fuse": fusions(args, folder, form),
    }


def peers(args):
    probe = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    if args.device != "gpu" or subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode:
        return "PyTorch with CUDA is not here: no comparison."
    command = [sys.executable, HERE / "peers/compare.py", "--device", "gpu"]
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout


def by_kernel(profile):
    sums = {}
    for call in profile["profile"]:
        sums[call["kernel"]] = sums.get(call["kernel"], 0.0) + call["seconds"]
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def forms(results):
    """Kernels and steps, milliseconds in each form side by side."""
    rows = {form: result["bench"]["kernels"] + result["bench"]["steps"] for form, result in results.items()}
    lines = ["| ms | " + " | ".join(rows) + " |", "|---" * (1 + len(rows)) + "|"]
    for same in zip(*rows.values()):
        times = " | ".join(f"{row['seconds'] * 1e3:.3f}" for row in same)
        lines.append(f"| {same[0]['name']} {same[0]['shape']} | {times} |")
    return "\n".join(lines)


def table(results):
    lines = ["### Forms", "", forms(results), ""]
    for form, result in results.items():
        bench, runs = result["bench"], result["fuse"]
        ceilings = bench["ceilings"]
        lines += [
            f"### {form}: {runs['parts']['device']}",
            "",
            f"self-test: {result['selftest']}; copy {ceilings['copy_gb_s']:.0f} GB/s, "
            f"fused multiply-adds {ceilings['fma_gflop_s']:.0f} GFLOP/s; "
            f"{bench['side']}x{bench['side']}x{bench['bands']}: {bench['memory_bytes'] / 1e6:.0f} MB",
            "",
            "| kernel or step | ms | GFLOP/s | GB/s | roofline |",
            "|---|---|---|---|---|",
        ]
        for row in bench["kernels"] + bench["steps"]:
            lines.append(
                f"| {row['name']} {row['shape']} | {row['seconds'] * 1e3:.3f} | {row['gflop_s']:.0f} "
                f"| {row['gb_s']:.0f} | {100 * row['roofline']:.0f} % |"
            )
        lines += ["", "| whole fuse | seconds |", "|---|---|"]
        lines += [f"| process, {name} cache of kernels | {runs[name]:.3f} |" for name in ["cold", "warm"]]
        lines += [f"| {part} | {seconds:.3f} |" for part, seconds in runs["parts"]["seconds"].items()]
        shares = by_kernel(runs["profile"])
        total = sum(shares.values()) or 1.0
        lines += ["", "| kernel of that fuse | ms | share |", "|---|---|---|"]
        lines += [f"| {name} | {1e3 * s:.1f} | {100 * s / total:.0f} % |" for name, s in shares.items()]
        lines += [f"\nfull loss {runs['parts']['result']['full_loss']:.6g}", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu", help="gpu, gpu:N or software")
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the simulated PAN")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"))
    args = parser.parse_args()
    if not shutil.which(TRAPAN):
        sys.exit(f"{TRAPAN} is not here: cargo build --release")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        trapan("simulate", "-o", folder, "--size", args.size, "--bands", 8)
        measured = {form: measure(args, folder, form) for form in FORMS}
    results = {form: result for form, result in measured.items() if result}
    text = table(results)
    if "f16" not in results:
        text += "\nf16: the adapter lacks what it takes; `trapan devices` says what.\n"
    text += "\n### PyTorch on the same card\n\n" + peers(args)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "gpu.json").write_text(json.dumps(results, indent=1))
    (args.out / "gpu.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
