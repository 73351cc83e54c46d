"""``restore``: the mathematics without a host, tensors in and tensors out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from vsdeblur.calibration.readout.clip import clip_readout
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.shutter.clip import clip_shutter
from vsdeblur.camera.exposure import Exposure, Quadrature
from vsdeblur.camera.noise import noise_level
from vsdeblur.camera.rolling import row_delays
from vsdeblur.clip.repeats import Thumbnail, distinct, thumbnails
from vsdeblur.clip.samples import clip_samples, tensor_samples
from vsdeblur.colour.display import to_display
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import choose_device
from vsdeblur.engine.chunks import ChunkWindow, FrameSource, chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid, Output, by_factor
from vsdeblur.errors import ArgumentError
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.together import FARTHEST
from vsdeblur.priors import get_prior
from vsdeblur.priors.protocol import of_window
from vsdeblur.settings import AUTO, FIT, Options, checked, parse_options
from vsdeblur.settings.engine import EngineSettings
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import RESTORE
from vsdeblur.settings.transfers import name_of
from vsdeblur.solver.asap import solve_asap
from vsdeblur.solver.subframes import solve_with_flow
from vsdeblur.streams import streamed_at_once
from vsdeblur.tensors import as_frames
from vsdeblur.timing import output_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("vsdeblur")


@takes(RESTORE)
def restore[Video: (Tensor, "NDArray[np.floating[Any]]")](
    v: Video,
    factor: int | float | str | Fraction = 1,
    shutter: float | str | None = 1.0,
    transfer: str = "linear",
    preset: str = "balanced",
    flow: str | Callable[..., Any] | Tensor | None = None,
    quadrature: str = "integral",
    *,
    record: Callable[[float], None] | None = None,
    **settings: Unpack[EngineSettings],
) -> Video:
    """Sharp frames from blurry ones.

    Args:
        v: Float tensor or array (N, C, H, W), C 1 or 3, nominally in [0, 1]; larger values are allowed and kept.
        **settings: See [Settings](settings.md).
        record: Called with the energies of the solver.

    Returns:
        u (floor(N * factor), C, H, W) of v's type, device and dtype.

    Raises:
        ArgumentError: For an argument that cannot be honoured.
        DeblurError: For a clip that cannot be processed.

    Examples:
        >>> restore(torch.rand(5, 3, 48, 64), factor=2, shutter=0.5, preset="fast").shape
        torch.Size([10, 3, 48, 64])
    """
    given = as_frames(v)
    chosen: dict[str, Any] = {
        "factor": factor,
        "shutter": shutter,
        "transfer": transfer,
        "preset": preset,
        "flow": flow,
        "quadrature": quadrature,
        **settings,
    }
    refuse_unused(RESTORE, chosen)
    true_motion = flow if isinstance(flow, Tensor) else None
    jointly = chosen.get("solver") == "asap"
    if record is not None and chosen.get("mode") == "frame":
        raise ArgumentError("record", record, "left out with {mode=frame}, which solves nothing jointly")
    if transfer == FIT:
        chosen["transfer"] = transfer = _fitted(given)
    if true_motion is not None:
        chosen["flow"] = None
    if true_motion is not None or jointly:
        checked("duplicates", chosen.get("duplicates", True))
        chosen["duplicates"] = False
    if jointly:
        chosen["solver"] = None
    estimates_readout = chosen.get("readout") == AUTO
    if estimates_readout:
        chosen["readout"] = 0
    options = parse_options(**chosen)
    light = to_linear(given.to("cpu", torch.float32).contiguous(), transfer)
    small = thumbnails(given) if options.detects_repeats else []
    if options.auto_shutter or estimates_readout:
        options = _estimated(light, small, options, estimates_readout)
    if true_motion is not None:
        sharp = _by_true_motion(light, true_motion, options, record)
    else:
        sharp = _by_windows(light, options, record, small)
    if jointly:
        sharp = _jointly(light, sharp, true_motion, options, record)
    stored = from_linear(sharp, transfer, inplace=True).to(given.device, given.dtype)
    return stored if isinstance(v, Tensor) else stored.numpy()


def _fitted(stored: Tensor) -> str:
    estimate = clip_response(tensor_samples(stored))
    if estimate.usable is None:
        log.warning('transfer: the clip leaves it open (confidence %.2f): "linear" is taken', estimate.confidence)
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
    engine = Engine(options, height, width, channels, chunks_at_once=record is None)  # energies come in order
    out = light.new_empty(output_count(frames, options.factor), channels, height, width)
    grid = Grid.of(engine.plan, options)

    def restored(part: ChunkWindow[Output]) -> Iterator[None]:
        for output, picture in part.restore(engine, record):
            out[output.number] = picture
            yield

    parts = chunk_windows(TensorSource(light, small), grid, options, by_factor(options))
    deque(streamed_at_once(restored, parts, engine.plan.chunk_workers), maxlen=0)
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
        joint = solve_asap(
            light.to(device), _exposure(light, options, device), start.to(device), flow.to(device, start.dtype)
        )
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
    if not bool((flow.abs() <= FARTHEST).all()):
        raise ArgumentError("flow", f"one with values that are not finite or beyond {FARTHEST:g}", "in pixels")
    exposure = _exposure(light, options, device)
    prior = None if options.fixed_prior is None else get_prior(options.fixed_prior, device)
    if prior is not None:
        prior = of_window(prior, light.to(device), noise_level(light), linear=False)
    with torch.inference_mode():
        result = solve_with_flow(light.to(device), flow.to(device, light.dtype), exposure, prior=prior)
    if record:
        for energy in result.energies:
            record(energy)
    return result.u.cpu().clone()
