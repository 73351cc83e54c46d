"""The path of a shaken camera, found from how the frames lie to one another and from how each of them is blurred.

A similarity g(t) (shift, turn, zoom), cubic splines in time, shows the world point X at g(t) X. With v_n the patches
around two views of the same place and b_n the blur that g draws there during exposure n, in Fourier space,

    v_n = b_n k,  v_{n+1} = b_{n+1} k      hence      v_n b_{n+1} = v_{n+1} b_n      whatever the sharp patch k is,

and  r = (v_n b_{n+1} - v_{n+1} b_n) / sqrt(|b_n|^2 + |b_{n+1}|^2)  is what the best k leaves. The sum of its squares
over patches and pairs, robust against things that move by themselves, is minimised by Gauss-Newton steps on the
splines' knots, low frequencies first. Shift and blur are one evidence: where frames are blurred differently, a flow
between them finds neither (blind multi-channel deconvolution: Sroubek and Flusser, IEEE TIP 2003; motion paths
instead of kernels: Whyte et al., CVPR 2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

ERRATIC = 0.03  # of the width: how much a pair's shift differs from the last pair's where a shake is large and erratic
EXPLAINED = 0.15  # of a pair's power: what a camera's path may leave
SMALLEST = 48  # rows and columns below which nothing is sought

_KNOTS = 0.5  # periods from knot to knot
_ROUGHNESS = 0.25  # weight of the third differences of the knots, in widths
_STEADINESS = 0.1  # the same for the first differences of turn and zoom, relative to it
_CUTOFFS = (0.06, 0.12, 0.2)  # cycles per pixel, coarse to fine
_STEPS = 6
_TAPS = 12
_PATCH = 64
_OUTLIER = 0.1  # of a patch's power: a residual at which it counts for little
_NOISE = 0.05  # power of blur below which a frequency tells nothing
_OVERLAP = 0.3  # of the picture, that two frames share at least


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """g(t) X = centre + shift(t) + exp(zoom(t)) R(turn(t)) (X - centre), float64.

    knots: (K, 4): shift x and y in pixels, turn in radians, log zoom. origin, spacing: of the knots, in periods.
    """

    knots: Tensor
    origin: float
    spacing: float
    centre: Tensor

    def pose(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Position of the centre (t, 2) and the linear part (t, 2, 2)."""
        shift, turn, zoom = _parts(splines(times, len(self.knots), self.origin, self.spacing) @ self.knots)
        c, s = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
        return self.centre + shift, torch.stack((torch.cat((c, -s), 1), torch.cat((s, c), 1)), 1)

    def at(self, times: Tensor, world: Tensor) -> Tensor:
        """Where world points (p, 2) are seen: (t, p, 2)."""
        position, linear = self.pose(times)
        return position[:, None] + (world - self.centre) @ linear.mT

    def world(self, time: Tensor, seen: Tensor) -> Tensor:
        """The world points that are seen at (p, 2) at one time, ()."""
        position, linear = self.pose(time[None])
        reached: Tensor = torch.linalg.solve(linear[0], (seen - position).T)
        return self.centre + reached.T

    def displacement(self, time: Tensor, times: Tensor, height: int, width: int) -> Tensor:
        """How far what is seen at each pixel at ``time`` has moved at ``times``: (t, 2, height, width)."""
        y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
        seen = torch.stack((x, y), -1).view(-1, 2)
        moved: Tensor = self.at(times, self.world(time, seen)) - seen
        return moved.mT.reshape(len(times), 2, height, width)


