"""prior="internal": what it is shown and asked for, that it is the same every time, what it costs, where it works."""

from __future__ import annotations

import logging
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.blind import restore_frame
from vsdeblur.engine import duration
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import ArgumentError
from vsdeblur.priors import VideoPrior, get_prior, internal
from vsdeblur.priors.internal import BYTES, InternalPrior, learn, piece
from vsdeblur.priors.protocol import LearningPrior
from vsdeblur.priors.video import VideoDenoiser, load_video
from vsdeblur.priors.video_net import VideoNet
from vsdeblur.settings import Options

SIGMA = 10 / 255


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "STEPS", 2)
    monkeypatch.setattr(internal, "seconds", lambda _: 12.0)
    internal._say.cache_clear()


def noisy(count: int = 5, height: int = 40, width: int = 56) -> Tensor:
    """Waves that move by 2 pixels a frame, with noise of 10/255."""
    x = torch.arange(width) / 5.0
    waves = torch.stack([(x - 0.4 * n).sin().expand(3, height, -1) for n in range(count)]) * 0.3 + 0.5
    return waves + SIGMA * torch.randn(waves.shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network() -> VideoNet:
    return load_video().network


def test_what_is_wanted_has_noise_of_its_own() -> None:
    """On a window of noise alone: the noise shown is as strong as stated, and not that of what is wanted."""
    v = SIGMA * torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    shown, wanted, levels = [], [], []
    for k in range(30):
        a, b, level = piece(v, SIGMA, np.random.default_rng(k), linear=False)
        shown.append((a[2] / level).flatten()[:3000])
        wanted.append((b / level).flatten()[:3000])
        levels.append(level * 255)
    x, y = torch.cat(shown), torch.cat(wanted)
    assert float(x.std()) == pytest.approx(1, abs=0.03)
    assert abs(float((x * y).mean())) < 0.03 * float(y.std())
    assert float(y.std()) > 0.4
    assert 4.5 < min(levels) < max(levels) < 23


def test_light_is_seen_as_display_values_and_grey_as_colour() -> None:
    bright = torch.full((3, 1, 24, 24), 0.25)
    a, b, _ = piece(bright, 1e-4, np.random.default_rng(0), linear=True)
    assert a.shape in ((5, 3, 24, 24), (5, 3, 8, 8))
    assert float(b.mean()) == pytest.approx(0.49, abs=0.01)


def test_it_learns_the_same_every_time_on_any_number_of_threads(network: VideoNet) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    threads, found = torch.get_num_threads(), []
    for count in (1, 3):
        torch.set_num_threads(count)
        found.append(learn(network, noisy(), SIGMA, linear=False, steps=2).state_dict())
    torch.set_num_threads(threads)
    assert all(torch.equal(found[0][name], found[1][name]) for name in before)
    assert any(not torch.equal(found[0][name], value) for name, value in before.items())
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_learning_brings_it_nearer_to_the_frames(network: VideoNet) -> None:
    """Of a pattern that no photograph shows, in the same noise, which it has not seen."""
    rng = torch.Generator().manual_seed(5)
    checks = (torch.rand(1, 3, 24, 32, generator=rng) > 0.5).float().repeat_interleave(2, 2).repeat_interleave(2, 3)
    clean = (0.2 + 0.6 * checks).expand(5, -1, -1, -1)
    sigma = 40 / 255
    v, other = (clean + sigma * torch.randn(clean.shape, generator=rng) for _ in range(2))
    after = VideoDenoiser(learn(network, v, sigma, linear=False, steps=12))
    errors = [
        float((prior.middle(other[None], sigma) - clean[2]).square().mean())
        for prior in (VideoDenoiser(network), after)
    ]
    assert errors[1] < 0.97 * errors[0]


def test_without_noise_there_is_nothing_to_learn(network: VideoNet) -> None:
    prior = get_prior("internal")
    assert isinstance(prior, InternalPrior)
    assert isinstance(prior, VideoPrior)
    assert isinstance(prior, LearningPrior)
    assert prior.learned(noisy(), 0.9 / 255, linear=False) is prior
    assert prior.learned(noisy()[..., :7], SIGMA, linear=False) is prior
    clean = noisy() - noisy() + 0.5
    same = [restore(clean, 1, shutter=0.5, preset="fast", prior=p) for p in ("internal", "video")]
    assert torch.equal(*same)


@pytest.mark.parametrize("solver", ["keyframes", "admm"])
def test_each_window_is_learned_from_once(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[int, ...], float, bool]] = []

    def watched(network: VideoNet, frames: Tensor, sigma: float, *, linear: bool, steps: int) -> VideoNet:
        seen.append((tuple(frames.shape), 255 * sigma, linear))
        return learn(network, frames, sigma, linear=linear, steps=steps)

    monkeypatch.setattr(internal, "learn", watched)
    v = noisy(3)
    results = [restore(v, 2, shutter=0.5, preset="fast", solver=solver, prior=p) for p in ("internal", "video")]
    assert len(seen) == 1
    assert seen[0][0] == (3, 3, 40, 56)
    assert 7 < seen[0][1] < 13
    assert not seen[0][2]
    assert not torch.equal(*results)
    assert float((results[0] - results[1]).abs().mean()) < 0.05
    restore(v, 1, shutter=0.5, transfer="bt709", preset="fast", solver=solver, prior="internal")
    assert seen[1][2]


def test_true_motion_takes_it_too() -> None:
    v, flow = noisy(2, 24, 32), torch.zeros(3, 2, 24, 32)
    results = [restore(v, 2, flow=flow, quadrature="taps", prior=p) for p in ("internal", "video")]
    assert not torch.equal(*results)


def test_its_memory_is_in_the_plan() -> None:
    options = Options(Fraction(2), 0.5, prior="internal")
    prior, plain = get_prior("internal"), get_prior("video")
    small = [make_plan(options, 64, 64, 3, 0, prior=p).peak_bytes for p in (prior, plain)]
    assert small[0] >= small[1]
    assert small[0] > BYTES


def test_its_time_is_in_the_forecast() -> None:
    frames = torch.rand(3, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    options = Options(Fraction(2), 0.5, preset="fast", prior="internal")
    plan = make_plan(options, 48, 64, 3, 0, prior=get_prior("internal"))
    ticks = iter(range(10_000))
    spent = [
        duration.seconds_per_output(frames, o, plan, 48, 64, 2.0, clock=lambda: float(next(ticks)))
        for o in (options, Options(Fraction(2), 0.5, preset="fast", prior="video"))
    ]
    assert spent[0] - spent[1] == pytest.approx(12.0 / (plan.chunk * 2))


def test_what_it_costs_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        get_prior("internal")
        get_prior("internal")
    assert [r.message for r in caplog.records] == [
        'prior="internal" learns from every chunk of noisy frames before it restores it: about 12 s a chunk'
    ]


@pytest.mark.parametrize("prior", ["auto", "none"])
def test_what_clips_have_alone_is_refused_for_pictures(prior: str) -> None:
    with pytest.raises(ArgumentError, match="prior must be used with clips: plug and play is by a prior"):
        restore_frame(torch.rand(3, 64, 64), prior=prior)


def test_a_single_picture_has_nothing_to_learn_from() -> None:
    with pytest.raises(ArgumentError, match="prior must be used with clips: it learns from successive frames"):
        restore_frame(torch.rand(3, 40, 40), deconvolver="plug-and-play", prior="internal")
