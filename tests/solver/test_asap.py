"""The joint solver: J decreases in every step, its steps solve what they say, and both blocks get better."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.camera.exposure import Exposure
from vsdeblur.errors import ArgumentError
from vsdeblur.priors.smooth import HuberVariation
from vsdeblur.solver.asap import Linearised, solve_asap

N, R, H, W = 3, 4, 24, 32
SPEED = 0.5


def scene() -> tuple[Tensor, Tensor]:
    """Smooth waves that slide to the right by half a pixel per instant, and their flow."""
    y, x = torch.meshgrid(torch.arange(H).double(), torch.arange(W).double(), indexing="ij")
    frames = [
        0.5 + 0.2 * torch.sin(0.9 * (x - SPEED * k)) * torch.cos(0.5 * y) + 0.2 * torch.sin(0.4 * (x - SPEED * k) + y)
        for k in range(N * R)
    ]
    flow = torch.zeros(N * R - 1, 2, H, W, dtype=torch.float64)
    flow[:, 0] = SPEED
    return torch.stack(frames)[:, None], flow


@pytest.fixture(scope="module")
def exposure() -> Exposure:
    return Exposure.build(N, R, 1.0, dtype=torch.float64)


def test_the_gradient_is_that_of_the_energy_and_lipschitz() -> None:
    g = torch.Generator().manual_seed(0)
    prior = HuberVariation(0.3, 0.1, time=0.5)
    u = torch.randn(3, 2, 6, 7, generator=g, dtype=torch.float64)
    d = torch.randn(u.shape, generator=g, dtype=torch.float64)
    step = 1e-6
    slope = (prior.energy(u + step * d) - prior.energy(u - step * d)) / (2 * step)
    assert slope == pytest.approx(float((prior.gradient(u) * d).sum()), rel=1e-6)
    for scale in (1e-3, 0.1, 1.0):
        change = (prior.gradient(u + scale * d) - prior.gradient(u)).norm() / (scale * d).norm()
        assert 0 < float(change) <= prior.lipschitz
    # A gradient step takes noise away.
    noisy = 0.5 + 0.05 * d
    calm = noisy - prior.gradient(noisy) / prior.lipschitz
    assert calm.std() < 0.9 * noisy.std()


def test_the_energy_decreases_in_every_step_of_every_round(exposure: Exposure) -> None:
    """Also from a noisy start with a wrong flow."""
    u, flow = scene()
    g = torch.Generator().manual_seed(1)
    v = exposure(u) + 0.02 * torch.randn(N, 1, H, W, generator=g, dtype=torch.float64)
    start = v.repeat_interleave(R, 0) + 0.1 * torch.randn(u.shape, generator=g, dtype=torch.float64)
    wrong = flow + 0.5 * torch.randn(flow.shape, generator=g, dtype=torch.float64)
    result = solve_asap(v, exposure, start, wrong, rounds=3, steps=8)
    assert len(result.energies) == 3
    for energies in result.energies:
        assert len(energies) == 9
        assert all(b < a for a, b in pairwise(energies))


def test_each_step_is_the_minimiser_that_it_says(exposure: Exposure) -> None:
    u, flow = scene()
    v = exposure(u)
    g = torch.Generator().manual_seed(2)
    at = Linearised.at(u, flow, v, exposure)
    here = u + 0.05 * torch.randn(u.shape, generator=g, dtype=torch.float64)
    way = flow + 0.1 * torch.randn(flow.shape, generator=g, dtype=torch.float64)
    nothing = HuberVariation(0.0, 1.0)

    def objective(x: Tensor, y: Tensor) -> float:
        """H + the proximal terms around the gradient steps."""
        h = Linearised(**{**_fields(at), "sharp": nothing, "smooth": nothing}).energy(x, y)
        pulls = ((at.sharp, here, x), (at.smooth, way, y))
        for prior, start, point in pulls:
            pull = prior.lipschitz / 0.9
            h += pull / 2 * float((point - start + prior.gradient(start) / pull).square().sum())
        return h

    sharper, moved = at.sharpen(here, way), at.move(here, way)
    for _ in range(5):
        du, dy = (1e-3 * torch.randn(t.shape, generator=g, dtype=torch.float64) for t in (here, way))
        assert objective(sharper + du, way) > objective(sharper, way)
        assert objective(here, moved + dy) > objective(here, moved)


def _fields(at: Linearised) -> dict[str, object]:
    return {name: getattr(at, name) for name in at.__slots__}


def test_each_block_gets_better(exposure: Exposure) -> None:
    """The sequence from repeated frames and the motion, and the motion where the sequence is known."""
    u, flow = scene()
    v = exposure(u)
    start = v.repeat_interleave(R, 0)
    found = solve_asap(v, exposure, start, flow, rounds=2, steps=10).u
    assert (found - u).square().mean() < 0.4 * (start - u).square().mean()
    wrong = flow * 0.6
    better = solve_asap(v, exposure, u, wrong, rounds=2, steps=10).flow
    assert (better - flow)[..., 2:-2, 2:-2].abs().mean() < 0.6 * (wrong - flow)[..., 2:-2, 2:-2].abs().mean()


def test_restore_takes_it_by_name() -> None:
    u, flow = scene()
    v = Exposure.build(N, R, 1.0)(u.float())
    energies: list[float] = []
    found = restore(v, R, flow=flow.float(), solver="asap", record=energies.append)
    assert found.shape == u.shape
    assert (found - u).square().mean() < 0.5 * (v.repeat_interleave(R, 0) - u).square().mean()
    assert energies[-1] < energies[0]
    assert restore(v[:, :, :16, :16], 2, solver="asap").shape == (2 * N, 1, 16, 16)
    for bad, text in (({"solver": "adm"}, "solver must be"), ({"solver": "asap", "prior": "tv"}, "prior must be")):
        with pytest.raises(ArgumentError, match=text):
            restore(v, R, **bad)
