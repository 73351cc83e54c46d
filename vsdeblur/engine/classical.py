"""``solver="admm"``: E1 = D1 + R1 of a window's sub-frames, by the exposures and a prior alone, without motion.

For comparison: it starts from the linear blend of the blurry frames, and what it makes of that is what a prior on video
can do without knowing where things go. Sub-frames are cells of equal length; an output between two of them is their
mixture. Each scene and each tile is solved by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsdeblur.camera.exposure import Exposure, Quadrature
from vsdeblur.camera.noise import sensor_noise
from vsdeblur.colour.display import from_display, to_display
from vsdeblur.crossing import received, sent
from vsdeblur.engine import quadrature
from vsdeblur.engine.light import frame_at, gains_of, within_exposures
from vsdeblur.footprint import TileFootprint
from vsdeblur.presets import EFFORTS
from vsdeblur.priors import ImagePrior, get_prior
from vsdeblur.priors.protocol import of_window
from vsdeblur.settings import Options
from vsdeblur.solver.admm import solve_e1
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.tiles import tiles
from vsdeblur.window import Window

if TYPE_CHECKING:
    from vsdeblur.engine.retry import MemoryRetry

NAME = "admm"
_FEWEST = 4  # sub-frames of a period
_DATA_WEIGHT = 10.0  # lambda over ADMM's rho
_LEAST_SIGMA = 2 / 255  # of the prior, display values: with less it would take no part


def uses_admm(options: Options) -> bool:
    """Whether the options ask for E1."""
    return options.solver == NAME


def cells(options: Options) -> int:
    """Sub-frames of a period: as many as outputs, or an odd multiple of them, so that outputs are cells' middles."""
    outputs = math.ceil(options.factor)
    if options.quadrature == "taps":
        return outputs
    return outputs * next(k for k in range(1, _FEWEST + 2, 2) if k * outputs >= _FEWEST)


