"""``restore_frame``: the sharp picture and the blur of one blurry picture.

picture -> its blur (estimate/) -> the restored picture, tile by tile (deconvolve/)
        -> blended in where there is blur, and as far as the result does no harm (harm.py)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import Deconvolver, PlacedDeconvolver
from vsdeblur.blind.estimate.confidence import spread as spread_of
from vsdeblur.blind.footprint import TILE_VALUES, beside_tiles
from vsdeblur.blind.harm import harmless_share
from vsdeblur.blind.methods import Estimator, deconvolver_of, estimator_of, sampling
from vsdeblur.blind.operators.protocol import Blur, LayeredBlur
from vsdeblur.camera.noise import noise_level
from vsdeblur.colour.display import PHOTOGRAPH
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import choose_device, total_memory
from vsdeblur.errors import ArgumentError
from vsdeblur.footprint import FLOAT
from vsdeblur.settings import checked
from vsdeblur.tensors import as_frames, smoothstep
from vsdeblur.tiles import tiles

_OVERLAP = 64  # pixels around a tile, besides the blur's margin
_LEAST = 48  # pixels, of the inner part of a tile
_STILL, _BLURRED = 0.9, 1.4  # deviation of kernels, pixels: up to which a picture is sharp, from which it is blurred
_MOVED = 0.2, 0.5  # share of the exposure in which a plane but the last one is seen: the same
# Deviation of what is taken for noise, over the noise: what a found blur lacks in exactness leaves as much as noise
# does. Twenty-five shaken photographs gained 4.37 dB at 1, 4.61 at 1.5, 4.45 at 2.
_INEXACT = 1.5
_GRID, _MOST = 24, 12  # pixels between the points at which that is measured; points along a side, at most


def restore_frame(
    frame: Any,
    *,
    transfer: str = "linear",
    estimator: str | Estimator | None = None,
    deconvolver: str | Deconvolver | None = None,
    prior: str | Callable[..., Any] | None = None,
    noise: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    max_memory: int | str | None = None,
) -> tuple[Tensor, Blur]:
    """The sharp picture, and the blur that was undone.

    Args:
        frame: Float tensor or array (C, H, W), C 1 or 3, nominally in [0, 1]; larger values are allowed and kept.
        transfer: How it is stored; "linear" averages the values as they are, "srgb", "bt709", ... linearise first.
        estimator: "path" (a camera that turned in any way), "uniform" (one kernel for the whole picture), "network"
            (kernels of every pixel, learned; quick and coarse), "em" (a path improved on pictures restored by
            diffusion, learned), "blind-dps" (a path improved by picture and kernel diffused in parallel, learned),
            "local" (things that moved before a still camera, learned), or a callable
            ``estimate(picture (1, C, H, W)) -> Blur`` of display values, taken without a gate. "network:PATH",
            "em:PATH", "blind-dps:PATH", "local:PATH": with weights of your own, the file or the folder that ``vsdeblur
            train kernels`` or ``joint``, ``vsdeblur train diffusion``, ``vsdeblur train kernel-prior``, ``vsdeblur
            train local`` wrote. None is "path", or "uniform" where that explains the picture better and the
            path's kernels are alike; where no path is found "local", and then "uniform" under a stricter gate.
        deconvolver: "plug-and-play", "unrolled" (learned), "richardson-lucy", or a callable
            ``deconvolve(v, blur, sigma) -> u``. "unrolled:PATH": with weights that ``vsdeblur train restoration`` or
            ``joint`` wrote. "indi", "i2sb" and "cddb" are bridges from the result of plug and play (learned; the last
            two draw a sample); "indi:PATH" and so on: with weights that ``vsdeblur train bridge`` wrote.
            "dds", "pigdm" and "dps" restore by guided diffusion (learned), "split-gibbs" by drawing from the data
            and from the same prior in turns; "dds:PATH" and so on: with weights that ``vsdeblur train diffusion``
            wrote. None is "split-gibbs", but "plug-and-play" with a prior of that.
        prior: Of plug and play, as in ``restore``; its own is "tv". Of diffusion a network of your own in place of the
            project's: "diffusers:PATH" (a folder with a UNet2DModel, or with the autoencoder and the network of a
            latent diffusion model, in whose latents it then runs), "deepinv:DiffUNet:PATH"; or "latent:PATH", in
            the latents of the autoencoder that ``vsdeblur train latent`` wrote.
        noise: Standard deviation in frame's values, measured when None.
        steps: Of bridges and diffusion, evaluations of the network; None is the method's own number.
        seed: Of bridges and diffusion, "em" and "blind-dps" too: the same seed gives the same picture, another one
            another sample. None is 0 for bridges; diffusion then draws nothing, and its result is near the mean of all
            samples; nor does it where it is not named and the seed is of an estimator.
        device: As in ``restore``.
        max_memory: Bytes or "4GiB", of the tiles that are worked on; None is half of the device's, 4 GiB at most.

    Returns:
        (sharp, blur): sharp (C, H, W) of frame's type as a tensor, on its device. Where no blur passes the gate the
        picture comes back as it is, and the blur is one pixel wide.

    Raises:
        ArgumentError: An argument that cannot be honoured.
        DeblurError: Values that are not finite, or weights that are missing or damaged.
    """
    given = _as_frame(frame)
    if noise is not None and not noise >= 0:
        raise ArgumentError("noise", noise, "a standard deviation, 0 or more")
    place = choose_device(checked("device", device))
    linear = transfer != "linear"
    stored = given.to(place, torch.float32)[None].contiguous()
    v = to_linear(stored, transfer)
    shown = from_linear(v, PHOTOGRAPH) if linear else v
    room = _room(max_memory, place, v.shape[-2] * v.shape[-1])
    clip = 1.0 if float(v.max()) <= 1 else None
    restore = deconvolver_of(deconvolver, prior, linear, clip, place)
    deconvolve = sampling(restore, deconvolver, steps, seed, estimator)
    estimate = estimator_of(estimator, place, seed)
    with torch.inference_mode():
        blur = estimate(shown)
        if blur.margin == 0:
            return given.clone(), blur
        # Noise is about uniform in display values: the flattest parts, where it is measured, are often the dark ones.
        stored_by = PHOTOGRAPH if noise is None and linear else transfer
        sigma = _in_light(v, noise_level(shown) if noise is None else noise, stored_by)
        shows = (lambda light: from_linear(light, PHOTOGRAPH)) if linear else (lambda values: values)
        found = not callable(estimator) and not isinstance(blur, LayeredBlur)
        sigma = _INEXACT * sigma if found else sigma
        sharp = deblurred(v, blur, sigma, deconvolve, _tile_size(room, blur), shows, assured=found)
    out = from_linear(sharp, transfer)[0].to(given.device, given.dtype)
    return out.clone(), blur


def deblurred(
    v: Tensor,
    blur: Blur,
    sigma: float,
    deconvolve: Deconvolver,
    tile: int,
    display: Callable[[Tensor], Tensor] = lambda values: values,
    *,
    assured: bool = False,
) -> Tensor:
    """The picture without its blur: tile by tile, blended in by ``blurred_share`` and as far as it does no harm.

    Args:
        v: (1, C, H, W).
        blur: Of that size.
        sigma: Standard deviation of v's noise.
        deconvolve: Of one tile.
        tile: Side of the inner part of a tile, pixels.
        display: Display values of v's, in which harm is judged.
        assured: As in ``harmless_share``.

    Returns:
        (1, C, H, W).
    """
    out = torch.zeros_like(v)
    # Within the blur's margin of a tile's border the surrounding light is unknown.
    for piece in tiles(v.shape[-2], v.shape[-1], tile, _OVERLAP + blur.margin):
        part = v[..., piece.rows, piece.columns]
        here = blur.part(piece.rows, piece.columns)
        fade = blurred_share(here).to(v)
        if float(fade.max()) > 0:
            rows, columns = _around(fade, _OVERLAP + blur.margin)
            near, here, fade = part[..., rows, columns], here.part(rows, columns), fade[..., rows, columns]
            restore = deconvolve
            if isinstance(restore, PlacedDeconvolver):
                restore = restore.at(piece.rows.start + rows.start, piece.columns.start + columns.start)
            restored = restore(near, here, sigma)
            part = part.clone()
            share = fade * harmless_share(near, restored, here, display, assured=assured)
            part[..., rows, columns] = torch.lerp(near, restored, share)
        out[..., piece.rows, piece.columns] += part * piece.weight.to(v)
    return out


def _around(share: Tensor, more: int) -> tuple[slice, slice]:
    """The rows and columns of (1, 1, H, W) that are not 0, with so many more on every side."""
    found = []
    for axis, length in ((-1, share.shape[-2]), (-2, share.shape[-1])):
        there = share[0, 0].amax(axis).nonzero()[:, 0]
        found.append(slice(max(int(there[0]) - more, 0), min(int(there[-1]) + 1 + more, length)))
    return found[0], found[1]


def blurred_share(blur: Blur) -> Tensor:
    """The share of the restored picture in the result.

    Args:
        blur: Of a picture or a tile.

    Returns:
        (1, 1, H, W): 0 where the kernels spread light no further than a sharp picture's, 1 where they blur; of a
        ``LayeredBlur`` 0 where nothing is seen that moved.
    """
    height, width = blur.size
    if isinstance(blur, LayeredBlur):
        return smoothstep(blur.moved(), *_MOVED)[None, None]
    y, x = (torch.linspace(0, n - 1, min(max(2, -(-n // _GRID)), _MOST)).round().long() for n in (height, width))
    # Row by row: the kernels of a large picture are large.
    rows = [spread_of(blur.kernels(torch.stack((x, at.expand(len(x))), 1))) for at in y]
    spread = torch.stack(rows)[None, None]
    share = smoothstep(spread, _STILL, _BLURRED)
    return torch.nn.functional.interpolate(share, (height, width), mode="bilinear", align_corners=True)


def _room(max_memory: int | str | None, device: torch.device, pixels: int) -> int:
    """Pixels that a tile may have, its surroundings included, in a picture of so many pixels."""
    budget = checked("max_memory", max_memory) or min(total_memory(device) // 2, 4 << 30)
    beside = beside_tiles(pixels)
    least = beside + FLOAT * TILE_VALUES * (_LEAST + 2 * _OVERLAP) ** 2
    if budget < least:
        raise ArgumentError("max_memory", max_memory, f"at least {-(-least >> 20)}MiB for this picture")
    return (budget - beside) // (FLOAT * TILE_VALUES)


def _tile_size(room: int, blur: Blur) -> int:
    """The side of the inner part of a tile: as large as fits."""
    around = _OVERLAP + 2 * blur.margin
    return max(min(int(room**0.5) - 2 * around, 1024), _LEAST)


def _in_light(v: Tensor, noise: float, transfer: str) -> float:
    """A deviation of stored values as one of light: by the curve's slope at the picture's mean."""
    if transfer == "linear":
        return noise
    middle = from_linear(v.mean().view(1), transfer)
    return float((to_linear(middle + 1e-3, transfer) - to_linear(middle - 1e-3, transfer)) / 2e-3) * noise


def _as_frame(frame: Any) -> Tensor:
    tensor = frame if isinstance(frame, Tensor) else torch.as_tensor(frame)
    if tensor.ndim != 3:
        raise ArgumentError("frame", tuple(tensor.shape), "a float tensor or array (C, H, W) with C 1 or 3")
    return as_frames(tensor[None], "frame")[0]
