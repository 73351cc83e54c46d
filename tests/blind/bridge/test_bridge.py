"""Bridges: the theory on Gaussians, steps towards the data, seeds, and the network that they walk with."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.bridge.cddb import Consistent
from vsdeblur.blind.bridge.deconvolve import QUICK, WAYS, BridgeDeconvolution, load_bridge
from vsdeblur.blind.bridge.i2sb import I2SB, times
from vsdeblur.blind.bridge.indi import InDI
from vsdeblur.blind.bridge.observed import Observed
from vsdeblur.blind.bridge.protocol import Bridge
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.estimate.restored import RestoredExpectation
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import DeblurError
from vsdeblur.priors import TotalVariation

SIZE = 32
DRAWN = 20_000
MIDDLE = torch.tensor([0.6, -0.2], dtype=torch.float64)  # of x, where y is known
COVARIANCE = torch.tensor([[0.05, 0.02], [0.02, 0.03]], dtype=torch.float64)
END = torch.tensor([0.1, 0.3], dtype=torch.float64)  # y


def posterior_mean(x: Tensor, time: float, spread: float) -> Tensor:
    """E[x | x_t, y] of x ~ N(MIDDLE, COVARIANCE) and x_t = (1 - t) x + t y + s n: what a perfect network returns."""
    seen = COVARIANCE * (1 - time) ** 2 + spread**2 * torch.eye(2, dtype=torch.float64)
    gain = torch.linalg.solve(seen + 1e-15 * torch.eye(2, dtype=torch.float64), COVARIANCE * (1 - time)).T
    return MIDDLE + (x - (1 - time) * MIDDLE - time * END) @ gain.T


def test_one_step_is_regression() -> None:
    """Exactly, whichever bridge: the posterior mean at y."""
    y = END.expand(5, 2)
    for bridge in (InDI(1), I2SB(1, 0.3)):
        assert bridge(posterior_mean, y, torch.Generator().manual_seed(0)).equal(posterior_mean(y, 1.0, 0.0))
        assert torch.allclose(bridge(posterior_mean, y, torch.Generator()), MIDDLE.expand(5, 2))


@pytest.mark.parametrize("bridge", [I2SB(200, 0.5), InDI(100, 0.5)])
def test_many_steps_draw_from_the_posterior(bridge: Bridge) -> None:
    """Mean and covariance within 5%, where the noise on the bridge is enough to tell the pictures apart."""
    drawn = bridge(posterior_mean, END.expand(DRAWN, 2), torch.Generator().manual_seed(3))
    assert torch.allclose(drawn.mean(0), MIDDLE, atol=0.05 * float(COVARIANCE.diagonal().max().sqrt()))
    assert torch.linalg.matrix_norm(drawn.T.cov() - COVARIANCE) < 0.05 * torch.linalg.matrix_norm(COVARIANCE)


def test_the_spread_that_f_is_given_is_that_of_the_noise() -> None:
    """With x in the place of F(x_t) what remains is the bridge of x and y, its noise as deep as F is given."""
    sharp = torch.full((40_000,), 0.4, dtype=torch.float64)
    for bridge in (I2SB(6, 0.2), InDI(6, 0.2)):
        seen: list[tuple[float, float, float]] = []

        def known(x: Tensor, time: float, spread: float, seen: list[tuple[float, float, float]] = seen) -> Tensor:
            assert float(x.mean()) == pytest.approx(0.4 * (1 - time) + 0.9 * time, abs=0.005)
            seen.append((time, spread, float(x.std())))
            return sharp

        found = bridge(known, torch.full_like(sharp, 0.9), torch.Generator().manual_seed(1))
        assert found.equal(sharp)
        assert len(seen) == 6
        assert [s for _, s, _ in seen] == pytest.approx([deviation for _, _, deviation in seen], abs=0.003)


def test_the_schedule_is_symmetric_and_falls() -> None:
    found = times(7)
    assert found[0] == 1
    assert found[-1] == 0
    assert all(a > b for a, b in pairwise(found))
    assert found == pytest.approx([1 - t for t in reversed(found)])


def stroke() -> UniformBlur:
    kernel = torch.zeros(7, 7)
    kernel[3] = 1 / 7
    return UniformBlur(kernel, (SIZE, SIZE))


def a_network(seed: int = 0) -> BridgeNet:
    torch.manual_seed(seed)
    network = BridgeNet()
    with torch.no_grad():
        network.leave.weight.normal_(std=0.02)
    return network.eval()


def a_picture(blur: UniformBlur) -> tuple[Tensor, Tensor]:
    """Sharp, with the margin, and blurry."""
    generator = torch.Generator().manual_seed(5)
    side = SIZE + 2 * blur.margin
    coarse = torch.rand(1, 3, side // 4 + 1, side // 4 + 1, generator=generator)
    sharp = F.interpolate(coarse, scale_factor=4, mode="nearest")[..., :side, :side]
    blurry = blur(sharp)
    return sharp, blurry + 0.01 * torch.randn(blurry.shape, generator=generator)


def deconvolution(name: str) -> BridgeDeconvolution:
    quick = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=2, steps=4)
    way = WAYS[name]
    return BridgeDeconvolution(a_network(), way.bridge, way.consistent, start=quick)


@torch.no_grad()
@pytest.mark.parametrize("linear", [False, True])
def test_steps_towards_the_data_lessen_what_is_left_of_them(linear: bool) -> None:
    """Blurred again, the result of CDDB is nearer to the input than that of the same bridge without its step."""
    blur = stroke()
    _, v = a_picture(blur)
    observed = Observed.of(v, blur, 0.01, None, linear)

    def network(x: Tensor, time: float, spread: float) -> Tensor:
        return observed.expected(a_network(), x, torch.tensor([time]), torch.tensor([spread]))

    y = observed.shown(PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=2).with_margin(v, blur, 0.01))
    left = []
    for expected in (network, Consistent(network, observed)):
        found = I2SB(3)(expected, y, torch.Generator().manual_seed(0))
        left.append(float((blur(observed.light(found)) - v).square().mean()))
    assert left[1] < 0.5 * left[0]


def test_what_is_clipped_pulls_at_nothing() -> None:
    blur = stroke()
    _, v = a_picture(blur)
    v[..., 10:20, 10:20] = 1.0
    observed = Observed.of(v, blur, 0.01, 1.0, linear=False)
    brighter = Observed(torch.where(observed.known > 0, v, 3.0), blur, observed.noise, observed.known)
    x = torch.rand(1, 3, SIZE + 6, SIZE + 6, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(observed.nearer(x, 0.02, 4), brighter.nearer(x, 0.02, 4), atol=1e-6)


@pytest.mark.parametrize("name", WAYS)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    blur = stroke()
    _, v = a_picture(blur)
    restore = deconvolution(name)
    found = restore(v, blur, 0.01)
    assert found.shape == v.shape
    assert found.equal(restore(v, blur, 0.01))
    assert found.equal(replace(restore, seed=1)(v, blur, 0.01)) == isinstance(restore.bridge, InDI)


def test_one_channel_alpha_and_planes() -> None:
    """Grey pictures, alpha, and several planes, whose pictures are composed."""
    blur = stroke()
    _, v = a_picture(blur)
    restore = replace(deconvolution("indi"), consistent=True)
    assert restore(v[:, :1], blur, 0.01).shape == (1, 1, SIZE, SIZE)
    with_alpha = torch.cat((v, v[:, :1]), 1)
    assert restore(with_alpha, blur, 0.01)[:, 3:].equal(v[:, :1])
    shifts = [torch.eye(3).repeat(3, 1, 1), torch.eye(3).repeat(3, 1, 1)]
    shifts[1][:, 0, 2] = torch.linspace(-2, 2, 3)
    matte = torch.zeros(1, SIZE, SIZE)
    matte[:, 8:24, 8:24] = 1
    planes = PiecewiseBlur.along(shifts, matte, (SIZE, SIZE))
    assert restore(v, planes, 0.01).shape == v.shape


def test_the_network_begins_where_that_of_unrolled_deconvolution_is() -> None:
    """The same picture, at t = 1 without noise on the bridge, for the deviation that it was trained with."""
    torch.manual_seed(1)
    begun, network = RestorationNet(), BridgeNet()
    with torch.no_grad():
        begun.leave.weight.normal_(std=0.02)
    network.begin_from(begun)
    pictures = [torch.rand(1, 3, 16, 24) for _ in range(3)]
    known, noise, one, zero = torch.ones(1, 1, 16, 24), torch.tensor([0.01]), torch.ones(1), torch.zeros(1)
    found = network(*pictures, known, noise, one, zero)
    assert torch.allclose(found, begun(*pictures, known, 0.01, 0.02), atol=1e-5)
    assert not found.allclose(pictures[0], atol=1e-3)


def test_time_and_noise_change_the_result() -> None:
    network = a_network()
    with torch.no_grad():
        network.enter.weight.normal_(std=0.1)
    pictures = [torch.rand(1, 3, 16, 16) for _ in range(3)]

    @torch.no_grad()
    def at(time: float, spread: float) -> Tensor:
        found: Tensor = network(*pictures, torch.ones(1, 1, 16, 16), *(torch.tensor([x]) for x in (0.01, time, spread)))
        return found

    assert not at(1.0, 0.0).allclose(at(0.3, 0.0))
    assert not at(1.0, 0.0).allclose(at(1.0, 0.1))
    assert math.isfinite(float(at(1e-6, 0.0).sum()))


def test_missing_weights_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdeblur.weights.resources.files", lambda _: Path("/nowhere"))
    with pytest.raises(DeblurError, match=r"bridge.safetensors is missing .* vsdeblur train bridge"):
        load_bridge("indi")


def expected_by(network: BridgeNet, *, guided: bool) -> RestoredExpectation:
    return RestoredExpectation(BridgeDeconvolution(network, InDI(), guided, start=QUICK))


def test_the_expectation_step_is_a_picture_with_its_margin() -> None:
    """The same every time; guided, it explains the blurry picture better, which the network knows nothing of."""
    blur = stroke()
    sharp, _ = a_picture(blur)
    v = blur(sharp).mean(1, keepdim=True)
    left = []
    for guided in (False, True):
        expectation = expected_by(a_network(), guided=guided)
        u = expectation(v, blur, 0.004)
        assert u.shape == (1, 1, SIZE + 6, SIZE + 6)
        assert u.equal(expectation(v, blur, 0.004))
        left.append(float((blur(u) - v).square().mean()))
    assert left[1] < 0.7 * left[0]


def test_the_expectation_step_takes_part_in_the_alternation() -> None:
    """It replaces the strong edges of the rounds at the largest scale."""
    blur = stroke()
    sharp, _ = a_picture(blur)
    v = blur(sharp).mean(1, keepdim=True)
    poses = Poses.still((SIZE, SIZE), 7)
    poses.density[0, 3, 1:6] = 0.2
    ways = (None, expected_by(BridgeNet(), guided=False), expected_by(BridgeNet(), guided=True))
    found = [Alternation(3, expectation=way).improved(v, poses, 0.004, 1).density for way in ways]
    assert all(float(density.sum()) == pytest.approx(1, abs=1e-4) for density in found)
    assert all(not a.allclose(b, atol=1e-3) for a, b in pairwise(found))