@dataclass(frozen=True, slots=True, eq=False)
class ClassicalSolver:
    """E1 of windows.

    Attributes:
        options: The arguments; their preset gives the steps of ADMM.
        device: Where it is solved.
        prior: R1, of display values.
        cells: Sub-frames of a period.
    """

    options: Options
    device: torch.device
    prior: ImagePrior
    cells: int

    @classmethod
    def of(cls, options: Options, device: torch.device) -> ClassicalSolver:
        """What the options ask for; R1 is total variation in space and time unless another prior is given."""
        prior = get_prior(options.fixed_prior or "tv", device)
        return cls(options=options, device=device, prior=prior, cells=cells(options))

    @property
    def linear(self) -> bool:
        """Whether values are linear light; otherwise they are display values as they are."""
        return self.options.transfer != "linear"

    @torch.inference_mode()
    def restore(
        self,
        window: Window,
        instants: Sequence[float],
        tiling: tuple[int, int],
        retry: MemoryRetry,
        record: Callable[[float], None] | None = None,
    ) -> Iterator[Tensor]:
        """Yield one (C, H, W) float32 CPU tensor per instant, in order; as ``Engine.restore``.

        tiling: Size and overlap of the tiles.
        """
        given = window.frames.to(torch.float32)
        on_device = replace(window, frames=sent(given, self.device))
        colours = given[:, : window.colour]
        sigma = DataWeights(sensor_noise(colours), self.linear).level(colours)
        pictures = retry.run(
            "solving for the sub-frames", lambda _: self.solve(on_device, instants, sigma, tiling, record)
        )
        with_gain, within = gains_of(window, self.device), within_exposures(window)

        def shown(done: int) -> Iterator[Tensor]:
            return (within(with_gain(pictures[k], t), t) for k, t in enumerate(instants) if k >= done)

        fetched = retry.stream("fetching sub-frames", lambda sizes, done: received(shown(done), sizes.spare))
        for t, picture in zip(instants, fetched, strict=True):
            if window.overlay is not None:
                window.overlay.put_back(picture, [frame_at(window, t)])
            yield picture

    def solve(
        self,
        window: Window,
        instants: Sequence[float],
        sigma: float,
        tiling: tuple[int, int],
        record: Callable[[float], None] | None = None,
    ) -> Tensor:
        """The pictures at ``instants``.

        Args:
            window: Its frames (n, C, H, W) on the device.
            instants: Ascending, in source periods from the clip's frame 0.
            sigma: Deviation of the frames' noise, display values.
            tiling: Size and overlap of the tiles.
            record: Called with the energies of every tile and scene.

        Returns:
            (len(instants), C, H, W).
        """
        frames = window.frames
        shutters = tuple(window.shutters or (self.options.shutter,) * len(frames))
        delays = quadrature.delays(self.options, window)
        height, width = frames.shape[-2:]
        out = frames.new_zeros(len(instants), *frames.shape[1:])
        noise = max(sigma, _LEAST_SIGMA)
        known = of_window(self.prior, frames[:, : window.colour], noise, linear=self.linear)
        prior = partial(self._on_light, known, colour=window.colour)
        for first, end in window.scenes:
            shown = [k for k, t in enumerate(instants) if first <= frame_at(window, t) < end]
            if not shown:
                continue
            exposure = self._exposure(shutters[first:end], None if delays is None else delays[first:end], frames.dtype)
            for tile in tiles(height, width, *tiling, frames.device):
                v = frames[first:end, :, tile.rows, tile.columns].contiguous()
                part = exposure if delays is None else Exposure(exposure.weights[tile.rows])
                part = part.to(v)
                start = self._blend(v, shutters[first:end], exposure.instants)
                solved = solve_e1(
                    v,
                    part,
                    prior,
                    start,
                    data_weight=_DATA_WEIGHT,
                    sigma=noise,
                    steps=EFFORTS[self.options.preset].steps,
                    watched=record is not None,
                )
                if record:
                    for energy in solved.energies:
                        record(energy)
                for k in shown:
                    picture = _between(solved.u, (instants[k] - window.start - first) * self.cells - 0.5)
                    out[k, :, tile.rows, tile.columns] += picture.mul_(tile.weight)
        return out

    def _exposure(self, shutters: Sequence[float], delays: Tensor | None, dtype: torch.dtype) -> Exposure:
        """Of frames whose shutters and delays are their own; on the processor."""
        count = len(shutters)
        instants = (count + (delays is not None)) * self.cells
        kind: Quadrature = "taps" if self.options.quadrature == "taps" else "integral"
        rows = []
        for n, shutter in enumerate(shutters):
            late = None if delays is None else delays[n].clamp(max=1 - 1e-6)
            whole = Exposure.build(count, Fraction(self.cells), shutter, late, kind, instants=instants, dtype=dtype)
            rows.append(whole.weights[:, n])
        return Exposure(torch.stack(rows, 1))

    def _blend(self, v: Tensor, shutters: Sequence[float], count: int) -> Tensor:
        """(count, C, H, W): of each sub-frame the mixture of the exposures between whose middles it lies."""
        middles = [n + shutter / 2 for n, shutter in enumerate(shutters)]
        return torch.stack([_at(v, middles, (k + 0.5) / self.cells) for k in range(count)])

    def _on_light(self, prior: ImagePrior, u: Tensor, sigma: float, colour: int) -> Tensor:
        """A prior on light, of its colours."""
        shown = u[:, :colour]
        clean = from_display(prior(to_display(shown), sigma)) if self.linear else prior(shown, sigma)
        return torch.cat((clean, u[:, colour:]), 1) if colour < u.shape[1] else clean


def footprint(prior: ImagePrior, channels: int) -> TileFootprint:
    """Per pixel of a tile and sub-frame: start, u, z, y, two that they are made of, display values, and the prior's."""
    held = prior.footprint(channels)
    return TileFootprint(9 * channels + held.per_frame, held.working)


def _between(u: Tensor, place: float) -> Tensor:
    """(C, H, W): the sub-frame at a place in u (T, C, H, W), from 0 on, or the mixture of two."""
    place = min(max(place, 0.0), len(u) - 1.0)
    before = min(int(place + 1e-6), len(u) - 1)
    share = place - before
    if share < 1e-4 or before + 1 == len(u):  # cells' middles, but for the last bits of their times
        return u[before].clone()
    return torch.lerp(u[before], u[before + 1], share)


def _at(v: Tensor, middles: Sequence[float], t: float) -> Tensor:
    after = next((n for n, middle in enumerate(middles) if middle >= t), len(middles))
    if after in (0, len(middles)):
        return v[min(after, len(middles) - 1)]
    share = (t - middles[after - 1]) / (middles[after] - middles[after - 1])
    return torch.lerp(v[after - 1], v[after], share)
