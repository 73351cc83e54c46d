"""D2: consistency of neighbouring sub-frames along the motion of the sharp sequence.

    D2(u, phi) = mu/2 sum_k sum_x omega_k(x) psi( u_{k+1}(x + phi_k(x)) - u_k(x) )        in both directions

Each direction, and each reach where sub-frames further apart are coupled too, is one ``Link``  d = S u_there - u_here;
psi is Charbonnier's  psi(d) = 2 e^2 (sqrt(1 + |d|^2 / e^2) - 1),  |d|^2 for small d, minimised by reweighted squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur import native
from vsdeblur.flow.compose import compose
from vsdeblur.flow.occlusion import consistency, photometric
from vsdeblur.flow.warp import Kernel, inside, sample, sample_adjoint, sampling_grid
from vsdeblur.tensors import greatest

# ||S||^2 of one sampling whose weights omega went through ``share``: 1 for whole-pixel motion; bicubic overshoots.
_SAMPLING_NORM: dict[Kernel, float] = {"bilinear": 1.0, "bicubic": 1.25}


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """S - I, a ``LinearOperator``: d_k = S_k u_{k + reach} - u_k for every k where both exist.

    Attributes:
        reach: Sub-frames from k to its neighbour; negative for earlier ones.
        grid: (T - |reach|, H, W, 2), sampling positions in u_{k + reach}.
        weight: (T - |reach|, 1, H, W), omega_k, in [0, 1]; not part of the operator.
        kernel: Of the sampling S.
    """

    reach: int
    grid: Tensor
    weight: Tensor
    kernel: Kernel = "bicubic"

    def ends(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Views (there, here) of u (T, C, H, W), (T - |reach|, C, H, W) each."""
        n = abs(self.reach)
        return (u[n:], u[:-n]) if self.reach > 0 else (u[:-n], u[n:])

    def __call__(self, u: Tensor) -> Tensor:
        """(S - I) u, (T - |reach|, C, H, W) of u (T, C, H, W)."""
        there, here = self.ends(u)
        return sample(there, self.grid, self.kernel) - here

    def adjoint(self, d: Tensor) -> Tensor:
        """(S - I)' d, (T, C, H, W)."""
        out = d.new_zeros(len(d) + abs(self.reach), *d.shape[1:])
        self.add_adjoint(d, out)
        return out

    def add_adjoint(self, d: Tensor, out: Tensor) -> None:
        """out += (S - I)' d, for d (T - |reach|, C, H, W) and out (T, C, H, W), in place."""
        there, here = self.ends(out)
        there += sample_adjoint(d, self.grid, self.kernel)
        here -= d


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """D2 with mu = 1 over its links.

    Attributes:
        links: Both directions of every reach.
        scale: e of psi, in the units of u; infinite makes D2 plain least squares.
    """

    links: tuple[Link, ...]
    scale: float = math.inf

    def energy(self, u: Tensor) -> float:
        """D2 at u (T, C, H, W)."""
        total = 0.0
        for link in self.links:
            square = link(u).square().sum(dim=1, keepdim=True)
            if self.scale < math.inf:
                square = 2 * self.scale**2 * ((1 + square / self.scale**2).sqrt() - 1)
            total += float((link.weight * square).sum())
        return total / 2

    def gram(self, u: Tensor) -> Tensor:
        """sum over links of (S - I)' omega (S - I) u: the gradient of D2 where psi is frozen to a square."""
        out = torch.zeros_like(u)
        for link in self.links:
            link.add_adjoint(link(u).mul_(link.weight), out)
        return out

    def majorised(self, u: Tensor) -> Coupling:
        """The weighted squares that touch D2 at u and lie above it elsewhere: omega psi'(|d|) / (2 |d|)."""
        if self.scale == math.inf:
            return self

        def reweighted(link: Link) -> Link:
            square = link(u).square().sum(dim=1, keepdim=True)
            return replace(link, weight=link.weight / (1 + square / self.scale**2).sqrt())

        return Coupling(tuple(reweighted(link) for link in self.links))

    @property
    def norm_squared(self) -> float:
        """A bound on the largest eigenvalue of ``gram``: (||omega^1/2 S|| + ||I||)^2 for each link."""
        return sum((math.sqrt(_SAMPLING_NORM[link.kernel]) + 1) ** 2 for link in self.links)


