"""Quality over time by Wald's protocol, and a picture of it.

    quality.py PAN MS [--sensor wv2] [--trapan target/release/trapan] [--seeds 0 1 2] [--svg FILE] [-- FLAGS…]

The pair is degraded by its own ratio (`trapan degrade`), fused by every effort, by the paper's method (preset
faithful) and by the closed forms with and without the consistency step, and judged by MS. Prints a table: wall seconds
with start-up and files, ERGAS, SAM and Q2n; medians of the seeds where something is trained, with the spread of ERGAS.
All runs are of one machine, one after another. FLAGS go to every command that reads the pair.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLOSED = ["exp", "brovey", "gsa", "mtf-glp-fs", "mtf-glp-hpm-r", "bdsd-pc", "tv"]
METHODS = [
    *[(name, ["--method", name], False) for name in CLOSED],
    *[(f"{name} + step", ["--method", name, "--consistency", "auto"], False) for name in CLOSED[3:6]],
    ("fast", ["--effort", "fast"], False),
    ("quick", ["--effort", "quick"], True),
    ("default", [], True),
    ("best", ["--effort", "best"], True),
    ("faithful", ["--preset", "faithful"], True),
]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 60, 20, 620, 310
STYLE = """
  text { font: 12px sans-serif; fill: #24292f }
  .trained { fill: #0969da } .closed { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .trained { fill: #58a6ff } .closed { fill: #f0883e }
  }
"""
GREY = 'fill="none" stroke="#8c959f"'


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pan", type=Path)
    parser.add_argument("ms", type=Path)
    parser.add_argument("--sensor", default="generic")
    parser.add_argument("--trapan", default="target/release/trapan")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--svg", type=Path)
    own, flags = (sys.argv[1:] + ["--"])[: (sys.argv[1:] + ["--"]).index("--")], sys.argv[1:]
    args = parser.parse_args(own)
    args.flags = ["--sensor", args.sensor, *(flags[flags.index("--") + 1 :] if "--" in flags else [])]
    return args


def run(args, *command):
    done = subprocess.run([args.trapan, *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"trapan {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def measure(args, folder, flags, seed):
    """Seconds, and what the fused pair scores against MS."""
    fused = folder / "fused.tif"
    # The pair lies as its degradation left it: a shift is no longer PAN's alone.
    still = [] if "faithful" in flags else ["--coregister=off"]
    pair = [folder / "pan.tif", folder / "ms.tif"]
    start = time.perf_counter()
    run(args, "fuse", *pair, "-o", fused, "--overwrite", "-q", "--seed", seed, *still, *flags, *args.flags)
    seconds = time.perf_counter() - start
    scores = json.loads(run(args, "assess", "--fused", fused, "--truth", args.ms, "--json"))["scores"]
    return seconds, scores["ergas"], scores["sam"], scores["q2n"]


def picture(rows, title):
    """ERGAS against seconds, which are logarithmic."""
    rows = [row for row in rows if row[0] not in ("exp", "brovey")]
    low, high = min(r[1] for r in rows), max(r[1] for r in rows)
    ticks = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    step = 10 ** math.floor(math.log10(max(r[2] for r in rows)))
    step = step / 5 if max(r[2] for r in rows) < 3 * step else step / 2
    bottom = step * math.floor(min(r[2] for r in rows) / step)
    top = step * math.ceil(max(r[2] for r in rows) / step)

    def x(seconds):
        return LEFT + (RIGHT - LEFT) * (math.log10(seconds) - ticks[0]) / (ticks[-1] - ticks[0])

    def y(ergas):
        return BOTTOM - (BOTTOM - TOP) * (ergas - bottom) / (top - bottom)

    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    yield f"<title>{title}</title><style>{STYLE}</style>"
    for tick in ticks:
        yield f'<text x="{x(10**tick):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{10**tick:g} s</text>'
    for i in range(round((top - bottom) / step) + 1):
        value = bottom + i * step
        yield f'<path {GREY} stroke-opacity=".3" d="M{LEFT} {y(value):.1f}H{RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    yield f'<path {GREY} d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>'
    label = 0.0
    for name, seconds, ergas, *_ in sorted(rows, key=lambda row: -row[2]):
        # Labels from top to bottom, none over another.
        label = max(y(ergas) + 4, label + 13)
        kind = "trained" if name in ("fast", "quick", "default", "best") else "closed"
        yield f'<circle class="{kind}" cx="{x(seconds):.1f}" cy="{y(ergas):.1f}" r="4"/>'
        yield f'<text x="{x(seconds) + 7:.1f}" y="{label:.1f}">{name}</text>'
    yield f'<text x="{LEFT}" y="{HEIGHT - 10}">ERGAS (lower is better) against seconds for the degraded pair</text></svg>'


def main():
    args = arguments()
    rows = []
    print(f"{'method':22} {'seconds':>8} {'ERGAS':>8} {'± seeds':>8} {'SAM':>7} {'Q2n':>7}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(args, "degrade", args.pan, args.ms, "-o", folder, "-q", *args.flags)
        for name, flags, trained in METHODS:
            runs = [measure(args, folder, flags, seed) for seed in (args.seeds if trained else args.seeds[:1])]
            seconds, ergas, sam, q2n = (statistics.median(values) for values in zip(*runs))
            spread = (max(r[1] for r in runs) - min(r[1] for r in runs)) / 2
            rows.append((name, seconds, ergas, sam, q2n))
            print(f"{name:22} {seconds:8.2f} {ergas:8.3f} {spread:8.3f} {sam:7.3f} {q2n:7.4f}", flush=True)
    if args.svg:
        args.svg.write_text("\n".join(picture(rows, f"Quality over time, {args.pan.stem}")) + "\n")


if __name__ == "__main__":
    main()