def shakes(frames: Tensor) -> bool:
    """Whether the picture as a whole jumps from pair to pair, (n, h, w) grey."""
    if len(frames) < 3 or min(frames.shape[-2:]) < SMALLEST:
        return False
    scale = max(min(max(frames.shape[-2:]) // 160, min(frames.shape[-2:]) // 32), 1)
    small = F.avg_pool2d(frames[None], scale)[0]
    return bool(_shifts(small).diff(dim=0).norm(dim=1).max() > ERRATIC * small.shape[-1])


def find_camera_path(frames: Tensor, times: Tensor, exposures: Tensor) -> CameraPath | None:
    """The path through grey frames (n, h, w), or None where no camera's path explains them.

    times: (n,) mid-exposures; exposures: (n,) lengths, both in periods.
    """
    frames, times, exposures = frames.cpu().double(), times.double(), exposures.double()
    fit = _Fit(frames, times, exposures)
    path, left = fit.start(), torch.ones(1)
    for cutoff in _CUTOFFS:
        path, left = fit.refine(path, cutoff)
    if not len(left) or float(left.mean()) > EXPLAINED:
        return None
    # The last bits depend on the number of threads; what is left after rounding does not.
    return replace(path, knots=(path.knots * 2**20).round() / 2**20)


def splines(times: Tensor, count: int, origin: float, spacing: float) -> Tensor:
    """Uniform cubic B-splines at ``times``: (t, count)."""
    d = ((times[:, None] - origin) / spacing - torch.arange(count, dtype=times.dtype)).abs()
    return torch.where(d < 1, (4 - 6 * d**2 + 3 * d**3) / 6, (2 - d).clamp(min=0) ** 3 / 6)


@dataclass(frozen=True, slots=True, eq=False)
class _Views:
    """A place in the world in two successive exposures: windowed spectra (f,), and the patches' centres (2,)."""

    pair: int
    world: Tensor
    spectra: tuple[Tensor, Tensor]
    centres: tuple[Tensor, Tensor]


class _Fit:
    def __init__(self, frames: Tensor, times: Tensor, exposures: Tensor) -> None:
        self.frames, self.times = frames, times
        self.origin = float(times[0]) - 1 - _KNOTS
        self.count = math.ceil((float(times[-1]) + 1 - self.origin) / _KNOTS) + 2
        instants = (torch.arange(_TAPS, dtype=times.dtype) + 0.5) / _TAPS - 0.5
        during = times[:, None] + exposures[:, None] * instants
        self.basis = splines(during.flatten(), self.count, self.origin, _KNOTS).view(len(times), _TAPS, self.count)
        height, width = frames.shape[-2:]
        self.centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=times.dtype)
        third = torch.eye(self.count, dtype=times.dtype).diff(n=3, dim=0)
        pixels = torch.tensor([1.0, 1.0, (width / 3) ** 2, (width / 3) ** 2], dtype=times.dtype)
        # Turn and zoom hardly show where few patches do: they change only where there is evidence.
        first = torch.eye(self.count, dtype=times.dtype).diff(dim=0)
        steady = torch.tensor([0.0, 0.0, _STEADINESS, _STEADINESS], dtype=times.dtype) * pixels
        rough = torch.kron(third.T @ third, pixels.diag()) + torch.kron(first.T @ first, steady.diag())
        self.rough = rough * (_ROUGHNESS / width**2)
        self.patch = min(_PATCH, min(height, width) // 4 * 2)

    def start(self) -> CameraPath:
        """The smoothest path whose mean over each exposure follows the shifts between the frames."""
        where = F.pad(_shifts(self.frames).cumsum(0), (0, 0, 1, 0)).double()
        means = self.basis.mean(1)
        third = torch.eye(self.count, dtype=where.dtype).diff(n=3, dim=0)
        first = torch.eye(self.count, dtype=where.dtype).diff(dim=0)
        normal = 1e4 * means.T @ means + third.T @ third + 1e-3 * first.T @ first
        knots = torch.linalg.solve(normal, 1e4 * means.T @ where)
        return CameraPath(F.pad(knots, (0, 2)), self.origin, _KNOTS, self.centre)

    def refine(self, path: CameraPath, cutoff: float) -> tuple[CameraPath, Tensor]:
        """Levenberg-Marquardt steps on frequencies up to about ``cutoff``; also what each patch's pair still leaves."""
        frequencies, weight, keep = _band(self.patch, cutoff)
        views = [view for pair in range(len(self.frames) - 1) for view in self._views(path, pair, weight, keep)]
        energy, normal, slope, left = self._linearised(path, views, frequencies)
        damping = 1e-3
        for _ in range(_STEPS):
            for _ in range(4):
                damped = normal + damping * normal.diagonal().diag() + 1e-9 * torch.eye(len(normal))
                knots = path.knots - torch.linalg.solve(damped, slope).view_as(path.knots)
                lower = replace(path, knots=knots)
                after = self._linearised(lower, views, frequencies)
                if after[0] < energy:
                    break
                damping *= 8
            else:
                break
            gained = energy - after[0]
            path, (energy, normal, slope, left), damping = lower, after, max(damping / 4, 1e-6)
            if gained < 1e-3 * energy:
                break
        return path, left

    def _views(self, path: CameraPath, pair: int, weight: Tensor, keep: Tensor) -> list[_Views]:
        """Patches over the picture, each cut from both frames where the path says that its place is seen."""
        half = self.patch // 2
        window = torch.hann_window(self.patch, periodic=False, dtype=self.frames.dtype)
        window = window[:, None] * window
        size = torch.tensor([self.frames.shape[-1], self.frames.shape[-2]])
        times = self.times[pair : pair + 2]
        # What both frames show, seen halfway between them.
        moved = path.at(times, path.world(times.mean(), self.centre[None]))[:, 0].diff(dim=0)[0]
        margin = (half + moved.abs() / 2).minimum(size / 2)
        columns, rows = (
            torch.linspace(edge, length - edge, max(round((length - 2 * edge) / (0.6 * self.patch)) + 1, 1)).double()
            for edge, length in zip(margin.tolist(), size.tolist(), strict=True)
        )
        world = path.world(times.mean(), torch.cartesian_prod(columns, rows))
        views = []
        for point, places in zip(world, path.at(times, world).round().long().transpose(0, 1), strict=True):
            places = places.clamp(min=half).minimum(size - half)
            spectra = []
            for frame, (x, y) in zip(self.frames[pair : pair + 2], places.tolist(), strict=True):
                cut = frame[y - half : y + half, x - half : x + half]
                cut = (cut - (cut * window).sum() / window.sum()) * window
                spectra.append(torch.fft.rfft2(cut).flatten()[keep] * weight)
            views.append(_Views(pair, point, (spectra[0], spectra[1]), (places[0].double(), places[1].double())))
        return views

    def _linearised(
        self, path: CameraPath, views: Sequence[_Views], frequencies: Tensor
    ) -> tuple[float, Tensor, Tensor, Tensor]:
        """Energy, Gauss-Newton matrix and gradient by the knots, and each view's residual as a share of its power."""
        flat = path.knots.flatten()
        normal, slope = self.rough.clone(), self.rough @ flat
        energy, left = float(flat @ self.rough @ flat), []
        for view in views:
            (a, da), (b, db) = (
                self._blur(path, view.pair + side, view.world, view.centres[side], frequencies) for side in (0, 1)
            )
            first, second = view.spectra
            power = float(first.abs().square().sum() + second.abs().square().sum()) + 1e-12
            scale = (a.abs().square() + b.abs().square() + _NOISE).sqrt()
            cross = first * b - second * a
            residual = torch.view_as_real(cross / scale).flatten()
            share = float(residual.square().sum()) / power
            left.append(share)
            energy += share / (1 + share / _OUTLIER) / len(views)  # Geman and McClure's robust rule
            inner = (a.conj()[:, None] * da + b.conj()[:, None] * db).real
            jacobian = (first[:, None] * db - second[:, None] * da) / scale[:, None]
            jacobian = jacobian - cross[:, None] * inner / scale[:, None] ** 3
            jacobian = torch.view_as_real(jacobian).transpose(1, 2).flatten(0, 1)
            weight = 1 / (1 + share / _OUTLIER) ** 2 / power / len(views)
            normal += weight * jacobian.T @ jacobian
            slope += weight * jacobian.T @ residual
        return energy, normal, slope, torch.tensor(left)

    def _blur(
        self, path: CameraPath, frame: int, world: Tensor, centre: Tensor, frequencies: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Spectrum (f,) of the blur that the path draws around ``centre``, and its derivative by the knots (f, 4K)."""
        basis = self.basis[frame]
        shift, turn, zoom = _parts(basis @ path.knots)
        x, y = (world - self.centre).tolist()
        c, s = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
        arm = torch.cat((c * x - s * y, s * x + c * y), 1)
        phases = torch.exp(-1j * ((self.centre + shift + arm - centre) @ frequencies.T)) / _TAPS  # (taps, f)
        along, across = arm[:, 0], arm[:, 1]
        one, nought = torch.ones_like(along), torch.zeros_like(along)
        moved = torch.stack(
            (torch.stack((one, nought, -across, along), 1), torch.stack((nought, one, along, across), 1))
        )  # (x or y, taps, parameters)
        by_knot = torch.einsum("dqp,qk->dqkp", moved, basis).flatten(2).to(phases.dtype)
        derivative = sum(-1j * frequencies[:, d, None] * (phases.T @ by_knot[d]) for d in (0, 1))
        assert isinstance(derivative, Tensor)
        return phases.sum(0), derivative


def _parts(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return parameters[:, :2], parameters[:, 2:3], parameters[:, 3:]


def _band(size: int, cutoff: float) -> tuple[Tensor, Tensor, Tensor]:
    """Angular frequencies (f, 2) of a patch's half spectrum, their weights (f,), and which of all they are.

    |w| whitens a picture's spectrum, a Gaussian ends the band.
    """
    fy, fx = torch.fft.fftfreq(size, dtype=torch.float64), torch.fft.rfftfreq(size, dtype=torch.float64)
    grid = torch.cartesian_prod(fy, fx).flip(1)
    radius = grid.norm(dim=1)
    keep = (radius > 0) & (radius < 2 * cutoff)
    return 2 * math.pi * grid[keep], (radius * torch.exp(-(radius**2) / (2 * cutoff**2)))[keep], keep


def _shifts(frames: Tensor) -> Tensor:
    """Of each pair, whole pixels (n - 1, 2): the highest normalised cross-correlation of what the frames share.

    Padfield (IEEE TIP 2012). Not whitened: differing blur would leave a whitened correlation without a peak.
    """
    fine = frames - F.avg_pool2d(F.pad(frames[:, None], (8,) * 4, mode="replicate"), 17, 1)[:, 0]
    return torch.stack([_shift(a, b) for a, b in pairwise(fine.cpu())])


def _shift(a: Tensor, b: Tensor) -> Tensor:
    height, width = a.shape
    size = (2 * height, 2 * width)

    def correlate(x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = torch.fft.irfft2(torch.fft.rfft2(x, size).conj() * torch.fft.rfft2(y, size), size)
        return found

    one = torch.ones_like(a)
    shared = correlate(one, one).clamp(min=1)
    sum_a, sum_b = correlate(a, one), correlate(one, b)
    power_a = (correlate(a * a, one) - sum_a.square() / shared).clamp(min=1e-9)
    power_b = (correlate(one, b * b) - sum_b.square() / shared).clamp(min=1e-9)
    score = (correlate(a, b) - sum_a * sum_b / shared) / (power_a * power_b).sqrt()
    score[shared < _OVERLAP * height * width] = -1
    y, x = divmod(int(score.argmax()), 2 * width)
    return torch.tensor([x - 2 * width if x >= width else x, y - 2 * height if y >= height else y]).float()
