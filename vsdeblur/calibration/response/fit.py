"""The gamma in whose light the ramps are straight, and its confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vsdeblur.calibration.response.evidence import LEVELS, TILES, Ramps
from vsdeblur.colour.response import Response
from vsdeblur.settings.transfers import HIGHEST_GAMMA, LOWEST_GAMMA

CONFIDENT = 0.5  # from here on the estimate is used
NEAR = 0.3  # what the confidence is a probability of being within
_GAMMAS = torch.arange(14, 69) * 0.05  # beyond what is answered, so that both ends are fair
_LENGTH = (0.6, 1.5)  # of the way gone in the exposure: what ramps are taken for blurred steps
_ENDS = (0.2, 0.8)  # of the light between the ends of a ramp, about its middle
_BEND = 0.01  # of the ramp's length: more counts no more
_BEYOND = 0.25  # of what is answered: no gamma makes these ramps straight
_NATURE = 0.15  # of the gamma: how far edges of a clip are from even steps on the mean
_FEWEST = 50  # ramps


class ResponseEstimate(NamedTuple):
    """A gamma and how probable it is.

    Attributes:
        gamma: of a :class:`vsdeblur.colour.response.Response`.
        confidence: the probability that the true one lies within NEAR of it, [0, 1].
    """

    gamma: float
    confidence: float

    @property
    def usable(self) -> float | None:
        """The gamma, or None below a confidence of CONFIDENT."""
        return self.gamma if self.confidence >= CONFIDENT else None


def fit_response(ramps: Sequence[Ramps], shutter: float) -> ResponseEstimate:
    """The gamma of the ramps of frames; (1.0, 0.0) where they are few, or bent as by no gamma.

    Args:
        ramps: of each frame.
        shutter: the open fraction of the period.
    """
    votes = [tally(frame, shutter) for frame in ramps]
    if sum(count for _, count in votes) < _FEWEST:
        return ResponseEstimate(1.0, 0.0)
    groups = torch.cat([tiles for tiles, _ in votes])
    groups = groups[groups.abs().sum(1) > 0]
    total = groups.sum(0)
    gamma = _balanced(total)
    if len(groups) < 2 or not LOWEST_GAMMA - _BEYOND < gamma < HIGHEST_GAMMA + _BEYOND:
        return ResponseEstimate(1.0, 0.0)
    # The spread of the estimates without each tile in turn is the error of the whole (the jackknife).
    others = torch.tensor([_balanced(total - group) for group in groups])
    spread = float((others - others.mean()).square().sum() * (len(groups) - 1) / len(groups))
    error = math.sqrt(spread + (_NATURE * gamma) ** 2)
    return ResponseEstimate(min(max(gamma, LOWEST_GAMMA), HIGHEST_GAMMA), math.erf(NEAR / (math.sqrt(2) * error)))


def tally(ramps: Ramps, shutter: float) -> tuple[Tensor, int]:
    """How far the ramps are bent in the light of each gamma, (tiles, gammas), negative where that is too small, and how
    many ramps count.
    """
    fits = (ramps.length > _LENGTH[0] * shutter) & (ramps.length < _LENGTH[1] * shutter)
    places, low, high, tile = ramps.places[fits], ramps.low[fits], ramps.high[fits], ramps.tile[fits]
    # A bend shows in proportion to the ratio of the ends; steps of little contrast are often no steps.
    weight = (high - low).square() / (high + low)
    bent = torch.stack([_bend(places, low, high, float(gamma)) for gamma in _GAMMAS], 1)
    votes = torch.zeros(TILES * TILES, len(_GAMMAS)).index_add_(0, tile, weight[:, None] * bent)
    return votes, len(places)


def _bend(places: Tensor, low: Tensor, high: Tensor, gamma: float) -> Tensor:
    """(P,), in [-1, 1]: how late the middle of the light is reached, against the mean of its ends."""
    curve = Response(gamma)
    dark, light = curve.decode(low.clone()), curve.decode(high.clone())

    def reached(part: float) -> Tensor:
        stored = curve.encode(dark + part * (light - dark))
        level = ((stored - low) / (high - low) * (LEVELS - 1)).clamp(0, LEVELS - 1 - 1e-4)
        below = level.long()[:, None]
        one, two = places.gather(1, below)[:, 0], places.gather(1, below + 1)[:, 0]
        return one + (two - one) * (level - below[:, 0])

    start, middle, end = reached(_ENDS[0]), reached(0.5), reached(_ENDS[1])
    late = (middle - (start + end) / 2) / (end - start).clamp(min=1)
    return (late / _BEND).clamp(-1, 1)


def _balanced(votes: Tensor) -> float:
    """Where (gammas,) votes go from negative to positive: for the last time, nearest to where they do so for good."""
    sign = votes >= 0
    if bool(sign.all()) or not bool(sign.any()):
        return float(_GAMMAS[0] if sign[0] else _GAMMAS[-1])
    at = int((~sign).nonzero()[-1, 0])
    if at + 1 == len(votes):
        return float(_GAMMAS[-1])
    below, above = float(votes[at]), float(votes[at + 1])
    return float(_GAMMAS[at]) + float(_GAMMAS[1] - _GAMMAS[0]) * -below / (above - below)
