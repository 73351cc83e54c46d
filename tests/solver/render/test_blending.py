"""What the mean of two key frames lacks between exposures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.support.solved import solved_window
from vsdeblur.flow.motion import Motion
from vsdeblur.solver.render.blending import DETAIL, blended
from vsdeblur.solver.render.compositing import composite, key_frame_layers
from vsdeblur.solver.render.geometry import key_frame_positions, row_groups, whole_frame
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.tensors import box

SIZE = 64
MIDDLE = 0.75  # periods after the opening: of the gap, with a shutter of a half
INNER = (..., slice(12, -12), slice(12, -12))


def still(keys: Tensor, shutter: float = 0.5) -> SolvedWindow:
    """Key frames (2, C, SIZE, SIZE) that are taken for one still picture."""
    motion = Motion(torch.zeros(2, 4, SIZE, SIZE), torch.ones(2, 1, SIZE, SIZE), torch.ones(2, 2, SIZE, SIZE))
    return solved_window(keys, keys, motion, shutter)


def noise(seed: int) -> Tensor:
    return torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def shown(solved: SolvedWindow, since: float) -> tuple[Tensor, Tensor]:
    """An instant as it is blended, and the plain mean."""
    group, rows = whole_frame(solved, 0, since), slice(0, SIZE)
    layers = key_frame_layers(solved, key_frame_positions(solved, group))
    return blended(solved, group, layers, rows)[0], composite(solved, layers, rows)


def detail(x: Tensor) -> float:
    return float((x - box(x, DETAIL))[INNER].square().mean().sqrt())


def test_detail_that_both_show_a_pixel_apart_stays_as_strong() -> None:
    fine = box(noise(0), 3)
    keys = torch.cat((fine, fine.roll(1, -1)))
    u, mean = shown(still(keys), MIDDLE)
    each = sum(detail(key[None]) for key in keys) / 2
    assert detail(mean) < 0.9 * each
    assert detail(u) == pytest.approx(each, rel=0.05)
    assert (box(u, 2 * DETAIL + 1) - box(mean, 2 * DETAIL + 1))[INNER].abs().max() < 0.02  # what is coarser stays


def test_ghosts_stay_soft() -> None:
    u, mean = shown(still(torch.cat((noise(0), noise(1)))), MIDDLE)
    assert detail(u) < 1.05 * detail(mean)


@pytest.mark.parametrize("since", [0.1, 0.25, 0.5])
def test_while_the_shutter_is_open_it_is_the_mean(since: float) -> None:
    u, mean = shown(still(torch.cat((noise(0), noise(0).roll(1, -1)))), since)
    assert torch.equal(u, mean)


def test_it_fades_in_from_both_ends_of_the_gap() -> None:
    keys = torch.cat((noise(0), 0.7 * noise(0) + 0.3 * noise(1)))
    added = [(u - mean).abs().max() for u, mean in (shown(still(keys), since) for since in (0.501, 0.6, MIDDLE, 0.999))]
    assert added[0] < 0.02 * added[2]
    assert added[0] < added[1] < added[2]
    assert added[3] < 0.02 * added[2]


def test_equal_key_frames_are_left_alone() -> None:
    u, mean = shown(still(torch.cat((noise(0), noise(0)))), MIDDLE)
    assert (u - mean).abs().max() < 1e-6


def test_lights_that_clipped_count_no_more_than_white() -> None:
    keys = torch.cat((noise(0), 0.7 * noise(0) + 0.3 * noise(1)))
    lit = keys.clone()
    lit[:, :, 30, 30] = torch.tensor([9.0, 1.0])[:, None]
    keys[:, :, 30, 30] = 1
    (u, mean), (plain, without) = (shown(replace(still(x), white=1.0), MIDDLE) for x in (lit, keys))
    assert torch.allclose(u - mean, plain - without, atol=1e-5)


@pytest.mark.parametrize("delays", [None, 0.2])
def test_it_does_not_depend_on_how_rows_are_cut(delays: float | None) -> None:
    """Also where rows are exposed one after the other."""
    keys = torch.cat((noise(0), 0.7 * noise(0) + 0.3 * noise(1)))
    solved = still(keys)
    if delays is not None:
        solved = replace(solved, delays=torch.linspace(0, delays, SIZE).double().expand(2, -1))
    for group in row_groups(solved, solved.start + MIDDLE):
        layers = key_frame_layers(solved, key_frame_positions(solved, group))
        whole = blended(solved, group, layers, group.rows)[0]
        for first in range(group.rows.start, group.rows.stop, 5):
            band = slice(first, min(first + 5, group.rows.stop))
            own = slice(band.start - group.rows.start, band.stop - group.rows.start)
            assert torch.equal(blended(solved, group, layers, band)[0], whole[:, :, own])
