"""Runs the algorithm by `qgis_process`, without a window, and looks at what comes of it.

    in_qgis.py QGIS_PROCESS PROGRAM

Needs a Python that sees `osgeo` (Debian: python3-gdal) and QGIS 3.22 or newer.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from osgeo import gdal

gdal.UseExceptions()
PLUGINS = Path(__file__).parents[1]


def main(qgis, program):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        environment = {
            **os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "QT_QPA_PLATFORM": "offscreen",
            "QGIS_PLUGINPATH": str(PLUGINS), "TRAPAN_PROGRAM": program,
        }

        def call(*line, code=0):
            ran = subprocess.run([qgis, *line], env=environment, cwd=folder, capture_output=True, text=True)
            said = ran.stdout + ran.stderr
            assert (ran.returncode == 0) == (code == 0), f"{line}: {ran.returncode}: {said}"
            return said

        assert "trapan" in call("plugins", "enable", "trapan")
        assert "trapan:fuse" in call("list")
        assert "Panchromatic" in call("help", "trapan:fuse")
        subprocess.run([program, "-q", "simulate", "-o", str(folder), "--size", "64", "--bands", "4"], check=True)

        def fuse(*more, **options):
            pair = ["PAN=" + str(folder / "pan.tif"), "MS=" + str(folder / "ms.tif"), "OUTPUT=" + str(folder / "fused.tif")]
            return call("run", "trapan:fuse", "--", *pair, *more, **options)

        said = fuse("EFFORT=0", "SENSOR=4", "REPORT=" + str(folder / "report.html"))
        assert "--sensor qb" in said and "mtf-glp" in said and "inference" in said, said
        fused, pan = (gdal.Open(str(folder / name)) for name in ["fused.tif", "pan.tif"])
        assert (fused.RasterXSize, fused.RasterYSize, fused.RasterCount) == (pan.RasterXSize, pan.RasterYSize, 4)
        assert (folder / "report.html").stat().st_size > 1000
        before = (folder / "fused.tif").read_bytes()
        refused = fuse("MORE=--nodata=abc", code=1)
        assert "neither a number nor none" in refused and (folder / "fused.tif").read_bytes() == before, refused
        refused = fuse("MS=" + str(folder / "truth.tif"), code=1)
        assert "error:" in refused, refused
        print("trapan:fuse runs in", qgis)


if __name__ == "__main__":
    main(*sys.argv[1:])
