"""The shutter that explains the evidence, and its confidence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from vsdeblur.calibration.shutter.evidence import ShutterEvidence
from vsdeblur.calibration.shutter.reader import CANDIDATES, ShutterReader
from vsdeblur.settings import DEFAULT_SHUTTER
from vsdeblur.weights import available, fill

log = logging.getLogger("vsdeblur")

CONFIDENT = 0.1  # from here on an estimate errs less than the fallback, which is taken below
NEAR = 0.1  # of the period: an estimate as near as this is a right one


class ShutterEstimate(NamedTuple):
    """A shutter and how probable it is.

    Attributes:
        shutter: the open fraction of the period, in (0, 1].
        confidence: the probability that the true one is within 0.1 of it; 0 where nothing moves.
    """

    shutter: float
    confidence: float

    @property
    def usable(self) -> float:
        """The shutter where its confidence is CONFIDENT or more, else the fallback of half a period."""
        return self.shutter if self.confidence >= CONFIDENT else DEFAULT_SHUTTER


NOTHING = ShutterEstimate(DEFAULT_SHUTTER, 0.0)


def fit_shutter(evidence: Sequence[ShutterEvidence]) -> ShutterEstimate:
    """The shutter that frames share: the median of the network's posterior over all their tiles.

    Without the network's weights the estimate has no confidence, which is logged once.
    """
    tiles = [one.tiles for one in evidence if len(one.tiles)]
    network = _reader() if tiles else None
    if network is None:
        return NOTHING
    with torch.inference_mode():
        together = torch.cat(tiles)[None]
        likely = network(together, torch.ones(together.shape[:2]))[0].double().exp()
    shutter = median(likely)
    near = (CANDIDATES - shutter).abs() <= NEAR
    return ShutterEstimate(shutter, min(float(likely[near].sum()), 1.0))


def median(likely: Tensor) -> float:
    """Where half of ``likely`` (CANDIDATES) lies on either side, each candidate spread evenly around its place."""
    reached = likely.cumsum(0)
    k = int((reached < 0.5 * reached[-1]).sum())
    step = float(CANDIDATES[0])
    part = (0.5 * float(reached[-1]) - float(reached[k] - likely[k])) / float(likely[k])
    return min(float(CANDIDATES[k]) + step * (part - 0.5), 1.0)


@lru_cache(maxsize=1)
def _reader() -> ShutterReader | None:
    if not available("shutter"):
        log.warning('no weights "shutter" in this installation: a shutter that is not given is taken as 0.5')
        return None
    network = ShutterReader()
    fill(network, "shutter")
    return network.eval()
