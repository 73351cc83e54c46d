"""E2 in its key-frame form: one sharp frame per exposure, joined to its neighbours along the motion.

    v_n ~ sum_q w_q K_n(x - psi_n(x, tau_q)),         tau_q the instants of exposure n from its middle
    K_n(x) ~ K_{n+1}(x + psi_n(x, 1)),  K_n(x) ~ K_{n-1}(x + psi_n(x, -rho))

    E(K) = 1/2 sum_n ||v_n - A_n K_n||^2 + mu/2 sum_n sum_x omega_n(x) (W_n K_{n+-1} - K_n)^2
         + ridge/2 sum_n ||K_n - z_n||^2

The u-step is linear and is solved by a fixed number of Chebyshev steps, with fixed bounds, on the system scaled by its
row sums. It takes no dot product, so the number of threads does not change a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vsdeblur.chebyshev import chebyshev
from vsdeblur.flow.warp import Kernel, sample, sample_adjoint, sampling_grid

# Row sums bound the spectrum by 1 for non-negative kernels. Bicubic has negative lobes: its own bound, 1.375^4, is far
# from what occurs; 1.6 is above every eigenvalue found, by power iteration, for motions that stretch, fold or scatter.
HIGHEST = {"bilinear": 1.0, "bicubic": 1.6}
LOWEST = 0.02  # frequencies that the exposure passes by less than this share are left to coupling and start
MU = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameProblem:
    """The key frames of one tile of one window.

    v: (n, C, H, W) blurry frames. path: (n, 4, H, W) as ``Motion.path`` at full resolution. occlusion: (n, 2, H, W).
    taus: for each frame the instants of its exposure, in periods from its middle; equal weights.
    spans: for each frame the previous period over its own (1 without VFR).
    kernel, adjoint: of the warps and of their transposes. Spreading bilinearly low-passes what a step corrects, never
    what it aims at (v = A K), and takes a third of the time of the exact transpose.
    batch: instants of one exposure warped at once; changes memory, not the result.
    """

    v: Tensor
    path: Tensor
    occlusion: Tensor
    taus: tuple[tuple[float, ...], ...]
    spans: tuple[float, ...]
    mu: float = MU
    kernel: Kernel = "bicubic"
    adjoint: Kernel = "bicubic"
    batch: int = 16

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
        exposures = [self._exposure_grids(n) for n in range(len(self.v))]
        links = self._links()
        target = self.v if target is None else target
        scale = self._row_sums(exposures, links) + ridge

        def system(keys: Tensor) -> Tensor:
            out = self._normal(keys, exposures, links)
            return out.add_(keys, alpha=ridge).div_(scale)

        rhs = torch.cat([self._adjoint(self.v[n : n + 1], grids) for n, grids in enumerate(exposures)])
        rhs = rhs.add_(target, alpha=ridge).div_(scale)
        keys = self.v if start is None else start
        energy = partial(self._energy, exposures=exposures, links=links, target=target, ridge=ridge)
        if record:
            record(energy(keys))
        keys = chebyshev(system, rhs, keys, LOWEST, HIGHEST[self.kernel], steps)
        if record:
            record(energy(keys))
        return keys

    def _exposure_grids(self, n: int) -> list[Tensor]:
        """Sampling grids of exposure n's instants, in batches: K_n(x - psi_n(x, tau))."""
        taus = self.v.new_tensor(self.taus[n])
        grids = sampling_grid(-displacement(self.path[n : n + 1], taus[:, None, None, None]))
        return list(torch.split(grids, self.batch))

    def _links(self) -> list[tuple[int, int, Tensor, Tensor]]:
        """(from key, to key, grid, mu * omega) of every coupling that is seen at all."""
        links = []
        for n in range(len(self.v)):
            for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -self.spans[n])):
                seen = self.occlusion[n : n + 1, side : side + 1]
                if 0 <= other < len(self.v) and bool(seen.any()):
                    grid = sampling_grid(displacement(self.path[n : n + 1], tau))
                    links.append((n, other, grid, self.mu * seen))
        return links

    def _blur(self, key: Tensor, grids: list[Tensor]) -> Tensor:
        """A_n K_n = sum_q w_q K_n(x - psi_n(x, tau_q)), (1, C, H, W)."""
        count = sum(len(g) for g in grids)
        total = torch.zeros_like(key)
        for grid in grids:
            total += sample(key.expand(len(grid), -1, -1, -1), grid, self.kernel).sum(0, keepdim=True)
        return total.div_(count)

    def _adjoint(self, y: Tensor, grids: list[Tensor], kernel: Kernel | None = None) -> Tensor:
        """A_n' y, with the problem's kernel for adjoints when None."""
        count = sum(len(g) for g in grids)
        total = torch.zeros_like(y)
        for grid in grids:
            spread = sample_adjoint(y.expand(len(grid), -1, -1, -1).contiguous(), grid, kernel or self.adjoint)
            total += spread.sum(0, keepdim=True)
        return total.div_(count)

    def _normal(
        self, keys: Tensor, exposures: list[list[Tensor]], links: list[tuple[int, int, Tensor, Tensor]]
    ) -> Tensor:
        """(A'A + mu D2) K."""
        out = torch.empty_like(keys)
        for n, grids in enumerate(exposures):
            out[n : n + 1] = self._adjoint(self._blur(keys[n : n + 1], grids), grids)
        for here, there, grid, weight in links:
            pull = (sample(keys[there : there + 1], grid, self.kernel) - keys[here : here + 1]).mul_(weight)
            out[there : there + 1] += sample_adjoint(pull, grid, self.adjoint)
            out[here : here + 1] -= pull
        return out

    def _row_sums(self, exposures: list[list[Tensor]], links: list[tuple[int, int, Tensor, Tensor]]) -> Tensor:
        """Row sums of the system's absolute values with a non-negative kernel: (n, 1, H, W)."""
        ones = self.v.new_ones(1, 1, *self.v.shape[-2:])
        sums = torch.cat([self._adjoint(ones, grids, "bilinear") for grids in exposures])
        for here, there, grid, weight in links:
            sums[here : here + 1] += 2 * weight
            sums[there : there + 1] += 2 * sample_adjoint(weight, grid, "bilinear")
        return sums.clamp_(min=0.1)  # a point that no exposure shows

    def _energy(
        self,
        keys: Tensor,
        exposures: list[list[Tensor]],
        links: list[tuple[int, int, Tensor, Tensor]],
        target: Tensor,
        ridge: float,
    ) -> float:
        energy = sum(
            (self.v[n : n + 1] - self._blur(keys[n : n + 1], g)).square().sum() for n, g in enumerate(exposures)
        )
        for here, there, grid, weight in links:
            difference = sample(keys[there : there + 1], grid, self.kernel) - keys[here : here + 1]
            energy = energy + (weight * difference.square()).sum()
        return float(energy + ridge * (keys - target).square().sum()) / 2


def displacement(path: Tensor, tau: float | Tensor) -> Tensor:
    """psi(tau) = tau * velocity + tau^2 / 2 * acceleration: (B, 2, H, W) pixels from path (B, 4, H, W)."""
    return tau * path[:, :2] + (tau * tau / 2) * path[:, 2:]


def extent(path: Tensor) -> Tensor:
    """About how far each point moves in a period, pixels: (B, 1, H, W)."""
    x, y = path[:, 0:1], path[:, 1:2]
    ax, ay = path[:, 2:3], path[:, 3:4]
    return torch.sqrt(x * x + y * y) + torch.sqrt(ax * ax + ay * ay) / 2
