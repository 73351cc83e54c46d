"""The path of a shaken camera, from the displacement between frames and from the blur of each of them.

A similarity g(t) (shift, turn, zoom), cubic splines in time, maps the world point X to g(t) X in the picture. With v_n
the patches around two views of the same place and b_n the blur of g there during exposure n, in Fourier space,

    v_n = b_n k,  v_{n+1} = b_{n+1} k      hence      v_n b_{n+1} = v_{n+1} b_n      whatever the sharp patch k is,

and  r = (v_n b_{n+1} - v_{n+1} b_n) / sqrt(|b_n|^2 + |b_{n+1}|^2)  is the residual of the best k. The sum of its
squares over patches and pairs, robust against objects that move by themselves, is minimised by Levenberg-Marquardt
steps on the splines' knots, low frequencies first. Shift and blur are estimated together: a flow between frames that
are blurred differently errs in both.

References:
    Sroubek, Flusser: Multichannel blind iterative image restoration, IEEE TIP 2003: the relation between v_n and b_n.
    Whyte, Sivic, Zisserman, Ponce: Non-uniform deblurring for shaken images, CVPR 2010: camera motion for kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.path import CameraPath, shift_turn_zoom, splines
from vsdeblur.flow.shifts import likely_shifts

EXPLAINED = 0.15  # largest mean residual of a camera's path, over the pairs' power

_KNOTS = 0.5  # periods from knot to knot
_ROUGHNESS = 0.05  # weight of the third differences of the knots, in widths
_STEADINESS = 0.1  # the same for the first differences of turn and zoom, relative to it
_CUTOFFS = (0.06, 0.12, 0.2)  # cycles per pixel, coarse to fine
_STEPS = 6
_TAPS = 12
_PATCH = 96
_OUTLIER = 0.1  # residual over a patch's power at which its weight has fallen to a quarter
_NOISE = 0.05  # added to the power of both blurs: frequencies that they pass by less count little
_WELL = 0.05  # residual over a pair's power below which no other shift is tried


def find_camera_path(frames: Tensor, times: Tensor, exposures: Tensor) -> CameraPath | None:
    """The path of the camera through some frames of one scene.

    Args:
        frames: Grey, (n, h, w), n at least 2.
        times: (n,), mid-exposures in periods.
        exposures: (n,), their lengths in periods.

    Returns:
        The path, or None where its mean normalised residual over the pairs of frames is above ``EXPLAINED``.
    """
    fit = _Fit(frames.cpu().double(), times.double(), exposures.double())
    path, left = fit.start()
    for cutoff in _CUTOFFS:
        path, _, left = fit.refine(path, cutoff)
    if float(left.mean()) > EXPLAINED:
        return None
    # The last bits depend on the number of threads; what is left after rounding does not.
    return replace(path, knots=(path.knots * 2**20).round() / 2**20)


@dataclass(frozen=True, slots=True, eq=False)
class _Views:
    """World points (p, 2) in two successive exposures: spectra (p, f) and centres (p, 2) of the patches around them."""

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
        self.patch = min(_PATCH, min(height, width) // 8 * 6)

    def start(self) -> tuple[CameraPath, Tensor]:
        """The best of several starts: for pairs with a residual above _WELL their other likely shifts are tried."""
        shifts = [likely_shifts(a, b) for a, b in pairwise(self.frames)]
        chosen = [0] * len(shifts)

        def attempt() -> tuple[CameraPath, float, Tensor]:
            smooth = self._smoothest(torch.stack([s[k] for s, k in zip(shifts, chosen, strict=True)]))
            return self.refine(smooth, _CUTOFFS[0])

        path, energy, left = attempt()
        for pair in left.argsort(descending=True).tolist():
            best = chosen[pair]
            for other in range(1, len(shifts[pair])):
                if left[pair] < _WELL:
                    break
                chosen[pair] = other
                tried = attempt()
                if tried[1] < energy:
                    best, (path, energy, left) = other, tried
            chosen[pair] = best
        return path, left

    def _smoothest(self, shifts: Tensor) -> CameraPath:
        """The smoothest path whose mean over each exposure follows the shifts (n - 1, 2) between the frames."""
        where = F.pad(shifts.cumsum(0), (0, 0, 1, 0)).double()
        means = self.basis.mean(1)
        third = torch.eye(self.count, dtype=where.dtype).diff(n=3, dim=0)
        first = torch.eye(self.count, dtype=where.dtype).diff(dim=0)
        normal = 1e4 * means.T @ means + third.T @ third + 1e-3 * first.T @ first
        knots = torch.linalg.solve(normal, 1e4 * means.T @ where)
        return CameraPath(F.pad(knots, (0, 2)), self.origin, _KNOTS, self.centre)

    def refine(self, path: CameraPath, cutoff: float) -> tuple[CameraPath, float, Tensor]:
        """Levenberg-Marquardt steps on frequencies up to about ``cutoff``: path, energy, residual of each pair."""
        frequencies, weight, keep = _band(self.patch, cutoff)
        views = [self._views(path, pair, weight, keep) for pair in range(len(self.frames) - 1)]
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
        return path, energy, left

    def _views(self, path: CameraPath, pair: int, weight: Tensor, keep: Tensor) -> _Views:
        """Patches over what both frames show, each cut from both where the path puts it."""
        half = self.patch // 2
        window = torch.hann_window(self.patch, periodic=False, dtype=self.frames.dtype)
        window = window[:, None] * window
        size = torch.tensor([self.frames.shape[-1], self.frames.shape[-2]])
        times = self.times[pair : pair + 2]
        # Patches lie inside both frames: they are laid out in the view halfway between the two.
        moved = path.at(times, path.world(times.mean(), self.centre[None]))[:, 0].diff(dim=0)[0]
        margin = (half + moved.abs() / 2).minimum(size / 2)
        columns, rows = (
            torch.linspace(edge, length - edge, max(round((length - 2 * edge) / (0.6 * self.patch)) + 1, 1)).double()
            for edge, length in zip(margin.tolist(), size.tolist(), strict=True)
        )
        world = path.world(times.mean(), torch.cartesian_prod(columns, rows))
        places = path.at(times, world).round().long().clamp(min=half).minimum(size - half)
        spectra = []
        for frame, corners in zip(self.frames[pair : pair + 2], (places - half).tolist(), strict=True):
            cut = torch.stack([frame[y : y + self.patch, x : x + self.patch] for x, y in corners])
            mean = (cut * window).sum((1, 2), keepdim=True) / window.sum()
            spectra.append(torch.fft.rfft2((cut - mean) * window).flatten(1)[:, keep] * weight)
        return _Views(pair, world, (spectra[0], spectra[1]), (places[0].double(), places[1].double()))

    def _linearised(
        self, path: CameraPath, views: Sequence[_Views], frequencies: Tensor
    ) -> tuple[float, Tensor, Tensor, Tensor]:
        """Energy, Gauss-Newton matrix and gradient by the knots, and each pair's residual as a share of its power."""
        flat = path.knots.flatten()
        normal, slope = self.rough.clone(), self.rough @ flat
        energy, left = float(flat @ self.rough @ flat), []
        count = sum(len(view.world) for view in views)
        for view in views:
            near = self.basis[view.pair : view.pair + 2].sum((0, 1)).nonzero()[:, 0]  # knots that the pair depends on
            knots = slice(int(near[0]), int(near[-1]) + 1)
            (a, da), (b, db) = (
                self._blur(path, view.pair + side, view.world, view.centres[side], frequencies, knots)
                for side in (0, 1)
            )
            first, second = view.spectra
            power = (first.abs().square() + second.abs().square()).sum(1) + 1e-12
            scale = (a.abs().square() + b.abs().square() + _NOISE).sqrt()
            cross = first * b - second * a
            residual = torch.view_as_real(cross / scale).flatten(1)
            share = residual.square().sum(1) / power
            left.append(float(share.mean()))
            energy += float((share / (1 + share / _OUTLIER)).sum()) / count  # Geman and McClure's robust rule
            inner = (a.conj()[..., None] * da + b.conj()[..., None] * db).real
            jacobian = (first[..., None] * db - second[..., None] * da) / scale[..., None]
            jacobian -= inner * (cross / scale**3)[..., None]
            jacobian = torch.view_as_real(jacobian).transpose(2, 3).flatten(1, 2)  # (p, 2 f, knots)
            weight = 1 / (1 + share / _OUTLIER) ** 2 / power / count
            heavy = (jacobian * weight[:, None, None]).flatten(0, 1)
            part = slice(4 * knots.start, 4 * knots.stop)
            normal[part, part] += heavy.T @ jacobian.flatten(0, 1)
            slope[part] += heavy.T @ residual.flatten()
        return energy, normal, slope, torch.tensor(left)

    def _blur(
        self, path: CameraPath, frame: int, world: Tensor, centres: Tensor, frequencies: Tensor, knots: slice
    ) -> tuple[Tensor, Tensor]:
        """Spectra (p, f) of the path's blur around ``centres``, and their derivatives by knots, (p, f, 4k)."""
        basis = self.basis[frame]
        shift, turn, zoom = shift_turn_zoom(basis @ path.knots)
        x, y = (world - self.centre).T[..., None, None]
        c, s = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
        arm = torch.cat((c * x - s * y, s * x + c * y), 2)  # (p, taps, 2)
        phases = torch.exp(-1j * ((self.centre + shift + arm - centres[:, None]) @ frequencies.T)) / _TAPS
        along, across = arm.unbind(2)
        one, nought = torch.ones_like(along), torch.zeros_like(along)
        by_shape = ((one, nought, -across, along), (nought, one, along, across))  # of x and y by the four parameters
        derivative = torch.zeros(1, dtype=phases.dtype)
        for axis, moved in enumerate(by_shape):
            by_knot = torch.einsum("pqj,qk->pqkj", torch.stack(moved, 2), basis[:, knots]).flatten(2)
            derivative = derivative - 1j * frequencies[:, axis, None] * (phases.mT @ by_knot.to(phases.dtype))
        return phases.sum(1), derivative


def _band(size: int, cutoff: float) -> tuple[Tensor, Tensor, Tensor]:
    """Angular frequencies (f, 2) of a patch's half spectrum, their weights (f,), and which of all they are.

    |w| whitens a picture's spectrum, a Gaussian ends the band.
    """
    fy, fx = torch.fft.fftfreq(size, dtype=torch.float64), torch.fft.rfftfreq(size, dtype=torch.float64)
    grid = torch.cartesian_prod(fy, fx).flip(1)
    radius = grid.norm(dim=1)
    keep = (radius > 0) & (radius < 1.6 * cutoff)
    return 2 * math.pi * grid[keep], (radius * torch.exp(-(radius**2) / (2 * cutoff**2)))[keep], keep
