"""GDAL as the second opinion on GeoTIFF reading.

    python3 check_geotiff.py write FOLDER
        Lets GDAL write one small file per layout we read (NAME.tif) and, beside it, the values it
        reads back (NAME.f32: little-endian f32, rows, columns, bands without alpha), which pixels
        it takes for valid in all bands (NAME.mask: bytes) and what is to be known about it
        (NAME.json).

Needs rasterio (GDAL) and numpy. tests/tiff/layouts.rs runs it when both can be imported.
"""

import json
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

TYPES = {"u8": "uint8", "u16": "uint16", "i16": "int16", "f32": "float32"}


def scene(sample, height, width, bands):
    """Smooth values over most of the range of the type, no two bands alike."""
    y, x, b = np.mgrid[0:height, 0:width, 0:bands].astype(np.float64)
    wave = np.sin(x / 9 + b) * np.cos(y / 7 - b) + 0.1 * np.sin(x * y)
    low, high = {"u8": (0, 255), "u16": (0, 65535), "i16": (-32768, 32767), "f32": (-3, 1e4)}[sample]
    values = low + (wave + 1.2) / 2.4 * (high - low)
    return values.astype(TYPES[sample])


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    cases = {"sparse": ("u16", 3, {"tiled": True, "compress": "deflate", "sparse_ok": True})}
    for sample in TYPES:
        for compress in ("none", "lzw", "deflate", "packbits", "zstd"):
            for interleave in ("pixel", "band"):
                for tiled in (False, True):
                    options = {"compress": compress, "interleave": interleave, "tiled": tiled}
                    if not tiled:
                        options["blockysize"] = 7
                    cases[f"{sample}_{compress}_{interleave}_{'tile' if tiled else 'strip'}"] = (sample, 3, options)
        for predictor in (2, 3) if sample == "f32" else (2,):
            for endianness in ("little", "big"):
                options = {"compress": "lzw", "predictor": predictor, "endianness": endianness}
                options |= {"tiled": endianness == "big", "interleave": "pixel", "bigtiff": "yes"}
                cases[f"{sample}_predictor{predictor}_{endianness}"] = (sample, 5, options)
        # Without ALPHA=NO, GDAL marks the fourth band of a colour picture as transparency.
        for alpha in ("yes", "no"):
            options = {"photometric": "rgb", "alpha": alpha, "compress": "deflate", "predictor": 2}
            cases[f"{sample}_rgb_alpha_{alpha}"] = (sample, 4, options)
        cases[f"{sample}_mask"] = (sample, 4, {"compress": "zstd", "tiled": True})
    for bits in (1, 4, 7, 9, 11, 12, 15):
        for tiled, interleave in ((False, "pixel"), (True, "band")):
            options = {"nbits": bits, "tiled": tiled, "interleave": interleave, "compress": "deflate"}
            cases[f"nbits{bits}_{interleave}"] = ("u8" if bits < 9 else "u16", 3, options)
    cases["metadata"] = ("u16", 5, {"compress": "deflate"})
    cases["overviews"] = ("u16", 3, {"compress": "deflate", "tiled": True})
    for name, (sample, bands, options) in cases.items():
        values = scene(sample, 83, 70, bands)
        if "nbits" in options:
            values >>= (8 if sample == "u8" else 16) - options["nbits"]
        path = folder / f"{name}.tif"
        if options.get("tiled"):
            options |= {"blockxsize": 32, "blockysize": 16}
        masked = name.endswith("_mask") or options.get("alpha") == "yes"
        profile = dict(driver="GTiff", width=70, height=83, count=bands, dtype=TYPES[sample])
        profile["nodata"] = None if masked else 7
        profile |= dict(crs="EPSG:32630", transform=Affine(2, 0, 452085, 0, -2, 4484715), **options)
        with rasterio.open(path, "w", **profile) as file:
            if name == "sparse":
                window = rasterio.windows.Window(32, 16, 32, 16)
                file.write(np.moveaxis(values[16:32, 32:64], 2, 0), window=window)
            else:
                file.write(np.moveaxis(values, 2, 0))
                file.set_band_description(1, "Blue & <gröën>")
            if name.endswith("_mask"):
                y, x = np.mgrid[0:83, 0:70]
                file.write_mask((x * y % 5 > 0).astype("uint8") * 255)
            if name == "metadata":
                file.update_tags(AREA="x & y", TIFFTAG_DATETIME="2026:11:22 10:00:00")
                file.update_tags(2, SUN="45", STATISTICS_MAXIMUM="1")
                file.update_tags(ns="IMAGERY", SATELLITEID="WV02")
                file.scales, file.offsets = (1, 0.5, 1, 1, 1), (0, 0, -3, 0, 0)
                file.units = ("", "m <", "", "", "")
                file.colorinterp = [rasterio.enums.ColorInterp[c] for c in ("blue", "green", "red", "undefined", "gray")]
                coefficients = [i / 7 for i in range(20)]
                file.rpcs = rasterio.rpc.RPC(
                    **{f"{axis}_{kind}": value for axis in ("lat", "long", "height", "line", "samp")
                       for kind, value in (("off", 3.5), ("scale", 7.25))},
                    **{f"{axis}_{kind}_coeff": coefficients for axis in ("line", "samp") for kind in ("num", "den")},
                    err_bias=0.5, err_rand=0.25,
                )
        if name == "overviews":
            with rasterio.open(path, "r+") as file:
                file.build_overviews([2, 4])
        with rasterio.open(path) as file:
            colours = [c for c in file.colorinterp if c != rasterio.enums.ColorInterp.alpha]
            back = np.moveaxis(file.read(list(range(1, len(colours) + 1))), 0, 2)
            (folder / f"{name}.f32").write_bytes(np.ascontiguousarray(back, "<f4").tobytes())
            (folder / f"{name}.mask").write_bytes((file.read_masks() > 0).all(axis=0).astype("u1").tobytes())
            about = dict(sample=sample, width=70, height=83, bands=len(colours), description=file.descriptions[0])
            about |= dict(nodata=file.nodata, bits=options.get("nbits"))
            (folder / f"{name}.json").write_text(json.dumps(about))


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"] and len(sys.argv) == 3:
        write(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
