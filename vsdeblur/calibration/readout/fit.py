"""The readout that explains how the picture moves, and its confidence.

The camera moves along a path g(t): shift, turn and zoom. Row y of a picture H rows high is exposed at  n + rho y / H,
so a point seen at (x, y) in frame n and a row Fy further down in frame n + 1 has moved by

    F(x, y) = g(n + 1 + rho (y + Fy) / H) - g(n + rho y / H)

and rows differ because the camera's motion changes: the flow of the last row is that of the first, rho periods later.
Motion that never changes leaves rho open (a picture that leans and glides is as good as an upright one), and so
does none. Which rho makes the flow of all rows and frames one path? Given rho everything is linear: cubic splines for
the path, a smooth Gaussian process; for each cell an offset and a factor (what stands nearer moves faster), and for
each pair a little motion of its own (what flow errs by). So the likelihood of rho, all else integrated out, is known
in closed form; how smooth the path is is integrated out too, over a grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vsdeblur.calibration.readout.evidence import Array, Drift, robust_weights
from vsdeblur.camera.path import splines
from vsdeblur.device import single_thread

CONFIDENT = 0.6  # below this an estimate is not used, and the fallback is
_STEP = 0.05
CANDIDATES = np.arange(20) * _STEP  # 0 .. 0.95
_SPACING = 0.5  # periods from knot to knot of the path
_ROUGHNESS = 10.0 ** np.arange(-6, 4)  # weights of the path's third differences, in units of the flow's noise
_STEADY = 1e-6  # the same for the first differences, so that the path is unique
_TURN = 4.0  # the same for turn and zoom, in pixels a quarter of the height from the middle, over that for shift
_OFFSET, _NEARER, _OWN = 1.0, 0.3, 1.0  # a priori: pixels, a part of the motion, and of the noise
_NOISE = 0.2  # pixels, a priori, against which the first two are weighed
_SHARE = 0.5  # cells are not independent: what each counts for
_FLOOR = 1e-4  # pixels squared: no flow is better
_ODD = 0.02  # of the samples mislead: so much of each one's likelihood is spread over all candidates


class ReadoutEstimate(NamedTuple):
    """A readout and its confidence.

    Attributes:
        readout: periods from the first row's exposure to the last one's, [0, 1).
        confidence: in [0, 1]; 0 where the motion is steady or there is none.
    """

    readout: float
    confidence: float

    @property
    def usable(self) -> float:
        """The readout where its confidence is CONFIDENT or more, else 0."""
        return self.readout if self.confidence >= CONFIDENT else 0.0


NOTHING = ReadoutEstimate(0.0, 0.0)


def fit_readout(drifts: Sequence[Drift]) -> ReadoutEstimate:
    """The readout that several samples of a clip share."""
    posteriors = [likelihood(drift) for drift in drifts if len(drift.flow) > 1]
    if not posteriors:
        return NOTHING
    total = np.sum([np.log((1 - _ODD) * one + _ODD / len(CANDIDATES)) for one in posteriors], axis=0)
    share = np.exp(total - total.max())
    share /= share.sum()
    mean = float(share @ CANDIDATES)
    spread = float(np.sqrt(share @ np.square(CANDIDATES - mean)))
    confidence = 1 - spread / float(CANDIDATES.std())
    if confidence <= 0:
        return NOTHING
    best = int(total.argmax())
    readout = float(CANDIDATES[best])
    if 0 < best < len(total) - 1:  # between candidates by a parabola
        before, at, after = total[best - 1 : best + 2]
        readout += _STEP / 2 * float((before - after) / min(before - 2 * at + after, -1e-12))
    return ReadoutEstimate(round(readout, 3), round(confidence, 3))


def likelihood(drift: Drift) -> Array:
    """Of each candidate, by the frames of one sample; the sum is 1."""
    weight = _SHARE * robust_weights(drift).ravel()
    if weight.sum() < 1:
        return np.full(len(CANDIDATES), 1 / len(CANDIDATES))
    with single_thread():
        model = _Model(drift, weight)
        logs = np.stack([model.log_likelihood(float(readout)) for readout in CANDIDATES])
    share = np.exp(logs - logs.max()).sum(1)
    return np.asarray(share / share.sum())


class _Model:
    """The normal equations of a sample, offsets, factors and the pairs' own motion already eliminated."""

    def __init__(self, drift: Drift, weight: Array) -> None:
        """weight: (pairs * cells,)."""
        pairs, cells = drift.flow.shape[:2]
        self.height = drift.height
        self.flow = drift.flow.reshape(-1, 2)
        self.pair = np.repeat(np.arange(pairs), cells)
        self.row = np.tile(drift.at[:, 1], pairs) + drift.height / 2
        self.place = np.tile(drift.at / (drift.height / 4), (pairs, 1))
        self.count = 2 * float(weight.sum())
        self.weight = np.tile(weight, 2)
        self.knots = math.ceil((pairs + 2) / _SPACING) + 3

        usual = np.stack([np.median(flow, 0) for flow in drift.flow])[self.pair]
        one = np.tile(np.eye(cells), (pairs, 1))
        nought = np.zeros_like(one)
        nearer = np.concatenate((one * usual[:, :1], one * usual[:, 1:]))
        own = self._moved(np.eye(pairs)[self.pair])
        rest = np.concatenate((np.block([[one, nought], [nought, one]]), nearer, own), 1)
        offset = _OFFSET * (1 + float(np.abs(usual).max()) / 5)
        prior = np.repeat([(_NOISE / offset) ** 2, (_NOISE / _NEARER) ** 2, 1 / _OWN**2], [2 * cells, cells, 4 * pairs])
        self.rest = torch.from_numpy(rest * self.weight[:, None])
        self.inner = torch.linalg.inv(torch.from_numpy(rest).T @ self.rest + torch.from_numpy(np.diag(prior)))
        self.seen = torch.from_numpy(np.concatenate((self.flow[:, 0], self.flow[:, 1])))
        self.left = self.rest.T @ self.seen
        self.power = float(torch.from_numpy(self.weight) @ self.seen.square() - self.left @ self.inner @ self.left)

        third, first = (np.diff(np.eye(self.knots), n=n, axis=0) for n in (3, 1))
        loose = _STEADY * (first.T @ first) + 1e-9 * np.eye(self.knots)
        each = np.diag([1, 1, _TURN, _TURN])
        priors = np.stack([np.kron(each, rough * (third.T @ third) + loose) for rough in _ROUGHNESS])
        self.priors = torch.from_numpy(priors)  # (roughnesses, 4 knots, 4 knots)
        self.extents = _log_determinant(torch.linalg.cholesky(self.priors))

    def log_likelihood(self, readout: float) -> Array:
        """Logarithms of the likelihood, for each roughness of the path."""
        begin = self.pair + readout * self.row / self.height
        end = self.pair + 1 + readout * (self.row + self.flow[:, 1]) / self.height
        path = torch.from_numpy(self._moved(self._basis(end) - self._basis(begin)))
        weighted = path * torch.from_numpy(self.weight)[:, None]
        across = path.T @ self.rest
        normal = path.T @ weighted - across @ self.inner @ across.T
        slope = weighted.T @ self.seen - across @ self.inner @ self.left
        root = torch.linalg.cholesky(normal + self.priors)
        half = torch.linalg.solve_triangular(root, slope[:, None], upper=False)
        noise = (self.power - half.square().sum((1, 2))).clamp(min=0) / self.count + _FLOOR
        logs: Array = (-0.5 * (self.count * noise.log() + _log_determinant(root) - self.extents)).numpy()
        return logs

    def _basis(self, times: Array) -> Array:
        return splines(torch.from_numpy(times), self.knots, -_SPACING, _SPACING).numpy()

    def _moved(self, basis: Array) -> Array:
        """How shift x and y, turn and zoom by ``basis`` (n, k) move the places along x, then along y: (2 n, 4 k)."""
        x, y = self.place.T[..., None]
        nought = np.zeros_like(basis)
        return np.block([[basis, nought, -y * basis, x * basis], [nought, basis, x * basis, y * basis]])


def _log_determinant(root: Tensor) -> Tensor:
    """Of matrices by their Cholesky factors (n, k, k): (n,)."""
    return 2 * root.diagonal(dim1=1, dim2=2).log().sum(1)
