"""R2: smooth paths that keep their edges and meet their neighbours; its prox never raises its energy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError
from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.regularise import regularise

N, H, W = 3, 24, 32


def motion(path: Tensor, reliability: float = 1.0) -> Motion:
    seen = torch.ones(len(path), 2, H, W)
    seen[-1, 0] = seen[0, 1] = 0
    return Motion(path, torch.full((len(path), 1, H, W), reliability), seen)


def steady(x: float = 3.0, y: float = -1.0, coefficients: int = 4) -> Tensor:
    path = torch.zeros(N, coefficients, H, W)
    path[:, 0], path[:, 1] = x, y
    return path


def noisy(path: Tensor, strength: float = 0.5) -> Tensor:
    return path + strength * torch.randn(path.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("coefficients", [4, 6])
@pytest.mark.parametrize("guide", [None, torch.rand(N, 3, H, W)])
def test_the_energy_never_rises(coefficients: int, guide: Tensor | None) -> None:
    energies: list[float] = []
    regularise(motion(noisy(steady(coefficients=coefficients))), 1.0, guide=guide, record=energies.append)
    assert len(energies) == 31
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(energies))
    assert energies[-1] < 0.8 * energies[0]


def test_what_is_smooth_and_meets_stays() -> None:
    still = motion(steady())
    torch.testing.assert_close(regularise(still, 5.0).path, still.path)
    same = regularise(motion(noisy(steady())), 0.0)
    assert torch.equal(same.path, noisy(steady()))


def test_noise_goes_and_more_of_it_with_a_larger_sigma() -> None:
    errors = [
        float((regularise(motion(noisy(steady())), sigma).path - steady())[:, :2].abs().mean())
        for sigma in (0.0, 0.3, 3.0)
    ]
    assert errors[0] > 1.3 * errors[1] > 1.3 * 1.3 * errors[2]


def test_an_edge_stays_an_edge() -> None:
    path = steady(0.0, 0.0)
    path[:, 0, :, W // 2 :] = 8
    after = regularise(motion(noisy(path, 0.1)), 1.0).path[1, 0]
    assert (after[4:-4, : W // 2 - 2].abs() < 0.5).all()
    assert ((after[4:-4, W // 2 + 2 :] - 8).abs() < 0.5).all()


def test_a_picture_says_where_the_edges_are() -> None:
    path = steady(0.0, 0.0)
    path[:, 0, :, W // 2 :] = 1
    guide = torch.zeros(N, 1, H, W)
    guide[..., W // 2 :] = 1
    blunt, sharp = (regularise(motion(path), 5.0, guide=g).path[1, 0] for g in (None, guide))
    step = slice(W // 2 - 1, W // 2 + 1)
    assert sharp[:, step].diff(dim=1).mean() > 0.9
    assert blunt[:, step].diff(dim=1).mean() < 0.8 * sharp[:, step].diff(dim=1).mean()


def test_an_unreliable_path_follows_its_surroundings() -> None:
    path, trust = steady(), torch.ones(N, 1, H, W)
    path[1, 0, 10:13, 14:17], trust[1, 0, 10:13, 14:17] = 9, 0
    given = replace(motion(path), reliability=trust)
    assert (regularise(given, 0.5, steps=200).path[1, 0, 10:13, 14:17] - 3).abs().max() < 1.5
    kept = regularise(replace(given, reliability=torch.ones_like(trust)), 0.05, steps=200).path
    assert (kept[1, 0, 10:13, 14:17] - 9).abs().max() < 1


@pytest.mark.parametrize("spans", [(1.0, 1.0, 1.0), (1.0, 0.5, 2.0)])
def test_neighbours_come_to_meet(spans: tuple[float, ...]) -> None:
    path = steady(2.0, 0.0)
    path[1, 0] = 5  # jumps from 2 to 5 and back

    def gap(p: Tensor) -> float:
        gaps = []
        for n in range(N - 1):
            # Velocities half-way, in pixels per period of frame n.
            ahead = (displacement(p[n : n + 1], 0.501) - displacement(p[n : n + 1], 0.499)) / 0.002
            late = -0.5 * spans[n + 1]
            behind = (
                displacement(p[n + 1 : n + 2], late + 0.001) - displacement(p[n + 1 : n + 2], late - 0.001)
            ) / 0.002
            gaps.append(float((ahead - behind * spans[n + 1])[..., 8:-8, 8:-8].abs().mean()))
        return sum(gaps)

    after = regularise(motion(path), 10.0, spans=spans, steps=400).path
    assert gap(after) < 0.5 * gap(path)


def test_reversed_in_time_it_is_the_same() -> None:
    path = noisy(steady(0.0, 0.0), 0.2)  # so slow that a point meets itself
    back = path.flip(0) * torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None]
    forth = regularise(motion(path), 1.0, steps=5).path
    again = regularise(motion(back), 1.0, steps=5).path.flip(0) * torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None]
    assert (forth - again).abs().mean() < 0.02


def test_smaller_grids_say_the_same_of_larger_pictures() -> None:
    path = noisy(steady())
    one, two = regularise(motion(path), 1.0).path, regularise(motion(2 * path), 1.0, scale=2).path
    torch.testing.assert_close(2 * one, two)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match="sigma"):
        regularise(motion(steady()), -1.0)
    with pytest.raises(ArgumentError, match="guide"):
        regularise(motion(steady()), 1.0, guide=torch.zeros(N, 3, H, W + 1))
