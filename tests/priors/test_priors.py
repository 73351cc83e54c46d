"""R1: the TV prox against its optimality, the registry, and E1 with them."""

import pytest
import torch
from torch import Tensor

from tests.support.operators import check_adjoint, check_norm
from vsdeblur.errors import ArgumentError
from vsdeblur.priors import ImagePrior, TotalVariation, VideoPrior, get_prior
from vsdeblur.priors.differences import Differences


def steps_scene(noise: float) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(3)
    clean = torch.zeros(5, 3, 20, 24)
    clean[:, :, 5:15, 6:18] = torch.tensor([0.8, 0.5, 0.3])[:, None, None]
    return clean, clean + noise * torch.randn(clean.shape, generator=g)


@pytest.mark.parametrize("time", [0.0, 0.7, 2.0])
def test_differences_have_their_adjoint_and_their_bound(time: float) -> None:
    check_adjoint(Differences(time), (4, 3, 6, 5))
    check_norm(Differences(time), (4, 3, 6, 5))


def test_prox_minimises_its_energy() -> None:
    _, noisy = steps_scene(0.1)
    noisy = noisy.double()
    tv = TotalVariation(steps=600)
    x = tv(noisy, 0.1)

    def objective(y: Tensor) -> float:
        return tv.energy(y, 0.1) + float((y - noisy).square().sum()) / 2

    best = objective(x)
    g = torch.Generator().manual_seed(5)
    for _ in range(20):  # no direction leads lower, nor do the noisy and the smoothed input
        assert objective(x + 0.01 * torch.randn(x.shape, generator=g, dtype=x.dtype)) > best
    assert objective(noisy) > best
    assert objective(0.9 * x + 0.1 * noisy) > best
    assert objective(0.9 * x + 0.1 * x.mean()) > best


def test_it_denoises_and_keeps_no_state() -> None:
    clean, noisy = steps_scene(0.1)
    tv = get_prior("tv")
    once = tv(noisy, 0.1)
    assert float((once - clean).square().mean()) < 0.25 * float((noisy - clean).square().mean())
    assert torch.equal(once, tv(noisy, 0.1))
    flat = torch.full((3, 1, 8, 8), 0.4)
    assert torch.allclose(tv(flat, 0.1), flat)
    assert torch.equal(tv(noisy, 0.0), noisy)


def test_nothing_reaches_beyond_the_halo() -> None:
    tv = TotalVariation(steps=3)
    _, noisy = steps_scene(0.1)
    poked = noisy.clone()
    poked[:, :, 10, 4] += 5
    change = (tv(noisy, 0.1) - tv(poked, 0.1)).abs().amax(dim=(0, 1))
    reached = change.amax(dim=0).nonzero()[:, 0]
    halo = tv.halo
    assert 4 - halo <= int(reached.min())
    assert int(reached.max()) <= 4 + halo


@pytest.mark.parametrize("name", ["", "drunet", "TV ", 3])
def test_unknown_priors_are_refused_by_name(name: object) -> None:
    with pytest.raises(ArgumentError, match=r'prior must be None, "tv", "video".* or a callable'):
        get_prior(name)


def test_any_callable_is_a_prior() -> None:
    def halve(u: Tensor, sigma: float) -> Tensor:
        return u / 2

    prior = get_prior(halve)
    assert isinstance(prior, ImagePrior)
    assert not isinstance(prior, VideoPrior)
    assert (prior.name, prior.halo) == ("halve", 0)
    assert torch.equal(prior(torch.ones(1, 1, 2, 2), 0.1), torch.full((1, 1, 2, 2), 0.5))
    tv = get_prior("tv")
    assert get_prior(tv) is tv
