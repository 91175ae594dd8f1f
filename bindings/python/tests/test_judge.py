"""Judging gives the program's numbers."""

import json

import numpy as np
import pytest
import rasterio
import trapan
from conftest import program


def schema(name):
    return json.loads(program("schema", name).stdout)


def test_assess_is_the_programs(pair, fused):
    pan, ms, truth = (pair / f"{name}.tif" for name in ("pan", "ms", "truth"))
    by_program = json.loads(program("assess", "--fused", fused, "--pan", pan, "--ms", ms, "--phase", "true", "--json").stdout)
    found = trapan.assess(fused, pan, ms)
    assert found["distortion"] == by_program["distortion"] and found["consistency"] == by_program["consistency"]
    assert found["commutation"]["rms"] == by_program["commutation"]["rms"]
    by_program = json.loads(program("assess", "--fused", fused, "--truth", truth, "--json").stdout)
    assert trapan.assess_truth(fused, truth) == by_program["scores"]
    with rasterio.open(fused) as a, rasterio.open(truth) as b:
        values = a.read(), b.read()
    scores = trapan.assess_truth(*values, whole=True)
    difference = values[0].astype(float) - values[1]
    assert scores["rmse"] == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-9)


def test_compare_gives_records(tmp_path):
    pandas = pytest.importorskip("pandas")
    # Large enough for MS, degraded, to be judged without reference.
    trapan.simulate(512).write(tmp_path)
    paths = tmp_path / "pan.tif", tmp_path / "ms.tif"
    heard = []
    records = trapan.compare(*paths, methods=["exp", "gsa"], progress=lambda *told: heard.append(told))
    table = pandas.DataFrame(records).set_index("method")
    by_program = json.loads(program("compare", *paths, "--methods", "exp,gsa", "--json").stdout)
    for line in by_program["methods"]:
        assert table.loc[line["method"], "full.hqnr"] == line["full"]["hqnr"]
        assert table.loc[line["method"], "consistency.ergas"] == line["consistency"]["ergas"]
        assert table.loc[line["method"], "reduced.q2n"] == line["reduced"]["q2n"]
    assert table.loc["truth", "full.d_s"] == by_program["truth"]["d_s"]
    assert [told[0] for told in heard if told[0] in ("exp", "gsa")] == ["exp", "gsa"]


def test_info_is_the_programs(pair):
    paths = pair / "pan.tif", pair / "ms.tif"
    by_program = json.loads(program("info", *paths, "--json").stdout)
    found = trapan.info(*paths)
    assert {**found, "warnings": 0, "coregistration": 0} == {**by_program, "warnings": 0, "coregistration": 0}
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(found, schema("info"))
    with rasterio.open(paths[0]) as pan:
        apart = trapan.info(pan.read(1)[:16, :16], np.zeros((4, 4, 4), np.uint16))
    assert apart["problem"] and apart["verdict"] == "cannot be fused as it is"


def test_every_schema_is_one():
    jsonschema = pytest.importorskip("jsonschema")
    names = [line.split()[0] for line in program("schema").stdout.splitlines()]
    assert len(names) > 8
    for name in names:
        jsonschema.Draft202012Validator.check_schema(schema(name))


def test_simulate_is_the_programs(pair):
    simulated = trapan.simulate(256)
    for name in ("pan", "ms", "truth"):
        with rasterio.open(pair / f"{name}.tif") as file:
            values = getattr(simulated, name)
            assert np.array_equal(file.read().squeeze(), values.squeeze()), name
            assert file.crs.to_string() == simulated.crs
            assert file.transform == (simulated.ms_transform if name == "ms" else simulated.transform), name
    assert simulated.descriptions == ["Blue", "Green", "Red", "NIR"]


def test_a_simulated_pair_is_written(tmp_path):
    simulated = trapan.simulate((96, 64), bands=8, seed=3, sensor="wv3", vary=True)
    simulated.write(tmp_path)
    assert simulated.pan.shape == (64, 96) and simulated.truth.shape == (8, 64, 96)
    result = trapan.fuse(tmp_path / "pan.tif", tmp_path / "ms.tif", effort="fast", sensor="wv3")
    assert result.descriptions == simulated.descriptions
