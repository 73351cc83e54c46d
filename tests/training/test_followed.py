"""Paths followed through sharp sub-frames, against motion that is known."""

from __future__ import annotations

import numpy as np
import torch

from vsdeblur.training.drawing import PATH_TAUS
from vsdeblur.training.followed import followed
from vsdeblur.training.stretches import Stretch

SIDE, PER = 96, 8


def texture(seed: int) -> np.ndarray:
    """(200, 200, 3) uint8, smooth over a few pixels."""
    coarse = torch.rand(1, 3, 50, 50, generator=torch.Generator().manual_seed(seed))
    wide = torch.nn.functional.interpolate(coarse, (200, 200), mode="bicubic")[0].clamp(0, 1)
    return np.rint(255 * wide.permute(1, 2, 0).numpy()).astype(np.uint8)


def stretch(speed: int, square: bool) -> Stretch:
    """A ground that moves right by ``speed`` pixels per sub-frame, behind a square that stands still."""
    ground, front = texture(0), texture(1)
    frames = []
    for k in range(-PER - 1, PER + 2):
        frame = ground[40 : 40 + SIDE, 50 - speed * k : 50 - speed * k + SIDE].copy()
        if square:
            frame[34:62, 34:62] = front[:28, :28]
        frames.append(frame)
    return Stretch(np.stack(frames), PER, 1.0, 1.0, False)


def test_paths_are_the_sum_of_the_steps() -> None:
    found = followed(stretch(1, False))
    assert found.paths.shape == (len(PATH_TAUS), 2, SIDE // 2, SIDE // 2)
    inner = found.paths[..., 8:-8, 8:-8].float()
    assert found.known[..., 8:-8, 8:-8].float().mean() > 0.95
    for k, tau in enumerate(PATH_TAUS):
        assert abs(float(inner[k, 0].median()) - PER * tau) < 0.1
        assert float(inner[k, 1].abs().median()) < 0.1
    assert torch.equal(found.seen, found.known[[-1, 0]])


def test_what_is_hidden_or_leaves_is_not_known() -> None:
    known = followed(stretch(1, True)).known[PATH_TAUS.index(1.0)]
    beside = known[20:28, 14:16]  # ground that the square hides within a period: 8 px, 4 cells
    assert float(beside.float().mean()) < 0.3
    assert float(known[20:28, 19:29].float().mean()) > 0.8  # the square itself
    assert float(known[4:12, 10:30].float().mean()) > 0.9  # ground far from it
    assert not bool(known[:, -3:].any())  # what has left the picture
