"""GDAL's and rio-cogeo's opinion of Cloud-Optimised GeoTIFFs that we wrote.

    python3 check_cog.py FOLDER

Compares every NAME.tif with NAME.json (what is to be known about it), NAME.f32 (its values:
little-endian f32, rows, columns, bands) and NAME.mask (bytes, 255 where valid). Prints every
difference and exits with 1 if there is any. A file without a NAME.json is only validated.

Needs rasterio (GDAL) and numpy; validates strictly where rio-cogeo is there too. tests/tiff/cog.rs
writes such a folder and runs this when Python has the first two.
"""

import json
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags

try:
    from rio_cogeo.cogeo import cog_validate
except ImportError:
    cog_validate = None

TYPES = {"u8": "uint8", "u16": "uint16", "i16": "int16", "f32": "float32"}


def sizes(width, height):
    """Reductions of the overviews: by two until one has at most 512 columns and rows."""
    found, factor = [], 1
    while max(-(-width // factor), -(-height // factor)) > 512:
        factor *= 2
        found.append(factor)
    return found


def check(path, wanted):
    failures = []

    def same(what, found, wanted):
        if found != wanted:
            failures.append(f"{what}: found {found}, wanted {wanted}")

    with rasterio.open(path) as file:
        structure = file.tags(ns="IMAGE_STRUCTURE")
        sample, (width, height, bands) = wanted["sample"], wanted["size"]
        same("size", [file.width, file.height, file.count], wanted["size"])
        same("type", set(file.dtypes), {TYPES[sample]})
        same("CRS", file.crs and file.crs.to_epsg(), wanted["epsg"])
        same("transform", list(file.transform)[:6], wanted["transform"])
        same("nodata", repr(file.nodata), repr(wanted["nodata"]))
        same("band names", list(file.descriptions), wanted["descriptions"])
        same("colours", [c.name.capitalize() for c in file.colorinterp], wanted["colours"])
        same("AREA_OR_POINT", file.tags().get("AREA_OR_POINT"), wanted["area_or_point"])
        same("SATELLITE", file.tags().get("SATELLITE"), "A & <B>")
        same("date", file.tags().get("TIFFTAG_DATETIME"), "2024:05:06 07:08:09")
        same("scale", [file.scales[0], file.offsets[0]], [0.5, -3.0])
        same("RPC", file.rpcs is not None and abs(file.rpcs.line_off - 2 / 7) < 1e-14, True)
        same("layout", structure.get("LAYOUT"), "COG")
        same("tiles", file.block_shapes[0], (min(512, -(-height // 16) * 16), min(512, -(-width // 16) * 16)))
        same("overviews", [file.overviews(b) for b in file.indexes], [sizes(width, height)] * bands)
        same("compression", structure.get("COMPRESSION"), wanted["compression"])
        same("interleaving", structure.get("INTERLEAVE"), "PIXEL" if bands > 1 else "BAND")
        same("predictor", structure.get("PREDICTOR"), "3" if sample == "f32" else "2")
        same("mask", [f.name for f in file.mask_flag_enums[0]], [wanted["mask"]])
        pixels = np.moveaxis(file.read(), 0, 2).astype("<f4")
        target = np.frombuffer(path.with_suffix(".f32").read_bytes(), "<f4").reshape(pixels.shape)
        differ = ~((pixels == target) | (np.isnan(pixels) & np.isnan(target)))
        if differ.any():
            at = tuple(np.argwhere(differ)[0])
            failures.append(f"{differ.sum()} values differ, first {at}: found {pixels[at]}, wanted {target[at]}")
        valid = np.frombuffer(path.with_suffix(".mask").read_bytes(), np.uint8).reshape(height, width)
        if not np.array_equal(file.dataset_mask(), valid):
            failures.append("the mask differs")
    # Means of the valid pixels of 2 by 2, where the size is even: GDAL reads our first overview.
    with rasterio.open(path, OVERVIEW_LEVEL=0) as file:
        def blocks(a):
            return a.reshape(height // 2, 2, width // 2, 2, -1).astype(np.float64)

        weight = blocks(valid > 0).sum((1, 3))
        mean = np.where(blocks(valid > 0) > 0, blocks(target), 0).sum((1, 3)) / np.maximum(weight, 1)
        found = np.moveaxis(file.read(), 0, 2).astype(np.float64)
        known = np.broadcast_to(weight > 0, found.shape)
        step = 1e-6 * np.abs(mean) if sample == "f32" else 0.501
        # A mean that would be nodata is moved by one.
        if wanted["nodata"] is not None:
            step = step + (np.abs(mean - wanted["nodata"]) <= 0.5)
        off = known & ~(np.abs(found - mean) <= step)
        if off.any():
            at = tuple(np.argwhere(off)[0])
            failures.append(f"overview: {off.sum()} means differ, first {at}: found {found[at]}, wanted {mean[at]}")
        if not np.array_equal(file.dataset_mask() > 0, weight[..., 0] > 0):
            failures.append("the mask of the overview differs")
    return failures


def main(folder):
    failures = []
    paths = sorted(folder.glob("*.tif"))
    for path in paths:
        about = path.with_suffix(".json")
        found = check(path, json.loads(about.read_text())) if about.exists() else []
        if cog_validate:
            valid, errors, warnings = cog_validate(path, strict=True)
            found += [] if valid and not warnings else [f"rio-cogeo: {e}" for e in [*errors, *warnings]]
        failures += [f"{path}: {failure}" for failure in found]
    print("\n".join([*failures, f"{len(paths)} files, {'with' if cog_validate else 'WITHOUT'} rio-cogeo"]))
    return 1 if failures or not paths else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) if len(sys.argv) == 2 else __doc__)
