"""Zero-shot pansharpening: one panchromatic and one multispectral image of a place become a sharp multispectral one.

    import trapan

    pair = trapan.simulate(256)
    fused = trapan.fuse(pair.pan, pair.ms, sensor="generic", assume_aligned="area")
    fused.data          # (4, 256, 256), uint16

Images are numpy arrays (PAN ``H x W``, MS ``C x H x W`` as rasterio's or, with ``axis=-1``, ``H x W x C``), open rasterio
datasets, xarray DataArrays with a ``rio`` accessor, or paths. Values are what the files hold (DN).
"""

from ._calls import Model, assess, assess_truth, compare, fuse, info, simulate
from ._results import Fused, Pair
from ._trapan import (
    DeviceError,
    DivergedError,
    GeometryError,
    InputError,
    MemoryLimitError,
    OutputError,
    TrapanError,
    UsageError,
    __version__,
)

__all__ = [
    "DeviceError",
    "DivergedError",
    "Fused",
    "GeometryError",
    "InputError",
    "MemoryLimitError",
    "Model",
    "OutputError",
    "Pair",
    "TrapanError",
    "UsageError",
    "__version__",
    "assess",
    "assess_truth",
    "compare",
    "fuse",
    "info",
    "simulate",
]
