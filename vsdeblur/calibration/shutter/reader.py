"""The network that reads the shutter off the evidence of tiles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.calibration.shutter.evidence import ACROSS, ALONG, ONWARD, SCALARS

CANDIDATES = torch.arange(1, 41) * 0.025
_AROUND = torch.arange(-6, 7) * 0.05  # lags around a candidate's trough
_BESIDE = torch.arange(-2, 3) * 0.1  # and around its places in the neighbouring frames
_RIDGE = 0.2  # on the part without blur, so that it does not explain short blur away
_ROWS = 2 * len(_AROUND) + 3 * len(_BESIDE) + 4 + 3 + 2 + 3 + SCALARS  # numbers about a candidate
_JUDGE = SCALARS + len(ONWARD) + 4 + 2  # and about a tile


class ShutterReader(nn.Module):
    """Tiles to the logarithm of how likely each of CANDIDATES is.

    Each candidate is judged by the curves around the places where its troughs should be, by the same weights for all.
    Every tile votes by itself; the votes are added up, as if the tiles were independent while they are few, and never
    as more than ``enough`` of them: what is wrong about a motion is wrong in many tiles at once.
    """

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        self.look = nn.Linear(_ROWS, width)
        self.think = nn.Linear(width, width)
        self.vote = nn.Linear(width, 1)
        self.weigh = nn.Sequential(nn.Linear(_JUDGE, 24), nn.SiLU(), nn.Linear(24, 1))
        self.enough = nn.Parameter(torch.tensor(3.0))

    def forward(self, tiles: Tensor, count: Tensor) -> Tensor:
        """tiles: (B, T, FEATURES), count: (B, T) 1 for the tiles that there are; returns (B, CANDIDATES) logits."""
        seen = count > 0
        rows, judged = candidate_rows(tiles[seen])
        x = F.silu(self.look(rows))
        x = x + F.silu(self.think(x))
        votes = self.vote(x)[..., 0].log_softmax(-1)
        weight = torch.sigmoid(self.weigh(judged))
        owner = seen.nonzero()[:, 0]
        total = weight.new_zeros(len(tiles), 1).index_add(0, owner, weight)
        pooled = votes.new_zeros(len(tiles), len(CANDIDATES)).index_add(0, owner, votes * weight)
        likely: Tensor = (pooled / (1 + total / self.enough.exp())).log_softmax(-1)
        return likely


def _hats(at: Tensor, lags: Tensor) -> Tensor:
    """(len(lags), ...): linear interpolation at |at| of what is known at lags, constant beyond the last."""
    step = float(lags[1])
    at = at.abs().clamp(max=float(lags[-1]))
    return (1 - (at - lags.view(-1, *[1] * at.dim())).abs() / step).clamp(min=0)


_PLACES = CANDIDATES[:, None] + _AROUND
_FOUND = _hats(_PLACES, ALONG)  # (29, 40, 13)
_EXPECTED = 2 * _hats(ALONG.expand(len(CANDIDATES), -1), ACROSS)
_EXPECTED -= _hats(ALONG - CANDIDATES[:, None], ACROSS) + _hats(ALONG + CANDIDATES[:, None], ACROSS)  # (25, 40, 29)
_BEFORE, _AFTER = (_hats(1 + side * CANDIDATES[:, None] + _BESIDE, ONWARD) for side in (-1, 1))  # (21, 40, 5)


def candidate_rows(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """What is known of each candidate, (P, CANDIDATES, _ROWS), and of the tile, (P, _JUDGE), of tiles (P, FEATURES)."""
    found, across, onward, scalars = torch.split(tiles, [len(ALONG), len(ACROSS), len(ONWARD), SCALARS], 1)
    at_found, at_expected, before, after = (x.to(tiles.device) for x in (_FOUND, _EXPECTED, _BEFORE, _AFTER))
    expected = torch.einsum("pr,rcl->pcl", across, at_expected)
    expected = expected / expected.abs().amax(-1, keepdim=True).clamp(min=1e-3)
    left = _unexplained(found, expected)
    least = left.amin(1, keepdim=True)
    speed = scalars[:, :1] + 2  # its logarithm
    s = CANDIDATES.to(tiles.device).expand(len(tiles), -1)
    # The same for every candidate: where the motion should lead in the neighbours, the nearest lags, the tile itself.
    shared = torch.cat((onward[:, 8:13], found[:, 1:5], across[:, 1:4]), 1)
    rows = torch.cat(
        (
            torch.einsum("pl,lca->pca", found, at_found),
            torch.einsum("pcl,lca->pca", expected, at_found),
            torch.einsum("pl,lca->pca", onward, before),
            torch.einsum("pl,lca->pca", onward, after),
            shared[:, None].expand(-1, len(CANDIDATES), -1),
            ((left - least) * 4).clamp(max=3)[..., None],
            left.clamp(max=2)[..., None],
            torch.stack((s, s.log() + speed, least.clamp(max=2).expand_as(s)), -1),
            scalars[:, None].expand(-1, len(CANDIDATES), -1),
        ),
        -1,
    )
    judged = torch.cat((scalars, onward, found[:, 1:5], least, left.std(1, keepdim=True)), 1)
    return rows.clamp(-4, 4), judged.clamp(-4, 4)


def _unexplained(found: Tensor, blurred: Tensor) -> Tensor:
    """What is left of ``found`` (P, L), over its square, by the best sum of each ``blurred`` (P, C, L) and the first
    of them (no blur), neither counting negative: (P, C).

    The size of ``blurred`` is free, so that no shutter wins by smoothing more: only the place of the trough
    counts. What stands still beside what moves, and noise, have the curve of no blur.
    """
    sharp = blurred[:, :1]
    aa, ab, bb = blurred.square().sum(-1), (blurred * sharp).sum(-1), (1 + _RIDGE) * sharp.square().sum(-1)
    a, b = (blurred * found[:, None]).sum(-1), (sharp * found[:, None]).sum(-1)
    scale = aa * bb - ab * ab + 1e-9
    one, two = (bb * a - ab * b) / scale, (aa * b - ab * a) / scale
    alone_b, alone_a = (b / bb).clamp(min=0).expand_as(a), (a / aa.clamp(min=1e-9)).clamp(min=0)
    two = torch.where(one < 0, alone_b, two)
    one = one.clamp(min=0)
    one = torch.where(two < 0, alone_a, one)
    two = two.clamp(min=0)
    rest = found[:, None] - one[..., None] * blurred - two[..., None] * sharp
    return rest.square().sum(-1) / found.square().sum(-1, keepdim=True)
