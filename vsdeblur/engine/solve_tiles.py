"""All key frames of a window: the u-step, the z-step and the learned step, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.camera.noise import QUANTISATION
from vsdeblur.engine import quadrature
from vsdeblur.engine.independent_blur import INDEPENDENT_WEIGHT
from vsdeblur.engine.noise_gate import NoiseGate
from vsdeblur.engine.plan import Plan
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.resolution import downsampled, upsampled
from vsdeblur.heap import release_unused
from vsdeblur.presets import EFFORTS
from vsdeblur.priors import ImagePrior, get_prior
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.settings import Options
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.highlights import find_lights, white_level
from vsdeblur.solver.keyframes import BATCH, KeyFrameProblem
from vsdeblur.solver.unrolled.choose import load_key_frame_step, uses_key_frame_step
from vsdeblur.solver.unrolled.stage import ProximalStep
from vsdeblur.solver.zstep import ZStep
from vsdeblur.tensors import constants
from vsdeblur.tiles import Tile, tiles
from vsdeblur.window import Window

CONTINUATION = (2.0, 1.5, 1.0)  # u-step and z-step in alternation: the prior's sigma over the noise of v
PRIOR_RIDGE = 0.1
LEARNED_RIDGE, LEARNED_STEPS = 0.3, 2  # of the u-step after the learned one
_LEARNED_AGAIN = 0.5  # share of the learned step's change that is taken from the second time on
_LEARNED_LOWEST = 0.2  # of its spectrum: ridge over row sums + ridge
# Noise up to which learned steps have full weight, and from which on none: after a prior, and without any.
_AFTER_PRIOR, _WITHOUT = (1 / 255, 3 / 255), (4 / 255, 12 / 255)

Record = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExposureModel:
    """The exposures of a window, as the model has them.

    Attributes:
        window: The n blurry frames, on the device.
        given: The same frames where they came from: read there, they keep no accelerator waiting.
        motion: Of the same frames.
        taus: For each frame the instants of its quadrature, in periods from its middle.
        shutters: The open fraction of each frame's period.
        spans: As ``Window.spans``.
        weights: What the noise makes of the data term.
        independent: Numbers of the frames that were restored by themselves: exposed for an instant.
    """

    window: Window
    given: Tensor
    motion: Motion
    taus: quadrature.Taus
    shutters: tuple[float, ...]
    spans: tuple[float, ...]
    weights: DataWeights
    independent: frozenset[int] = frozenset()

    def part(self, frames: slice) -> ExposureModel:
        """That of some neighbouring frames, in memory of its own: the whole can be let go."""
        first, end, _ = frames.indices(len(self.taus))
        motion, window = self.motion, self.window
        light = window.frames[frames].clone()
        return replace(
            self,
            window=replace(window, frames=light, start=window.start + first),
            given=light if self.given is window.frames else self.given[frames].clone(),
            motion=Motion(*(x[frames].clone() for x in (motion.path, motion.reliability, motion.occlusion))),
            taus=self.taus[frames],
            shutters=self.shutters[frames],
            spans=self.spans[frames],
            independent=frozenset(n - first for n in self.independent if first <= n < end),
        )

    @property
    def blurred(self) -> Tensor:
        """Which frames show the blur of their motion, (n, 1, 1, 1)."""
        blurred = [float(n not in self.independent) for n in range(len(self.taus))]
        return constants(self.window.frames, blurred)[:, None, None, None] > 0


class KeyFrames(NamedTuple):
    """The solution.

    Attributes:
        keys: (n, C, H, W).
        white: Where the frames clip, None where no moving light does.
        streaks: Then (n, 1, h, w) in [0, 1], at the motion's resolution: how far the frames show streaks of lights
            rather than what was there.
    """

    keys: Tensor
    white: float | None
    streaks: Tensor | None


class KeyFrameSolver:
    """Solves  min_K  sum_n lambda/2 |v_n - A_n K_n|^2 + D2(K) + R1(K).

    Attributes:
        z_step: The prior in place of R1's prox, None without.
        gate: At which noise it acts.
        step: The learned proximal step, None without.
        rounds: How often it is taken.
    """

    def __init__(self, options: Options, device: torch.device) -> None:
        linear = options.transfer != "linear"
        self.steps = EFFORTS[options.preset].steps
        self.gate = NoiseGate.of(options)
        self.z_step = None if self.gate.prior is None else ZStep(_key_frame_prior(self.gate.prior, device), linear)
        self.rounds = max(EFFORTS[options.preset].learned, 1)
        self.step = load_key_frame_step(options, device) if uses_key_frame_step(options) else None

    @property
    def prior(self) -> ImagePrior | None:
        """The prior, None without."""
        return None if self.z_step is None else self.z_step.prior

    def solve(
        self, exposures: ExposureModel, plan: Plan, *, batch: int = BATCH, record: Record | None = None
    ) -> KeyFrames:
        """The key frames, as far from v as the motion is reliable.

        Args:
            exposures: The data.
            plan: Its tile size, and how many key frames are worked on at once.
            batch: As in ``KeyFrameProblem``; changes memory, not the result.
            record: Called with the energy before and after every u-step.
        """
        window, motion = exposures.window, exposures.motion
        colours = exposures.given[:, : window.colour]
        size = (colours.shape[-2], colours.shape[-1])
        scale, sigma = motion.scale(*size), self.noise(colours, exposures.weights)
        # Frames that were divided by their gains clip at levels of their own.
        white = white_level(colours) if window.light is None else None
        learned = self.learned_weight(sigma)
        z_step = self.z_step if self.gate.acts(sigma) else None
        z_step = z_step and z_step.of_window(window.frames[:, : window.colour], sigma)
        open_for = [0.0 if n in exposures.independent else s for n, s in enumerate(exposures.shutters)]
        keys = torch.zeros_like(window.frames)
        streaks: Tensor | None = None
        for tile in tiles(*size, *tiling(plan, motion, denoised=z_step is not None), keys.device):
            release_unused()  # between tiles, and before the step: what the stage before has freed lies in between
            problem = self._problem(exposures, tile, batch, plan.solve_workers, weighted=z_step is None)
            v = problem.v
            lights = None if white is None else find_lights(problem, white, window.colour)
            if lights:
                problem = replace(problem, v=lights.exposures)
            start = lights.below if lights else None
            solved = self._alternate(problem, z_step, start, sigma, window.colour, record)
            trust = upsampled(motion.reliability, scale, size, tile.rows, tile.columns)
            solved = torch.lerp(v, solved, trust)
            if self.step and learned > 0:
                release_unused()
                better = self._learned(self.step, solved, problem, trust, open_for, window.colour)
                solved = torch.lerp(solved, better, learned * exposures.blurred)
            if lights:
                solved += lights.above.mul_(trust)
                streaks = torch.zeros_like(motion.reliability) if streaks is None else streaks
                _add_streaks(streaks, lights.zone.mul_(trust).mul_(tile.weight), tile, scale)
            keys[..., tile.rows, tile.columns] += solved.mul_(tile.weight)
        return KeyFrames(keys, None if streaks is None else white, streaks)

    def noise(self, colours: Tensor, weights: DataWeights) -> float:
        """The deviation of the sensor's noise in frames (n, C, H, W), in display values; with a prior never 0."""
        level = weights.level(colours)
        return max(level, QUANTISATION) if self.gate.acts(level) else level

    def learned_weight(self, sigma: float) -> float:
        """The weight of learned steps, [0, 1]: they take up v once more, with its noise."""
        clean, noisy = _AFTER_PRIOR if self.gate.acts(sigma) else _WITHOUT
        return min(max((noisy - sigma) / (noisy - clean), 0.0), 1.0)

    def _problem(
        self, exposures: ExposureModel, tile: Tile, batch: int, workers: int, *, weighted: bool
    ) -> KeyFrameProblem:
        frames, motion, weights = exposures.window.frames, exposures.motion, exposures.weights
        size = (frames.shape[-2], frames.shape[-1])
        scale, rows, columns = motion.scale(*size), tile.rows, tile.columns
        v = frames[..., rows, columns].contiguous()
        colours = v[:, : exposures.window.colour]
        # With a prior the noise is the prior's: key frames that were weighted before came out worse.
        data_weight = weights.weight(colours) if weights.noisy and weighted else None
        if exposures.independent:
            data_weight = torch.where(exposures.blurred, 1.0, INDEPENDENT_WEIGHT) * (
                1 if data_weight is None else data_weight
            )
        return KeyFrameProblem(
            v=v,
            path=upsampled(motion.path, scale, size, rows, columns),
            occlusion=upsampled(motion.occlusion, scale, size, rows, columns),
            taus=exposures.taus,
            spans=exposures.spans,
            batch=batch,
            workers=workers,
            data_weight=data_weight,
            metric=weights.metric(colours),
        )

    def _alternate(
        self,
        problem: KeyFrameProblem,
        z_step: ZStep | None,
        start: Tensor | None,
        sigma: float,
        colour: int,
        record: Record | None,
    ) -> Tensor:
        """u-step, and with a prior also z-steps: half-quadratic splitting with the prior in place of a prox."""
        keys = problem.solve(self.steps, start, record=record)
        if z_step is None:
            return keys
        *earlier, last = CONTINUATION
        for share in earlier:
            target = z_step(keys, problem, share * sigma, colour)
            keys = problem.solve(self.steps // 2, keys, target, PRIOR_RIDGE, record)
        return z_step(keys, problem, last * sigma, colour)

    def _learned(
        self,
        step: ProximalStep,
        keys: Tensor,
        problem: KeyFrameProblem,
        trust: Tensor,
        shutters: Sequence[float],
        colour: int,
    ) -> Tensor:
        """The learned step in place of a prox, its share z, and the u-step towards z, in alternation:

            min_K  sum_n trust^2 lambda/2 |v_n - A_n K_n|^2 + ridge/2 |K - z|^2.

        The network has seen the neighbours, so that coupling would only repeat, less sharply, what z has of them. Where
        the path errs, the exposure contradicts what the network has seen, and counts less.
        """
        for share in [1.0] + [_LEARNED_AGAIN] * (self.rounds - 1):
            keys = torch.lerp(keys, step(keys, problem, trust, shutters, colour), share)
            solved = partial(_after_learned, keys, problem, trust)
            for n, key in enumerate(at_once(solved, range(len(keys)), problem.workers)):  # not all, to save memory
                keys[n : n + 1] = key
        return keys


def _after_learned(keys: Tensor, problem: KeyFrameProblem, trust: Tensor, n: int) -> Tensor:
    """The u-step towards key frame n of the learned step, (1, C, H, W)."""
    alone, target = problem.alone(n, trust[n : n + 1].square()), keys[n : n + 1]
    return alone.solve(LEARNED_STEPS, target, target, LEARNED_RIDGE, lowest=_LEARNED_LOWEST)


def tiling(plan: Plan, motion: Motion, *, denoised: bool = False) -> tuple[int, int]:
    """Size and overlap of the tiles that a window with this motion is solved in.

    denoised: by a prior, which may act in some windows only.
    """
    least, most = (denoised and plan.overlap_denoised) or plan.overlap
    overlap = min(max(16 * math.ceil((quadrature.reach(motion) + 16) / 16), least), most)
    # What slow motion needs no overlap for is solved as part of the tile: fewer tiles in the same memory.
    return plan.tile + 2 * (most - overlap), overlap


def _add_streaks(streaks: Tensor, zone: Tensor, tile: Tile, scale: int) -> None:
    """Add a tile's (n, 1, H, W) to ``streaks`` (n, 1, h, w)."""
    small = downsampled(zone, scale)
    top, left = tile.rows.start // scale, tile.columns.start // scale  # tiles begin at multiples of 4
    streaks[..., top : top + small.shape[-2], left : left + small.shape[-1]] += small


def _key_frame_prior(prior: str | Callable[..., Any], device: torch.device) -> ImagePrior:
    # Neighbouring key frames lie a whole period's motion apart: total variation in time would smear it.
    return TotalVariation(time=0.0) if prior == "tv" else get_prior(prior, device)
