"""Table 1 of the paper for folders of PanCollection files: HQNR, Dλ and Ds at full resolution, mean and spread.

    python examples/paper_table.py FOLDER [--sensor wv3] [--methods exp,mtf-glp-fs,fast,faithful] [--limit 20]

Each `.h5` holds `pan` (N, 1, H, W) and `ms` (N, C, h, w), each `.mat` the same as (H, W) and (h, w, C), with N in front
where there are several; `lms` and `gt` are not needed. Values are DN. Methods are those of `trapan fuse --method`, and
`fast`. Training takes minutes for each image.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import trapan


def pairs(path):
    """Every pair of a file, as (H, W) and (C, h, w)."""
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            pan, ms = file["pan"][:], file["ms"][:]
        if path.suffix == ".mat":
            # MATLAB's version 7.3 is HDF5 with all axes reversed.
            pan, ms = pan.T, ms.T
    else:
        file = scipy.io.loadmat(path)
        pan, ms = file["pan"], file["ms"]
    pan = pan.reshape(-1, *pan.shape[-2:])
    ms = ms.reshape(-1, *ms.shape[-3:])
    if path.suffix == ".mat":
        ms = np.moveaxis(ms, -1, 1)
    return zip(pan.astype(np.float32), ms.astype(np.float32))


def fuse(pan, ms, name, sensor, settings):
    how = {"effort": "fast"} if name == "fast" else {"method": name}
    return trapan.fuse(pan, ms, sensor=sensor, **how, **settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sensor", default="wv3")
    parser.add_argument("--methods", default="exp,mtf-glp-fs,fast,faithful")
    parser.add_argument("--limit", type=int, default=20, help="images at most")
    parser.add_argument("--epochs", type=int, help="of those that train, to try the script")
    args = parser.parse_args()
    files = sorted(path for path in args.folder.rglob("*") if path.suffix in (".h5", ".mat"))
    if not files:
        parser.error(f"{args.folder}: no .h5 or .mat file in it")
    found = [pair for path in files for pair in pairs(path)][: args.limit]
    settings = {"epochs": args.epochs, "dam_epochs": args.epochs} if args.epochs else {}
    print(f"{len(found)} images of {len(files)} files, sensor {args.sensor}")
    print(f"{'method':15} {'Dλ':>16} {'Ds':>16} {'HQNR':>16}")
    for name in args.methods.split(","):
        trains = name in ("trapan", "faithful", "zs-pan")
        scores = []
        for pan, ms in found:
            result = fuse(pan, ms, name, args.sensor, settings if trains else {})
            scores.append(trapan.assess(result, pan, ms, sensor=args.sensor)["distortion"]["toolbox"])
        cells = []
        for key in ("d_lambda", "d_s", "hqnr"):
            values = [one[key] for one in scores]
            cells.append(f"{np.mean(values):.4f} ± {np.std(values):.4f}")
        print(f"{name:15} {cells[0]:>16} {cells[1]:>16} {cells[2]:>16}")


if __name__ == "__main__":
    main()
