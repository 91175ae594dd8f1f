"""Draws how time and memory of a full step grow: `trapan bench --growth --json | growth.py > growth.svg`.

Two panels with logarithmic axes, against PAN pixels and against bands: milliseconds of a
full step and MiB of its buffers. A straight line of slope one is linear growth; the dashed
line is that through the main case, 512×512 with 8 bands. Colours follow the reader's theme.
"""

import json
import math
import sys

MAIN = (512, 8)
WIDTH, HEIGHT = 420, 300
LEFT, TOP, RIGHT, BOTTOM = 60, 44, 396, 248
STYLE = """
  text { font: 12px sans-serif; fill: #24292f }
  .title { font-weight: bold }
  .time { stroke: #0969da; stroke-width: 2 }
  .memory { stroke: #bc4c00; stroke-width: 2 }
  .timedot { fill: #0969da }
  .memorydot { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .time { stroke: #58a6ff }
    .memory { stroke: #f0883e }
    .timedot { fill: #58a6ff }
    .memorydot { fill: #f0883e }
  }
"""
GREY = 'fill="none" stroke="#8c959f"'


def decades(values):
    return range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)


def panel(x0, title, points, key, label, linear):
    """`key` gives a point's place on the horizontal axis, `label` its name there; with the dashed line or not."""
    series = {"time": lambda p: p["seconds"] * 1e3, "memory": lambda p: p["bytes"] / 2**20}
    points = sorted(points, key=key)
    keys = [key(p) for p in points]
    ticks = decades([f(p) for f in series.values() for p in points])

    def x(value):
        return x0 + LEFT + (RIGHT - LEFT) * math.log(value / keys[0]) / math.log(keys[-1] / keys[0])

    def y(value):
        return BOTTOM - (BOTTOM - TOP) * (math.log10(value) - ticks[0]) / (ticks[-1] - ticks[0])

    yield f'<text class="title" x="{x0 + LEFT}" y="18">{title}</text>'
    for tick in ticks:
        yield f'<path {GREY} stroke-opacity=".3" d="M{x0 + LEFT} {y(10**tick):.1f}H{x0 + RIGHT}"/>'
        yield f'<text x="{x0 + LEFT - 8}" y="{y(10**tick) + 4:.1f}" text-anchor="end">{10**tick:g}</text>'
    for point in points:
        yield f'<text x="{x(key(point)):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{label(point)}</text>'
    yield f'<path {GREY} d="M{x0 + LEFT} {TOP}V{BOTTOM}H{x0 + RIGHT}"/>'
    main = next(p for p in points if (p["side"], p["bands"]) == MAIN)
    for name, value in series.items():
        if linear:
            ends = [(k, value(main) * k / key(main)) for k in (keys[0], keys[-1])]
            yield f'<path {GREY} stroke-dasharray="4 4" d="M{"L".join(f"{x(k):.1f} {y(v):.1f}" for k, v in ends)}"/>'
        line = "L".join(f"{x(key(p)):.1f} {y(value(p)):.1f}" for p in points)
        yield f'<path fill="none" class="{name}" d="M{line}"/>'
        for point in points:
            yield f'<circle class="{name}dot" cx="{x(key(point)):.1f}" cy="{y(value(point)):.1f}" r="3"/>'


def main():
    result = json.load(sys.stdin)
    points = result["growth"]
    sizes = [p for p in points if p["bands"] == MAIN[1]]
    bands = [p for p in points if p["side"] == MAIN[0]]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" role="img">')
    print(f"<title>Time and memory of a full training step on {result['device']}</title><style>{STYLE}</style>")
    size = panel(0, f"PAN size, {MAIN[1]} bands", sizes, lambda p: p["side"] ** 2, lambda p: f"{p['side']}²", True)
    band = panel(WIDTH, f"bands, {MAIN[0]}×{MAIN[0]}", bands, lambda p: p["bands"], lambda p: p["bands"], False)
    print("\n".join([*size, *band]))
    for x, name, text in [(60, "time", "ms per full step"), (200, "memory", "MiB of buffers")]:
        print(f'<circle class="{name}dot" cx="{x}" cy="{HEIGHT - 14}" r="4"/>')
        print(f'<text x="{x + 10}" y="{HEIGHT - 10}">{text}</text>')
    print(f'<path {GREY} stroke-dasharray="4 4" d="M330 {HEIGHT - 14}h24"/>')
    print(f'<text x="362" y="{HEIGHT - 10}">linear through {MAIN[0]}²</text>\n</svg>')


if __name__ == "__main__":
    main()
