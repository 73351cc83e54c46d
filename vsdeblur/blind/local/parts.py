"""What moved, grouped into parts: each with a matte, a straight path and a confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.local.lags import CELL, DIRECTIONS, part_lags
from vsdeblur.blind.local.local_net import LENGTHS, LocalNet
from vsdeblur.camera.noise import noise_level
from vsdeblur.flow.warp import warp

_SEEN = 0.5  # mean alpha over the exposure from which on a pixel belongs to a part
_SMALLEST = 300  # pixels of a part
_AROUND = 15  # pixels around a part in which its outline may lie
_MAYBE, _SURE = 0.3, 0.9  # of the network's matte: from which on a pixel may be of the part, and must be
_EDGE = 4  # pixels of a part along its outline that are left out where it is measured how steep it is
_SHORT = 2.0  # pixels
_NOISY = 1.2  # variances of noise in a squared difference of two interpolated pixels
# Things that moved had 0.36 to 0.68, what was taken for such in sharp pictures 0.81 and more, in shaken ones 0.67.
_ROUGH = 0.7
_CUTS = 3  # rounds of clusters and cut
_SOFT = 1.0  # pixels: deviation of the edge
_BESIDE = 1  # steps around the best motion that are averaged


@dataclass(frozen=True, slots=True, eq=False)
class MovingPart:
    """A part of a picture that moved straight during the exposure.

    Attributes:
        matte: (H, W) in [0, 1], in the middle of the exposure.
        angle: Of the motion, from x towards y, radians, 0 to pi.
        length: Of the motion, pixels.
        confidence: How likely the part is there and moved so, 0 to 1.
    """

    matte: Tensor
    angle: float
    length: float
    confidence: float

    def path(self, instants: int) -> Tensor:
        """(instants, 3, 3) homographies of ``ProjectiveBlur``, at equally long parts of the exposure."""
        at = (torch.arange(instants) + 0.5) / instants - 0.5
        path = torch.eye(3).repeat(instants, 1, 1)
        path[:, 0, 2], path[:, 1, 2] = (at * self.length * f(self.angle) for f in (math.cos, math.sin))
        return path


def moving_parts(picture: Tensor, lags: Tensor, network: LocalNet) -> Iterator[MovingPart]:
    """The connected parts of what moved, the largest first.

    Args:
        picture: (1, 3, H, W), display values, H and W multiples of CELL.
        lags: Its ``lag_maps``.
        network: Finds mattes and motions.
    """
    import cv2

    middle, mean = network(picture, lags)[0].sigmoid().cpu()
    count, labels, areas, _ = cv2.connectedComponentsWithStats((mean > _SEEN).numpy().astype("uint8"), connectivity=8)
    order = sorted(range(1, count), key=lambda k: -areas[k, cv2.CC_STAT_AREA])
    for k in order:
        if areas[k, cv2.CC_STAT_AREA] < _SMALLEST:
            return
        inside = torch.from_numpy(labels == k)
        share = F.avg_pool2d(inside[None].float(), CELL).to(picture)
        angle, length, sure = motion_of(network.motion(part_lags(picture, lags, share))[0].cpu())
        near = F.max_pool2d(inside[None].float(), 2 * _AROUND + 1, 1, _AROUND)[0]
        matte = outlined(picture, ((middle + mean) / 2) * near)
        core = -F.max_pool2d(-matte[None], 2 * _EDGE + 1, 1, _EDGE)[0]
        if roughness(picture, core.to(picture), angle, length) > _ROUGH:
            continue
        yield MovingPart(matte.to(picture), angle, length, sure * float(mean[inside].mean()))


def roughness(picture: Tensor, share: Tensor, angle: float, length: float) -> float:
    """How steep a part is along its motion for a part that moved so far; below _ROUGH it can have moved.

        R = D(2) / D(L) (L / 2)^1.5,     D(l) = E |v(x + l d / 2) - v(x - l d / 2)|^2 without noise's part

    Edges in a sharp picture have D(l) in proportion to l, so that R = (L / 2)^0.5; moved by L they have D(2) / D(L) =
    6 / L^2, and R falls with L by as much as it grows there.

    Args:
        picture: (1, C, H, W), display values.
        share: (H, W), of the pixels that are the part's; all 0 for R infinite.
        angle: Of the motion, radians.
        length: Of the motion, pixels.
    """
    if float(share.sum()) < 1:
        return math.inf
    grey = picture.mean(1, keepdim=True)
    noise = noise_level(grey) ** 2

    def apart(far: float) -> float:
        way = torch.tensor([math.cos(angle), math.sin(angle)], device=grey.device) * far / 2
        flow = way.view(1, 2, 1, 1).expand(-1, -1, *grey.shape[-2:]).contiguous()
        off = (warp(grey, flow, "bilinear") - warp(grey, -flow, "bilinear"))[0, 0].square()
        return float((off * share).sum() / share.sum()) - _NOISY * noise

    ratio = max(apart(_SHORT), 1e-8) / max(apart(length), 1e-8)
    return ratio * math.pow(length / _SHORT, 1.5)


def outlined(picture: Tensor, likely: Tensor) -> Tensor:
    """A matte by the colours of the picture where the network's is unsure (Rother, Kolmogorov and Blake 2004).

    A thing's edge is drawn out to a ramp, whose middle is where the edge is in the middle of the exposure: there
    colours are as much the thing's as the background's, and the cut goes through it.

    Args:
        picture: (1, 3, H, W), display values.
        likely: (H, W), 0 to 1, the network's matte.

    Returns:
        (H, W) in [0, 1]. Where the network is sure of nothing, its own.
    """
    import cv2

    rows, columns = (
        slice(max(int(there[0]) - _AROUND, 0), int(there[-1]) + 1 + _AROUND)
        for there in ((likely.amax(axis) > _MAYBE).nonzero()[:, 0] for axis in (1, 0))
    )
    chance = likely[rows, columns].numpy()
    colours = (picture[0, :, rows, columns].clamp(0, 1) * 255).permute(1, 2, 0).byte().cpu().numpy()
    labels = np.full(chance.shape, cv2.GC_BGD, np.uint8)
    labels[chance > _MAYBE] = cv2.GC_PR_BGD
    labels[chance > 0.5] = cv2.GC_PR_FGD
    labels[chance > _SURE] = cv2.GC_FGD
    if not (labels == cv2.GC_FGD).any() or not (labels == cv2.GC_BGD).any():
        return likely
    cv2.setRNGSeed(0)  # the clusters of colours begin at random
    calm = cv2.bilateralFilter(np.ascontiguousarray(colours), 5, 25, 3)
    colours_of = np.zeros((1, 65)), np.zeros((1, 65))  # of background and thing, which it fills
    found = cv2.grabCut(calm, labels, (0, 0, 1, 1), *colours_of, _CUTS, cv2.GC_INIT_WITH_MASK)[0]
    thing = np.isin(np.asarray(found), (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    matte = torch.zeros_like(likely)
    matte[rows, columns] = torch.from_numpy(cv2.GaussianBlur(thing, (0, 0), _SOFT))
    return matte


def motion_of(votes: Tensor) -> tuple[float, float, float]:
    """The angle and the length of a motion, and how likely it is.

    Args:
        votes: (DIRECTIONS, lengths), logarithms, unnormalised.
    """
    chance = votes.flatten().softmax(0).view_as(votes)
    best = int(chance.argmax())
    turn, far = best // len(LENGTHS), best % len(LENGTHS)
    around = torch.arange(-_BESIDE, _BESIDE + 1)
    columns = (far + around).clamp(0, len(LENGTHS) - 1).unique()
    near = chance[(turn + around) % DIRECTIONS][:, columns]
    sure = float(near.sum())
    angle = (turn + float((near.sum(1) * around).sum()) / sure) * math.pi / DIRECTIONS
    return angle % math.pi, float((near.sum(0) * LENGTHS[columns]).sum()) / sure, sure
