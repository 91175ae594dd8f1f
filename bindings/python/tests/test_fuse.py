"""Values and georeference equal the program's, whatever the pair is handed over as."""

import numpy as np
import pytest
import rasterio
import trapan
from conftest import SHORT, program

QB = {**SHORT, "sensor": "qb"}


def read(path):
    with rasterio.open(path) as file:
        return file.read(), file.transform, file.crs, file.descriptions


def test_paths_datasets_and_arrays_give_what_the_program_gives(pair, fused, tmp_path):
    values, transform, crs, names = read(fused)
    paths = pair / "pan.tif", pair / "ms.tif"
    with rasterio.open(paths[0]) as pan, rasterio.open(paths[1]) as ms:
        georeference = dict(transform=pan.transform, ms_transform=ms.transform, crs=pan.crs)
        arrays = pan.read(1), ms.read()
        last = arrays[0][..., np.newaxis], np.moveaxis(arrays[1], 0, -1)
        found = {
            "paths": trapan.fuse(*paths, **QB),
            "datasets": trapan.fuse(pan, ms, **QB),
            "arrays": trapan.fuse(*arrays, **georeference, **QB),
            "bands last": trapan.fuse(*last, axis=-1, **georeference, **QB),
            "arrays without a place": trapan.fuse(*arrays, **QB),
            "in MS's place": trapan.fuse(*arrays, transform=pan.transform, crs="EPSG:32632", **QB),
        }
    for name, result in found.items():
        data = np.moveaxis(result.data, -1, 0) if name == "bands last" else result.data
        assert data.dtype == values.dtype and np.array_equal(data, values), name
        assert result.offset == (0, 0) and result.valid is None and result.nodata is None, name
        if name != "arrays without a place":
            assert result.transform == transform, name
        if name in ("datasets", "arrays"):
            assert result.crs == crs, name
    assert found["datasets"].descriptions == list(names)
    # By rasterio, the array becomes the file.
    with rasterio.open(tmp_path / "by_rasterio.tif", "w", **found["datasets"].profile) as file:
        file.write(found["datasets"].data)
    assert np.array_equal(read(tmp_path / "by_rasterio.tif")[0], values)


def test_files_are_the_programs_byte_by_byte(pair, fused, tmp_path):
    path = tmp_path / "fused.tif"
    result = trapan.fuse(pair / "pan.tif", pair / "ms.tif", path, **QB)
    assert path.read_bytes() == fused.read_bytes()
    assert result.data is None and result.model.bands == 4
    arrays = tmp_path / "arrays.tif"
    with rasterio.open(pair / "pan.tif") as pan, rasterio.open(pair / "ms.tif") as ms:
        trapan.fuse(pan, ms, arrays, creation={"COMPRESS": "LZW"}, **QB)
    found, wanted = read(arrays), read(fused)
    assert np.array_equal(found[0], wanted[0]) and found[1:] == wanted[1:]
    with pytest.raises(trapan.OutputError, match="exists already"):
        trapan.fuse(pair / "pan.tif", pair / "ms.tif", path, **QB)
    with pytest.raises(trapan.OutputError, match="input"):
        trapan.fuse(pair / "pan.tif", pair / "ms.tif", pair / "ms.tif", overwrite=True, **QB)


def test_data_arrays(pair, fused):
    rioxarray = pytest.importorskip("rioxarray")
    pan, ms = (rioxarray.open_rasterio(pair / f"{name}.tif") for name in ("pan", "ms"))
    result = trapan.fuse(pan, ms, **QB)
    values, transform, crs, _ = read(fused)
    assert np.array_equal(result.data, values) and (result.transform, result.crs) == (transform, crs)


def test_gaps(pair):
    pan, ms = read(pair / "pan.tif")[0][0], read(pair / "ms.tif")[0]
    hole = np.zeros(pan.shape, bool)
    hole[40:60, 80:90] = True
    masked = trapan.fuse(np.ma.MaskedArray(pan, hole), ms, effort="fast")
    by_value = trapan.fuse(np.where(hole, 65535, pan).astype(np.uint16), ms, effort="fast", nodata=(65535, None))
    for result in (masked, by_value):
        assert np.array_equal(result.valid, ~hole)
    assert (masked.data[:, hole] == 0).all() and (by_value.data[:, hole] == 65535).all()
    assert np.array_equal(masked.data[:, ~hole], by_value.data[:, ~hole])


def test_types_and_rounding(pair):
    pan, ms = read(pair / "pan.tif")[0][0], read(pair / "ms.tif")[0]
    whole = trapan.fuse(pan, ms, effort="fast", sensor="qb")
    exact = trapan.fuse(pan, ms, effort="fast", sensor="qb", exact=True)
    within = np.clip(exact.data, whole.data.min(), whole.data.max())
    assert exact.data.dtype == np.float32 and np.abs(within - whole.data).max() <= 0.5
    assert trapan.fuse(pan.astype(np.int16), ms.astype(np.int16), effort="fast").data.dtype == np.int16
    assert trapan.fuse(pan.astype(float), ms.astype(float), effort="fast").data.dtype == np.float32
    red = trapan.fuse(pan, ms, effort="fast", sensor="qb", out_bands=[3, 1])
    assert np.array_equal(red.data, whole.data[[2, 0]])
    assert np.array_equal(np.asarray(red), red.data)


def test_a_model_is_saved_loaded_and_applied_to_windows(pair, fused, tmp_path):
    paths = pair / "pan.tif", pair / "ms.tif"
    model = trapan.fuse(*paths, **QB).model
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(trapan.OutputError):
        model.save(tmp_path / "model.safetensors")
    loaded = trapan.Model.load(tmp_path / "model.safetensors")
    assert (loaded.bands, loaded.ratio, loaded.settings["epochs"]) == (4, 4, 3) and "Model(" in repr(loaded)
    whole, transform, *_ = read(fused)
    assert np.array_equal(loaded.apply(*paths, device="cpu").data, whole)
    part = loaded.apply(*paths, window=(100, 60, 90, 50), device="cpu")
    assert np.array_equal(part.data, whole[:, 60:110, 100:190])
    assert part.offset == (60, 100) and part.transform == transform * transform.translation(100, 60)
    program("infer", "--model", tmp_path / "model.safetensors", *paths, "-o", tmp_path / "by_program.tif")
    assert np.array_equal(read(tmp_path / "by_program.tif")[0], whole)
    with pytest.raises(trapan.UsageError, match="window"):
        loaded.apply(*paths, window=(200, 0, 100, 10))
    with pytest.raises(trapan.InputError):
        trapan.Model.load(pair / "pan.tif")
