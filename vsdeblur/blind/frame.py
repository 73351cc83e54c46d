"""``restore_frame``: the sharp picture and the blur of one blurry picture.

picture -> its blur (estimate/) -> the restored picture, tile by tile (deconvolve/)
        -> blended in where there is blur, and as far as the result does no harm (harm.py)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import Deconvolver, PlacedDeconvolver, SamplingDeconvolver
from vsdeblur.blind.estimate.confidence import ConfidenceGate
from vsdeblur.blind.estimate.confidence import spread as spread_of
from vsdeblur.blind.estimate.path import estimate_path, estimate_uniform
from vsdeblur.blind.footprint import TILE_VALUES, beside_tiles
from vsdeblur.blind.harm import harmless_share
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.camera.noise import noise_level
from vsdeblur.colour.display import PHOTOGRAPH
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import choose_device, total_memory
from vsdeblur.errors import ArgumentError
from vsdeblur.footprint import FLOAT
from vsdeblur.named import split_named
from vsdeblur.settings import checked
from vsdeblur.settings.parse import DECONVOLVERS
from vsdeblur.tensors import as_frames, smoothstep
from vsdeblur.tiles import tiles
from vsdeblur.weights import within

Estimator = Callable[[Tensor], Blur]

ESTIMATORS = ("path", "uniform", "network", "em")
BRIDGES = ("indi", "i2sb", "cddb")
DIFFUSION = ("dds", "pigdm", "dps")
_OVERLAP = 64  # pixels around a tile, besides the blur's margin
_LEAST = 48  # pixels, of the inner part of a tile
_STILL, _BLURRED = 0.9, 1.4  # deviation of kernels, pixels: up to which a picture is sharp, from which it is blurred
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
        estimator: "path" (the default: a camera that turned in any way), "uniform" (one kernel for the whole picture),
            "network" (kernels of every pixel, learned; quick and coarse), "em" (a path improved on pictures restored by
            diffusion, learned), or a callable ``estimate(picture (1, C, H, W)) -> Blur`` of display values, taken
            without a gate. "network:PATH", "em:PATH": with weights of your own, the file or the folder that
            ``vsdeblur train kernels`` or ``joint``, ``vsdeblur train diffusion`` wrote.
        deconvolver: "plug-and-play" (the default), "unrolled" (learned), "richardson-lucy", or a callable
            ``deconvolve(v, blur, sigma) -> u``. "unrolled:PATH": with weights that ``vsdeblur train restoration`` or
            ``joint`` wrote. "indi", "i2sb" and "cddb" are bridges from the result of plug and play (learned; the last
            two draw a sample); "indi:PATH" and so on: with weights that ``vsdeblur train bridge`` wrote.
            "dds", "pigdm" and "dps" restore by guided diffusion (learned); "dds:PATH" and so on: with weights
            that ``vsdeblur train diffusion`` wrote.
        prior: Of plug and play, as in ``restore``; None is "tv".
        noise: Standard deviation in frame's values, measured when None.
        steps: Of bridges and diffusion, evaluations of the network; None is the method's own number.
        seed: Of bridges and diffusion: the same seed gives the same picture, another one another sample. None is 0 for
            bridges; diffusion then draws nothing, and its result is near the mean of all samples.
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
    estimate = _estimator(estimator, place)
    clip = 1.0 if float(v.max()) <= 1 else None
    deconvolve = _sampling(_deconvolver(deconvolver, prior, linear, clip, place), deconvolver, steps, seed)
    with torch.inference_mode():
        blur = estimate(shown)
        if blur.margin == 0:
            return given.clone(), blur
        # Noise is about uniform in display values: the flattest parts, where it is measured, are often the dark ones.
        stored_by = PHOTOGRAPH if noise is None and linear else transfer
        sigma = _in_light(v, noise_level(shown) if noise is None else noise, stored_by)
        shows = (lambda light: from_linear(light, PHOTOGRAPH)) if linear else (lambda values: values)
        sharp = deblurred(v, blur, sigma, deconvolve, _tile_size(room, blur), shows)
    out = from_linear(sharp, transfer)[0].to(given.device, given.dtype)
    return out.clone(), blur


def deblurred(
    v: Tensor,
    blur: Blur,
    sigma: float,
    deconvolve: Deconvolver,
    tile: int,
    display: Callable[[Tensor], Tensor] = lambda values: values,
) -> Tensor:
    """The picture without its blur: tile by tile, blended in by ``blurred_share`` and as far as it does no harm.

    Args:
        v: (1, C, H, W).
        blur: Of that size.
        sigma: Standard deviation of v's noise.
        deconvolve: Of one tile.
        tile: Side of the inner part of a tile, pixels.
        display: Display values of v's, in which harm is judged.

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
            restore = deconvolve
            if isinstance(restore, PlacedDeconvolver):
                restore = restore.at(piece.rows.start, piece.columns.start)
            restored = restore(part, here, sigma)
            part = torch.lerp(part, restored, fade * harmless_share(part, restored, here, display))
        out[..., piece.rows, piece.columns] += part * piece.weight.to(v)
    return out


