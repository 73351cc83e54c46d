"""What moved, grouped into parts: each with a matte, the motion of a plane and a confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.local.lags import CELL, part_lags
from vsdeblur.blind.local.local_net import LocalNet
from vsdeblur.blind.local.motion import PlanarMotion, pixels_of
from vsdeblur.blind.local.planes import planar_motion
from vsdeblur.blind.local.votes import motion_of
from vsdeblur.camera.noise import noise_level
from vsdeblur.flow.warp import warp

_SEEN = 0.5  # mean alpha over the exposure from which on a pixel belongs to a part
_SMALLEST = 300  # pixels of a part
_AROUND = 15  # pixels around a part in which its outline may lie
_MAYBE, _SURE = 0.3, 0.9  # of the network's matte: from which on a pixel may be of the part, and must be
_EDGE = 4  # pixels of a part along its outline that are left out where it is measured how steep it is
_SHORT = 2.0  # pixels
_FAST = 0.5  # of the farthest way in a part, from which on it is measured how steep it is
_NOISY = 1.2  # variances of noise in a squared difference of two interpolated pixels
# Things that moved had 0.36 to 0.68, what was taken for such in sharp pictures 0.81 and more, in shaken ones 0.67.
_ROUGH = 0.7
_ROUGH_BENT = 0.85  # of what did not go straight: its ways are of several lengths
_CUTS = 3  # rounds of clusters and cut
_SOFT = 1.0  # pixels: deviation of the edge


@dataclass(frozen=True, slots=True, eq=False)
class MovingPart:
    """A part of a picture that moved on its own during the exposure.

    Attributes:
        matte: (H, W) in [0, 1], in the middle of the exposure.
        motion: Of the plane that it lies in.
        confidence: How likely the part is there and moved so, 0 to 1.
    """

    matte: Tensor
    motion: PlanarMotion
    confidence: float

    @property
    def length(self) -> float:
        """Pixels that the farthest of its points goes."""
        return float(self.motion.velocity(pixels_of(self.matte > 0)).norm(dim=1).amax())


def moving_parts(picture: Tensor, lags: Tensor, network: LocalNet, planes: bool = True) -> Iterator[MovingPart]:
    """The connected parts of what moved, the largest first.

    Args:
        picture: (1, 3, H, W), display values, H and W multiples of CELL.
        lags: Its ``lag_maps``.
        network: Finds mattes and motions.
        planes: Whether parts may turn, come nearer and go away; else all go straight.
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
        bent = planar_motion(picture, lags, share, network, sure) if planes else None
        motion, sure = bent or (PlanarMotion.straight(angle, length), sure)
        near = F.max_pool2d(inside[None].float(), 2 * _AROUND + 1, 1, _AROUND)[0]
        matte = outlined(picture, ((middle + mean) / 2) * near)
        core = -F.max_pool2d(-matte[None], 2 * _EDGE + 1, 1, _EDGE)[0]
        if roughness(picture, core.to(picture), motion) > (_ROUGH_BENT if bent else _ROUGH):
            continue
        yield MovingPart(matte.to(picture), motion, sure * float(mean[inside].mean()))


def roughness(picture: Tensor, share: Tensor, motion: PlanarMotion) -> float:
    """How steep a part is along its motion for a part that moved so far; below _ROUGH it can have moved.

        R = E (L / 2)^1.5 d(2) / E d(L),     d(l) = |v(x + l d / 2) - v(x - l d / 2)|^2 without noise's part

    Edges in a sharp picture have d(l) in proportion to l, so that R = (L / 2)^0.5; moved by L they have d(2) / d(L) =
    6 / L^2, and R falls with L by as much as it grows there.

    Args:
        picture: (1, C, H, W), display values.
        share: (H, W), of the pixels that are the part's; all 0 for R infinite.
        motion: Of the part, d and L at every pixel; those that moved less than half as far as others do not count.
    """
    grey = picture.mean(1, keepdim=True)
    y, x = torch.meshgrid(*(torch.arange(n, device=grey.device) for n in grey.shape[-2:]), indexing="ij")
    ways = motion.velocity(torch.stack((x, y), -1).view(-1, 2).float()).view(*grey.shape[-2:], 2)
    length = ways.norm(dim=-1)
    if float(share.sum()) < 1:
        return math.inf
    share = share * (length >= _FAST * length[share > 0].amax())
    noise = noise_level(grey) ** 2

    def apart(far: Tensor, weight: Tensor) -> float:
        flow = (ways * (far / (2 * length.clamp_min(1e-6)))[..., None]).permute(2, 0, 1)[None].contiguous()
        off = (warp(grey, flow, "bilinear") - warp(grey, -flow, "bilinear"))[0, 0].square() - _NOISY * noise
        return float((off * weight * share).sum() / share.sum())

    grown = (length / _SHORT).pow(1.5)
    least = 1e-8 * float((grown * share).sum() / share.sum())
    steep, far = apart(torch.full_like(length, _SHORT), grown), apart(length, torch.ones_like(length))
    return max(steep, least) / max(far, 1e-8)


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