def couple(
    forward: Tensor,
    backward: Tensor,
    *,
    reaches: tuple[int, ...] = (1,),
    scale: float = math.inf,
    kernel: Kernel = "bicubic",
    pictures: Tensor | None = None,
    tolerance: float = 0.05,
) -> Coupling:
    """The coupling of T sub-frames by their flows.

    Args:
        forward: u_k -> u_{k+1}, (T-1, 2, H, W), pixels.
        backward: u_{k+1} -> u_k, (T-1, 2, H, W), pixels.
        reaches: The distances in time that are coupled, along composed flow, in sub-frames.
        scale: e of psi.
        kernel: Of the samplings.
        pictures: (T, C, H, W), sub-frames whose differences along the motion larger than ``tolerance`` mark occlusion
            too; None leaves that to psi.
        tolerance: In the units of u.
    """
    links = []
    for reach in reaches:
        if reach > forward.shape[0]:
            continue
        there, back = compose(forward, reach), compose(backward.flip(0), reach).flip(0)
        links += links_of(there, back, reach, kernel=kernel, pictures=pictures, tolerance=tolerance)
    return Coupling(tuple(links), scale)


def links_of(
    there: Tensor,
    back: Tensor,
    reach: int,
    *,
    kernel: Kernel = "bicubic",
    pictures: Tensor | None = None,
    tolerance: float = 0.05,
) -> list[Link]:
    """Both directions between sub-frames ``reach`` apart.

    Args:
        there: u_k -> u_{k+reach}, (T - reach, 2, H, W), pixels.
        back: u_{k+reach} -> u_k, of that shape, pixels.
        reach: Sub-frames, 1 or more.
        kernel: Of the samplings.
        pictures: As in ``couple``.
        tolerance: As in ``couple``.
    """
    links = []
    for flow, opposite, way in ((there, back, reach), (back, there, -reach)):
        grid = sampling_grid(flow)
        link = Link(way, grid, consistency(flow, opposite, grid) * inside(grid), kernel)
        if pictures is not None:
            link = replace(link, weight=link.weight * photometric(link(pictures), tolerance))
        links.append(replace(link, weight=share(link.weight, grid)))
    return links


def share(weight: Tensor, grid: Tensor) -> Tensor:
    """omega divided among the positions that compete for one source pixel (motion that converges there).

    Afterwards the columns of omega S sum to at most 1 for bilinear S, as its rows do: that bounds S's norm by 1.

    Args:
        weight: omega, (T, 1, H, W).
        grid: (T, H, W, 2), sampling positions.

    Returns:
        (T, 1, H, W).
    """
    load = greatest(sample_adjoint(weight, grid, "bilinear"), 3)
    return weight / sample(load, grid, "bilinear").clamp(min=1)


def robust_gradient(u: Tensor, links: Sequence[tuple[slice, Link]], scale: float) -> Tensor:
    """dD2/du = sum over the links of  (S - I)' omega psi'(|d|) / (2 |d|) d,  d = (S - I) u.

    S is cubic: of sub-frames made twice as fine and sampled linearly (``vsdeblur.flow.supersample``), a clip full of
    fine detail lost 0.15 dB.

    Args:
        u: (T, C, H, W), sub-frames.
        links: Each with the span of its sub-frames.
        scale: e of psi.

    Returns:
        (T, C, H, W).
    """
    fits = u.shape[1] <= native.LANES and min(u.shape[2:]) > 1 and native.takes(u)
    if fits and all(link.kernel == "bicubic" for _, link in links):
        return _native_gradient(u, links, scale)
    out = torch.zeros_like(u)
    for span, link in links:
        d = link(u[span])
        d *= link.weight / (1 + d.square().sum(1, keepdim=True) / scale**2).sqrt()
        link.add_adjoint(d, out[span])
    return out


def _native_gradient(u: Tensor, links: Sequence[tuple[slice, Link]], scale: float) -> Tensor:
    """The same by the native kernels, a pair of sub-frames after the other."""
    points = native.all_interleaved(u)
    out = torch.zeros_like(points)
    for span, link in links:
        pairs = zip(*link.ends(points[span]), *link.ends(out[span]), link.grid, link.weight, strict=True)
        for there, here, onto, less, grid, weight in pairs:
            d = native.pull(there, here, grid, weight[0], scale, less)
            native.spread_points(d, grid, onto)
    return out[..., : u.shape[1]].permute(0, 3, 1, 2).contiguous()
