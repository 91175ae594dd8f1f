"""Replays a traced run in PyTorch and compares the loss of every step.

    replay.py TRACE PAN MS [--tolerance 1e-3] [--float64] [--threads N] [--steps N]

TRACE is the folder written by `fuse --trace`:
  config.json          the settings used here, listed in SETTINGS below
  samples.safetensors  what the network adds to (0.base, 0.base.reduced) and how much pixels of the reduced pair count
                       (0.weight.reduced), where that is not upsampled MS and alike
  init.safetensors     weights of both networks before the first step
  steps.jsonl          one line per optimiser step, with its crops, the side it sees the pair from, and its losses
PAN and MS are the images the run read. Exit status 1 if a loss is off by more than the
tolerance, relative. Trajectories in f32 part slowly: rounding in one step moves the next.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import rasterio
import torch
from safetensors.torch import load_file

import torch_method as method

warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)

SETTINGS = """
ratio               PAN pixels per MS pixel
upsample            cubic | interp23 | spline
reduced             wald | asrun
ms_gains, pan_gain  MTF gains at Nyquist
scale, offset       value = (DN − offset) / scale
pan, bounds         factor and constant that give PAN the unit of MS; beyond which PAN and MS are brought to their neighbours before, or null
lr                  {"dam", "reduced", "full"}: learning rates
lr_floor, epochs    share of the rates of the last two that is left in the end, and the epochs they fall in
bend                where the reduced loss turns from a square into an absolute value; 0: nowhere
betas, eps          Adam's constants
lambda_spectral     weight of the loss against the PAN
lambda_spatial      weight of the loss against the MS
crop_height, crop_width, crops   MS pixels; [row, column, flip] of each crop
best_dam_epoch      DAM epoch, counted from 1, whose weights were kept
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Settings of config.json:" + SETTINGS)
    parser.add_argument("trace", type=Path)
    parser.add_argument("pan")
    parser.add_argument("ms")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest relative difference of a loss")
    parser.add_argument("--float64", action="store_true", help="replay in double precision")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="stop once a phase after DAM has had as many")
    return parser.parse_args()


def cooled(values, low, high):
    """Values beyond bounds as the outermost of their eight neighbours within them."""
    within = values.clamp(low, high)
    if (within == values).all():
        return values

    def most(x):
        x = torch.nn.functional.pad(x, (1, 1, 1, 1), value=-float("inf"))
        parts = torch.nn.functional.unfold(x.transpose(0, 1), 3).unflatten(1, (1, 9))
        others = torch.cat((parts[:, :, :4], parts[:, :, 5:]), 2).amax(2)
        return others.reshape(within.shape)
    return torch.where(values > high, most(within), torch.where(values < low, -most(-within), within))


def read_image(path, config, bounds, unit, dtype):
    with rasterio.open(path) as image:
        values = cooled(torch.from_numpy(image.read().astype("float64"))[None], *bounds)
    return (unit[0] * values + unit[1] - config["offset"]).div(config["scale"]).to(dtype)


def start(args, config, dtype):
    missing = [key for line in SETTINGS.strip().splitlines() for key in line.split("  ")[0].split(", ")
               if key not in config]
    if missing:
        sys.exit(f"{args.trace / 'config.json'} lacks {', '.join(missing)}")
    bounds = config["bounds"] or [[-float("inf"), float("inf")]] * 2
    pan, ms = (read_image(*image, dtype) for image in ((args.pan, config, bounds[0], config["pan"]),
                                                       (args.ms, config, bounds[1], [1, 0])))
    if pan.shape[1] != 1 or ms.shape[1] != len(config["ms_gains"]):
        sys.exit(f"PAN has {pan.shape[1]} bands and MS {ms.shape[1]} for {len(config['ms_gains'])} gains")
    if list(pan.shape[2:]) != [config["ratio"] * n for n in ms.shape[2:]]:
        sys.exit(f"PAN {tuple(pan.shape[2:])} is not {config['ratio']} times MS {tuple(ms.shape[2:])}")
    weights = {name: w.to(dtype) for name, w in load_file(args.trace / "init.safetensors").items()}
    sample = {name: w.to(dtype) for name, w in load_file(args.trace / "samples.safetensors").items()}
    if len(config["windows"]) > 1 or "0.weight.pan" in sample:
        sys.exit("only a training on one window without nodata can be replayed")
    bases = [sample[name].movedim(2, 0)[None] if name in sample else None for name in ("0.base", "0.base.reduced")]
    weight = sample["0.weight.reduced"][None, None] if "0.weight.reduced" in sample else None
    return method.Training(
        pan, ms, weights, ratio=config["ratio"], ms_gains=config["ms_gains"], pan_gain=config["pan_gain"],
        crops=config["crops"], crop_size=(config["crop_height"], config["crop_width"]), upsample=config["upsample"],
        reduced=config["reduced"], lr=config["lr"], betas=config["betas"], eps=config["eps"],
        spectral=config["lambda_spectral"], spatial=config["lambda_spatial"], bases=bases, weight=weight,
        bend=config["bend"], lr_floor=config["lr_floor"], epochs=config["epochs"])


class Differences:
    """Largest relative difference per phase and loss, and where it is."""

    def __init__(self):
        self.all = {}

    def add(self, phase, name, line, found, wanted):
        error = abs(found - wanted) / max(abs(wanted), 1e-30)
        error = float("inf") if error != error else error
        self.all.setdefault(f"{phase} {name}", []).append((error, line, found, wanted))

    def report(self, tolerance):
        """Prints one line per loss; whether all are within the tolerance."""
        for key, errors in self.all.items():
            largest, line, found, wanted = max(errors)
            print(f"{key:14} {len(errors):5} steps, largest relative difference {largest:.2e} at line {line}: "
                  f"replayed {found:.9g}, traced {wanted:.9g}")
        return all(error <= tolerance for errors in self.all.values() for error, *_ in errors)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    config = json.loads((args.trace / "config.json").read_text())
    run = start(args, config, torch.float64 if args.float64 else torch.float32)
    lines = [json.loads(line) for line in (args.trace / "steps.jsonl").read_text().splitlines()]
    differences, done, kept = Differences(), {}, None
    for number, line in enumerate(lines, 1):
        phase = line["phase"]
        done[phase] = done.get(phase, 0) + 1
        if phase != "dam" and args.steps and done[phase] > args.steps:
            break  # the branches share weights: a step left out changes all later ones
        if phase == "dam":
            found = {"loss": run.dam_step(line["crop"])}
            last = number == len(lines) or (lines[number]["phase"], lines[number]["epoch"]) != ("dam", line["epoch"])
            if last and line["epoch"] == config["best_dam_epoch"]:
                kept = {name: w.detach().clone() for name, w in run.weights.items() if name.startswith("dam.")}
        else:
            if kept is not None:  # training of DAM is over: its best epoch is used from here on
                with torch.no_grad():
                    for name, w in kept.items():
                        run.weights[name].copy_(w)
                kept = None
            if phase == "reduced":
                found = {"loss": run.reduced_step(line["crops"], line["turn"], line["epoch"])}
            elif phase == "full":
                found = dict(zip(("spectral", "spatial", "loss"), run.full_step(line["turn"], line["epoch"])))
            else:
                sys.exit(f"steps.jsonl line {number}: unknown phase {phase!r}")
        for name, value in found.items():
            differences.add(phase, name, number, value, line[name])
    if not differences.all:
        sys.exit("steps.jsonl is empty")
    sys.exit(0 if differences.report(args.tolerance) else 1)


if __name__ == "__main__":
    main()
