"""E2 in its key-frame form: one sharp frame per exposure, joined to its neighbours along the motion.

    v_n ~ sum_q w_q K_n(x - psi_n(x, tau_q)),         tau_q the instants of exposure n from its middle
    K_n(x) ~ K_{n+1}(x + psi_n(x, 1)),  K_n(x) ~ K_{n-1}(x + psi_n(x, -rho))

    E(K) = 1/2 sum_n ||v_n - A_n K_n||^2 + mu/2 sum_n sum_x omega_n(x) (W_n K_{n+-1} - K_n)^2
         + ridge/2 sum_n ||K_n - z_n||^2

The u-step is linear and is solved by a fixed number of Chebyshev steps, with fixed bounds, on the system scaled by its
row sums. It takes no dot product, so the number of threads does not change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vsdeblur.flow.warp import Kernel, sample, sample_adjoint, sampling_grid
from vsdeblur.solver.chebyshev import chebyshev

# Row sums bound the spectrum by 1 for non-negative kernels. Bicubic has negative lobes: its own bound, 1.375^4, is far
# from what occurs; 1.6 is above every eigenvalue found, by power iteration, for motions that stretch, fold or scatter.
HIGHEST = {"bilinear": 1.0, "bicubic": 1.6}
LOWEST = 0.02  # frequencies that the exposure passes by less than this share are left to coupling and start
MU = 0.05
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameProblem:
    """The key frames of one tile of one window.

    v: (n, C, H, W) blurry frames. path: (n, 4 or 6, H, W), ``Motion.path`` at full resolution. occlusion: (n, 2, H, W).
    taus: for each frame the instants of its exposure, in periods from its middle; equal weights.
    spans: for each frame the previous period over its own (1 without VFR).
    kernel, adjoint: of the warps and of their transposes. Spreading bilinearly low-passes what a step corrects, never
    what it aims at (v = A K), and takes a third of the time of the exact transpose.
    batch: instants of one exposure warped at once; changes memory, not the result.

    Sampling grids are made anew whenever they are used: stored they would take half of the solver's memory, and making
    one from a path takes a fiftieth of the time of a warp.
    """

    v: Tensor
    path: Tensor
    occlusion: Tensor
    taus: tuple[tuple[float, ...], ...]
    spans: tuple[float, ...]
    mu: float = MU
    kernel: Kernel = "bicubic"
    adjoint: Kernel = "bicubic"
    batch: int = BATCH

    def solve(
        self,
        steps: int,
        start: Tensor | None = None,
        target: Tensor | None = None,
        ridge: float = 0.0,
        record: Callable[[float], None] | None = None,
    ) -> Tensor:
        """The u-step: K (n, C, H, W) after ``steps`` Chebyshev steps from ``start`` (v when None).

        target, ridge: the prior's z and its weight. record: is given the energy before and after.
        """
        paths = GridPaths.of(self.path)
        links = self._links()
        target = self.v if target is None else target
        scale = self._row_sums(paths, links) + ridge

        def system(keys: Tensor) -> Tensor:
            out = self._normal(keys, paths, links)
            return out.add_(keys, alpha=ridge).div_(scale)

        rhs = torch.empty_like(self.v)
        for n in range(len(rhs)):
            rhs[n : n + 1] = self.blurred_adjoint(self.v[n : n + 1], self.grids_of(paths, n))
        rhs.add_(target, alpha=ridge).div_(scale)
        keys = self.v if start is None else start
        energy = partial(self._energy, paths=paths, links=links, target=target, ridge=ridge)
        if record:
            record(energy(keys))
        keys = chebyshev(system, rhs, keys, LOWEST, HIGHEST[self.kernel], steps)
        if record:
            record(energy(keys))
        return keys

    def grids_of(self, paths: GridPaths, n: int) -> list[Tensor]:
        """Sampling grids of exposure n's instants, in batches: K_n(x - psi_n(x, tau))."""
        return list(torch.split(paths.grids(n, self.taus[n], sign=-1), self.batch))

    def _links(self) -> list[Link]:
        """Every coupling that is seen at all."""
        links = []
        for n in range(len(self.v)):
            for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -self.spans[n])):
                seen = self.occlusion[n : n + 1, side : side + 1]
                if 0 <= other < len(self.v) and bool(seen.any()):
                    links.append(Link(n, other, tau, self.mu * seen))
        return links

    def blurred(self, key: Tensor, grids: list[Tensor]) -> Tensor:
        """A_n K_n = sum_q w_q K_n(x - psi_n(x, tau_q)), (1, C, H, W)."""
        total = torch.zeros_like(key)
        for grid in grids:
            for one in sample(key.expand(len(grid), -1, -1, -1), grid, self.kernel):
                total += one  # one by one: the order of a sum over the batch would depend on its size
        return total.div_(sum(map(len, grids)))

    def blurred_adjoint(self, y: Tensor, grids: list[Tensor], kernel: Kernel | None = None) -> Tensor:
        """A_n' y, with the problem's kernel for adjoints when None."""
        total = torch.zeros_like(y)
        for grid in grids:
            for one in sample_adjoint(y.expand(len(grid), -1, -1, -1), grid, kernel or self.adjoint):
                total += one
        return total.div_(sum(map(len, grids)))

    def _normal(self, keys: Tensor, paths: GridPaths, links: list[Link]) -> Tensor:
        """(A'A + mu D2) K."""
        out = torch.empty_like(keys)
        for n in range(len(keys)):
            grids = self.grids_of(paths, n)
            out[n : n + 1] = self.blurred_adjoint(self.blurred(keys[n : n + 1], grids), grids)
        for link in links:
            here, there, grid = link.here, link.there, paths.grids(link.here, (link.tau,))
            pull = (sample(keys[there : there + 1], grid, self.kernel) - keys[here : here + 1]).mul_(link.weight)
            out[there : there + 1] += sample_adjoint(pull, grid, self.adjoint)
            out[here : here + 1] -= pull
        return out

    def _row_sums(self, paths: GridPaths, links: list[Link]) -> Tensor:
        """Row sums of the system's absolute values with a non-negative kernel: (n, 1, H, W)."""
        ones = self.v.new_ones(1, 1, *self.v.shape[-2:])
        sums = torch.cat([self.blurred_adjoint(ones, self.grids_of(paths, n), "bilinear") for n in range(len(self.v))])
        for link in links:
            grid = paths.grids(link.here, (link.tau,))
            sums[link.here : link.here + 1] += 2 * link.weight
            sums[link.there : link.there + 1] += 2 * sample_adjoint(link.weight, grid, "bilinear")
        return sums.clamp_(min=0.1)  # a point that no exposure shows

    def _energy(self, keys: Tensor, paths: GridPaths, links: list[Link], target: Tensor, ridge: float) -> float:
        energy = sum(
            (self.v[n : n + 1] - self.blurred(keys[n : n + 1], self.grids_of(paths, n))).square().sum()
            for n in range(len(keys))
        )
        for link in links:
            grid = paths.grids(link.here, (link.tau,))
            moved = sample(keys[link.there : link.there + 1], grid, self.kernel)
            energy = energy + (link.weight * (moved - keys[link.here : link.here + 1]).square()).sum()
        return float(energy + ridge * (keys - target).square().sum()) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Coupling of key frame ``here`` with ``there``, ``tau`` periods away. weight: mu * omega, (1, 1, H, W)."""

    here: int
    there: int
    tau: float
    weight: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class GridPaths:
    """Paths in the units and the layout of sampling grids: rest (1, H, W, 2), velocity and others (n, H, W, 2)."""

    rest: Tensor
    velocity: Tensor
    bend: Tensor
    jerk: Tensor | None

    @classmethod
    def of(cls, path: Tensor) -> GridPaths:
        """From path (n, 4 or 6, H, W) as ``Motion.path``."""
        height, width = path.shape[-2:]
        unit = path.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
        rest = sampling_grid(path.new_zeros(1, 2, height, width))
        velocity, bend, *jerk = ((part.permute(0, 2, 3, 1) * unit).contiguous() for part in torch.split(path, 2, dim=1))
        return cls(rest, velocity, bend, jerk[0] if jerk else None)

    def grids(self, n: int, taus: Sequence[float], sign: int = 1) -> Tensor:
        """Where  x + sign * psi_n(x, tau)  lies, for each of taus: (len(taus), H, W, 2)."""
        t = self.rest.new_tensor(taus)[:, None, None, None]
        moved = torch.addcmul(self.rest, self.velocity[n : n + 1], t, value=sign)
        moved.addcmul_(self.bend[n : n + 1], t * t, value=sign / 2)
        return moved if self.jerk is None else moved.addcmul_(self.jerk[n : n + 1], t * t * t, value=sign / 6)
