"""The examples as a reader runs them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trapan

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(name, *args):
    ended = subprocess.run([sys.executable, EXAMPLES / name, *map(str, args)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_notebook_runs(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for module in ("ipykernel", "matplotlib", "pandas"):
        pytest.importorskip(module)
    notebook = nbformat.read(EXAMPLES / "fuse_and_judge.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}})
    client.execute()
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in data for data in shown)
    assert shown[-1]["text/plain"] == "True", "a window is a part of the whole"
    table = next(data["text/plain"] for data in shown if "ergas" in data.get("text/plain", ""))
    rmse = {line.split()[0]: float(line.split()[-2]) for line in table.splitlines()[1:]}
    assert rmse["trained"] < rmse["fast"] < rmse["upsampled"], table


def test_paper_table(tmp_path):
    h5py, io = pytest.importorskip("h5py"), pytest.importorskip("scipy.io")
    made = [trapan.simulate(256, seed=seed, bands=8, sensor="wv3") for seed in (1, 2)]
    pan, ms = (np.stack([getattr(pair, name) for pair in made]).astype(float) for name in ("pan", "ms"))
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["pan"], file["ms"] = pan[:, np.newaxis], ms
    io.savemat(tmp_path / "one.mat", {"pan": pan[0], "ms": np.moveaxis(ms[0], 0, -1)})
    # MATLAB's version 7.3 is HDF5 with its axes reversed.
    with h5py.File(tmp_path / "another.mat", "w") as file:
        file["pan"], file["ms"] = pan[0].T, np.moveaxis(ms[0], 0, -1).T
    said = run("paper_table.py", tmp_path, "--methods", "exp,fast,faithful", "--epochs", "2")
    rows = {line.split()[0]: [float(n) for n in re.findall(r"\d\.\d{4}", line)] for line in said.splitlines()[2:]}
    assert said.startswith("4 images of 3 files") and list(rows) == ["exp", "fast", "faithful"], said
    whole = trapan.assess(trapan.fuse(made[0].pan, made[0].ms, method="exp", sensor="wv3"), made[0].pan, made[0].ms, sensor="wv3")
    both = [one["distortion"]["toolbox"]["hqnr"] for one in (whole, trapan.assess(trapan.fuse(made[1].pan, made[1].ms, method="exp", sensor="wv3"), made[1].pan, made[1].ms, sensor="wv3"))]
    # The first pair stands in three of the four places.
    assert rows["exp"][4] == pytest.approx((3 * both[0] + both[1]) / 4, abs=2e-3)