def blurred_share(blur: Blur) -> Tensor:
    """The share of the restored picture in the result.

    Args:
        blur: Of a picture or a tile.

    Returns:
        (1, 1, H, W): 0 where the kernels spread light no further than a sharp picture's, 1 where they blur.
    """
    height, width = blur.size
    y, x = (torch.linspace(0, n - 1, min(max(2, -(-n // _GRID)), _MOST)).round().long() for n in (height, width))
    # Row by row: the kernels of a large picture are large.
    rows = [spread_of(blur.kernels(torch.stack((x, at.expand(len(x))), 1))) for at in y]
    spread = torch.stack(rows)[None, None]
    share = smoothstep(spread, _STILL, _BLURRED)
    return torch.nn.functional.interpolate(share, (height, width), mode="bilinear", align_corners=True)


def _estimator(given: str | Estimator | None, device: torch.device) -> Estimator:
    if callable(given):
        return given
    name, weights = _chosen("estimator", given, ESTIMATORS, {"network": "kernels", "em": "diffusion"})
    if name == "network":
        from vsdeblur.blind.estimate.kernels import load_kernel_estimator

        return ConfidenceGate(load_kernel_estimator(weights, device))
    if name == "em":
        from vsdeblur.blind.diffusion.em import load_diffusion_em

        return ConfidenceGate(load_diffusion_em(weights))
    return ConfidenceGate(estimate_path if name == "path" else estimate_uniform)


def _deconvolver(
    given: str | Deconvolver | None,
    prior: str | Callable[..., Any] | None,
    linear: bool,
    clip: float | None,
    device: torch.device,
) -> Deconvolver:
    if callable(given):
        return given
    learned = {"unrolled": "restoration", **dict.fromkeys(BRIDGES, "bridge"), **dict.fromkeys(DIFFUSION, "diffusion")}
    name, weights = _chosen("deconvolver", given, DECONVOLVERS, learned)
    if prior is not None and name != "plug-and-play":
        raise ArgumentError("prior", prior, f"{{none}} with {{deconvolver={name}}}")
    if name == "unrolled":
        from vsdeblur.blind.deconvolve.unrolled import load_unrolled_deconvolution

        return replace(load_unrolled_deconvolution(weights, device), linear=linear, clip=clip)
    if name in BRIDGES:
        from vsdeblur.blind.bridge.deconvolve import load_bridge

        return replace(load_bridge(name, weights, device), linear=linear, clip=clip)
    if name in DIFFUSION:
        from vsdeblur.blind.diffusion.deconvolve import load_diffusion

        return replace(load_diffusion(name, weights, device), linear=linear, clip=clip)
    if name == "richardson-lucy":
        from vsdeblur.blind.deconvolve.richardson_lucy import RichardsonLucy

        return RichardsonLucy(clip=clip)
    from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
    from vsdeblur.priors import TotalVariation, get_prior
    from vsdeblur.priors.registry import INTERNAL

    if prior == INTERNAL:
        raise ArgumentError("prior", prior, "used with clips: it learns from successive frames")
    # Of one picture, tuned on photographs (benchmarks/deconvolve.py).
    known = TotalVariation(strength=0.9, time=0.0) if prior in (None, "tv") else get_prior(prior, device)
    return PlugAndPlay(known, clip=clip)


def _sampling(restore: Deconvolver, name: str | Deconvolver | None, steps: int | None, seed: int | None) -> Deconvolver:
    """The deconvolver with that many steps and that seed."""
    for argument, value, least in (("steps", steps, 1), ("seed", seed, 0)):
        if value is None:
            continue
        if not isinstance(restore, SamplingDeconvolver):
            method = "a callable" if callable(name) else name or DECONVOLVERS[0]
            raise ArgumentError(argument, value, f"{{none}} with {{deconvolver={method}}}, which draws nothing")
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
            raise ArgumentError(argument, value, f"a whole number, {least} or more")
        restore = restore.with_steps(value) if argument == "steps" else restore.with_seed(value)
    return restore


def _chosen(
    argument: str, given: str | None, names: Sequence[str], learned: Mapping[str, str]
) -> tuple[str, Path | None]:
    """The chosen name, the first of ``names`` by default, and the file of "NAME:PATH" or None.

    learned: the names that have weights, with the weights' name.
    """
    forms = [f"{name}:PATH" for name in learned]
    wanted = f"{{none}}, {', '.join(names)}, {', '.join(f'"{form}"' for form in forms)} or a callable"
    named = split_named(argument, given or names[0], (*names, *forms), wanted)
    weights = learned.get(named.family, "")
    file = named.path and within(named.path, weights)
    if file and not os.path.isfile(file):
        wanted = f'"{named.family}:PATH" with PATH a file of weights, or a folder that has {weights}.safetensors'
        raise ArgumentError(argument, given, wanted)
    return named.family, file


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
