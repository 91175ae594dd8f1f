"""Fusing, judging, simulating: names and defaults for what the extension does."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _trapan
from ._inputs import Source, open_image, open_pair
from ._program import quiet_mesa
from ._results import Fused, Pair, affine

#: Called with a phase, how much is done of how much there is, and losses by name.
Progress = Union[None, bool, Callable[[str, int, int, Dict[str, float]], Any]]


def fuse(
    pan: Source,
    ms: Source = None,
    output: Union[None, str, "os.PathLike[str]"] = None,
    *,
    sensor: Optional[str] = None,
    method: str = "trapan",
    effort: str = "default",
    axis: int = 0,
    transform: Any = None,
    ms_transform: Any = None,
    crs: Any = None,
    nodata: Any = None,
    ms_bands: Sequence[Any] = (),
    assume_aligned: Optional[str] = None,
    extent: str = "intersection",
    init: Union[None, str, "os.PathLike[str]"] = None,
    device: str = "auto",
    threads: int = 0,
    max_memory: Optional[int] = None,
    overwrite: bool = False,
    creation: Union[Mapping[str, Any], Sequence[str]] = (),
    out_bands: Sequence[int] = (),
    exact: bool = False,
    progress: Progress = None,
    **settings: Any,
) -> Fused:
    """Trains on a pair and fuses it, as ``trapan fuse`` does.

    Args:
        pan: PAN, ``H x W``: array, rasterio dataset, DataArray or path; or the folder of a product, without ``ms``.
        ms: MS, ``C x h x w``, of the same place: the same sorts, or paths of bands that follow each other. Values in DN,
            uint8, uint16, int16 or float32.
        output: GeoTIFF to write; without it the result is an array.
        sensor: ``qb``, ``ikonos``, ``ge1``, ``wv2``, ``wv3``, ``wv4``, ``gf2`` or ``generic``; None: that of a product,
            else generic.
        method: ``trapan`` trains; a closed form as ``mtf-glp-fs`` does not.
        effort: ``fast`` (no training), ``quick``, ``default`` or ``best``.
        axis: which axis of arrays is that of bands, 0 or -1; the result has the same.
        transform, ms_transform, crs: georeference of arrays, as rasterio's; datasets and files bring theirs.
        nodata: value of pixels without data, or two: of PAN, of MS.
        ms_bands: bands of MS files to fuse, by name or number from 1.
        assume_aligned: ``area`` or ``centre`` for images without georeference: what the first pixels share. Arrays
            without a transform are taken as ``area``.
        extent: ``intersection``, or ``pan`` with nodata where there is no MS.
        init: a network that ``trapan train`` wrote, or ``Model.save``, to start from; ``random``: from random weights;
            None: from the network that comes with the program, if there is one of the kind.
        device: ``auto``, ``gpu``, ``gpu:N``, ``cpu`` …
        threads: of the CPU, 0: all cores.
        max_memory: bytes for tiles and strips.
        overwrite: replace an existing ``output``.
        creation: how ``output`` is stored, by GDAL's names: ``{"COMPRESS": "ZSTD"}``.
        out_bands: bands of the result, from 1; all without any.
        exact: float32 as computed, neither rounded nor clamped.
        progress: True: a bar of tqdm; or a function of phase, done, all, losses. What it raises ends the run, and so
            does Ctrl-C.
        settings: any other option of ``trapan fuse`` under its heading Method, with underscores: ``epochs=100``,
            ``seed=1``, ``consistency="off"``, ``mtf_gains=[.3, .3, .3, .25]``, ``preset="faithful"``,
            ``coregister="off"``.

    Returns:
        The fused image, on PAN's grid, with the type and the bands of MS.

    Raises:
        TrapanError: one of its classes, with the library's words.
    """
    opened = _opened(pan, ms, axis, transform, ms_transform, crs, nodata, ms_bands, assume_aligned)
    (pan_input, ms_input, found), aligned = opened
    options = _options({**settings, "method": method, "effort": effort})
    if sensor is not None:
        options.append(("sensor", sensor))
    if init is not None:
        options.append(("init", os.fspath(init)))
    with _Told(progress) as told:
        result = _trapan.fuse(
            pan_input.image,
            ms_input.image,
            found,
            options,
            _place(device, threads, max_memory),
            aligned,
            extent,
            _target(output, overwrite, creation, out_bands, exact),
            told,
        )
    return _fused(result, axis, pan_input.crs or ms_input.crs)


class Model:
    """Trained networks, with all that applying them takes."""

    def __init__(self, inner: _trapan.Model) -> None:
        self._inner = inner

    @classmethod
    def load(cls, path: Union[str, "os.PathLike[str]"]) -> "Model":
        """Reads what :meth:`save`, ``trapan fuse --save-model`` or ``trapan train`` wrote."""
        return cls(_trapan.Model.load(os.fspath(path)))

    def save(self, path: Union[str, "os.PathLike[str]"], overwrite: bool = False) -> None:
        """Writes a safetensors file, for :meth:`load` and ``trapan infer``."""
        self._inner.save(os.fspath(path), overwrite)

    @property
    def bands(self) -> int:
        """Bands of MS."""
        return self._inner.bands

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return self._inner.ratio

    @property
    def settings(self) -> Dict[str, Any]:
        """Settings of the training."""
        return json.loads(self._inner.settings)

    @property
    def summary(self) -> Optional[str]:
        """What its results are made of; None of networks of many pairs."""
        return self._inner.summary

    def __repr__(self) -> str:
        return f"Model(bands={self.bands}, ratio={self.ratio}: {self.summary or 'of many pairs'})"

    def apply(
        self,
        pan: Source,
        ms: Source = None,
        output: Union[None, str, "os.PathLike[str]"] = None,
        *,
        window: Optional[Tuple[int, int, int, int]] = None,
        sensor: Optional[str] = None,
        coregister: Optional[str] = None,
        axis: int = 0,
        transform: Any = None,
        ms_transform: Any = None,
        crs: Any = None,
        nodata: Any = None,
        ms_bands: Sequence[Any] = (),
        assume_aligned: Optional[str] = None,
        extent: str = "intersection",
        device: str = "auto",
        threads: int = 0,
        max_memory: Optional[int] = None,
        overwrite: bool = False,
        creation: Union[Mapping[str, Any], Sequence[str]] = (),
        out_bands: Sequence[int] = (),
        exact: bool = False,
        progress: Progress = None,
    ) -> Fused:
        """Fuses a pair without a training, as ``trapan infer`` does; arguments as of :func:`fuse`.

        Args:
            window: first column, first row, columns and rows of PAN in the common area; the same values as in the whole.
        """
        opened = _opened(pan, ms, axis, transform, ms_transform, crs, nodata, ms_bands, assume_aligned)
        (pan_input, ms_input, found), aligned = opened
        with _Told(progress) as told:
            result = self._inner.apply(
                pan_input.image,
                ms_input.image,
                sensor or found,
                coregister,
                None if window is None else [int(number) for number in window],
                _place(device, threads, max_memory),
                aligned,
                extent,
                _target(output, overwrite, creation, out_bands, exact),
                told,
            )
        return _fused(result, axis, pan_input.crs or ms_input.crs)


def assess(
    fused: Source,
    pan: Source,
    ms: Source,
    *,
    sensor: str = "generic",
    mtf_gains: Optional[Sequence[float]] = None,
    pan_gain: Optional[float] = None,
    axis: int = 0,
    ms_bands: Sequence[Any] = (),
    assume_aligned: Optional[str] = None,
) -> Dict[str, Any]:
    """Judges a fused image by the pair it was made from, without a truth.

    Returns:
        ``distortion`` (``toolbox`` and ``true`` upsampling, each with ``d_lambda``, ``d_s``, ``hqnr`` …), ``consistency``
        (the image degraded again, against MS: ``q2n``, ``sam`` in degrees, ``ergas``; None where MS is too small),
        ``commutation``, ``ratio`` and ``warnings``.
    """
    images = _of_result(fused), pan, ms
    names = "fused", "pan", "ms"
    bands = (), (), ms_bands
    opened = [open_image(image, name, axis=axis, bands=chosen) for image, name, chosen in zip(images, names, bands)]
    aligned = _aligned(assume_aligned, pan, ms, None)
    return json.loads(_trapan.assess(*(one.image for one in opened), sensor, mtf_gains, pan_gain, aligned))


def assess_truth(
    fused: Source, truth: Source, *, ratio: int = 4, bit_depth: Optional[int] = None, whole: bool = False, axis: int = 0
) -> Dict[str, Any]:
    """Judges a fused image by a known truth of the same shape.

    Returns:
        ``q2n``, ``sam`` (degrees), ``ergas``, ``scc``, ``psnr`` (dB), ``ssim``, ``q_avg``, ``rmse`` (DN) and others, without
        the border that the DLPan toolbox cuts off unless ``whole``.
    """
    opened = [open_image(_of_result(i), name, axis=axis) for i, name in ((fused, "fused"), (truth, "truth"))]
    return json.loads(_trapan.assess_truth(opened[0].image, opened[1].image, ratio, bit_depth, whole))


def compare(
    pan: Source,
    ms: Source = None,
    *,
    methods: Optional[Sequence[str]] = None,
    sensor: Optional[str] = None,
    effort: str = "default",
    axis: int = 0,
    transform: Any = None,
    ms_transform: Any = None,
    crs: Any = None,
    nodata: Any = None,
    ms_bands: Sequence[Any] = (),
    assume_aligned: Optional[str] = None,
    device: str = "auto",
    threads: int = 0,
    progress: Progress = None,
    **settings: Any,
) -> List[Dict[str, Any]]:
    """Fuses a pair by some methods and judges the results, at full and at reduced resolution.

    Returns:
        A record per method, flat, as ``pandas.DataFrame`` takes them: ``method``, ``full.hqnr``, ``consistency.ergas``,
        ``reduced.q2n`` …, ``seconds``; the last one, ``truth``, is what MS itself scores on the degraded pair.
    """
    opened = _opened(pan, ms, axis, transform, ms_transform, crs, nodata, ms_bands, assume_aligned)
    (pan_input, ms_input, found), aligned = opened
    options = _options({**settings, "effort": effort})
    if sensor is not None:
        options.append(("sensor", sensor))
    place = _place(device, threads, None)
    with _Told(progress) as told:
        text = _trapan.compare(
            pan_input.image, ms_input.image, found, options, place, aligned, None if methods is None else list(methods), told
        )
    found = json.loads(text)
    records = [_flat(line) for line in found["methods"]]
    if found["truth"] is not None:
        records.append(_flat({"method": "truth", "full": found["truth"]}))
    return records


def info(
    pan: Source,
    ms: Source = None,
    *,
    sensor: Optional[str] = None,
    axis: int = 0,
    transform: Any = None,
    ms_transform: Any = None,
    crs: Any = None,
    nodata: Any = None,
    ms_bands: Sequence[Any] = (),
    assume_aligned: Optional[str] = None,
) -> Dict[str, Any]:
    """What is to be known of a pair before it is fused, as ``trapan info --json``: ``verdict``, ``shift``, ``warnings`` …

    A pair that cannot be fused is no error: ``problem`` says why.
    """
    opened = _opened(pan, ms, axis, transform, ms_transform, crs, nodata, ms_bands, assume_aligned)
    (pan_input, ms_input, found), aligned = opened
    quiet_mesa()
    return json.loads(_trapan.info(pan_input.image, ms_input.image, sensor or found, aligned))


def simulate(
    size: Union[int, Tuple[int, int]] = 256,
    *,
    bands: int = 4,
    ratio: int = 4,
    sensor: str = "generic",
    seed: int = 0,
    vary: bool = False,
) -> Pair:
    """A pair with a known truth: a place of our making, seen through a sensor.

    Args:
        size: columns and rows of PAN, or one number for both.
        bands: 4 (blue, green, red, near infrared) or 8 (WorldView's).
        ratio: PAN pixels per MS pixel: 2, 4 or 8.
        sensor: whose MTF degrades the truth.
        seed: another number, another place.
        vary: let light, haze, season, noise, sharpness and the lie of PAN vary.
    """
    width, height = (size, size) if isinstance(size, int) else size
    (pan, ms, truth), numbers, epsg, names = _trapan.simulate([width, height], bands, ratio, sensor, seed, vary)
    pan, ms, truth = (np.moveaxis(image, -1, 0) for image in (pan, ms, truth))
    a, b, c, d, e, f = numbers
    coarse = [a * ratio, b * ratio, c, d * ratio, e * ratio, f]
    return Pair(pan[0], ms, truth, affine(numbers), affine(coarse), f"EPSG:{epsg}", names)


def _opened(pan, ms, axis, transform, ms_transform, crs, nodata, ms_bands, assume_aligned):
    if transform is not None and ms_transform is None:
        ms_transform = _coarse(transform, pan, ms, axis)
    pair = open_pair(
        pan, ms, axis=axis, transform=transform, ms_transform=ms_transform, crs=crs, nodata=nodata, bands=ms_bands
    )
    return pair, _aligned(assume_aligned, pan, ms, transform)


def _coarse(transform: Any, pan: Source, ms: Source, axis: int) -> Any:
    """The transform of MS whose first pixel shares its outer corner with PAN's."""
    if not (isinstance(pan, np.ndarray) and isinstance(ms, np.ndarray)):
        return None
    (height, width), (rows, columns) = (
        np.moveaxis(image, axis, -1).shape[:2] if image.ndim == 3 else image.shape for image in (pan, ms)
    )
    a, b, c, d, e, f = tuple(transform)[:6]
    down, right = height / rows, width / columns
    return [a * right, b * down, c, d * right, e * down, f]


def _aligned(asked: Optional[str], pan: Source, ms: Source, transform: Any) -> Optional[str]:
    """Arrays say nothing of where they lie: then they share the corner of their first pixels."""
    arrays = isinstance(pan, np.ndarray) and isinstance(ms, np.ndarray)
    return asked or ("area" if arrays and transform is None else None)


def _of_result(image: Source) -> Source:
    return image.data if isinstance(image, Fused) else image


def _options(settings: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Settings as the library takes them, as text."""

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return value
        if np.ndim(value) == 1:
            return ",".join(map(text, value))
        return str(value)

    names = {"adam_beta1": "adam.beta1", "adam_beta2": "adam.beta2", "adam_eps": "adam.eps"}
    return [(names.get(name, name), text(value)) for name, value in settings.items() if value is not None]


def _place(device: str, threads: int, memory: Optional[int]) -> Dict[str, Any]:
    quiet_mesa()
    return {"device": device, "threads": threads, "memory": memory}


def _target(output: Any, overwrite: bool, creation: Any, out_bands: Sequence[int], exact: bool) -> Dict[str, Any]:
    items = creation.items() if isinstance(creation, Mapping) else (item.split("=", 1) for item in creation)
    return {
        "output": None if output is None else os.fspath(output),
        "overwrite": overwrite,
        "creation": [f"{key}={value}" for key, value in items],
        "out_bands": list(out_bands),
        "exact": exact,
    }


def _fused(result: _trapan.Fused, axis: int, crs: Any) -> Fused:
    values = result.take_values()
    return Fused(
        data=None if values is None else np.moveaxis(values, -1, axis),
        valid=result.take_valid(),
        transform=affine(result.transform),
        crs=crs,
        nodata=result.nodata,
        descriptions=result.descriptions,
        offset=tuple(result.offset),
        warnings=result.warnings,
        summary=result.summary,
        device=result.device,
        model=None if result.model is None else Model(result.model),
        axis=axis,
    )


def _flat(line: Mapping[str, Any]) -> Dict[str, Any]:
    flat: Dict[str, Any] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{name}": one for name, one in value.items()})
        elif value is not None:
            flat[key] = value
    return flat


class _Told:
    """What a run is told by: nothing, a function, or bars of tqdm, one per phase."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar: Any = None
        self._phase: Optional[str] = None

    def __enter__(self) -> Optional[Callable[[str, int, int, Dict[str, float]], Any]]:
        if self._progress is None or self._progress is False:
            return None
        return self._show if self._progress is True else self._progress

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, phase: str, done: int, all: int, losses: Dict[str, float]) -> None:
        from tqdm.auto import tqdm

        if phase != self._phase:
            self.__exit__()
            self._bar, self._phase = tqdm(total=all, desc=phase), phase
        self._bar.set_postfix({name: f"{loss:.5f}" for name, loss in losses.items()}, refresh=False)
        self._bar.update(done - self._bar.n)
