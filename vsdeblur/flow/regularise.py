"""R2: paths are smooth in space, but for the edges of what moves, and continuous in time.

With p = (V, A/2, J/6), the path's displacements in pixels at tau = 1, and c the reliability,

    R2(p) = sum_{x ~ y} g_xy h(|p_n(x) - p_n(y)|) + b/2 sum_n sum_x o_n(x) |e_n(x) - s_{n+1}(x + psi_n(x, 1))|^2

h is Huber's function, g falls across the edges of a picture if one is given, o says where a point is seen again; e_n is
the velocity half-way to the next frame as frame n knows it, s_{n+1} as the next one does. ``regularise`` is the prox

    argmin_p  1 / (2 sigma^2) sum_n sum_x c_n(x) |p - p0|^2 + R2(p)

by iterations of majorise and minimise: Huber's reweighted squares, and a diagonal above the matrix of their sum. The
energy never rises, whatever the paths (Hunter and Lange, The American Statistician 2004).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError
from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.warp import Warp, sampling_grid
from vsdeblur.tensors import constants, known_zero

HUBER = 0.1  # points of difference between neighbours beyond which an edge is likelier than a slope
CONTINUITY = 0.1  # b
EDGE = 0.05  # difference of a picture's values across which paths are half as spatial
LEAST = 0.02  # of reliability: paths that nothing else holds stay where they are


def regularise(
    motion: Motion,
    sigma: float,
    *,
    scale: int = 1,
    guide: Tensor | None = None,
    spans: tuple[float, ...] | None = None,
    steps: int = 30,
    record: Callable[[float], None] | None = None,
) -> Motion:
    """The prox of R2: the motion with smoother paths, its reliability and occlusion as they are.

    Args:
        motion: the paths p0, with c and o.
        sigma: expected error of a wholly reliable path, in points of the path's grid; 0 changes nothing.
        scale: ``motion.scale``, pixels of the picture per point.
        guide: (n, C, h, w), pictures of the path's size, at whose edges motion may break.
        spans: as in ``Window``, 1 when None.
        steps: of majorise and minimise.
        record: called with the energy before and after each step.

    Raises:
        ArgumentError: sigma is negative or the guide has another size.

    References:
        Hunter, Lange: A tutorial on MM algorithms, The American Statistician 2004.
    """
    if not sigma >= 0:
        raise ArgumentError("sigma", sigma, "pixels, 0 or more")
    if guide is not None and (guide.shape[0], *guide.shape[-2:]) != (len(motion.path), *motion.path.shape[-2:]):
        raise ArgumentError("guide", tuple(guide.shape), f"pictures of the path's size {tuple(motion.path.shape)}")
    if sigma == 0:
        return motion
    units = _units(motion.path) / scale
    fidelity = motion.reliability.clamp(min=LEAST) / sigma**2
    weights = _edge_weights(motion.path, guide)
    del guide  # of the size of the result: the caller may hold it no longer
    terms = _temporal_terms(motion, spans or (1.0,) * len(motion.path), scale)
    fixed = _fixed_bound(fidelity, motion.path.shape[1] // 2, terms)
    p = motion.path * units
    for _ in range(steps):
        if record:
            record(_energy(p, motion.path * units, fidelity, weights, terms))
        _step(p, motion.path, units, fidelity, weights, terms, fixed)
    if record:
        record(_energy(p, motion.path * units, fidelity, weights, terms))
    return replace(motion, path=p.div_(units))


@dataclass(frozen=True, slots=True, eq=False)
class _TemporalTerm:
    """Frames n and n + 1 half-way between them: ahead and behind make velocities of p, of its 2 or 3 parts.

    warp: frame n + 1 to frame n. weight: (1, 1, h, w).
    """

    n: int
    ahead: list[float]
    behind: list[float]
    warp: Warp
    weight: Tensor

    def gap(self, p: Tensor) -> Tensor:
        here = self._velocity(p[self.n : self.n + 1], self.ahead)
        return here - self.warp(self._velocity(p[self.n + 1 : self.n + 2], self.behind))

    @staticmethod
    def _velocity(p: Tensor, parts: list[float]) -> Tensor:
        first, *others = parts
        velocity: Tensor = p[:, :2] * first
        for k, part in enumerate(others, 1):
            velocity.add_(p[:, 2 * k : 2 * k + 2], alpha=part)
        return velocity


def _step(
    p: Tensor,
    path: Tensor,
    units: Tensor,
    fidelity: Tensor,
    weights: tuple[Tensor, Tensor],
    terms: list[_TemporalTerm],
    fixed: Tensor,
) -> None:
    """p less the energy's gradient over a diagonal above its reweighted squares, in place.

    Frame by frame, each by its own and the next one's paths as they were; so nothing else is held of all frames.

    Args:
        p: (n, C, h, w), overwritten.
        path: Of the start.
        units: Make p of a path.
        fidelity: (n, 1, h, w).
        weights: Of ``_edge_weights``.
        terms: Of neighbouring frames.
        fixed: Of ``_fixed_bound``.
    """
    links = {term.n: term for term in terms}
    carried: list[Tensor] = []  # by parts: what the frame before pulls at this one
    for n in range(len(p)):
        gradient = (p[n] - path[n] * units).mul_(fidelity[n])
        bound = fixed[n].clone()
        for axis, edge in zip((-1, -2), weights, strict=True):
            difference = p[n].diff(dim=axis)
            weight = edge[n % len(edge), 0] / _length(difference, 0)[0].clamp_(min=HUBER)
            difference *= weight
            weight *= 2
            count = difference.shape[axis]
            gradient.narrow(axis, 1, count).add_(difference)
            gradient.narrow(axis, 0, count).sub_(difference)
            for first in (0, 1):
                bound.narrow(axis, first, count).add_(weight)
        parts = gradient.unflatten(0, (-1, 2))
        for part, one in zip(parts, carried, strict=False):
            part -= one
        carried = []
        if term := links.get(n):
            pull = term.gap(p).mul_(term.weight)
            onward = term.warp.adjoint(pull)[0]
            for part, ahead, behind in zip(parts, term.ahead, term.behind, strict=True):
                part.add_(pull[0], alpha=ahead)
                carried.append(onward * behind)
        p[n] -= parts.div_(bound[:, None]).flatten(0, 1)


def _fixed_bound(fidelity: Tensor, parts: int, terms: list[_TemporalTerm]) -> Tensor:
    """What holds paths where they are, and what the terms add to the diagonal: (n, parts, h, w), both axes alike."""
    bound = fidelity.repeat(1, parts, 1, 1)
    for term in terms:
        ways = [torch.tensor(x).abs() for x in (term.ahead, term.behind)]
        total = ways[0].sum() + ways[1].sum()
        spread = term.warp.adjoint(term.weight)
        for n, way, weight in ((term.n, ways[0], term.weight), (term.n + 1, ways[1], spread)):
            for k, share in enumerate((total * way).tolist()):
                bound[n, k] += share * weight[0, 0]
    return bound


def _energy(
    p: Tensor, start: Tensor, fidelity: Tensor, weights: tuple[Tensor, Tensor], terms: list[_TemporalTerm]
) -> float:
    energy = (fidelity * (p - start).square()).sum() / 2
    for axis, edge in zip((-1, -2), weights, strict=True):
        length = _length(p.diff(dim=axis))
        energy += (edge * torch.where(length < HUBER, length**2 / (2 * HUBER), length - HUBER / 2)).sum()
    for term in terms:
        energy += (term.weight * term.gap(p).square()).sum() / 2
    return float(energy)


def _length(difference: Tensor, axis: int = 1) -> Tensor:
    return difference.square().sum(axis, keepdim=True).sqrt_()


def _units(path: Tensor) -> Tensor:
    """From velocity, acceleration, jerk to displacements at tau = 1."""
    return constants(path, [1.0, 1.0, 1 / 2, 1 / 2, 1 / 6, 1 / 6][: path.shape[1]])[:, None, None]


def _edge_weights(p: Tensor, guide: Tensor | None) -> tuple[Tensor, Tensor]:
    """g between neighbours along x and along y."""
    if guide is None:
        return p.new_ones(1, 1, 1, 1), p.new_ones(1, 1, 1, 1)
    across, down = (1 / (1 + (guide.diff(dim=axis).abs().mean(1, keepdim=True) / EDGE) ** 2) for axis in (-1, -2))
    return across, down


def _temporal_terms(motion: Motion, spans: tuple[float, ...], scale: int) -> list[_TemporalTerm]:
    """d/dtau of tau V + tau^2 (A/2) + tau^3 (J/6): 1, 2 tau, 3 tau^2."""
    terms, parts = [], motion.path.shape[1] // 2
    for n in range(len(motion.path) - 1):
        seen = motion.occlusion[n : n + 1, :1]
        if known_zero(seen):
            continue
        early, late = 0.5, -0.5 * spans[n + 1]
        ahead = [1.0, 2 * early, 3 * early**2][:parts]
        behind = (torch.tensor([1.0, 2 * late, 3 * late**2])[:parts] * spans[n + 1]).tolist()
        grid = sampling_grid(displacement(motion.path[n : n + 1], 1.0) / scale)
        terms.append(_TemporalTerm(n, ahead, behind, Warp(grid, "bilinear"), CONTINUITY * seen))
    return terms
