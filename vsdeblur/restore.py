"""``restore``: the mathematics without a host, tensors in and tensors out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsdeblur.calibration.readout.clip import clip_readout
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.shutter.clip import clip_shutter
from vsdeblur.camera.exposure import Exposure, Quadrature
from vsdeblur.camera.rolling import row_delays
from vsdeblur.clip.repeats import Thumbnail, distinct, thumbnails
from vsdeblur.clip.samples import clip_samples, tensor_samples
from vsdeblur.colour.display import to_display
from vsdeblur.colour.response import name_of
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import choose_device
from vsdeblur.engine.chunks import FrameSource, chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid, by_factor
from vsdeblur.errors import ArgumentError
from vsdeblur.flow.dis import DisFlow
from vsdeblur.options import AUTO, FIT, Options, parse_options
from vsdeblur.priors import get_prior
from vsdeblur.solver.asap import solve_asap
from vsdeblur.solver.subframes import solve_with_flow
from vsdeblur.tensors import as_frames
from vsdeblur.timing import output_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("vsdeblur")


def restore[Video: (Tensor, "NDArray[np.floating[Any]]")](
    v: Video,
    factor: int | float | str | Fraction = 1,
    shutter: float | str | None = 1.0,
    transfer: str = "linear",
    preset: str = "balanced",
    flow: str | Callable[..., Any] | Tensor | None = None,
    quadrature: str = "integral",
    *,
    prior: str | Callable[..., Any] | None = None,
    scene_cuts: Any = True,
    device: str | None = None,
    max_memory: int | str | None = None,
    solver: str | None = None,
    out_shutter: float | str = 0,
    readout: float | str = 0,
    mode: str = "joint",
    duplicates: bool = True,
    record: Callable[[float], None] | None = None,
) -> Video:
    """Sharp frames from blurry ones.

    Args:
        v: Float tensor or array (N, C, H, W), C 1 or 3, nominally in [0, 1]; larger values are allowed and kept.
        factor: Output frames per input frame, 1 to 16.
        shutter: The open fraction of the period, in (0, 1]; None and "auto": estimated from the whole clip, 0.5 where
            nothing moves.
        transfer: How v is stored; "linear" averages the values as they are; "fit": fitted to the whole clip, "linear"
            where the fit is not confident.
        preset: "fast", "balanced" or "best".
        flow: An engine's name, a callable flow(a, b), or the true motion as a tensor (T - 1, 2, H, W), pixels,
            u_k -> u_{k+1}. The true motion is used as it is, on all sub-frames of the clip at once: preset, scene_cuts
            and max_memory do not apply.
        quadrature: "integral" for light that a shutter integrated, "taps" for frames that are plain means of
            sub-frames.
        prior: A name or a callable ``prior(u, sigma) -> u``, None for none.
        scene_cuts: True (found in the frames), False, or the numbers of the frames that open a scene.
        device: None (the best there is), "cpu", "cuda", "cuda:0" or "mps".
        max_memory: Bytes or "4GiB" for the device; None: half of what it has, but no more than 4 GiB.
        solver: "keyframes", "unrolled", "unrolled:PATH", or the preset's own when None; "asap" goes on from the latter
            with sub-frames and motion together, by the form of E2 whose energy provably decreases
            (vsdeblur.solver.asap); it has priors of its own and holds all sub-frames at once.
        out_shutter: The fraction of an output's period that it is blurred over again, in [0, 1]; 0 leaves it sharp.
        readout: Of a rolling shutter, a fraction of the period in [0, 1): row y of frame n opens at
            n + readout * y / H, and u is as from a global shutter. "auto": estimated from the whole clip, 0 where that
            is not confident.
        mode: "joint" solves neighbouring frames together; "frame" estimates each frame's blur from that frame alone
            (with factor 1 no other frame is used; else the motion between the blurry frames places the others); "auto"
            is joint where the motion is reliable and explains the blur of a frame, and by frame where it is not.
        duplicates: Frames that repeat the one before are found and left out, and time goes on evenly between the
            others; False takes every frame for an exposure of its own, and so do flow= a tensor and solver="asap".
        record: Called with the energies of the solver.

    Returns:
        u (floor(N * factor), C, H, W) of v's type, device and dtype.

    Raises:
        ArgumentError: For an argument that cannot be honoured.
        DeblurError: For a clip that cannot be processed.
    """
    given = as_frames(v)
    if transfer == FIT:
        transfer = _fitted(given)
    true_motion = flow if isinstance(flow, Tensor) else None
    options = parse_options(
        factor=factor,
        shutter=shutter,
        transfer=transfer,
        preset=preset,
        prior=prior,
        flow=None if true_motion is not None else flow,  # type: ignore[arg-type]
        scene_cuts=scene_cuts,
        device=device,
        max_memory=max_memory,
        quadrature=quadrature,
        solver=None if solver == "asap" else solver,
        out_shutter=out_shutter,
        readout=0 if readout == AUTO else readout,
        mode=mode,
        duplicates=true_motion is None and solver != "asap" and duplicates,
    )
    if solver == "asap" and options.prior is not None:
        raise ArgumentError("prior", options.prior, 'None with solver="asap", which has a smooth prior of its own')
    if options.out_shutter and (true_motion is not None or solver == "asap"):
        raise ArgumentError("out_shutter", out_shutter, '0 where the true motion is handed in, or with solver="asap"')
    if options.mode != "joint" and (true_motion is not None or solver == "asap"):
        raise ArgumentError("mode", mode, '"joint" where the true motion is handed in, or with solver="asap"')
    light = to_linear(given.to("cpu", torch.float32).contiguous(), transfer)
    small = thumbnails(given) if options.finds_repeats else []
    if options.auto_shutter or readout == AUTO:
        options = _estimated(light, small, options, readout == AUTO)
    if true_motion is not None:
        sharp = _by_true_motion(light, true_motion, options, record)
    else:
        sharp = _by_windows(light, options, record, small)
    if solver == "asap":
        sharp = _jointly(light, sharp, true_motion, options, record)
    stored = from_linear(sharp, transfer, inplace=True).to(given.device, given.dtype)
    return stored if isinstance(v, Tensor) else stored.numpy()


def _fitted(stored: Tensor) -> str:
    estimate = clip_response(tensor_samples(stored))
    if estimate.usable is None:
        log.warning('transfer: the clip does not tell (confidence %.2f): "linear" is taken', estimate.confidence)
        return "linear"
    return name_of(estimate.usable)


def _estimated(light: Tensor, small: Sequence[Thumbnail], options: Options, readout: bool) -> Options:
    """The options with the shutter, where that is to be found, and the readout, of the frames that repeat none."""
    new = distinct(small)
    pictures = light[new] if len(new) < len(small) else light
    places = clip_samples(pictures, linear=options.transfer != "linear")
    if options.auto_shutter:
        options = replace(options, shutter=clip_shutter(places).estimate.usable, auto_shutter=False)
    if readout:
        options = replace(options, readout=clip_readout(places).usable)
    return options


class TensorSource(FrameSource):
    """A clip that is in memory as a whole.

    Attributes:
        frames: (N, C, H, W) float32, linear light.
        small: The frames as they are stored, small; empty where repeats are not looked for.
    """

    def __init__(self, frames: Tensor, small: Sequence[Thumbnail] = ()) -> None:
        self.frames, self.small, self.colour = frames, small, frames.shape[1]

    def hold(self, frames: range) -> int:
        """See ``FrameSource``."""
        return len(self.frames)

    def light(self, frames: Sequence[int]) -> Tensor:
        """A view where the frames are neighbours."""
        first, end = frames[0], frames[-1] + 1
        return self.frames[first:end] if end - first == len(frames) else self.frames[list(frames)]

    def thumbnails(self, frames: range) -> Sequence[Thumbnail]:
        """See ``FrameSource``."""
        return self.small[frames.start : frames.stop]


def _by_windows(
    light: Tensor, options: Options, record: Callable[[float], None] | None, small: Sequence[Thumbnail] = ()
) -> Tensor:
    """small: as in ``TensorSource``."""
    frames, channels, height, width = light.shape
    engine = Engine(options, height, width, channels)
    out = light.new_empty(output_count(frames, options.factor), channels, height, width)
    grid = Grid.of(engine.plan, options)
    for part in chunk_windows(TensorSource(light, small), grid, options, by_factor(options)):
        for output, picture in part.restore(engine, record):
            out[output.number] = picture
    return out


def _jointly(
    light: Tensor, start: Tensor, flow: Tensor | None, options: Options, record: Callable[[float], None] | None
) -> Tensor:
    """From ``start`` and its motion, ``flow`` or what DIS finds in it, by solve_asap."""
    if flow is None:
        between = DisFlow()
        shown = (start.clone() if options.transfer == "linear" else to_display(start)).clamp_(0, 1)
        flow = torch.stack([between(a, b) for a, b in pairwise(shown)])
    device = choose_device(options.device)
    with torch.inference_mode():
        joint = solve_asap(light.to(device), _exposure(light, options, device), start.to(device), flow.to(start))
    if record:
        for energy in (e for one in joint.energies for e in one):
            record(energy)
    return joint.u.cpu().clone()


def _exposure(light: Tensor, options: Options, device: torch.device) -> Exposure:
    quadrature: Quadrature = "taps" if options.quadrature == "taps" else "integral"
    delays = row_delays(light.shape[-2], options.readout) if options.readout else None
    return Exposure.build(len(light), options.factor, options.shutter, delays, quadrature, device=device)


def _by_true_motion(light: Tensor, flow: Tensor, options: Options, record: Callable[[float], None] | None) -> Tensor:
    device = choose_device(options.device)
    if not torch.isfinite(flow).all():
        raise ArgumentError("flow", "one with NaN or infinity", "finite, in pixels")
    exposure = _exposure(light, options, device)
    prior = None if options.prior is None else get_prior(options.prior, device)
    with torch.inference_mode():
        result = solve_with_flow(light.to(device), flow.to(device, light.dtype), exposure, prior=prior)
    if record:
        for energy in result.energies:
            record(energy)
    return result.u.cpu().clone()
