"""GDAL as the second opinion on GeoTIFF reading and writing.

    python3 check_geotiff.py write FOLDER
        Lets GDAL write one small file per layout we read (NAME.tif) and, beside it, the values it
        reads back (NAME.f32: little-endian f32, rows, columns, bands) and what is to be known about
        it (NAME.json).

Needs rasterio (GDAL) and numpy. tests/raster.rs runs both when they can be imported.
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
        for compress in ("none", "lzw", "deflate", "packbits"):
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
        # GDAL marks the fourth band of such a file as alpha or as an extra one; it is a band all the same.
        cases[f"{sample}_rgb"] = (sample, 4, {"photometric": "rgb", "compress": "deflate", "predictor": 2})
    for name, (sample, bands, options) in cases.items():
        values = scene(sample, 83, 70, bands)
        path = folder / f"{name}.tif"
        if options.get("tiled"):
            options |= {"blockxsize": 32, "blockysize": 16}
        profile = dict(driver="GTiff", width=70, height=83, count=bands, dtype=TYPES[sample], nodata=7)
        profile |= dict(crs="EPSG:32630", transform=Affine(2, 0, 452085, 0, -2, 4484715), **options)
        with rasterio.open(path, "w", **profile) as file:
            if name == "sparse":
                window = rasterio.windows.Window(32, 16, 32, 16)
                file.write(np.moveaxis(values[16:32, 32:64], 2, 0), window=window)
            else:
                file.write(np.moveaxis(values, 2, 0))
                file.set_band_description(1, "Blue & <gröën>")
        with rasterio.open(path) as file:
            back = np.moveaxis(file.read(), 0, 2)
            (folder / f"{name}.f32").write_bytes(np.ascontiguousarray(back, "<f4").tobytes())
            about = dict(sample=sample, width=70, height=83, bands=bands, description=file.descriptions[0])
            (folder / f"{name}.json").write_text(json.dumps(about))


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"] and len(sys.argv) == 3:
        write(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
