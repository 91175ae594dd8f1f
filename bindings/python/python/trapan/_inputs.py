"""From what users have to what the extension takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Union

import numpy as np

from . import _trapan
from ._trapan import UsageError

#: An array, an open rasterio dataset, an xarray DataArray, a path, or paths of bands that follow each other.
Source = Union[np.ndarray, str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]"]], Any]


@dataclass
class Input:
    """An image as the extension has it, and what Python alone knows of it."""

    image: _trapan.Image
    #: Its coordinate system as it came, for the result.
    crs: Any = None


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def open_pair(
    pan: Source, ms: Source, *, axis: int, transform: Any, ms_transform: Any, crs: Any, nodata: Any, bands: Sequence[Any]
) -> tuple[Input, Input, Optional[str]]:
    """PAN and MS, and the sensor where they are those of a product."""
    if ms is None:
        if not (is_path(pan) and os.path.isdir(pan)):
            raise UsageError("without ms, pan must be the folder of a product")
        opened = _trapan.open_product(os.fspath(pan), [str(band) for band in bands])
        return Input(opened[0]), Input(opened[1]), opened[2]
    values = nodata if isinstance(nodata, (tuple, list)) else (nodata, nodata)
    return (
        open_image(pan, "pan", axis=axis, transform=transform, crs=crs, nodata=values[0]),
        open_image(ms, "ms", axis=axis, transform=ms_transform, crs=crs, nodata=values[1], bands=bands),
        None,
    )


def open_image(
    source: Source,
    name: str,
    *,
    axis: int = 0,
    transform: Any = None,
    crs: Any = None,
    nodata: Optional[float] = None,
    bands: Sequence[Any] = (),
) -> Input:
    """One image, whatever it is."""
    chosen = [str(band) for band in bands]
    if is_path(source):
        source = [source]
    if isinstance(source, (list, tuple)) and all(map(is_path, source)):
        return Input(_trapan.Image.open([os.fspath(path) for path in source], chosen, nodata))
    if chosen:
        raise UsageError(f"bands of {name} can be chosen of files: index the array instead")
    if hasattr(source, "read") and hasattr(source, "dataset_mask"):
        return _of_dataset(source, name, nodata)
    if hasattr(source, "rio"):
        return _of_data_array(source, name, nodata)
    return _of_array(np.asanyarray(source), name, axis, transform, crs, nodata)


def _of_array(
    array: np.ndarray,
    name: str,
    axis: int,
    transform: Any,
    crs: Any,
    nodata: Optional[float],
    descriptions: Sequence[Optional[str]] = (),
    bits: Optional[int] = None,
    valid: Optional[np.ndarray] = None,
) -> Input:
    if array.ndim == 2:
        array = array[..., np.newaxis]
    elif array.ndim == 3:
        array = np.moveaxis(array, axis, -1)
    else:
        raise UsageError(f"{name} has {array.ndim} axes: it must have 2, or 3 with one of bands")
    if array.dtype in (np.float64, np.float16):
        array = array.astype(np.float32)
    if isinstance(array, np.ma.MaskedArray):
        masked = ~np.ma.getmaskarray(array).any(axis=-1)
        valid = masked if valid is None else valid & masked
        array = array.filled(0)
    numbers = None if transform is None else [float(number) for number in tuple(transform)[:6]]
    about = {
        "name": name,
        "transform": numbers,
        "crs": None if crs is None or numbers is None else _wkt(crs),
        "nodata": None if nodata is None else float(nodata),
        "bits": bits,
        "descriptions": list(descriptions),
    }
    return Input(_trapan.Image.array(array, about, valid), crs)


def _of_dataset(dataset: Any, name: str, nodata: Optional[float]) -> Input:
    """All bands of a rasterio dataset but alpha, with what it says of them."""
    kinds = [getattr(kind, "name", "") for kind in dataset.colorinterp]
    indexes = [i for i, kind in zip(dataset.indexes, kinds) if kind != "alpha"]
    flags = {flag.name for i in indexes for flag in dataset.mask_flag_enums[i - 1]}
    has_mask = bool(flags & {"per_dataset", "alpha"}) and nodata is None
    bits = dataset.tags(indexes[0], ns="IMAGE_STRUCTURE").get("NBITS")
    transform = None if dataset.transform.is_identity else dataset.transform
    return _of_array(
        dataset.read(indexes),
        name,
        0,
        transform,
        dataset.crs,
        dataset.nodata if nodata is None else nodata,
        [dataset.descriptions[i - 1] for i in indexes],
        int(bits) if bits else None,
        dataset.dataset_mask() != 0 if has_mask else None,
    )


def _of_data_array(array: Any, name: str, nodata: Optional[float]) -> Input:
    """A DataArray with the accessor of rioxarray."""
    own = array.rio.nodata if nodata is None else nodata
    values = array.transpose(..., array.rio.y_dim, array.rio.x_dim).values
    return _of_array(values, name, 0, array.rio.transform(), array.rio.crs, own)


def _wkt(crs: Any) -> str:
    """The text of a coordinate system: rasterio's, pyproj's, WKT, or what rasterio makes of it."""
    if hasattr(crs, "to_wkt"):
        return crs.to_wkt()
    if isinstance(crs, str) and "[" in crs:
        return crs
    try:
        from rasterio.crs import CRS
    except ImportError:
        raise UsageError(f"crs is {crs!r}: without rasterio it must be WKT, or have to_wkt()") from None
    return CRS.from_user_input(crs).to_wkt()
