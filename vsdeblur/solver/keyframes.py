"""E2 in its key-frame form: one sharp frame per exposure, joined to its neighbours along the motion.

    v_n ~ sum_q w_q K_n(x - psi_n(x, tau_q)),         tau_q the instants of exposure n from its middle
    K_n(x) ~ K_{n+1}(x + psi_n(x, 1)),  K_n(x) ~ K_{n-1}(x + psi_n(x, -rho))

    E(K) = 1/2 sum_n lambda_n ||v_n - A_n K_n||^2_n + mu/2 sum_n ||W_n K_{n+-1} - K_n||^2_n omega_n
         + ridge/2 sum_n ||K_n - z_n||^2

The u-step is linear and is solved by a fixed number of Chebyshev steps, with fixed bounds, on the system scaled by its
row sums. It takes no dot product, so the number of threads does not change a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial

import torch
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.flow.paths import BATCH, Instants, Paths, Sampling
from vsdeblur.footprint import TileFootprint
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.tensors import known_zero

# Row sums bound the spectrum by 1 for non-negative kernels. "supersampled" has negative lobes: its bound, 1.375^4, is
# far from what occurs; 1.2 is above every eigenvalue found (1.08), for motions that stretch, fold or scatter.
HIGHEST = {"bilinear": 1.0, "supersampled": 1.2}
LOWEST = 0.02  # frequencies that the exposure passes by less than this share are left to coupling and start
MU = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameProblem:
    """The key frames of one tile of one window.

    Attributes:
        v: (n, C, H, W), blurry frames.
        path: (n, 4 or 6, H, W), ``Motion.path`` at full resolution.
        occlusion: (n, 2, H, W), as in ``Motion``.
        taus: For each frame the instants of its exposure, in periods from its middle; equal weights.
        spans: For each frame the previous period over its own (1 without VFR).
        mu: Weight of the coupling.
        kernel: Of the warps, as of ``Paths``.
        batch: As of ``Paths``.
        workers: Key frames that are worked on at once, see ``vsdeblur.at_once``; changes memory, not the result.
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
    workers: int = 1
    data_weight: Tensor | None = None
    metric: Tensor | None = None

    def solve(
        self,
        steps: int,
        start: Tensor | None = None,
        target: Tensor | None = None,
        ridge: float = 0.0,
        record: Callable[[float], None] | None = None,
        *,
        lowest: float = LOWEST,
    ) -> Tensor:
        """The u-step.

        Args:
            steps: Of Chebyshev's iteration.
            start: (n, C, H, W), v when None.
            target: The prior's z, (n, C, H, W), v when None.
            ridge: Its weight.
            record: Called with the energy before and after.
            lowest: Lower bound of the eigenvalues, relative to row sums; components below it converge slowly.

        Returns:
            K, (n, C, H, W).
        """
        paths = self.paths()
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
        keys = chebyshev(system, residual, None, lowest, HIGHEST[self.kernel], steps).add_(keys)
        if record:
            record(energy(keys))
        return keys

    def alone(self, n: int, trust: Tensor) -> KeyFrameProblem:
        """That of frame n without its neighbours.

        Args:
            n: Number of the frame.
            trust: (1, 1, H, W), factor on lambda.
        """
        one = slice(n, n + 1)
        return replace(
            self,
            v=self.v[one],
            path=self.path[one],
            occlusion=self.occlusion[one],
            taus=self.taus[one],
            spans=self.spans[one],
            data_weight=trust if self.data_weight is None else trust * self.data_weight[one],
            metric=None if self.metric is None else self.metric[one],
        )

    def paths(self) -> Paths:
        """The paths that key frames are sampled along."""
        return Paths(self.path, self.kernel, self.batch)

    def exposure(self, n: int, paths: Paths | None = None) -> KeyFrameExposure:
        """A_n of exposure n; None for ``paths`` takes those of the problem."""
        return KeyFrameExposure(self._instants(paths or self.paths(), n))

    def _instants(self, paths: Paths, n: int) -> Instants:
        """Of exposure n: x - psi_n(x, tau)."""
        return paths.at(n, self.taus[n], sign=-1)

    def _links(self) -> list[KeyFrameLink]:
        """Every coupling with a weight above 0 somewhere."""
        links = []
        for n in range(len(self.v)):
            for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -self.spans[n])):
                seen = self.occlusion[n : n + 1, side : side + 1]
                if 0 <= other < len(self.v) and not known_zero(seen):
                    counts = seen if self.metric is None else seen * self.metric[n : n + 1]
                    links.append(KeyFrameLink(n, other, tau, self.mu * counts))
        return links

    def _weighed(self, y: Tensor, n: int) -> Tensor:
        """lambda_n y, by the metric, for y (1, C, H, W) like exposure n."""
        for weight in (self.data_weight, self.metric):
            y = y if weight is None else y * weight[n : n + 1]
        return y

    def _normal(self, keys: Tensor, paths: Paths, links: list[KeyFrameLink], v: Tensor | None = None) -> Tensor:
        """(A' lambda A + mu D2) K, less A' lambda v where v is given: then it is the gradient of the energy at K.

        Without ridge.
        """

        def sampled(n: int) -> tuple[list[tuple[int, Tensor]], Tensor]:
            """By what key frame n pulls which neighbours, and what it is pulled by in all, (1, C, H, W) each."""
            instants, pulls = self._instants(paths, n), []
            points, onto = paths.points(keys[n : n + 1]), paths.no_points(keys[n : n + 1])
            seen = points.mean(instants)
            if v is not None:
                seen -= v[n : n + 1]
            onto.spread(self._weighed(seen, n).div_(len(self.taus[n])), instants)
            for link in links:
                if link.there == n:
                    moved = link.moved(paths)
                    pull = points.mean(moved).sub_(keys[link.here : link.here + 1]).mul_(link.weight)
                    onto.spread(pull, moved)
                    pulls.append((link.here, pull))
            del points, seen
            return pulls, onto.gathered()

        out = torch.zeros_like(keys)
        for n, (pulls, own) in enumerate(at_once(sampled, range(len(keys)), self.workers)):
            for here, pull in pulls:
                out[here : here + 1] -= pull
            out[n : n + 1] += own
        return out

    def _row_sums(self, paths: Paths, links: list[KeyFrameLink]) -> Tensor:
        """Row sums of the system's absolute values with a non-negative kernel: (n, 1, H, W)."""
        ones = self.v.new_ones(1, 1, *self.v.shape[-2:])
        sums = self.v.new_zeros(len(self.v), 1, *self.v.shape[-2:])
        paths = replace(paths, kernel="bilinear")

        def sampled(n: int) -> Tensor:
            """How much is sampled from the points of key frame n, (1, 1, H, W)."""
            onto = paths.no_points(ones)
            onto.spread(self._weighed(ones, n) / len(self.taus[n]), self._instants(paths, n))
            for link in links:
                if link.there == n:
                    onto.spread(2 * link.weight, link.moved(paths))
            return onto.gathered()

        for n, found in enumerate(at_once(sampled, range(len(sums)), self.workers)):
            sums[n : n + 1] += found
        for link in links:
            sums[link.here : link.here + 1] += 2 * link.weight
        if self.metric is None:
            return sums.clamp_(min=0.1)  # of a point that no exposure records
        return torch.maximum(sums, 0.1 * self.metric)

    def _energy(self, keys: Tensor, paths: Paths, links: list[KeyFrameLink], target: Tensor, ridge: float) -> float:
        energy = sum(
            self._weighed((self.v[n : n + 1] - self.exposure(n, paths)(keys[n : n + 1])).square(), n).sum()
            for n in range(len(keys))
        )
        for link in links:
            moved = paths.points(keys[link.there : link.there + 1]).mean(link.moved(paths))
            energy = energy + (link.weight * (moved - keys[link.here : link.here + 1]).square()).sum()
        return float(energy + ridge * (keys - target).square().sum()) / 2


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrameExposure:
    """A_n, a ``LinearOperator``: A K = sum_q w_q K(x - psi(x, tau_q)), (1, C, H, W), with equal weights w_q.

    Attributes:
        instants: The tau_q, and the paths.
    """

    instants: Instants

    def __call__(self, key: Tensor) -> Tensor:
        """A K."""
        return self.instants.paths.points(key).mean(self.instants)

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y."""
        onto = self.instants.paths.no_points(y)
        onto.spread(y / len(self.instants.taus), self.instants)
        return onto.gathered()

    def sampled(self, kernel: Sampling) -> KeyFrameExposure:
        """The same with another kernel."""
        return KeyFrameExposure(replace(self.instants, paths=replace(self.instants.paths, kernel=kernel)))


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

    def moved(self, paths: Paths) -> Instants:
        """Where the points of ``here`` are in ``there``."""
        return paths.at(self.here, (self.tau,))


def footprint(channels: int) -> TileFootprint:
    """Memory of the u-step.

    Per frame v, right side, x, residual, step and product of all channels; path twice, occlusion, couplings, row sums;
    the weights of noise and brightness; of lights the key frames and their zone. At work a batch of sampling grids and
    warps, the frame and its correction twice as fine, and two of the warps spread as fine.
    """
    return TileFootprint(per_frame=7 * channels + 20, working=4 * BATCH + (2 * BATCH + 15) * channels)
