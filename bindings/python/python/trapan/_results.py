"""What calls give back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, List, Optional, Tuple, Union

import numpy as np

#: x = a * column + b * row + c, y = d * column + e * row + f, from the outer corner of the first pixel.
Transform = Any


def affine(numbers: Optional[List[float]]) -> Optional[Transform]:
    """Six numbers as rasterio has them, a tuple where its `affine` is not installed."""
    if numbers is None:
        return None
    try:
        from affine import Affine
    except ImportError:
        return tuple(numbers)
    return Affine(*numbers)


@dataclass
class Fused:
    """A fused image.

    Attributes:
        data: values, ``C x H x W`` (``H x W x C`` with ``axis=-1``) in the type of MS, float32 with ``exact=True``;
            None where they went into a file.
        valid: ``H x W``, False without data; None: valid everywhere, or in a file.
        transform: from columns and rows to coordinates, as rasterio's; None without georeference.
        crs: coordinate system, as it came with PAN or else MS.
        nodata: the value that stands in invalid pixels.
        descriptions: names of the bands.
        offset: row and column of PAN where the image begins.
        warnings: what is to be looked into.
        summary: what the result is made of.
        device: what it was trained on.
        model: the trained networks, to be applied elsewhere.
    """

    data: Optional[np.ndarray]
    valid: Optional[np.ndarray]
    transform: Optional[Transform]
    crs: Any
    nodata: Optional[float]
    descriptions: List[Optional[str]]
    offset: Tuple[int, int]
    warnings: List[str] = field(default_factory=list)
    summary: Optional[str] = None
    device: Optional[str] = None
    model: Any = None
    axis: int = 0

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        if self.data is None:
            raise ValueError("the values went into a file")
        return np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype=dtype)

    @property
    def profile(self) -> dict:
        """What ``rasterio.open(path, "w", **profile)`` takes to write it."""
        if self.data is None:
            raise ValueError("the values went into a file")
        shape = np.moveaxis(self.data, self.axis, 0).shape
        profile = {"driver": "GTiff", "count": shape[0], "height": shape[1], "width": shape[2], "dtype": self.data.dtype}
        if self.transform is not None:
            profile["transform"] = self.transform
        return {**profile, "crs": self.crs, "nodata": self.nodata}


@dataclass
class Pair:
    """A simulated pair and the image that fusing it should give, uint16, 11 bit.

    Attributes:
        pan: ``H x W``.
        ms: ``C x h x w``.
        truth: ``C x H x W``.
        transform: of PAN and the truth, in metres.
        ms_transform: of MS.
        crs: coordinate system.
        descriptions: names of the bands.
    """

    pan: np.ndarray
    ms: np.ndarray
    truth: np.ndarray
    transform: Transform
    ms_transform: Transform
    crs: str
    descriptions: List[Optional[str]]

    def write(self, folder: Union[str, "os.PathLike[str]"]) -> None:
        """Writes ``pan.tif``, ``ms.tif`` and ``truth.tif`` by rasterio."""
        import rasterio

        os.makedirs(folder, exist_ok=True)
        images = {"pan": self.pan[np.newaxis], "ms": self.ms, "truth": self.truth}
        for name, values in images.items():
            count, height, width = values.shape
            profile = dict(driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, crs=self.crs)
            transform = self.ms_transform if name == "ms" else self.transform
            with rasterio.open(os.path.join(folder, f"{name}.tif"), "w", transform=transform, **profile) as file:
                file.write(values)
                if count > 1:
                    file.descriptions = tuple(self.descriptions)
