"""The extension: arrays are ``H x W x C``, results JSON; see the functions around it for what users call."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

__version__: str

class TrapanError(Exception):
    """Whatever trapan refuses or cannot do."""

class UsageError(TrapanError):
    """An argument that is out of range, or that does not go with others."""

class InputError(TrapanError):
    """An image that cannot be read or is not supported."""

class GeometryError(TrapanError):
    """Images that do not fit together."""

class DeviceError(TrapanError):
    """No usable device, or one that failed."""

class MemoryLimitError(TrapanError):
    """Not enough memory."""

class DivergedError(TrapanError):
    """A training that diverged."""

class OutputError(TrapanError):
    """A file that exists, is an input or cannot be written."""

Callback = Optional[Callable[[str, int, int, Dict[str, float]], Any]]

class Image:
    @staticmethod
    def open(paths: Sequence[str], bands: Sequence[str], nodata: Optional[float]) -> Image: ...
    @staticmethod
    def array(values: NDArray[Any], about: Dict[str, Any], valid: Optional[NDArray[np.bool_]]) -> Image: ...
    @property
    def shape(self) -> List[int]: ...

def open_product(folder: str, bands: Sequence[str]) -> Tuple[Image, Image, Optional[str]]: ...

class Fused:
    def take_values(self) -> Optional[NDArray[Any]]: ...
    def take_valid(self) -> Optional[NDArray[np.bool_]]: ...
    @property
    def transform(self) -> Optional[List[float]]: ...
    @property
    def nodata(self) -> Optional[float]: ...
    @property
    def descriptions(self) -> List[Optional[str]]: ...
    @property
    def offset(self) -> List[int]: ...
    @property
    def warnings(self) -> List[str]: ...
    @property
    def model(self) -> Optional[Model]: ...
    @property
    def summary(self) -> Optional[str]: ...
    @property
    def device(self) -> Optional[str]: ...

class Model:
    @staticmethod
    def load(path: str) -> Model: ...
    def save(self, path: str, overwrite: bool) -> None: ...
    @property
    def bands(self) -> int: ...
    @property
    def ratio(self) -> int: ...
    @property
    def settings(self) -> str: ...
    @property
    def summary(self) -> Optional[str]: ...
    def apply(
        self,
        pan: Image,
        ms: Image,
        sensor: Optional[str],
        coregister: Optional[str],
        window: Optional[Sequence[int]],
        place: Dict[str, Any],
        aligned: Optional[str],
        extent: str,
        target: Dict[str, Any],
        callback: Callback = None,
    ) -> Fused: ...

def fuse(
    pan: Image,
    ms: Image,
    sensor: Optional[str],
    options: Sequence[Tuple[str, str]],
    place: Dict[str, Any],
    aligned: Optional[str],
    extent: str,
    target: Dict[str, Any],
    callback: Callback = None,
) -> Fused: ...
def assess(
    fused: Image,
    pan: Image,
    ms: Image,
    sensor: str,
    gains: Optional[Sequence[float]],
    pan_gain: Optional[float],
    aligned: Optional[str],
) -> str: ...
def assess_truth(fused: Image, truth: Image, ratio: int, bit_depth: Optional[int], whole: bool) -> str: ...
def compare(
    pan: Image,
    ms: Image,
    sensor: Optional[str],
    options: Sequence[Tuple[str, str]],
    place: Dict[str, Any],
    aligned: Optional[str],
    methods: Optional[Sequence[str]],
    callback: Callback = None,
) -> str: ...
def info(pan: Image, ms: Image, sensor: Optional[str], aligned: Optional[str]) -> str: ...
def simulate(
    size: Sequence[int], bands: int, ratio: int, sensor: str, seed: int, vary: bool
) -> Tuple[List[NDArray[np.uint16]], List[float], int, List[Optional[str]]]: ...
def run_line(args: Sequence[str]) -> int: ...
