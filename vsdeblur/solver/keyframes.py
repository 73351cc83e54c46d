"""E2 in its key-frame form: one sharp frame per exposure, joined to its neighbours along the motion.

    v_n ~ sum_q w_q K_n(x - psi_n(x, tau_q)),         tau_q the instants of exposure n from its middle
    K_n(x) ~ K_{n+1}(x + psi_n(x, 1)),  K_n(x) ~ K_{n-1}(x + psi_n(x, -rho))

    E(K) = 1/2 sum_n lambda_n ||v_n - A_n K_n||^2_n + mu/2 sum_n ||W_n K_{n+-1} - K_n||^2_n omega_n
         + ridge/2 sum_n ||K_n - z_n||^2

The u-step is linear and is solved by a fixed number of Chebyshev steps, with fixed bounds, on the system scaled by its
row sums. It takes no dot product, so the number of threads does not change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from vsdeblur.flow.supersample import mean_along, spread_along, supersampled, supersampled_adjoint
from vsdeblur.flow.warp import sample, sample_adjoint, sampling_grid
from vsdeblur.footprint import TileFootprint
from vsdeblur.solver.chebyshev import chebyshev

Sampling = Literal["bilinear", "supersampled"]
# Row sums bound the spectrum by 1 for non-negative kernels. "supersampled" has negative lobes: its bound, 1.375^4, is
# far from what occurs; 1.2 is above every eigenvalue found (1.08), for motions that stretch, fold or scatter.
HIGHEST = {"bilinear": 1.0, "supersampled": 1.2}
LOWEST = 0.02  # frequencies that the exposure passes by less than this share are left to coupling and start
MU = 0.05
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameProblem:
    """The key frames of one tile of one window.

    Sampling grids are made anew whenever they are used: stored they would take half of the solver's memory, and making
    one from a path takes a fiftieth of the time of a warp.

    Attributes:
        v: (n, C, H, W), blurry frames.
        path: (n, 4 or 6, H, W), ``Motion.path`` at full resolution.
        occlusion: (n, 2, H, W), as in ``Motion``.
        taus: For each frame the instants of its exposure, in periods from its middle; equal weights.
        spans: For each frame the previous period over its own (1 without VFR).
        mu: Weight of the coupling.
        kernel: Of the warps; "supersampled" is linear between points half a pixel apart
            (``vsdeblur.flow.supersample``), "bilinear" between pixels.
        batch: BATCH instants of one exposure are warped at once, less of them (1) by one after the other; changes
            memory, not the result.
        data_weight: (n, 1, H, W) in (0, 1], lambda where there is noise; None for 1 everywhere.
        metric: (n, 1, H, W), the weight of squared errors of frame n, its coupling's too; None for 1 everywhere.
    """

    v: Tensor
    path: Tensor
    occlusion: Tensor
    taus: tuple[tuple[float, ...], ...]
    spans: tuple[float, ...]
    _: KW_ONLY
    mu: float = MU
    kernel: Sampling = "supersampled"
    batch: int = BATCH
    data_weight: Tensor | None = None
    metric: Tensor | None = None

    def solve(
        self,
        steps: int,
        start: Tensor | None = None,
        target: Tensor | None = None,
        ridge: float = 0.0,
        record: Callable[[float], None] | None = None,
    ) -> Tensor:
        """The u-step.

        Args:
            steps: Of Chebyshev's iteration.
            start: (n, C, H, W), v when None.
            target: The prior's z, (n, C, H, W), v when None.
            ridge: Its weight.
            record: Called with the energy before and after.

        Returns:
            K, (n, C, H, W).
        """
        paths = GridPaths.of(self.path)
        links = self._links()
        target = self.v if target is None else target
        scale = self._row_sums(paths, links) + ridge

        def system(keys: Tensor) -> Tensor:
            out = self._normal(keys, paths, links)
            return out.add_(keys, alpha=ridge).div_(scale)

        keys = self.v if start is None else start
        residual = self._normal(keys, paths, links, self.v).neg_()
        residual.add_(target - keys, alpha=ridge).div_(scale)
        energy = partial(self._energy, paths=paths, links=links, target=target, ridge=ridge)
        if record:
            record(energy(keys))
        keys = chebyshev(system, residual, None, LOWEST, HIGHEST[self.kernel], steps).add_(keys)
        if record:
            record(energy(keys))
        return keys

    def exposure(self, n: int, paths: GridPaths | None = None) -> KeyFrameExposure:
        """A_n of exposure n; None for ``paths`` computes those of the problem again."""
        grids = list(self._grids(paths or GridPaths.of(self.path), n))
        return KeyFrameExposure(grids, self.kernel, one_by_one=self.batch < BATCH)

    def _grids(self, paths: GridPaths, n: int) -> Iterator[Tensor]:
        """Sampling grids of exposure n's instants, in batches: x - psi_n(x, tau)."""
        taus = self.taus[n]
        return (paths.grids(n, taus[q : q + BATCH], sign=-1) for q in range(0, len(taus), BATCH))

    def _links(self) -> list[KeyFrameLink]:
        """Every coupling with a weight above 0 somewhere."""
        links = []
        for n in range(len(self.v)):
            for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -self.spans[n])):
                seen = self.occlusion[n : n + 1, side : side + 1]
                if 0 <= other < len(self.v) and bool(seen.any()):
                    counts = seen if self.metric is None else seen * self.metric[n : n + 1]
                    links.append(KeyFrameLink(n, other, tau, self.mu * counts))
        return links

    def _spread(self, y: Tensor, grids: Iterable[Tensor], onto: Tensor) -> None:
        spread_along(y, grids, onto, one_by_one=self.batch < BATCH)

    def _weighed(self, y: Tensor, n: int) -> Tensor:
        """lambda_n y, by the metric, for y (1, C, H, W) like exposure n."""
        for weight in (self.data_weight, self.metric):
            y = y if weight is None else y * weight[n : n + 1]
        return y

    def _normal(self, keys: Tensor, paths: GridPaths, links: list[KeyFrameLink], v: Tensor | None = None) -> Tensor:
        """(A' lambda A + mu D2) K, less A' lambda v where v is given: then it is the gradient of the energy at K.

        Without ridge.
        """
        out = torch.zeros_like(keys)
        for n in range(len(keys)):
            points = _points(self.kernel, keys[n : n + 1])
            onto = torch.zeros_like(points)
            seen = mean_along(points, self._grids(paths, n))
            if v is not None:
                seen -= v[n : n + 1]
            seen = self._weighed(seen, n)
            self._spread(seen.div_(len(self.taus[n])), self._grids(paths, n), onto)
            for link in links:
                if link.there == n:
                    here, grid = slice(link.here, link.here + 1), paths.grids(link.here, (link.tau,))
                    pull = sample(points, grid, "bilinear").sub_(keys[here]).mul_(link.weight)
                    self._spread(pull, [grid], onto)
                    out[here] -= pull
            out[n : n + 1] += _gathered(self.kernel, onto)
        return out

    def _row_sums(self, paths: GridPaths, links: list[KeyFrameLink]) -> Tensor:
        """Row sums of the system's absolute values with a non-negative kernel: (n, 1, H, W)."""
        ones = self.v.new_ones(1, 1, *self.v.shape[-2:])
        sums = self.v.new_zeros(len(self.v), 1, *self.v.shape[-2:])
        for n, taus in enumerate(self.taus):
            self._spread(self._weighed(ones, n) / len(taus), self._grids(paths, n), sums[n : n + 1])
        for link in links:
            grid = paths.grids(link.here, (link.tau,))
            sums[link.here : link.here + 1] += 2 * link.weight
            sums[link.there : link.there + 1] += 2 * sample_adjoint(link.weight, grid, "bilinear")
        least = 0.1 if self.metric is None else 0.1 * self.metric
        return torch.maximum(sums, torch.as_tensor(least).to(sums))  # of a point that no exposure records

    def _energy(self, keys: Tensor, paths: GridPaths, links: list[KeyFrameLink], target: Tensor, ridge: float) -> float:
        energy = sum(
            self._weighed((self.v[n : n + 1] - self.exposure(n, paths)(keys[n : n + 1])).square(), n).sum()
            for n in range(len(keys))
        )
        for link in links:
            grid = paths.grids(link.here, (link.tau,))
            moved = sample(_points(self.kernel, keys[link.there : link.there + 1]), grid, "bilinear")
            energy = energy + (link.weight * (moved - keys[link.here : link.here + 1]).square()).sum()
        return float(energy + ridge * (keys - target).square().sum()) / 2


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameExposure:
    """A_n, a ``LinearOperator``: A K = sum_q w_q K(x - psi(x, tau_q)), (1, C, H, W), with equal weights w_q.

    Attributes:
        grids: Sampling grids of the instants, in batches (k, H, W, 2).
        kernel: Of the samplings.
        one_by_one: Spread one instant after the other: less memory, more time, the same result.
    """

    grids: list[Tensor]
    kernel: Sampling
    one_by_one: bool = False

    def __call__(self, key: Tensor) -> Tensor:
        """A K."""
        return mean_along(_points(self.kernel, key), self.grids)

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y."""
        onto = torch.zeros_like(_points(self.kernel, y))
        spread_along(y / sum(map(len, self.grids)), self.grids, onto, one_by_one=self.one_by_one)
        return _gathered(self.kernel, onto)


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameLink:
    """Coupling of a key frame with a neighbour.

    Attributes:
        here: Number of the key frame.
        there: Number of its neighbour.
        tau: Time of the neighbour, periods of ``here``.
        weight: mu * omega, (1, 1, H, W).
    """

    here: int
    there: int
    tau: float
    weight: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class GridPaths:
    """Paths in the units and the layout of sampling grids.

    Attributes:
        rest: (1, H, W, 2), the identity.
        velocity: (n, H, W, 2), a period.
        bend: (n, H, W, 2), a period squared.
        jerk: (n, H, W, 2), a period cubed; None for paths of four channels.
    """

    rest: Tensor
    velocity: Tensor
    bend: Tensor
    jerk: Tensor | None

    @classmethod
    def of(cls, path: Tensor) -> GridPaths:
        """Grid paths from ``Motion.path``, (n, 4 or 6, H, W)."""
        height, width = path.shape[-2:]
        unit = path.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
        rest = sampling_grid(path.new_zeros(1, 2, height, width))
        velocity, bend, *jerk = ((part.permute(0, 2, 3, 1) * unit).contiguous() for part in torch.split(path, 2, dim=1))
        return cls(rest, velocity, bend, jerk[0] if jerk else None)

    def grids(self, n: int, taus: Sequence[float], sign: int = 1) -> Tensor:
        """Sampling grids (len(taus), H, W, 2) of the points  x + sign * psi_n(x, tau)."""
        t = self.rest.new_tensor(taus)[:, None, None, None]
        moved = torch.addcmul(self.rest, self.velocity[n : n + 1], t, value=sign)
        moved.addcmul_(self.bend[n : n + 1], t * t, value=sign / 2)
        return moved if self.jerk is None else moved.addcmul_(self.jerk[n : n + 1], t * t * t, value=sign / 6)


def _points(kernel: Sampling, key: Tensor) -> Tensor:
    """The image that is sampled linearly for samplings of ``key``."""
    return supersampled(key) if kernel == "supersampled" else key


def _gathered(kernel: Sampling, points: Tensor) -> Tensor:
    """The transpose of ``_points``."""
    return supersampled_adjoint(points) if kernel == "supersampled" else points


def footprint(channels: int) -> TileFootprint:
    """Memory of the u-step.

    Per frame v, right side, x, residual, step and product of all channels; path twice, occlusion, couplings, row sums;
    the weights of noise and brightness; of lights the key frames and their zone. At work a batch of sampling grids and
    warps, the frame and its correction twice as fine, and two of the warps spread as fine.
    """
    return TileFootprint(per_frame=7 * channels + 20, working=4 * BATCH + (2 * BATCH + 15) * channels)
